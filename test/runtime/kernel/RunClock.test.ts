/** What time a run says it is, and how long it says that things took, while the wall clock is set. */
import { assert, describe, it } from "@effect/vitest"
import { Decision } from "@reins/protocol"
import { Budget } from "@reins/runtime"
import { ScriptedModel } from "@reins/runtime/testing"
import { Clock, Effect, Schema } from "effect"
import { TestClock } from "effect/testing"
import * as OneTool from "../../support/OneTool.ts"
import * as Story from "../../support/Story.ts"
import * as WallClock from "../../support/WallClock.ts"

const Seconds = Schema.Int.check(Schema.isBetween({ minimum: 1, maximum: 60 }))
const Hours = Schema.Int.check(Schema.isBetween({ minimum: -30, maximum: 30 }))
const Stages = Schema.Struct({
  waits: Seconds,
  setWhileItWaits: Hours,
  setAtTheAnswer: Hours,
  works: Seconds,
  setWhileItWorks: Hours
})

/** A run that waits for a person, and then works; the wall clock is set while it does. */
const carried = (stages: typeof Stages.Type) =>
  Effect.gen(function* () {
    const { clock, set } = yield* WallClock.make
    const options: OneTool.Options = {
      tool: OneTool.work.setNeedsApproval(true),
      handler: () => Effect.as(Effect.sleep(`${stages.works} seconds`), {})
    }
    const { probe, runtime } = yield* Effect.provideService(OneTool.start(options), Clock.Clock, clock)
    const asked = yield* probe.next("approval-required")
    set(stages.setWhileItWaits * 3_600_000)
    yield* TestClock.adjust(`${stages.waits} seconds`)
    yield* runtime.respondToApproval(asked.data.id, Decision.approve())
    set(stages.setAtTheAnswer * 3_600_000)
    yield* TestClock.adjust(`${stages.works - 1} seconds`)
    set(stages.setWhileItWorks * 3_600_000)
    yield* TestClock.adjust("1 second")
    yield* probe.end
    return probe
  })

/** How often a run with this number of steps, each with a call that is done at once, reads the monotonic clock. */
const readings = (steps: number) =>
  Clock.clockWith((clock) =>
    Effect.gen(function* () {
      let count = 0
      const counting: Clock.Clock = Object.assign(Object.create(clock), {
        monotonicTimeNanosUnsafe: () => {
          count++
          return clock.monotonicTimeNanosUnsafe()
        }
      })
      const model = ScriptedModel.make({
        respond: ({ metadata: { step } }) =>
          step > steps
            ? ScriptedModel.text("done")
            : ScriptedModel.calls([{ id: `c${step}`, name: "work", args: { n: step } }])
      })
      const options: OneTool.Options = {
        model,
        handler: () => Effect.succeed({}),
        query: { budget: Budget.make({ maxDuration: "10 minutes" }) }
      }
      const { probe } = yield* Effect.provideService(OneTool.start(options), Clock.Clock, counting)
      yield* probe.end
      return count
    }).pipe(Effect.scoped)
  )

describe("the time of a run", () => {
  it.effect("is read once for all that a step does at once", () =>
    Effect.gen(function* () {
      const [few, many] = [yield* readings(4), yield* readings(14)]
      // When a step is due, when its model says something, and its end; when a call is due, and its end.
      assert.strictEqual((many - few) / 10, 5)
    })
  )

  it.effect.prop("measures elapsed time, whatever the wall clock is set to", [Stages], ([stages]) =>
    Effect.gen(function* () {
      const probe = yield* carried(stages)
      const measured = probe.of("data-latency-summary").map(({ data }) => ({
        tool: data.toolMs,
        wait: data.humanWaitMs,
        all: data.totalMs - data.downMs
      }))
      const { waits, works } = stages
      assert.deepStrictEqual(measured, [{ tool: works * 1000, wait: waits * 1000, all: (works + waits) * 1000 }])
    }).pipe(Effect.scoped)
  )

  it.effect.prop("never goes back", [Stages], ([stages]) =>
    Effect.gen(function* () {
      const probe = yield* carried(stages)
      Story.isWhole(probe.envelopes)
      const times = probe.envelopes.map(({ at }) => at)
      assert.deepStrictEqual(
        times,
        times.toSorted((a, b) => a - b)
      )
    }).pipe(Effect.scoped)
  )

  it.effect("catches up with a wall clock that is ahead, and counts that as time without a process", () =>
    Effect.gen(function* () {
      const day = { waits: 1, setWhileItWaits: 24, setAtTheAnswer: 0, works: 1, setWhileItWorks: 0 }
      const probe = yield* carried(day)
      assert.strictEqual(probe.of("data-latency-summary")[0]?.data.downMs, 86_400_000)
      assert.strictEqual(probe.envelopes.at(-1)?.at, 86_402_000)
    }).pipe(Effect.scoped)
  )
})
