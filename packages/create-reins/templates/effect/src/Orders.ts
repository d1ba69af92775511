/** What the agent can do: a toolkit, and its handlers as a layer. The model reads the tools' descriptions. */
import { ToolRun } from "@reins/runtime"
import { Effect, Schema } from "effect"
import { Tool, Toolkit } from "effect/ai"

const order = Schema.String.annotate({ description: "The order's number, such as A-1" })

const FindOrder = Tool.make("find_order", {
  description: "Find an order by its number",
  parameters: Schema.Struct({ order }),
  success: Schema.Struct({ order: Schema.String, state: Schema.String, paidUsd: Schema.Finite })
})

const Refund = Tool.make("refund", {
  description: "Give a customer money back",
  parameters: Schema.Struct({ order, amountUsd: Schema.Finite }),
  success: Schema.Struct({ refunded: Schema.Finite, order: Schema.String, key: Schema.String }),
  dependencies: [ToolRun],
  // A person is asked first: by `npm start` here, by a request where the agent is served.
  needsApproval: ({ amountUsd }) => amountUsd > 50
})

export class Orders extends Toolkit.make(FindOrder, Refund) {
  static readonly layer = this.toLayer({
    find_order: ({ order }) => Effect.succeed({ order, state: "shipped", paidUsd: 80 }),
    refund: Effect.fnUntraced(function* ({ amountUsd, order }) {
      // The key is the same however often the call is tried, so that money moves once.
      const { idempotencyKey } = yield* ToolRun
      return { refunded: amountUsd, order, key: idempotencyKey }
    })
  })
}
