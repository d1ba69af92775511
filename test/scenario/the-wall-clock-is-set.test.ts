/**
 * The machine's wall clock is set while runs are active. Deadlines are intervals: none fires because of it, and none is
 * delayed.
 */
import { assert, describe, it } from "@effect/vitest"
import { Budget } from "@reins/protocol"
import { Deployment, ToolSettings } from "@reins/runtime"
import { journalHost, MemoryJournal } from "@reins/runtime/journal"
import type { Probe } from "@reins/runtime/testing"
import { Clock, Effect, Fiber, Layer } from "effect"
import { TestClock } from "effect/testing"
import * as OneTool from "../support/OneTool.ts"
import * as Story from "../support/Story.ts"
import * as WallClock from "../support/WallClock.ts"

const journal = () =>
  Layer.succeed(
    Deployment.Deployment,
    journalHost(MemoryJournal.make(), { gatherMs: 0, pollMs: Number.POSITIVE_INFINITY, hibernateMs: 60_000 })
  )

const hour = 3_600_000

const cases = [
  ["in memory, set back", () => Layer.empty, -hour],
  ["in memory, set forward", () => Layer.empty, hour],
  ["on a journal, set back", journal, -hour],
  ["on a journal, set forward", journal, hour]
] as const

/** Starts a run of the worker on a clock that can be set. */
const begin = (options: OneTool.Options) =>
  Effect.gen(function* () {
    const { clock, set } = yield* WallClock.make
    const started = yield* Effect.provideService(OneTool.start(options), Clock.Clock, clock)
    // The run works, or waits.
    yield* TestClock.adjust(1)
    return { ...started, set }
  })

const resultOf = (probe: Probe.Probe) =>
  probe.of("tool-invocation").flatMap((event) => (event.state === "result" ? [event.status ?? "success"] : []))

/** No duration in the run's events is negative. */
const isForward = (probe: Probe.Probe) => {
  Story.isWhole(probe.envelopes)
  const times = probe.envelopes.map(({ at }) => at)
  assert.deepStrictEqual(
    times,
    times.toSorted((a, b) => a - b)
  )
  const [latency] = probe.of("data-latency-summary")
  const numbers = Object.values(latency?.data ?? {}).filter((value) => typeof value === "number")
  assert.isNotEmpty(numbers)
  for (const value of numbers) assert.isAtLeast(value, 0)
  return latency?.data
}

describe.each(cases)("when the wall clock is set, %s", (_, services, byMs) => {
  it.effect("a tool's timeout fires after its duration, and no sooner", () =>
    Effect.gen(function* () {
      const { probe, set } = yield* begin({
        tool: OneTool.work.annotate(ToolSettings.Timeout, "10 seconds"),
        handler: () => Effect.never,
        services: services()
      })
      set(byMs)
      yield* TestClock.adjust("9 seconds")
      assert.deepStrictEqual(resultOf(probe), [])
      yield* TestClock.adjust("1 second")
      yield* probe.end
      assert.deepStrictEqual(resultOf(probe), ["failed"])
      assert.approximately(isForward(probe)?.toolMs ?? 0, 10_000, 10)
    }).pipe(Effect.scoped)
  )

  it.effect("a limit on the run's time counts elapsed time", () =>
    Effect.gen(function* () {
      const { probe, set } = yield* begin({
        agent: { budget: Budget.make({ maxDuration: "10 minutes" }) },
        handler: () => Effect.never,
        services: services()
      })
      set(byMs)
      yield* TestClock.adjust("9 minutes")
      assert.isFalse(probe.ended)
      yield* TestClock.adjust("1 minute")
      yield* probe.end
      assert.lengthOf(probe.of("budget_exhausted"), 1)
      isForward(probe)
    }).pipe(Effect.scoped)
  )

  it.effect(
    "an erasure waits for the runs of its principal as long as it may, also for those that start meanwhile",
    () =>
      Effect.gen(function* () {
        const { clock, set } = yield* WallClock.make
        yield* Effect.gen(function* () {
          const { runtime } = yield* OneTool.start({
            handler: () => Effect.uninterruptible(Effect.sleep("30 seconds")),
            query: { principal: "mia" },
            runtime: { cancelGrace: "1 minute" },
            services: services()
          })
          yield* TestClock.adjust(1)
          const again = { threadId: "thread", runId: "second", principal: "mia", onBusy: "queue" } as const
          yield* Effect.forkChild(runtime.start("work", again))
          const erasing = yield* Effect.forkChild(
            runtime.erase({ principal: "mia", cancel: true, within: "45 seconds" })
          )
          yield* TestClock.adjust("1 second")
          set(byMs)
          yield* TestClock.adjust("43 seconds")
          assert.isUndefined(erasing.pollUnsafe())
          yield* TestClock.adjust("1 second")
          assert.strictEqual((yield* Effect.flip(Fiber.join(erasing)))._tag, "PrincipalBusy")
          yield* TestClock.adjust("1 minute")
        }).pipe(Effect.provideService(Clock.Clock, clock))
      }).pipe(Effect.scoped)
  )

  it.effect("a question expires after its duration, and no sooner", () =>
    Effect.gen(function* () {
      const { probe, set } = yield* begin({
        tool: OneTool.work.setNeedsApproval(true),
        handler: () => Effect.succeed({}),
        runtime: { approvalExpiresIn: "10 minutes" },
        services: services()
      })
      yield* probe.next("approval-required")
      set(byMs)
      yield* TestClock.adjust("9 minutes")
      assert.lengthOf(probe.of("approval-decision"), 0)
      yield* TestClock.adjust("2 minutes")
      yield* probe.end
      assert.strictEqual(probe.of("approval-decision")[0]?.data.outcome.outcome, "expired")
      isForward(probe)
    }).pipe(Effect.scoped)
  )
})
