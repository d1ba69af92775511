/**
 * Stores payments: the kind of service that a tool uses. This one is in memory; a real one is another layer under the
 * same tag.
 */
import { Context, Effect, Layer, Schema } from "effect"

/** One payment for an order. */
export interface Charge {
  readonly id: string
  readonly amountUsd: number
}

/** The order was refunded before: nothing was reversed. The model reads this message and can act on it. */
export class AlreadyRefunded extends Schema.TaggedError<AlreadyRefunded>()("AlreadyRefunded", {
  order: Schema.String
}) {
  override get message() {
    return `order ${this.order} was refunded before`
  }
}

export class PaymentLedger extends Context.Service<
  PaymentLedger,
  {
    /** The payments of an order that have not been reversed. */
    readonly charges: (order: string) => Effect.Effect<ReadonlyArray<Charge>, AlreadyRefunded>
    /** Refunds one charge. The same `idempotencyKey` refunds it once, however often it is called. */
    readonly reverse: (charge: string, options: { readonly idempotencyKey: string }) => Effect.Effect<void>
    /** All refunds so far, for inspection. */
    readonly reversed: Effect.Effect<ReadonlyArray<string>>
  }
>()("example-custom-tool/PaymentLedger") {
  /** An in-memory ledger with these orders. */
  static readonly layerMemory = (orders: { readonly [order: string]: ReadonlyArray<Charge> }) =>
    Layer.sync(PaymentLedger, () => {
      const byKey = new Map<string, string>()
      const isReversed = (charge: Charge) => [...byKey.values()].includes(charge.id)
      return PaymentLedger.of({
        charges: Effect.fn("PaymentLedger.charges")(function* (order) {
          const open = (orders[order] ?? []).filter((charge) => !isReversed(charge))
          return open.length > 0 ? open : yield* new AlreadyRefunded({ order })
        }),
        reverse: (charge, { idempotencyKey }) => Effect.sync(() => byKey.set(idempotencyKey, charge)),
        reversed: Effect.sync(() => [...byKey.values()])
      })
    })
}
