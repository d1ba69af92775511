/**
 * The agent that has the tool, and the script in place of its model: it calls the tool with what the customer asked
 * for, and then reports the result.
 */
import { Agent, Budget } from "@reins/runtime"
import { ScriptedModel } from "@reins/runtime/testing"
import { cards, orderNumbers } from "./Guards.ts"
import { Refunds } from "./Refunds.ts"

export const Desk = Agent.make("desk", {
  instructions: "You answer support tickets. Refund what is owed, and say plainly when you cannot.",
  toolkit: Refunds,
  hooks: [cards, orderNumbers],
  budget: Budget.make({ maxSteps: 6, maxToolCalls: 4 })
})

/** Parses "… order A-7, 80 USD …" in the question, and reads the tool's real result afterwards. */
export const model = ScriptedModel.layer({
  respond: (request) => {
    const [result] = ScriptedModel.lastResults(request)
    if (result !== undefined) {
      const outcome = JSON.stringify(result.result)
      return ScriptedModel.words(
        result.status === undefined ? `Done: ${outcome}.\n` : `I could not refund it (${result.status}): ${outcome}.\n`
      )
    }
    const [, order = "", amount = ""] = /order (\S+), (\d+) USD/.exec(ScriptedModel.lastPrompt(request)) ?? []
    const args = { order, amountUsd: Number(amount) }
    return ScriptedModel.calls([{ id: `refund-${request.messages.length}`, name: "refund_order", args }])
  }
})
