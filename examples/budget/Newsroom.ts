/**
 * An editor that sends out readers in parallel, and the script in place of their model: the script reports the usage of
 * each request, the price table its cost.
 */
import { ModelFailure } from "@reins/protocol"
import { Agent, type ModelRequest, Prices, Specialist } from "@reins/runtime"
import { ScriptedModel } from "@reins/runtime/testing"

/** What a reader writes on one topic, in tokens. */
const article = 10_000

export const Reader = Specialist.make("reader", {
  description: "Reads up on one topic",
  instructions: "Read, and report in a sentence.",
  // The most that a request may write. This amount is reserved before the request, and the unused part is released.
  maxOutputTokens: article
})

export const Editor = Agent.make("editor", {
  instructions: "Send a reader for each topic, then write.",
  specialists: [Reader],
  maxOutputTokens: 2000
})

/** US dollars per million tokens: a whole article costs 0.20 USD, and the editor's answer 0.02. */
export const prices = Prices.layerTable({ "scripted/scripted-1": { inputPerMillionUsd: 1, outputPerMillionUsd: 20 } })

/** What the provider's bill says of the broken answer about "storms": it had written more than had arrived. */
export const onTheBill = { inputUncached: 20, outputText: 130 }

/** Like a provider's model, a reader stops at its output limit. */
const read = (request: ModelRequest): ScriptedModel.Reply => {
  const room = request.maxOutputTokens ?? article
  const usage = { inputUncached: 20, outputText: Math.min(article, room) }
  const about = ScriptedModel.lastPrompt(request)
  // A connection that breaks reports no usage. The editor sends a second reader, who is answered.
  if (request.metadata.agentPath.at(-1) === "reader#storms/1") {
    return ScriptedModel.failure(
      new ModelFailure.NetworkFailed({ provider: "scripted", model: "scripted-1" }),
      "All about"
    )
  }
  return room < article
    ? ScriptedModel.text(`The first thing about ${about} is`, { usage, stop: "length" })
    : ScriptedModel.text(`All about ${about}.`, { usage })
}

/** Readers write much, the editor little. The editor sends readers out again for unread topics. */
export const respond: ScriptedModel.Responder = (request) => {
  if (request.metadata.agent === "reader") return read(request)
  const usage = { inputUncached: 20, outputText: 1000 }
  const results = ScriptedModel.lastResults(request)
  const missing = results.filter(({ status }) => status !== undefined).map(({ id }) => id.split("/")[0] ?? "")
  const topics = results.length === 0 ? ScriptedModel.lastPrompt(request).split(", ") : missing
  if (topics.length === 0) return ScriptedModel.text("The paper is full.", { usage })
  // In its last step it is offered no tools, and answers from what it has.
  if (request.tools.length === 0) return ScriptedModel.text(`Nothing about ${topics.join(" and ")} today.`, { usage })
  const { step } = request.metadata
  return ScriptedModel.calls(
    topics.map((topic) => ({ id: `${topic}/${step}`, name: "reader", args: { prompt: topic } })),
    { usage }
  )
}
