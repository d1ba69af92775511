/** How a tool's failed calls are tried again: when, how often, and for which failures. */
import { assert, describe, it } from "@effect/vitest"
import { Decision, type Failure, Hook, type Retrying, ToolRun, ToolSettings } from "@reins/runtime"
import { Cause, Clock, Effect, Exit, Layer } from "effect"
import { TestClock } from "effect/testing"
import * as Engines from "../../support/Engines.ts"
import * as OneTool from "../../support/OneTool.ts"

/** A run of a tool that fails so often; when its attempts began, in milliseconds. */
const world =
  (services: () => Layer.Layer<never>) =>
  (retry: Retrying, fails: number, options: Partial<OneTool.Options> = {}) => {
    const began: Array<number> = []
    const handler: OneTool.Handler = () =>
      Effect.gen(function* () {
        began.push(yield* Clock.currentTimeMillis)
        yield* (yield* ToolRun).reportCost(0.01)
        if (began.length <= fails) return yield* Effect.fail({ error: "Busy", at: began.length })
        return "ok"
      })
    const started = OneTool.start({
      handler,
      tool: OneTool.work.annotate(ToolSettings.Retry, retry),
      services: services(),
      ...options
    })
    return { began, started }
  }

describe.each(Engines.all)("a tool with a retry, %s", (_, services) => {
  const made = world(services)

  it.effect("waits between attempts, ever longer, and each attempt's cost is on the bill", () =>
    Effect.gen(function* () {
      const { began, started } = made({ times: 4, delay: "1 second", backoff: 3, maxDelay: "5 seconds" }, 3)
      const { probe } = yield* started
      yield* TestClock.adjust("1 minute")
      yield* probe.end
      assert.deepStrictEqual(began, [0, 1000, 4000, 9000])
      const [summary] = probe.of("data-cost-summary")
      const row = summary?.data.root.rows.find(({ kind }) => kind === "tool")
      assert.deepInclude(row, { attempts: 4, costUsd: 0.04 })
    }).pipe(Effect.scoped)
  )

  it.effect("retries only failures that its predicate takes, and none where that throws", () =>
    Effect.gen(function* () {
      const seen: Array<Failure> = []
      const isBusy = (failure: Failure) => (seen.push(failure), failure.attempt < 2)
      const one = made({ times: 9, when: isBusy }, 9)
      yield* (yield* one.started).probe.end
      assert.lengthOf(one.began, 2)
      assert.deepInclude(seen[0], { error: "Busy", attempt: 1, result: { error: "Busy", at: 1 } })
      const other = made(
        {
          times: 9,
          when: () => {
            throw new Error("a predicate that throws")
          }
        },
        9
      )
      yield* (yield* other.started).probe.end
      assert.lengthOf(other.began, 1)
    }).pipe(Effect.scoped)
  )

  it.effect("begins no attempt after the call's own time, and cuts the last", () =>
    Effect.gen(function* () {
      const { began, started } = made({ times: 9, delay: "1 second", backoff: 1, within: "2500 millis" }, 9)
      const { probe } = yield* started
      yield* TestClock.adjust("1 minute")
      yield* probe.end
      assert.deepStrictEqual(began, [0, 1000, 2000])
      const hanging = made({ times: 9, within: "2 seconds" }, 0, { handler: () => Effect.never })
      const hung = (yield* hanging.started).probe
      yield* TestClock.adjust("1 minute")
      yield* hung.end
      assert.include(JSON.stringify(hung.of("tool-invocation")), "longer than 2000 ms")
    }).pipe(Effect.scoped)
  )

  it.effect("names the limit that has cut an attempt: the time of all attempts, or the deadline of one", () =>
    Effect.gen(function* () {
      for (const [deadline, within] of [
        ["9 seconds", "2 seconds"],
        ["2 seconds", "9 seconds"]
      ] as const) {
        const retry = { times: 0, within }
        const tool = OneTool.work.annotate(ToolSettings.Timeout, deadline).annotate(ToolSettings.Retry, retry)
        const hanging = made(retry, 0, { tool, handler: () => Effect.never })
        const hung = (yield* hanging.started).probe
        yield* TestClock.adjust("1 minute")
        yield* hung.end
        assert.include(JSON.stringify(hung.of("tool-invocation")), "longer than 2000 ms")
      }
    }).pipe(Effect.scoped)
  )

  it.effect("is not retried where a person or a hook refuses it", () =>
    Effect.gen(function* () {
      const asked = made({ times: 9 }, 9, {
        tool: OneTool.work.setNeedsApproval(true).annotate(ToolSettings.Retry, { times: 9 })
      })
      const { probe, runtime } = yield* asked.started
      const { data } = yield* probe.next("approval-required")
      yield* runtime.respondToApproval(data.id, Decision.reject())
      yield* probe.end
      assert.deepStrictEqual(asked.began, [])
      assert.lengthOf(probe.of("approval-required"), 1)
      const refused = made({ times: 9 }, 9, {
        agent: { hooks: [Hook.make("no", { beforeCall: () => Effect.succeed(Hook.refuse("no")) })] }
      })
      yield* (yield* refused.started).probe.end
      assert.deepStrictEqual(refused.began, [])
    }).pipe(Effect.scoped)
  )

  it.effect("ends at once when the run is cancelled between two attempts", () =>
    Effect.gen(function* () {
      const { began, started } = made({ times: 9, delay: "1 hour" }, 9)
      const { probe, runtime } = yield* started
      yield* TestClock.adjust("1 second")
      yield* runtime.cancel("run")
      yield* probe.end
      assert.lengthOf(began, 1)
      assert.strictEqual(probe.of("finish")[0]?.finishReason, "cancelled")
    }).pipe(Effect.scoped)
  )
})

describe("a retry", () => {
  it.effect("with a count, a backoff or a time that is none is refused when the layer is built", () =>
    Effect.gen(function* () {
      for (const retry of [
        { times: -1 },
        { times: 1.5 },
        { times: 1, backoff: 0 },
        { times: 1, backoff: Number.POSITIVE_INFINITY },
        { times: 1, delay: Number.NaN },
        { times: 1, maxDelay: {} },
        { times: 1, within: -1 }
      ]) {
        const { started } = world(() => Layer.empty)(retry, 0)
        const exit = yield* Effect.exit(Effect.scoped(started))
        assert.isTrue(Exit.isFailure(exit) && Cause.hasDies(exit.cause))
        assert.include(JSON.stringify(exit), "Invalid option Retry.")
      }
    })
  )
})
