/**
 * The agent, its tool, which needs approval, the tool with which it asks, and the script in place of a model: it pays
 * each supplier of the prompt with one call, asks for an amount that is missing, and then reports the results.
 */
import { Agent, AskPerson } from "@reins/runtime"
import { ScriptedModel } from "@reins/runtime/testing"
import { Effect, Option, Schema } from "effect"
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

export const Bookkeeper = Agent.make("bookkeeper", {
  instructions: "You pay invoices. Ask for what an invoice lacks.",
  toolkit: [Payments, AskPerson.toolkit]
})

const Missing = Schema.decodeUnknownOption(Schema.Struct({ amountUsd: Schema.Finite, costCentre: Schema.String }))

/** Parses "Pay Paper 40, Coffee 90." and makes a call for each pair; of "Pay Printer." it asks for the amount. */
export const respond: ScriptedModel.Responder = (request) => {
  const results = ScriptedModel.lastResults(request)
  const [, unpriced] = /^Pay (\w+)\.$/.exec(ScriptedModel.lastPrompt(request)) ?? []
  const [answer] = results
  if (unpriced !== undefined && answer?.name !== "pay") {
    if (answer === undefined) return ask(unpriced, `ask-${request.messages.length}`)
    const known = Option.getOrUndefined(Missing(answer.result))
    if (known === undefined) return ScriptedModel.words("Nobody said how much it is, so nothing is paid.")
    const args = { supplier: `${unpriced} (${known.costCentre})`, amountUsd: known.amountUsd }
    return ScriptedModel.calls([{ id: `pay-${request.messages.length}`, name: "pay", args }])
  }
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

/** What an invoice lacks, as a small form. */
const ask = (supplier: string, id: string) =>
  ScriptedModel.calls([
    {
      id,
      name: "AskPerson",
      args: {
        question: `The invoice of ${supplier} has no amount. What is it, and which cost centre pays?`,
        fields: [
          { name: "amountUsd", type: "number", label: "US dollars" },
          { name: "costCentre", type: "choice", options: ["office", "workshop"] }
        ]
      }
    }
  ])
