import { assert, describe, it } from "@effect/vitest"
import { Runtime, ToolRun, ToolSettings } from "@reins/runtime"
import type { ModelPort } from "@reins/runtime"
import { Probe } from "@reins/runtime/testing"
import { Context, Deferred, Effect, Layer } from "effect"
import { TestClock } from "effect/testing"
import * as OneTool from "../../support/OneTool.ts"
import * as Solo from "../../support/Solo.ts"
import * as Story from "../../support/Story.ts"

const grace = { runtime: { cancelGrace: "3 seconds" } } as const
const stubborn = Effect.uninterruptible(Effect.never)

const resultOf = (probe: Probe.Probe) => {
  const [result] = probe.of("tool-invocation").flatMap((event) => (event.state === "result" ? [event] : []))
  return `${result?.status ?? "success"}: ${JSON.stringify(result?.result)}`
}

const endedAs = (probe: Probe.Probe) => {
  Story.isWhole(probe.envelopes)
  return probe.of("finish")[0]?.finishReason
}

describe("a tool of a run that is cancelled", () => {
  it.effect("is interrupted, and the run ends at once", () =>
    Effect.gen(function* () {
      let interrupted = false
      const { handle, probe } = yield* OneTool.start({
        handler: () => Effect.onInterrupt(Effect.never, () => Effect.sync(() => void (interrupted = true)))
      })
      yield* handle.cancel
      yield* probe.end
      assert.isTrue(interrupted)
      assert.strictEqual(endedAs(probe), "cancelled")
      assert.strictEqual(resultOf(probe), `cancelled: {"error":"Cancelled","message":"the run was cancelled"}`)
    }).pipe(Effect.scoped)
  )

  it.effect("gets its grace period to end, and no longer", () =>
    Effect.gen(function* () {
      const { handle, probe } = yield* OneTool.start({ ...grace, handler: () => stubborn })
      yield* handle.cancel
      yield* TestClock.adjust("2999 millis")
      assert.isFalse(probe.ended)
      yield* TestClock.adjust("1 millis")
      yield* probe.end
      assert.strictEqual(endedAs(probe), "cancelled")
      assert.include(resultOf(probe), "was abandoned")
    }).pipe(Effect.scoped)
  )

  it.effect("that ends within its grace period is waited for", () =>
    Effect.gen(function* () {
      const { handle, probe } = yield* OneTool.start({
        ...grace,
        handler: () => Effect.onInterrupt(Effect.never, () => Effect.sleep("1 second"))
      })
      yield* handle.cancel
      yield* TestClock.adjust("1 second")
      yield* probe.end
      assert.notInclude(resultOf(probe), "abandoned")
      assert.strictEqual(probe.of("data-latency-summary")[0]?.data.totalMs, 1000)
    }).pipe(Effect.scoped)
  )

  it.effect("is notified by its signal", () =>
    Effect.gen(function* () {
      const heard = yield* Deferred.make<void>()
      const { handle, probe } = yield* OneTool.start({
        handler: () =>
          ToolRun.use(({ signal }) =>
            Effect.sync(() => signal.addEventListener("abort", () => Deferred.doneUnsafe(heard, Effect.void))).pipe(
              Effect.andThen(Effect.never)
            )
          )
      })
      yield* handle.cancel
      yield* Deferred.await(heard)
      yield* probe.end
    }).pipe(Effect.scoped)
  )

  it.effect("that rejects after it was interrupted has no effect", () =>
    Effect.gen(function* () {
      const late: Array<() => void> = []
      const { handle, probe } = yield* OneTool.start({
        handler: () => Effect.promise(() => new Promise((_, reject) => void late.push(() => reject(new Error("late")))))
      })
      yield* handle.cancel
      yield* probe.end
      for (const reject of late) reject()
      yield* Effect.yieldNow
      assert.strictEqual(endedAs(probe), "cancelled")
    }).pipe(Effect.scoped)
  )

  it.effect("that cancelled the run itself keeps its own result; then the run ends", () =>
    Effect.gen(function* () {
      const own = yield* Deferred.make<Runtime["Service"]>()
      const model = OneTool.caller()
      const layer = OneTool.layer({
        model,
        handler: Effect.fnUntraced(function* () {
          const runtime = yield* Deferred.await(own)
          const { runId } = yield* ToolRun
          return yield* runtime.cancel(runId)
        })
      })
      const runtime = Context.get(yield* Layer.build(layer), Runtime)
      yield* Deferred.succeed(own, runtime)
      yield* runtime.start("work", { runId: "run" })
      const probe = yield* Effect.provideService(Probe.watch("run"), Runtime, runtime)
      yield* probe.end
      assert.strictEqual(endedAs(probe), "cancelled")
      assert.strictEqual(resultOf(probe), "success: true")
      assert.strictEqual(model.requests.length, 1)
    }).pipe(Effect.scoped)
  )

  it.effect("is not started when its call is still queued", () =>
    Effect.gen(function* () {
      const ran: Array<number | undefined> = []
      const { handle, probe } = yield* OneTool.start({
        calls: [{ n: 1 }, { n: 2 }, { n: 3 }],
        agent: { maxParallelCalls: 1 },
        handler: ({ n }) =>
          Effect.andThen(
            Effect.sync(() => void ran.push(n)),
            Effect.never
          )
      })
      yield* handle.cancel
      yield* probe.end
      assert.deepStrictEqual(ran, [1])
      assert.strictEqual(endedAs(probe), "cancelled")
    }).pipe(Effect.scoped)
  )
})

describe("a model of a run that is cancelled", () => {
  it.effect("is abandoned after its grace period, and its output ignored", () =>
    Effect.gen(function* () {
      const late: Array<() => void> = []
      const model: ModelPort = {
        provider: "stubborn",
        model: "stubborn-1",
        attempt: (_request, emit) =>
          Effect.suspend(() => {
            void emit([{ type: "text", text: "so" }])
            late.push(() => void emit([{ type: "text", text: "late" }]))
            return stubborn
          })
      }
      const { handle, probe } = yield* Solo.start(model, grace)
      yield* handle.cancel
      for (const speak of late) speak()
      yield* TestClock.adjust("3 seconds")
      yield* probe.end
      for (const speak of late) speak()
      assert.strictEqual(endedAs(probe), "cancelled")
      assert.strictEqual(probe.of("text").length, 1)
    }).pipe(Effect.scoped)
  )
})

describe("a tool with a timeout", () => {
  const hurried = OneTool.work.annotate(ToolSettings.Timeout, "2 seconds")

  it.effect("is interrupted at its timeout; the model reads that, and the run continues", () =>
    Effect.gen(function* () {
      const { probe } = yield* OneTool.start({ tool: hurried, handler: () => Effect.never })
      yield* TestClock.adjust("2 seconds")
      yield* probe.end
      assert.strictEqual(endedAs(probe), "stop")
      assert.strictEqual(resultOf(probe), `failed: {"error":"ToolTimedOut","message":"work took longer than 2000 ms"}`)
    }).pipe(Effect.scoped)
  )

  it.effect("is abandoned when it does not stop, and the run continues", () =>
    Effect.gen(function* () {
      const { probe } = yield* OneTool.start({ ...grace, tool: hurried, handler: () => stubborn })
      yield* TestClock.adjust("5 seconds")
      yield* probe.end
      assert.strictEqual(endedAs(probe), "stop")
      assert.include(resultOf(probe), "abandoned")
    }).pipe(Effect.scoped)
  )

  it.effect("keeps its result when it ends in time", () =>
    Effect.gen(function* () {
      const { probe } = yield* OneTool.start({
        tool: hurried,
        handler: () => Effect.as(Effect.sleep("1999 millis"), "in time")
      })
      yield* TestClock.adjust("2 seconds")
      yield* probe.end
      assert.strictEqual(resultOf(probe), `success: "in time"`)
    }).pipe(Effect.scoped)
  )

  it.effect("is retried as often as configured, and no more", () =>
    Effect.gen(function* () {
      let begun = 0
      const { probe } = yield* OneTool.start({
        tool: hurried.annotate(ToolSettings.Retries, 2),
        handler: () =>
          Effect.andThen(
            Effect.sync(() => void begun++),
            Effect.never
          )
      })
      yield* TestClock.adjust("6 seconds")
      yield* probe.end
      assert.strictEqual(begun, 3)
      assert.strictEqual(
        probe.of("data-cost-summary")[0]?.data.root.rows.find(({ kind }) => kind === "tool")?.attempts,
        3
      )
    }).pipe(Effect.scoped)
  )

  it.effect("is not retried once the run is cancelled", () =>
    Effect.gen(function* () {
      let begun = 0
      const { handle, probe } = yield* OneTool.start({
        tool: hurried.annotate(ToolSettings.Retries, 9),
        handler: () =>
          Effect.andThen(
            Effect.sync(() => void begun++),
            Effect.never
          )
      })
      yield* TestClock.adjust("2 seconds")
      yield* handle.cancel
      yield* probe.end
      assert.strictEqual(begun, 2)
      assert.strictEqual(endedAs(probe), "cancelled")
    }).pipe(Effect.scoped)
  )
})
