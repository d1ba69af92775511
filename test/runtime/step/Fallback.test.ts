import { assert, describe, it } from "@effect/vitest"
import { ModelFailure, Ordering } from "@reins/protocol"
import { Agent, Budget, Model, type ModelPort, Prices, Runtime } from "@reins/runtime"
import { Probe, ScriptedModel } from "@reins/runtime/testing"
import { Context, Effect, Layer } from "effect"
import { TestClock } from "effect/testing"

class Second extends Context.Service<Second, ModelPort>()("test/Second") {}
class Third extends Context.Service<Third, ModelPort>()("test/Third") {}

const about = { provider: "scripted", model: "scripted-1" }
const failing = (failure: ModelFailure.ModelFailure, said?: string) =>
  ScriptedModel.make({ model: "first", respond: () => ScriptedModel.failure(failure, said) })
const answering = (model: string) => ScriptedModel.make({ model, respond: () => ScriptedModel.text(`from ${model}`) })

const prices = Prices.layerTable({
  "scripted/first": { inputPerMillionUsd: 1, outputPerMillionUsd: 1 },
  "scripted/second": { inputPerMillionUsd: 100, outputPerMillionUsd: 100 }
})

const run = (
  first: ModelPort,
  second: ModelPort,
  third: ModelPort,
  options: {
    readonly budget?: Budget.Budget
    readonly midStreamFailure?: "error" | "retract"
    readonly modelRetryEvents?: boolean
  } = {}
) => {
  const Solo = Agent.make("solo", { fallbacks: [Second, Third], budget: options.budget })
  const layer = Runtime.layer({
    agents: [Solo],
    midStreamFailure: options.midStreamFailure,
    modelRetryEvents: options.modelRetryEvents
  }).pipe(
    Layer.provide([Layer.succeed(Model, first), Layer.succeed(Second, second), Layer.succeed(Third, third), prices])
  )
  return Effect.gen(function* () {
    const runtime = yield* Runtime
    const { result, runId } = yield* runtime.start("Go.")
    const probe = yield* Probe.watch(runId)
    yield* TestClock.adjust("10 minutes")
    yield* probe.end
    assert.deepStrictEqual(Ordering.check(probe.envelopes), [])
    return { probe, result: yield* Effect.result(result) }
  }).pipe(Effect.provide(layer), Effect.scoped)
}

const outputOf = ({ result }: Effect.Success<ReturnType<typeof run>>) =>
  result._tag === "Success" ? result.success.output : result.failure.reason._tag

describe("an agent with fallback models", () => {
  it.effect("continues with the next one after the last retry", () =>
    Effect.gen(function* () {
      const first = failing(new ModelFailure.ProviderUnavailable(about))
      const ended = yield* run(first, answering("second"), answering("third"))
      assert.strictEqual(first.requests.length, 3)
      assert.strictEqual(outputOf(ended), "from second")
      assert.deepStrictEqual(ended.probe.types.slice(0, 3), ["step-start", "text", "finish"])
    })
  )

  it.effect("reports each retry and each fallback model, if that is configured", () =>
    Effect.gen(function* () {
      const first = failing(new ModelFailure.ProviderUnavailable(about))
      const { probe } = yield* run(first, answering("second"), answering("third"), { modelRetryEvents: true })
      const told = { message: "scripted/first is unavailable", reason: "ProviderUnavailable", provider: "scripted" }
      assert.deepStrictEqual(
        probe.of("custom").map(({ data, event_type }) => [event_type, data]),
        [
          ["model_retry", { ...told, model: "first", attempt: 1 }],
          ["model_retry", { ...told, model: "first", attempt: 2 }],
          ["model_failover", { ...told, model: "first", to: { provider: "scripted", model: "second" } }]
        ]
      )
    })
  )

  it.effect("continues at once when a retry cannot help", () =>
    Effect.gen(function* () {
      const first = failing(new ModelFailure.QuotaExceeded(about))
      const ended = yield* run(first, failing(new ModelFailure.AuthenticationFailed(about)), answering("third"))
      assert.strictEqual(first.requests.length, 1)
      assert.strictEqual(outputOf(ended), "from third")
    })
  )

  it.effect("ends with the last failure when none can answer", () =>
    Effect.gen(function* () {
      const none = () => failing(new ModelFailure.NetworkFailed(about))
      const ended = yield* run(none(), none(), failing(new ModelFailure.QuotaExceeded(about)))
      assert.strictEqual(outputOf(ended), "QuotaExceeded")
    })
  )

  it.effect("does not ask another model what the first refused to answer", () =>
    Effect.gen(function* () {
      const second = answering("second")
      const ended = yield* run(failing(new ModelFailure.ContentRefused(about)), second, second)
      assert.strictEqual(outputOf(ended), "ContentRefused")
      assert.strictEqual(second.requests.length, 0)
    })
  )

  it.effect("continues after something was shown only if that may be retracted", () =>
    Effect.gen(function* () {
      const broken = () => failing(new ModelFailure.QuotaExceeded(about), "Half an ans")
      const kept = yield* run(broken(), answering("second"), answering("third"))
      assert.strictEqual(outputOf(kept), "QuotaExceeded")
      const ended = yield* run(broken(), answering("second"), answering("third"), { midStreamFailure: "retract" })
      assert.strictEqual(outputOf(ended), "from second")
      assert.deepStrictEqual(ended.probe.types.slice(0, 5), [
        "step-start",
        "text",
        "step-retracted",
        "step-start",
        "text"
      ])
    })
  )

  it.effect("lists each model in the costs under its own price, and counts the step once", () =>
    Effect.gen(function* () {
      const broken = failing(new ModelFailure.QuotaExceeded(about), "Half an answer and a bit")
      const { probe } = yield* run(broken, answering("second"), answering("third"), {
        budget: Budget.make({ maxSteps: 1 }),
        midStreamFailure: "retract"
      })
      const rows = probe.of("data-cost-summary")[0]?.data.root.rows ?? []
      assert.deepStrictEqual(
        rows.map(({ estimated, name, price }) => [name, price?.inputPerMillionUsd, estimated]),
        [
          ["first", 1, true],
          ["second", 100, false]
        ]
      )
      const [finish] = probe.of("finish")
      const total = rows.reduce((sum, row) => sum + (row.usage?.totalTokens ?? 0), 0)
      assert.strictEqual(finish?.finishReason, "stop")
      assert.strictEqual(finish?.usage.totalTokens, total)
    })
  )

  it.effect("needs every model's price for a limit in dollars", () =>
    Effect.gen(function* () {
      const Solo = Agent.make("solo", { fallbacks: [Third], budget: Budget.make({ maxCostUsd: 1 }) })
      const layer = Runtime.layer({ agents: [Solo] }).pipe(
        Layer.provide([Layer.succeed(Model, answering("first")), Layer.succeed(Third, answering("third")), prices])
      )
      yield* Effect.gen(function* () {
        const runtime = yield* Runtime
        const refused = yield* Effect.flip(runtime.start("Go."))
        assert.strictEqual(refused.reason._tag, "UnknownPrice")
        assert.include(refused.message, "third")
      }).pipe(Effect.provide(layer))
    })
  )
})
