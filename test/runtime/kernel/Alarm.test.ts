import { assert, describe, it, vi } from "@effect/vitest"
import { Budget, type ModelPort, ToolSettings } from "@reins/runtime"
import { createRuntime } from "@reins/runtime/promise"
import { ScriptedModel } from "@reins/runtime/testing"
import { Clock, type Duration, Effect, Schema } from "effect"
import { TestClock } from "effect/testing"
import { work } from "../../support/OneTool.ts"
import * as OneTool from "../../support/OneTool.ts"
import * as Solo from "../../support/Solo.ts"
import * as WallClock from "../../support/WallClock.ts"

/** The clock of the test, with a count of the sleepers on it. */
const counted = Clock.clockWith((clock) => {
  const sleepers = { now: 0, most: 0 }
  const sleep = (duration: Duration.Duration) =>
    Effect.suspend(() => {
      sleepers.most = Math.max(sleepers.most, ++sleepers.now)
      return Effect.ensuring(
        clock.sleep(duration),
        Effect.sync(() => {
          sleepers.now--
        })
      )
    })
  const counting: Clock.Clock = Object.assign(Object.create(clock), { sleep })
  return Effect.succeed({ counting, sleepers })
})

const calls = ["c1", "c2", "c3"].map((id) => ({ id, name: "work", args: {} }))

/** The reply, part by part, so that the step has time to set its deadline. */
const slowly = (reply: ScriptedModel.Reply): ScriptedModel.Reply => ({
  parts: reply.parts.flatMap((parts) => parts.map((part) => [part]))
})

const Runs = Schema.Array(
  Schema.Struct({
    seconds: Schema.Int.check(Schema.isBetween({ minimum: 1, maximum: 50 })),
    isCancelled: Schema.Boolean
  })
).check(Schema.isMinLength(1), Schema.isMaxLength(12))

const Shift = Schema.Int.check(Schema.isBetween({ minimum: -10_000_000, maximum: 10_000_000 }))

/** A model that never says anything. */
const silent: ModelPort = { provider: "scripted", model: "silent", attempt: () => Effect.never }

describe("the deadlines of a run", () => {
  it.effect("share one timer, and leave none behind", () =>
    Effect.gen(function* () {
      const { counting, sleepers } = yield* counted
      yield* OneTool.finished({
        handler: () => Effect.as(Effect.yieldNow, {}),
        tool: work.annotate(ToolSettings.Timeout, "1 second"),
        model: ScriptedModel.make({ replies: [slowly(ScriptedModel.calls(calls)), ScriptedModel.text("done")] }),
        agent: { budget: Budget.make({ maxDuration: "10 minutes" }) }
      }).pipe(Effect.scoped, Effect.provideService(Clock.Clock, counting))
      assert.deepStrictEqual(sleepers, { now: 0, most: 1 })
    })
  )

  it("leave no timer of the platform behind", async () => {
    vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout"] })
    try {
      const runtime = createRuntime({
        model: silent,
        agents: [{ name: "solo", budget: { maxDuration: "10 minutes" } }]
      })
      const run = await runtime.start("hello")
      assert.strictEqual(vi.getTimerCount(), 1)
      await run.cancel()
      await runtime[Symbol.asyncDispose]()
      vi.advanceTimersByTime(20)
      assert.strictEqual(vi.getTimerCount(), 0)
    } finally {
      vi.useRealTimers()
    }
  })

  it.effect.prop(
    "fire in time, whatever the wall clock is set to, and not once they are cleared",
    [Runs, Shift],
    ([runs, shift]) =>
      Effect.gen(function* () {
        const { clock, set } = yield* WallClock.make
        const ended: Array<number> = []
        const ends = Effect.map(Clock.monotonicTimeNanos, (now) => Number(now / 1_000_000_000n))
        const startedAt = yield* ends
        const runtime = yield* Effect.provideService(Solo.runtime(silent), Clock.Clock, clock)
        for (const { isCancelled, seconds } of runs) {
          const handle = yield* Effect.provideService(
            runtime.start("hello", { budget: Budget.make({ maxDuration: `${seconds} seconds` }) }),
            Clock.Clock,
            clock
          )
          if (isCancelled) yield* handle.cancel
          else {
            yield* Effect.forkScoped(
              Effect.andThen(
                Effect.exit(handle.result),
                Effect.map(ends, (now) => ended.push(now - startedAt))
              )
            )
          }
        }
        set(shift)
        yield* TestClock.adjust("1 minute")
        assert.deepStrictEqual(
          ended,
          runs.flatMap(({ isCancelled, seconds }) => (isCancelled ? [] : [seconds])).toSorted((a, b) => a - b)
        )
      }).pipe(Effect.scoped)
  )
})
