/** How long one request may take: without a word, and in all. */
import { assert, describe, it } from "@effect/vitest"
import { ModelFailure, Ordering } from "@reins/protocol"
import { Agent, type Emit, Model, type ModelPort, Prices, Runtime, type RuntimeOptions } from "@reins/runtime"
import { Probe, ScriptedModel } from "@reins/runtime/testing"
import { Context, Effect, Layer, Stream } from "effect"
import { TestClock } from "effect/testing"

class Second extends Context.Service<Second, ModelPort>()("test/Second") {}

/** A model that says a word each `everyMs`, `words` of them, and then ends; `requests` counts. */
const speaker = (everyMs: number, words: number) => {
  const model = {
    provider: "scripted",
    model: "slow",
    requests: 0,
    attempt: (_request: unknown, emit: Emit) =>
      Effect.gen(function* () {
        model.requests++
        for (let word = 0; word < words; word++) {
          yield* Effect.sleep(everyMs)
          const room = emit([{ type: "text", text: "word " }])
          if (room !== undefined) yield* Effect.promise(() => room)
        }
        emit([{ type: "finish", reason: "stop", usage: { inputUncached: 10, outputText: words } }])
      })
  }
  return model satisfies ModelPort
}

const run = (model: ModelPort, options: Omit<RuntimeOptions<[]>, "agents">) =>
  Effect.gen(function* () {
    const runtime = yield* Runtime
    const { result, runId } = yield* runtime.start("Go.")
    const probe = yield* Probe.watch(runId)
    yield* TestClock.adjust("10 minutes")
    yield* probe.end
    assert.deepStrictEqual(Ordering.check(probe.envelopes), [])
    return { probe, result: yield* Effect.result(result) }
  }).pipe(
    Effect.scoped,
    Effect.provide(
      Runtime.layer({ ...options, agents: [Agent.make("solo", { fallbacks: [Second] })] }).pipe(
        Layer.provide([
          Layer.succeed(Model, model),
          Layer.succeed(
            Second,
            ScriptedModel.make({ model: "second", respond: () => ScriptedModel.text("from the second") })
          ),
          Prices.layerTable({ "scripted/slow": { inputPerMillionUsd: 1, outputPerMillionUsd: 1 } })
        ])
      )
    )
  )

const outputOf = ({ result }: Effect.Success<ReturnType<typeof run>>) =>
  result._tag === "Success" ? result.success.output : result.failure.reason

describe("a model that is silent for too long", () => {
  it.effect("is abandoned, retried, and followed by a fallback", () =>
    Effect.gen(function* () {
      const model = speaker(20_000, 1)
      const ended = yield* run(model, { modelIdleTimeout: "10 seconds", modelRetries: 1 })
      assert.strictEqual(model.requests, 2)
      assert.strictEqual(outputOf(ended), "from the second")
      const [step] = ended.probe.of("data-latency-summary")[0]?.data.steps ?? []
      assert.deepStrictEqual(
        step?.attempts.map(({ error, outcome }) => ({ error, outcome })),
        [
          { error: "ModelTimedOut", outcome: "failed" },
          { error: "ModelTimedOut", outcome: "failed" }
        ]
      )
    })
  )

  it.effect("in the middle of its response ends the run, and its output is charged", () =>
    Effect.gen(function* () {
      let words = 0
      const model: ModelPort = {
        provider: "scripted",
        model: "slow",
        attempt: (_request, emit) => {
          emit([{ type: "text", text: `and then ${words++}` }])
          return Effect.never
        }
      }
      const ended = yield* run(model, { modelIdleTimeout: "10 seconds" })
      assert.deepStrictEqual(
        outputOf(ended),
        new ModelFailure.ModelTimedOut({ provider: "scripted", model: "slow", afterMs: 10_000 })
      )
      const [cost] = ended.probe.of("data-cost-summary")
      assert.isTrue(cost?.data.estimated)
      assert.isAbove(cost?.data.costNanoUsd ?? 0, 0)
    })
  )

  it.effect("is not one that streams now and then, however long its response", () =>
    Effect.gen(function* () {
      const ended = yield* run(speaker(9000, 30), { modelIdleTimeout: "10 seconds" })
      assert.strictEqual(outputOf(ended), "word ".repeat(30))
    })
  )

  it.effect("is not one that a slow reader blocks", () =>
    Effect.gen(function* () {
      const model: ModelPort = {
        provider: "scripted",
        model: "quick",
        attempt: (_request, emit) =>
          Effect.gen(function* () {
            // So that its reader is there.
            yield* Effect.yieldNow
            for (let word = 0; word < 20_000; word++) {
              const room = emit([{ type: "text", text: "word " }])
              if (room !== undefined) yield* Effect.promise(() => room)
            }
            emit([{ type: "finish", reason: "stop" }])
          })
      }
      const layer = Runtime.layer({ agents: [Agent.make("solo", {})], modelIdleTimeout: "10 seconds" }).pipe(
        Layer.provide(Layer.succeed(Model, model))
      )
      const last = yield* Effect.gen(function* () {
        const runtime = yield* Runtime
        return yield* runtime.query("Go.").pipe(
          Stream.chunks,
          Stream.tap(() => TestClock.adjust("15 seconds")),
          Stream.flattenIterable,
          Stream.filter(({ type }) => type === "finish" || type === "error"),
          Stream.runCollect
        )
      }).pipe(Effect.provide(layer))
      assert.deepStrictEqual(
        last.map(({ type }) => type),
        ["finish"]
      )
    })
  )
})

describe("a model that takes too long in total", () => {
  it.effect("is abandoned however much it streams", () =>
    Effect.gen(function* () {
      const model = speaker(1000, 100)
      const ended = yield* run(model, { modelTimeout: "30 seconds" })
      assert.strictEqual(model.requests, 1)
      assert.deepStrictEqual(
        outputOf(ended),
        new ModelFailure.ModelTimedOut({ provider: "scripted", model: "slow", afterMs: 30_000 })
      )
    })
  )

  it.effect("is retracted and retried if that is the policy", () =>
    Effect.gen(function* () {
      const model = speaker(1000, 100)
      const ended = yield* run(model, { modelTimeout: "30 seconds", midStreamFailure: "retract", modelRetries: 1 })
      assert.strictEqual(model.requests, 2)
      assert.strictEqual(ended.probe.of("step-retracted").length, 2)
      assert.strictEqual(outputOf(ended), "from the second")
    })
  )
})
