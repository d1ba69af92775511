/**
 * The agent behind the service, and the script in place of its model: it refunds the order that a question names, and
 * reports the result.
 */
import { Agent, Budget } from "@reins/runtime"
import { ScriptedModel } from "@reins/runtime/testing"
import { Refunds } from "./Refunds.ts"

export const Desk = Agent.make("desk", {
  instructions: "You answer support tickets. Refund what is owed, and say plainly when you cannot.",
  toolkit: Refunds,
  budget: Budget.make({ maxSteps: 12, maxDuration: "2 minutes", onExhausted: "wrap-up" })
})

export const model = ScriptedModel.layer({
  respond: (request) => {
    const [result] = ScriptedModel.lastResults(request)
    const order = /order (\S+\w)/.exec(ScriptedModel.lastPrompt(request))?.[1]
    if (result !== undefined) {
      return ScriptedModel.words(
        result.status === undefined ? "Your money is on its way." : "I am sorry, we cannot refund this."
      )
    }
    return order === undefined
      ? ScriptedModel.words("Which order is it about?")
      : ScriptedModel.calls([{ id: `refund-${request.messages.length}`, name: "refund_order", args: { order } }])
  }
})
