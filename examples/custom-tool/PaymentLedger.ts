/**
 * Where payments are kept: the kind of service that a tool works on. This one is in memory; a real one takes its place as
 * another layer under the same tag.
 */
import { Context, Effect, Layer, Schema } from "effect"

/** One payment for an order. */
export interface Charge {
  readonly id: string
  readonly amountUsd: number
}

/** The order was paid back before: nothing was reversed. A model can act on these words, so it gets them. */
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
    /** Pays one charge back. The same `idempotencyKey` pays it back once, however often it is said. */
    readonly reverse: (charge: string, options: { readonly idempotencyKey: string }) => Effect.Effect<void>
    /** What has been paid back so far, for whoever wants to check. */
    readonly reversed: Effect.Effect<ReadonlyArray<string>>
  }
>()("example-custom-tool/PaymentLedger") {
  /** These orders, kept in memory. */
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
