/**
 * A tool as a layer: it declares its parameters and result, how it may fail, when it needs approval, and reports its
 * progress while it runs. Its dependency, `PaymentLedger`, comes from outside.
 */
import { ToolRun, ToolSettings } from "@reins/runtime"
import { Effect, Schema } from "effect"
import { Tool, Toolkit } from "effect/ai"
import { AlreadyRefunded, PaymentLedger } from "./PaymentLedger.ts"

/** Refunds above this amount need approval. */
export const asksAboveUsd = 50

/** The payments differ from the model's amount. A gate decides by the arguments, so a tool has to check them. */
export class AmountDiffers extends Schema.TaggedError<AmountDiffers>()("AmountDiffers", {
  order: Schema.String,
  paidUsd: Schema.Finite
}) {
  override get message() {
    return `${this.paidUsd} USD were paid for order ${this.order}`
  }
}

export const RefundOrder = Tool.make("refund_order", {
  description: "Give a customer their money back for one order",
  parameters: Schema.Struct({ order: Schema.NonEmptyString, amountUsd: Schema.Finite }),
  success: Schema.Struct({ reversed: Schema.Natural }),
  // The model reads these and may act on them; the run continues.
  failure: Schema.Union([AlreadyRefunded, AmountDiffers]),
  failureMode: "return",
  dependencies: [ToolRun],
  needsApproval: ({ amountUsd }) => amountUsd > asksAboveUsd
})
  .annotate(Tool.Destructive, true)
  .annotate(ToolSettings.Timeout, "30 seconds")

export class Refunds extends Toolkit.make(RefundOrder) {
  static readonly layer = this.toLayer(
    Effect.gen(function* () {
      const ledger = yield* PaymentLedger
      return Refunds.of({
        refund_order: Effect.fn("Refunds.refund_order")(function* ({ amountUsd, order }) {
          const run = yield* ToolRun
          const charges = yield* ledger.charges(order)
          const paidUsd = charges.reduce((sum, charge) => sum + charge.amountUsd, 0)
          if (paidUsd !== amountUsd) return yield* new AmountDiffers({ order, paidUsd })
          for (const [index, charge] of charges.entries()) {
            // The key is the same on every attempt of this call, so a retry pays nothing twice.
            yield* ledger.reverse(charge.id, { idempotencyKey: `${run.idempotencyKey}/${charge.id}` })
            yield* run.progress({
              label: `reversed ${charge.id}`,
              phaseIndex: index + 1,
              totalPhases: charges.length
            })
          }
          return { reversed: charges.length }
        })
      })
    })
  )
}
