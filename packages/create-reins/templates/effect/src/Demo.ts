/**
 * A scripted model, so that this project runs without a key: it calls a tool, then says what the tool returned. Delete it once you use a
 * real one.
 */
import { ScriptedModel } from "@reins/runtime/testing"

export const demo = ScriptedModel.make({
  respond: (request) => {
    const results = ScriptedModel.lastResults(request)
    if (results.length > 0) {
      const [{ name, result, status = "done" } = { name: "", result: null }] = results
      return ScriptedModel.words(`The tool ${name} is ${status}: ${JSON.stringify(result)}`)
    }
    const prompt = ScriptedModel.lastPrompt(request)
    const order = /[A-Z]-\d+/.exec(prompt)?.[0] ?? "A-1"
    const amount = /(\d+) dollars/.exec(prompt)?.[1]
    return ScriptedModel.calls([
      amount === undefined
        ? { id: "1", name: "find_order", args: { order } }
        : { id: "1", name: "refund", args: { order, amountUsd: Number(amount) } }
    ])
  }
})
