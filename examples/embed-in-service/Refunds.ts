/** The agent's one tool: it needs approval, so that the service has approvals to answer. */
import { Effect, Schema } from "effect"
import { Tool, Toolkit } from "effect/ai"

export const RefundOrder = Tool.make("refund_order", {
  description: "Give a customer their money back for one order",
  parameters: Schema.Struct({ order: Schema.NonEmptyString }),
  success: Schema.Struct({ refunded: Schema.String }),
  needsApproval: true
}).annotate(Tool.Destructive, true)

export class Refunds extends Toolkit.make(RefundOrder) {
  static readonly layer = this.toLayer({
    refund_order: ({ order }) => Effect.succeed({ refunded: order })
  })
}
