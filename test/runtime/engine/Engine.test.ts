/** What of a run the loop's body can reach, and what only an activity can. `tsc` is the judge. */
import { describe, it } from "@effect/vitest"
import { Effect, Schema } from "effect"
import { expectTypeOf } from "vitest"
import type { Engine, Readings, RunInfo, Work } from "@reins/runtime/journal"

describe("the engine port", () => {
  it("offers the loop its verbs, the first of them also as plain code, whether it stores the thread, the run's inbox, and what is the same on every replay", () => {
    expectTypeOf<Exclude<keyof Engine, keyof RunInfo>>().toEqualTypeOf<
      | "activity"
      | "direct"
      | "storesThread"
      | "emit"
      | "wait"
      | "receive"
      | "message"
      | "closeInbox"
      | "limits"
      | "observed"
    >()
    expectTypeOf<keyof Engine["limits"]>().toEqualTypeOf<"open" | "raiseAgain">()
  })

  it("keeps clock, budget, signal and log for the effect of an activity", () => {
    const body = (engine: Engine) => {
      // @ts-expect-error The loop's body reads no clock.
      void engine.now
      // @ts-expect-error Nor the cancel signal.
      void engine.cancel
      // @ts-expect-error Nor does it spend.
      void engine.tree
      // @ts-expect-error What it reserves would be reserved again on every replay.
      void engine.limits.reserve
      // @ts-expect-error It writes by `emit`, and the loop of a replay would write twice.
      void engine.push
      // @ts-expect-error An effect that exists before it is known whether it is needed reads too early.
      void engine.activity("early", Schema.Null, Effect.succeed({ value: null, path: [], events: [], spent: [] }))
      return engine.activity("name", Schema.Natural, (work) =>
        Effect.sync(() => ({ value: work.now(), path: [], events: [], spent: work.ledger() }))
      )
    }
    expectTypeOf(body).returns.toEqualTypeOf<Effect.Effect<number>>()
  })

  it("lets a last event record what was read, and nothing more", () => {
    expectTypeOf<Parameters<Parameters<Engine["emit"]>[2]>>().toEqualTypeOf<[readings: Readings]>()
    expectTypeOf<keyof Readings>().toEqualTypeOf<"now" | "elapsed" | "downMs" | "ledger">()
    expectTypeOf<Work>().toExtend<Readings>()
  })
})
