/** An agent that gives refunds: it looks up an order, then asks before it pays. It prints what it really does. */
import { Agent, Model, ToolRun } from "@reins/runtime"
import { ScriptedModel } from "@reins/runtime/testing"
import { Console, Effect, Layer, Schema } from "effect"
import { Tool, Toolkit } from "effect/ai"

const FindOrder = Tool.make("find_order", {
  description: "Find an order",
  parameters: Schema.Struct({ order: Schema.String }),
  success: Schema.Struct({ paidUsd: Schema.Finite })
}).annotate(Tool.Readonly, true)

const RefundOrder = Tool.make("refund_order", {
  description: "Give a customer their money back",
  parameters: Schema.Struct({ order: Schema.String, amountUsd: Schema.Finite }),
  success: Schema.String,
  dependencies: [ToolRun],
  needsApproval: true
})

class Refunds extends Toolkit.make(FindOrder, RefundOrder) {
  static readonly layer = this.toLayer({
    find_order: ({ order }) => Effect.as(Console.log(`  (the shop is asked for order ${order})`), { paidUsd: 40 }),
    refund_order: Effect.fnUntraced(function* ({ amountUsd, order }) {
      const { idempotencyKey } = yield* ToolRun
      // Pass the key to the payment service, so that a call that was interrupted is not paid twice.
      yield* Console.log(`  ($${amountUsd} are paid back for order ${order}, key ${idempotencyKey})`)
      return "paid"
    })
  })
}

export const Desk = Agent.make("desk", { instructions: "You answer for a shop.", toolkit: Refunds })

// Decides by the messages instead of counting calls, so that it replies the same after a restart.
const model = ScriptedModel.make({
  respond: (request) => {
    const [result] = ScriptedModel.lastResults(request)
    if (result === undefined) return ScriptedModel.calls([{ id: "1", name: "find_order", args: { order: "A-7" } }])
    if (result.name === "find_order") {
      return ScriptedModel.calls([{ id: "2", name: "refund_order", args: { order: "A-7", amountUsd: 40 } }])
    }
    return ScriptedModel.text(
      result.status === "denied" ? "I may not pay that back." : "You have your 40 dollars back."
    )
  }
})

/** The agent's dependencies. */
export const DeskLive = Layer.mergeAll(Refunds.layer, Layer.succeed(Model, model))
