/** The carrier, outside of the shop: it takes bookings, and reports an arrival days later, for the ticket of a booking. */
import { Context, Effect, Layer } from "effect"

export interface Booking {
  readonly order: string
  /** The same key is the same booking, however often it is sent. */
  readonly key: string
  /** What the arrival is to be reported for. */
  readonly ticketId: string
}

export class Carrier extends Context.Service<
  Carrier,
  {
    /** Books a shipment, once for each key; returns its number. */
    readonly book: (booking: Booking) => Effect.Effect<string>
    /** All bookings, and how often one was sent. */
    readonly bookings: Effect.Effect<{ readonly all: ReadonlyArray<Booking>; readonly sent: number }>
  }
>()("@reins/example-later/Carrier") {
  /** A carrier in memory. `answer`: what it waits for before it answers; absent: nothing. */
  static make(answer: Effect.Effect<void> = Effect.void): Carrier["Service"] {
    const byKey = new Map<string, Booking>()
    let sent = 0
    return {
      book: (booking) =>
        Effect.suspend(() => {
          sent++
          if (!byKey.has(booking.key)) byKey.set(booking.key, booking)
          const number = `S-${[...byKey.keys()].indexOf(booking.key) + 1}`
          return Effect.as(answer, number)
        }),
      bookings: Effect.sync(() => ({ all: [...byKey.values()], sent }))
    }
  }

  static readonly layer = Layer.sync(Carrier, () => Carrier.make())
}
