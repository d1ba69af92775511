/**
 * The script in place of a model. It remembers what a customer prefers, searches for a tool before it calls one, and uses
 * what its instructions say was remembered in another thread.
 */
import { ScriptedModel } from "@reins/runtime/testing"

export const model = ScriptedModel.make({
  respond: (request) => {
    const prompt = ScriptedModel.lastPrompt(request)
    const [last] = ScriptedModel.lastResults(request)
    const call = (name: string, args: Record<string, string>) =>
      ScriptedModel.calls([{ id: `${name}-${request.metadata.step}`, name, args }])
    if (prompt.startsWith("I prefer")) {
      if (last === undefined) return call("remember", { text: `The customer said: ${prompt}`, kind: "preference" })
      return ScriptedModel.text("I will remember that.")
    }
    if (last === undefined) return call("search_tools", { query: "print invoice" })
    if (last.name === "search_tools") return call("print_invoice", { id: "A-7" })
    const known = /I prefer (.*?)\./.exec(request.instructions ?? "")?.[1] ?? "nothing that I know of"
    return ScriptedModel.text(`Your invoice is printed. You prefer ${known}.`)
  }
})
