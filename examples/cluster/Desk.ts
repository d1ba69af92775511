/** The agent that every process of the cluster registers, and the deployment that they share. */
import { Agent, Model, Runtime, ToolRun } from "@reins/runtime"
import { ScriptedModel } from "@reins/runtime/testing"
import { PostgresCluster } from "@reins/store/cluster"
import { Console, Effect, Layer, type Redacted, Schema } from "effect"
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
    find_order: ({ order }) => Effect.as(Console.log(`the shop is asked for order ${order}`), { paidUsd: 40 }),
    refund_order: Effect.fnUntraced(function* ({ amountUsd, order }) {
      const { idempotencyKey } = yield* ToolRun
      yield* Console.log(`$${amountUsd} are paid back for order ${order}, key ${idempotencyKey}`)
      return "paid"
    })
  })
}

const Desk = Agent.make("desk", { instructions: "You answer for a shop.", toolkit: Refunds })

const model = ScriptedModel.make({
  respond: (request) => {
    const [result] = ScriptedModel.lastResults(request)
    if (result === undefined) return ScriptedModel.calls([{ id: "1", name: "find_order", args: { order: "A-7" } }])
    if (result.name === "find_order") {
      return ScriptedModel.calls([{ id: "2", name: "refund_order", args: { order: "A-7", amountUsd: 40 } }])
    }
    return ScriptedModel.text("You have your 40 dollars back.")
  }
})

/** The runtime of one process. `carries`: it executes runs; otherwise it only starts, watches and answers. */
export const runtime = (url: Redacted.Redacted, carries: boolean) =>
  Runtime.layer({ agents: [Desk] }).pipe(
    Layer.provide([Refunds.layer, Layer.succeed(Model, model)]),
    // The only cluster-specific line: with `Sqlite.layer({ filename })` instead, one process executes everything.
    Layer.provide(PostgresCluster.layer({ url, carries }))
  )
