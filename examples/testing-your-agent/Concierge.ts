/**
 * An agent to be tested: it cancels bookings, which needs approval, through a service. There is no model here: tests
 * provide one.
 */
import { Agent, Budget, Runtime } from "@reins/runtime"
import { Context, Effect, Layer, Schema } from "effect"
import { Tool, Toolkit } from "effect/ai"

/** Stores bookings. */
export class Bookings extends Context.Service<
  Bookings,
  { readonly open: Effect.Effect<ReadonlyArray<string>>; readonly cancel: (booking: string) => Effect.Effect<boolean> }
>()("example-testing/Bookings") {
  static readonly layerMemory = (...bookings: ReadonlyArray<string>) =>
    Layer.sync(Bookings, () => {
      const kept = new Set(bookings)
      return Bookings.of({
        open: Effect.sync(() => [...kept]),
        cancel: (booking) => Effect.sync(() => kept.delete(booking))
      })
    })
}

const Cancel = Tool.make("cancel_booking", {
  description: "Cancel a booking, for good",
  parameters: Schema.Struct({ booking: Schema.NonEmptyString }),
  success: Schema.Struct({ cancelled: Schema.Boolean }),
  needsApproval: true
}).annotate(Tool.Destructive, true)

export class FrontDesk extends Toolkit.make(Cancel) {
  static readonly layer = this.toLayer(
    Effect.map(Bookings, (bookings) =>
      FrontDesk.of({
        cancel_booking: ({ booking }) => Effect.map(bookings.cancel(booking), (cancelled) => ({ cancelled }))
      })
    )
  )
}

export const Concierge = Agent.make("concierge", {
  instructions: "You look after guests. Cancel only what the guest names.",
  toolkit: FrontDesk,
  budget: Budget.make({ maxSteps: 4 })
})

/** The runtime as it is deployed. It still needs a model and the bookings. */
export const layer = Runtime.layer({ agents: [Concierge], approvalExpiresIn: "1 day" }).pipe(
  Layer.provide(FrontDesk.layer)
)
