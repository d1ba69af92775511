/**
 * The agent, its one tool, which needs approval, and the script in place of a model: it pays each supplier of the
 * prompt with one call, and then reports the results.
 */
import { Agent } from "@reins/runtime"
import { ScriptedModel } from "@reins/runtime/testing"
import { Effect, Schema } from "effect"
import { Tool, Toolkit } from "effect/ai"

const Pay = Tool.make("pay", {
  description: "Pay a supplier's invoice",
  parameters: Schema.Struct({ supplier: Schema.NonEmptyString, amountUsd: Schema.Finite }),
  success: Schema.String,
  needsApproval: true
}).annotate(Tool.Destructive, true)

export class Payments extends Toolkit.make(Pay) {
  static readonly layer = this.toLayer({
    pay: ({ amountUsd, supplier }) => Effect.succeed(`paid ${amountUsd} USD to ${supplier}`)
  })
}

export const Bookkeeper = Agent.make("bookkeeper", { instructions: "You pay invoices.", toolkit: Payments })

/** Parses "Pay Paper 40, Coffee 90." and makes a call for each pair. */
export const respond: ScriptedModel.Responder = (request) => {
  const results = ScriptedModel.lastResults(request)
  if (results.length > 0) {
    const done = results.filter(({ status }) => status === undefined).length
    return ScriptedModel.words(`${done} of ${results.length} paid.`)
  }
  const wanted = [...ScriptedModel.lastPrompt(request).matchAll(/(\w+) (\d+)/g)]
  return ScriptedModel.calls(
    wanted.map(([, supplier = "", amount], index) => ({
      id: `pay-${request.messages.length}-${index}`,
      name: "pay",
      args: { supplier, amountUsd: Number(amount) }
    }))
  )
}
