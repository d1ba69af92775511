import { assert, describe, it } from "@effect/vitest"
import { ModelFailure } from "@reins/protocol"
import { Budget, Prices } from "@reins/runtime"
import type { ModelPart } from "@reins/runtime"
import { ScriptedModel } from "@reins/runtime/testing"
import { Effect } from "effect"
import { TestClock } from "effect/testing"
import * as Solo from "../../support/Solo.ts"
import * as Story from "../../support/Story.ts"

const { failure, text } = ScriptedModel

const about = { provider: "scripted", model: "scripted-1" }
const limited = (retryAfterMs?: number) =>
  failure(new ModelFailure.RateLimited({ ...about, ...(retryAfterMs === undefined ? {} : { retryAfterMs }) }))

/** Used tokens, made a call that was not shown, and ended without a finish. */
const broken = (outputText: number): ScriptedModel.Reply => ({
  parts: [
    [
      { type: "usage", usage: { inputUncached: 10, outputText } },
      { type: "tool-call", id: "c", name: "none", args: {} }
    ] satisfies ReadonlyArray<ModelPart>
  ]
})

const prices = Prices.layerTable({ "scripted/scripted-1": { inputPerMillionUsd: 1, outputPerMillionUsd: 10 } })

describe("a model step that fails", () => {
  it.effect("is retried while nothing was shown, after the delay that the provider asks for", () =>
    Effect.gen(function* () {
      const model = ScriptedModel.make({ replies: [limited(7000), text("at last")] })
      const { probe } = yield* Solo.start(model)
      yield* TestClock.adjust("6999 millis")
      assert.strictEqual(model.requests.length, 1)
      yield* TestClock.adjust("1 millis")
      yield* probe.end
      assert.deepStrictEqual(
        model.requests.map(({ metadata }) => metadata.attempt),
        [1, 2]
      )
      assert.deepStrictEqual(probe.types.slice(0, 3), ["step-start", "text", "finish"])
      Story.isWhole(probe.envelopes)
    }).pipe(Effect.scoped)
  )

  it.effect("doubles the delay before each further retry, and then fails with its own reason", () =>
    Effect.gen(function* () {
      const model = ScriptedModel.make({ respond: () => limited() })
      const { probe } = yield* Solo.start(model, { runtime: { modelRetryDelay: "1 second" } })
      yield* TestClock.adjust("1 second")
      assert.strictEqual(model.requests.length, 2)
      yield* TestClock.adjust("2 seconds")
      yield* probe.end
      assert.strictEqual(model.requests.length, 3)
      assert.strictEqual(probe.of("error")[0]?.error.code, "E_RATE_LIMITED")
      Story.isWhole(probe.envelopes)
    }).pipe(Effect.scoped)
  )

  it.effect("is not retried once it has shown a word", () =>
    Effect.gen(function* () {
      const lost = new ModelFailure.NetworkFailed(about)
      const { probe } = yield* Solo.finished([failure(lost, "half an ans")])
      assert.deepStrictEqual(probe.types, ["step-start", "text", "data-cost-summary", "data-latency-summary", "error"])
    }).pipe(Effect.scoped)
  )

  it.effect("is not retried when its reason says that a retry cannot help", () =>
    Effect.gen(function* () {
      const { probe } = yield* Solo.finished([failure(new ModelFailure.AuthenticationFailed(about))])
      assert.strictEqual(probe.of("error")[0]?.error.code, "E_AUTHENTICATION_FAILED")
    }).pipe(Effect.scoped)
  )

  it.effect("ends as cancelled when the run is cancelled while it waits for a retry", () =>
    Effect.gen(function* () {
      const { handle, probe } = yield* Solo.start([limited(60_000)])
      assert.isTrue(yield* handle.cancel)
      yield* probe.end
      assert.strictEqual(probe.of("finish")[0]?.finishReason, "cancelled")
      Story.isWhole(probe.envelopes)
    }).pipe(Effect.scoped)
  )

  it.effect("waits no longer for a retry than the budget has time", () =>
    Effect.gen(function* () {
      const { probe } = yield* Solo.start([limited(3_600_000)], {
        agent: { budget: Budget.make({ maxDuration: "1 minute" }) }
      })
      yield* TestClock.adjust("1 minute")
      yield* probe.end
      assert.strictEqual(probe.of("budget_exhausted")[0]?.code, "E_BUDGET_DURATION")
      assert.strictEqual(probe.of("finish")[0]?.finishReason, "budget")
      Story.isWhole(probe.envelopes)
    }).pipe(Effect.scoped)
  )

  it.effect("charges every attempt, once", () =>
    Effect.gen(function* () {
      const { probe } = yield* Solo.start([broken(5), text("well", { usage: { inputUncached: 10, outputText: 1 } })], {
        services: prices
      })
      yield* TestClock.adjust("1 second")
      yield* probe.end
      const [summary] = probe.of("data-cost-summary")
      assert.strictEqual(summary?.data.costNanoUsd, 20 * 1000 + 6 * 10_000)
      assert.strictEqual(summary?.data.root.rows[0]?.attempts, 2)
      assert.strictEqual(probe.of("finish")[0]?.usage.totalTokens, 26)
    }).pipe(Effect.scoped)
  )

  it.effect("is retried only with the budget that its failed attempts have left", () =>
    Effect.gen(function* () {
      const model = ScriptedModel.make({ replies: [broken(60), text("well")] })
      const { probe } = yield* Solo.start(model, { agent: { budget: Budget.make({ maxOutputTokens: 100 }) } })
      yield* TestClock.adjust("1 second")
      yield* probe.end
      assert.deepStrictEqual(
        model.requests.map(({ maxOutputTokens }) => maxOutputTokens),
        [100, 40]
      )
      assert.strictEqual(probe.of("finish")[0]?.finishReason, "stop")
      assert.isFalse(probe.of("data-cost-summary")[0]?.data.root.rows[0]?.overrun)
    }).pipe(Effect.scoped)
  )

  it.effect("is not retried when its failed attempts have used up the budget", () =>
    Effect.gen(function* () {
      const model = ScriptedModel.make({ replies: [broken(100), text("never")] })
      const { probe } = yield* Solo.start(model, { agent: { budget: Budget.make({ maxOutputTokens: 100 }) } })
      yield* TestClock.adjust("1 second")
      yield* probe.end
      assert.strictEqual(model.requests.length, 1)
      assert.strictEqual(probe.of("budget_exhausted")[0]?.code, "E_BUDGET_OUTPUT_TOKENS")
      assert.strictEqual(probe.of("finish")[0]?.usage.completionTokens, 100)
      Story.isWhole(probe.envelopes)
    }).pipe(Effect.scoped)
  )

  it.effect("counts as one step of the budget, however often it was retried", () =>
    Effect.gen(function* () {
      const { probe } = yield* Solo.start([broken(1), broken(1), text("well")], {
        agent: { budget: Budget.make({ maxSteps: 1, maxOutputTokens: 100 }) }
      })
      yield* TestClock.adjust("5 seconds")
      yield* probe.end
      assert.strictEqual(probe.of("finish")[0]?.finishReason, "stop")
    }).pipe(Effect.scoped)
  )
})
