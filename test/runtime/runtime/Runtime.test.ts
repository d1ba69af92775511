import { assert, describe, it } from "@effect/vitest"
import { Agent, Deployment, Runtime, Specialist } from "@reins/runtime"
import { Probe, ScriptedModel, Tap } from "@reins/runtime/testing"
import { Cause, Effect, Exit, Fiber, Layer, References, Stream } from "effect"
import * as Desk from "../../support/Desk.ts"
import * as Solo from "../../support/Solo.ts"
import * as Story from "../../support/Story.ts"

const hanging = () => ScriptedModel.make({ respond: () => ({ parts: [[{ type: "text", text: "so" }]], hangs: true }) })

const Reader = Specialist.make("reader", { description: "Reads" })

/** The state of a run once everything that could happen has happened. */
const settled = (runtime: Runtime["Service"], runId: string) =>
  Effect.gen(function* () {
    for (let turn = 0; turn < 20; turn++) yield* Effect.yieldNow
    return (yield* runtime.status(runId))?.state
  })

describe("the reader of a query", () => {
  it.effect("cancels the run when it disconnects after one event", () =>
    Effect.gen(function* () {
      const runtime = yield* Solo.runtime(hanging())
      const seen = yield* Stream.runCollect(Stream.take(runtime.query("hi", { runId: "run" }), 1))
      assert.deepStrictEqual(seen, [{ type: "step-start" }])
      const probe = yield* Effect.provideService(Probe.watch("run"), Runtime, runtime)
      yield* probe.end
      assert.strictEqual(probe.of("finish")[0]?.finishReason, "cancelled")
      Story.isWhole(probe.envelopes)
    }).pipe(Effect.scoped)
  )

  it.effect("cancels the run when it fails or dies", () =>
    Effect.gen(function* () {
      const runtime = yield* Solo.runtime(hanging())
      for (const [runId, ends] of [
        ["fails", Effect.fail("no")],
        ["dies", Effect.die(new Error("no"))]
      ] as const) {
        const exit = yield* Effect.exit(Stream.runForEach(runtime.query("hi", { runId }), () => ends))
        assert.isTrue(Exit.isFailure(exit))
        assert.strictEqual(yield* settled(runtime, runId), "ended")
      }
    }).pipe(Effect.scoped)
  )

  it.effect("leaves the run as it ended when it disconnects after finish, before the summaries", () =>
    Effect.gen(function* () {
      const runtime = yield* Solo.runtime(ScriptedModel.make({ replies: [ScriptedModel.words("one two")] }))
      const until = Stream.takeUntil(runtime.query("hi", { runId: "run" }), ({ type }) => type === "finish")
      yield* Stream.runDrain(until)
      const probe = yield* Effect.provideService(Probe.watch("run"), Runtime, runtime)
      yield* probe.end
      assert.strictEqual(probe.of("finish")[0]?.finishReason, "stop")
      Story.isWhole(probe.envelopes)
    }).pipe(Effect.scoped)
  )

  it.effect("leaves no run behind, at whatever moment it is interrupted", () =>
    Effect.gen(function* () {
      const runtime = yield* Runtime
      const ways: ReadonlyArray<(runId: string) => Effect.Effect<unknown, unknown>> = [
        (runId) => Stream.runDrain(runtime.query("hi", { runId })),
        (runId) => runtime.complete("hi", { runId }),
        (runId) => Stream.runDrain(runtime.runSpecialist(Reader, "hi", { runId })),
        (runId) => runtime.completeSpecialist(Reader, "hi", { runId })
      ]
      for (const [way, read] of ways.entries()) {
        // From before the run begins until well after its reader has come to rest.
        for (let turns = 0, begun = 0; begun < 20; turns++) {
          const runId = `${way}-${turns}`
          // Yields at every step, so that an interruption can come between any two.
          const reading = Effect.provideService(read(runId), References.MaxOpsBeforeYield, 3)
          const fiber = yield* Effect.forkChild(reading)
          for (let turn = 0; turn < turns; turn++) yield* Effect.yieldNow
          yield* Fiber.interrupt(fiber)
          const state = yield* settled(runtime, runId)
          assert.notStrictEqual(state, "running", runId)
          if (state === "ended") begun++
        }
      }
    }).pipe(Effect.provide(Desk.plain(hanging(), { agents: [Agent.make("desk", {}), Reader] })))
  )
})

describe("a run from start", () => {
  it.effect("continues when nobody watches it, and when its watchers disconnect", () =>
    Effect.gen(function* () {
      const hold = yield* ScriptedModel.hold
      const { handle, runtime } = yield* Solo.start([{ ...ScriptedModel.text("hello"), hold }])
      const leaver = yield* Effect.forkScoped(Stream.runDrain(handle.events), { startImmediately: true })
      yield* Fiber.interrupt(leaver)
      yield* Stream.runDrain(Stream.take(runtime.watch("run"), 1))
      assert.strictEqual(yield* settled(runtime, "run"), "running")
      yield* hold.release
      assert.strictEqual((yield* handle.result).output, "hello")
    }).pipe(Effect.scoped)
  )

  it.effect("sends any number of readers the same events, as often as they read", () =>
    Effect.gen(function* () {
      const { handle, probe } = yield* Solo.finished([ScriptedModel.words("one two three")])
      for (let time = 0; time < 2; time++) {
        assert.deepStrictEqual(yield* Stream.runCollect(handle.events), probe.rootView)
        assert.deepStrictEqual(yield* Stream.runCollect(handle.envelopes), probe.envelopes)
        assert.strictEqual((yield* handle.result).output, "one two three")
      }
    }).pipe(Effect.scoped)
  )
})

describe("a stream from query", () => {
  it.effect("is a description: each reading is a run of its own", () =>
    Effect.gen(function* () {
      const model = ScriptedModel.make({ respond: () => ScriptedModel.text("hello") })
      const runtime = yield* Solo.runtime(model)
      const query = runtime.query("hi")
      yield* Stream.runDrain(query)
      yield* Stream.runDrain(query)
      assert.strictEqual(new Set(model.requests.map(({ metadata }) => metadata.runId)).size, 2)
    }).pipe(Effect.scoped)
  )

  it.effect("shows a run that was cancelled before its first event", () =>
    Effect.gen(function* () {
      const services = Layer.provideMerge(
        Tap.layer(({ cancel }) => cancel()),
        Deployment.layerMemory()
      )
      const model = ScriptedModel.make({ replies: [ScriptedModel.text("never")] })
      const runtime = yield* Solo.runtime(model, { services })
      const seen = yield* Stream.runCollect(runtime.query("hi"))
      assert.deepStrictEqual(
        seen.map(({ type }) => type),
        ["step-start", "custom", "finish", "data-cost-summary", "data-latency-summary"]
      )
    }).pipe(Effect.scoped)
  )
})

describe("a time of a list or a report", () => {
  it.effect("is refused where it is an invalid date, of which everything would be empty", () =>
    Effect.gen(function* () {
      const runtime = yield* Solo.runtime(ScriptedModel.make())
      const since = new Date("yesterday")
      for (const [name, asked] of [
        ["runs.list", runtime.runs.list({ since })],
        ["costs.by", runtime.costs.by({ since })],
        ["approvals.history", runtime.approvals.history({ since })]
      ] as const) {
        const exit = yield* Effect.exit(Effect.asVoid<unknown, never, never>(asked))
        assert.include(
          Exit.isFailure(exit) ? String(Cause.squash(exit.cause)) : "",
          `Invalid option ${name}().since: an invalid date. Give a valid Date, or epoch milliseconds`
        )
      }
    }).pipe(Effect.scoped)
  )
})
