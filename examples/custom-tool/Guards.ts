/**
 * What holds around every refund, whatever the tool does: customers write an order's number in many ways, and the clerk is
 * asked about the order as the shop writes it; and a card number that a customer pastes reaches no model.
 */
import { Hook, Redaction } from "@reins/runtime"
import { Effect, Schema } from "effect"

const isRefund = Schema.is(Schema.Struct({ order: Schema.String, amountUsd: Schema.Json }))

/** `a7`, `a 7` and `A-7` are one order. */
export const orderNumbers = Hook.make("order-numbers", {
  tools: ["refund_order"],
  beforeCall: ({ args }) => {
    const [, letter = "", digits = ""] = (isRefund(args) && /^([a-z])[- ]?(\d+)$/i.exec(args.order)) || []
    return Effect.succeed(
      isRefund(args) && letter !== ""
        ? Hook.withArguments({ amountUsd: args.amountUsd, order: `${letter.toUpperCase()}-${digits}` })
        : Hook.pass
    )
  }
})

export const cards = Redaction.make({ kinds: ["card"] })
