import { assert, describe, it } from "@effect/vitest"
import type { Envelope } from "@reins/protocol"
import { Deployment, Runtime } from "@reins/runtime"
import { ScriptedModel } from "@reins/runtime/testing"
import { Context, Deferred, Effect, Exit, Fiber, Layer, Schema, Scope, Stream } from "effect"
import { TestClock } from "effect/testing"
import * as OneTool from "../../../support/OneTool.ts"
import * as Solo from "../../../support/Solo.ts"
import * as Story from "../../../support/Story.ts"

const speaking = () => ScriptedModel.make({ respond: () => ScriptedModel.text("hello") })

const ids = (count: number) => Array.from({ length: count }, (_, index) => `run-${index + 1}`)

describe("the memory host", () => {
  it.effect("keeps the configured number of ended runs readable, and forgets older ones", () =>
    Effect.gen(function* () {
      const runtime = yield* Solo.runtime(speaking(), { services: Deployment.layerMemory({ keptRuns: 10 }) })
      for (const runId of ids(300)) yield* runtime.complete("hi", { runId })
      const known = yield* Effect.filter(ids(300), (runId) =>
        Effect.map(runtime.status(runId), (status) => status !== undefined)
      )
      assert.deepStrictEqual(known, ids(300).slice(-10))
      assert.strictEqual((yield* Stream.runCollect(runtime.watch("run-300"))).length, 5)
      assert.isTrue(Exit.isFailure(yield* Effect.exit(Stream.runDrain(runtime.watch("run-290")))))
    }).pipe(Effect.scoped)
  )

  it.effect("never forgets a run before its caller has read it", () =>
    Effect.gen(function* () {
      const runtime = yield* Solo.runtime(speaking(), { services: Deployment.layerMemory({ keptRuns: 0 }) })
      assert.strictEqual((yield* Stream.runCollect(runtime.query("hi"))).length, 5)
      const first = yield* runtime.start("hi")
      yield* runtime.start("hi")
      assert.strictEqual((yield* Stream.runCollect(first.envelopes)).length, 5)
      assert.strictEqual((yield* first.result).output, "hello")
    }).pipe(Effect.scoped)
  )

  it.effect("has a cost on the bill that was reported and got no row before its run ended", () =>
    Effect.gen(function* () {
      const memory = Context.get(Context.empty(), Deployment.Deployment)
      const cost = { path: [], callId: "c1", toolName: "pay", nanoUsd: 5, overrun: false, startedAt: 0, attempts: 1 }
      const reporting = Layer.succeed(Deployment.Deployment, {
        make: (drive) =>
          memory.make((record, history, engine, stores) => {
            const reported = engine.activity("reported", Schema.Null, (work) =>
              Effect.as(work.report(cost), { value: null, path: [], events: [], spent: [] })
            )
            return Effect.andThen(reported, drive(record, history, engine, stores))
          })
      })
      const { probe } = yield* Solo.finished(speaking(), { services: reporting })
      const [summary] = probe.of("data-cost-summary")
      assert.strictEqual(summary?.data.costNanoUsd, 5)
      assert.strictEqual(probe.of("finish")[0]?.finishReason, "stop")
    }).pipe(Effect.scoped)
  )

  it.effect("rejects a second run with the same id", () =>
    Effect.gen(function* () {
      const runtime = yield* Solo.runtime(speaking())
      yield* runtime.complete("hi", { runId: "mine" })
      const error = yield* Effect.flip(runtime.complete("hi", { runId: "mine" }))
      assert.strictEqual(error.reason._tag, "RunExists")
    }).pipe(Effect.scoped)
  )

  it.effect("lets a run be cancelled once, while it runs", () =>
    Effect.gen(function* () {
      const { probe, runtime } = yield* Solo.start([{ parts: [], hangs: true }])
      assert.isTrue(yield* runtime.cancel("run"))
      yield* probe.end
      assert.isFalse(yield* runtime.cancel("run"))
      assert.isFalse(yield* runtime.cancel("another"))
      assert.deepInclude(yield* runtime.status("run"), { state: "ended", lastSeq: probe.envelopes.length })
    }).pipe(Effect.scoped)
  )
})

describe("when its scope closes, the memory host", () => {
  const opened = (layer: Layer.Layer<Runtime>) =>
    Effect.gen(function* () {
      const scope = yield* Scope.make()
      const runtime = Context.get(yield* Layer.buildWithScope(layer, scope), Runtime)
      return { runtime, close: Scope.close(scope, Exit.void) }
    })

  const reading = (runtime: Runtime["Service"], runId: string) =>
    Effect.forkScoped(Stream.runCollect(runtime.watch(runId)), { startImmediately: true })

  const endings = (log: ReadonlyArray<Envelope.Envelope>) =>
    log.flatMap(({ event }) =>
      event.type === "finish" ? [event.finishReason] : event.type === "error" ? ["error"] : []
    )

  it.effect("ends every run, once, and accepts no new one", () =>
    Effect.gen(function* () {
      const model = ScriptedModel.make({ respond: () => ({ parts: [[{ type: "text", text: "so" }]], hangs: true }) })
      const { close, runtime } = yield* opened(Solo.layer(model))
      const readers = yield* Effect.forEach(ids(20), (runId) =>
        Effect.andThen(runtime.start("hi", { runId }), reading(runtime, runId))
      )
      yield* close
      for (const reader of readers) {
        const log = yield* Fiber.join(reader)
        Story.isWhole(log)
        assert.deepStrictEqual(endings(log), ["cancelled"])
      }
      const error = yield* Effect.flip(runtime.start("hi"))
      assert.strictEqual(error.reason._tag, "StoreUnavailable")
    }).pipe(Effect.scoped)
  )

  it.effect("abandons what does not stop in time, and its runs still end", () =>
    Effect.gen(function* () {
      const stuck = yield* Deferred.make<void>()
      const { close, runtime } = yield* opened(
        OneTool.layer({
          handler: () => Effect.uninterruptible(Deferred.await(stuck)),
          runtime: { cancelGrace: "1 hour" }
        })
      )
      yield* runtime.start("hi", { runId: "run" })
      const reader = yield* reading(runtime, "run")
      const closing = yield* Effect.forkScoped(close, { startImmediately: true })
      yield* TestClock.adjust("5 seconds")
      yield* Fiber.join(closing)
      const log = yield* Fiber.join(reader)
      Story.isWhole(log)
      assert.deepStrictEqual(endings(log), ["error"])
      yield* Deferred.succeed(stuck, undefined)
    }).pipe(Effect.scoped)
  )
})
