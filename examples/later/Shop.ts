/**
 * The agent of a shop and its two tools, which take their time: a shipment whose arrival the carrier reports days later,
 * and a reminder that sleeps for a day. And the script in place of a model.
 */
import { Agent, Model, ToolRun } from "@reins/runtime"
import { ScriptedModel } from "@reins/runtime/testing"
import { Effect, Layer, Schema } from "effect"
import { Tool, Toolkit } from "effect/ai"
import { Carrier } from "./Carrier.ts"
import { Mail } from "./Mail.ts"

const parameters = Schema.Struct({ order: Schema.String })

const ShipOrder = Tool.make("ship_order", {
  description: "Hands an order to the carrier. Its result is where the order has arrived, and comes later",
  parameters,
  success: Schema.Struct({ place: Schema.String }),
  dependencies: [ToolRun]
}).annotate(Tool.Idempotent, true)

const AskForReview = Tool.make("ask_for_review", {
  description: "Asks the customer for a review, a day from now",
  parameters,
  success: Schema.String,
  dependencies: [ToolRun]
}).annotate(Tool.Idempotent, true)

export class Shop extends Toolkit.make(ShipOrder, AskForReview) {
  /** The handlers. `reviewAfter`: how long a customer has before the reminder. */
  static layer(reviewAfter: "1 day" | "1 second" = "1 day") {
    return Shop.toLayer(
      Effect.gen(function* () {
        const carrier = yield* Carrier
        const mail = yield* Mail
        return {
          ship_order: Effect.fnUntraced(function* ({ order }) {
            const run = yield* ToolRun
            const ticket = yield* run.later({ receipt: `The carrier has order ${order}`, expiresIn: "14 days" })
            // The receipt of this part. A process that dies before it is stored books again, with the same key.
            yield* run.once("book", carrier.book({ order, key: run.idempotencyKey, ticketId: ticket.id }))
            return yield* ticket.end
          }),
          ask_for_review: Effect.fnUntraced(function* ({ order }) {
            const run = yield* ToolRun
            yield* run.sleep(reviewAfter)
            yield* run.once("mail", mail.send({ key: run.idempotencyKey, text: `How do you like order ${order}?` }))
            return "The customer was asked"
          })
        }
      })
    )
  }
}

export const Clerk = Agent.make("clerk", { instructions: "Serve the customers of the shop.", toolkit: Shop })

/** Ships, says so, and asks for a review once the carrier has reported. */
export const model = Layer.succeed(
  Model,
  ScriptedModel.make({
    respond: (request) => {
      const order = "A-7"
      const [result] = ScriptedModel.lastResults(request)
      if (result?.name === "ship_order") {
        return ScriptedModel.text("Your order is with the carrier. I will tell you when it has arrived.")
      }
      if (result?.name === "ask_for_review") return ScriptedModel.text("Tell us how you like it.")
      const last = request.messages.at(-1)
      const said =
        last?.role === "user" ? last.content.map((part) => (part.type === "text" ? part.text : "")).join("") : ""
      return said.startsWith("The late result")
        ? ScriptedModel.calls([{ id: "review", name: "ask_for_review", args: { order } }], {
            text: "Your order has arrived. "
          })
        : ScriptedModel.calls([{ id: "ship", name: "ship_order", args: { order } }])
    }
  })
)
