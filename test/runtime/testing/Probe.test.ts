import { assert, describe, it } from "@effect/vitest"
import { Runtime } from "@reins/runtime"
import { Probe, ScriptedModel } from "@reins/runtime/testing"
import { Effect, Fiber } from "effect"
import * as Solo from "../../support/Solo.ts"

describe("a probe", () => {
  it.effect("waits for a future event, and finds a past one", () =>
    Effect.gen(function* () {
      const hold = yield* ScriptedModel.hold
      const { probe } = yield* Solo.start([{ ...ScriptedModel.words("one two"), hold, heldAfter: 1 }])
      assert.deepStrictEqual(yield* probe.next("text"), { type: "text", text: "one " })
      const second = yield* Effect.forkScoped(probe.next("text", 2), { startImmediately: true })
      const end = yield* Effect.forkScoped(probe.end, { startImmediately: true })
      assert.isFalse(probe.ended)
      yield* hold.release
      assert.deepStrictEqual(yield* Fiber.join(second), { type: "text", text: "two" })
      yield* Fiber.join(end)
      assert.isTrue(probe.ended)
    }).pipe(Effect.scoped)
  )

  it.effect("reports the actual events when the expected one does not come", () =>
    Effect.gen(function* () {
      const { probe } = yield* Solo.start([ScriptedModel.text("one")])
      const error = yield* Effect.flip(probe.next("approval-required"))
      assert.match(error.message, /^The run ended without 1 approval-required. Its events: step-start, text, finish/)
      assert.strictEqual((yield* Effect.flip(probe.until(() => false)))._tag, "NeverSaid")
    }).pipe(Effect.scoped)
  )

  it.effect("returns events by type, by agent and as in the root view", () =>
    Effect.gen(function* () {
      const { probe } = yield* Solo.finished([ScriptedModel.words("one two")])
      assert.strictEqual(probe.of("text").length, 2)
      assert.deepStrictEqual(probe.at([]), probe.rootView)
      assert.deepStrictEqual(probe.at(["reader#1"]), [])
      assert.deepStrictEqual(
        probe.types,
        probe.envelopes.map(({ event }) => event.type)
      )
    }).pipe(Effect.scoped)
  )

  it.effect("of an unknown run fails", () =>
    Effect.gen(function* () {
      const runtime = yield* Solo.runtime(ScriptedModel.make())
      const error = yield* Effect.flip(Effect.provideService(Probe.watch("nowhere"), Runtime, runtime))
      assert.strictEqual(error.message, `Unknown run "nowhere"`)
    }).pipe(Effect.scoped)
  )
})
