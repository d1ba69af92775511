/** A run whose answer was cut has an estimated row; what its provider reports later corrects the books. */
import { assert, describe, it } from "@effect/vitest"
import { Prices } from "@reins/runtime"
import { ScriptedModel } from "@reins/runtime/testing"
import { Effect, Layer } from "effect"
import * as Engines from "../../support/Engines.ts"
import * as Solo from "../../support/Solo.ts"

const price = {
  model: "scripted-1",
  match: "exact",
  source: "test",
  inputPerMillionUsd: 1,
  outputPerMillionUsd: 10
} as const

/** A run that is cancelled in the middle of its answer, so that its usage is estimated. */
const cut = Effect.fnUntraced(function* (services: Layer.Layer<never>) {
  const hold = yield* ScriptedModel.hold
  const started = yield* Solo.start([{ ...ScriptedModel.words("one two three four"), hold, heldAfter: 2 }], {
    services: Layer.merge(services, Layer.succeed(Prices.Prices, { find: () => price })),
    runtime: { quotas: [{ name: "daily", window: "day", per: "tenant", maxCostUsd: 1 }], cancelGrace: 0 }
  })
  yield* started.probe.next("text")
  yield* started.runtime.cancel("run")
  yield* started.probe.end
  return started
})

for (const [where, services] of Engines.all) {
  describe(`an estimated row, ${where},`, () => {
    it.effect("is corrected once, and the ledger, the quota and the thread follow", () =>
      Effect.gen(function* () {
        const { probe, runtime } = yield* cut(services())
        const [row, ...others] = (yield* runtime.costs.estimates("run")) ?? []
        assert.lengthOf(others, 0)
        assert.deepInclude(row, { agentPath: [], step: 1, provider: "scripted", model: "scripted-1" })
        const estimate = row?.costNanoUsd ?? 0
        const usage = { inputUncached: 500, outputText: 7 }
        const change = yield* runtime.costs.correct({ runId: "run", step: 1, usage })
        const real = 500 * 1000 + 7 * 10_000
        assert.strictEqual(change.costNanoUsd, real - estimate)
        const { sum } = yield* runtime.costs.by({ runId: "run" })
        assert.deepInclude(sum, { costNanoUsd: real, promptTokens: 500, completionTokens: 7, corrections: 1 })
        const [quota] = yield* runtime.quotas.usage()
        assert.strictEqual(quota?.costNanoUsd.used, real)
        const { spent } = (yield* runtime.threads.info("thread")) ?? {}
        assert.deepInclude(spent, { nanoUsd: real, inputTokens: 500, outputTokens: 7 })
        // What the run said of itself stays.
        const [summary] = probe.of("data-cost-summary")
        assert.strictEqual(summary?.data.costNanoUsd, estimate)
        assert.strictEqual((yield* runtime.runs.get("run"))?.costNanoUsd, estimate)
        const again = yield* Effect.flip(runtime.costs.correct({ runId: "run", step: 1, usage }))
        assert.strictEqual(again.reason, "AlreadyCorrected")
        assert.strictEqual((yield* runtime.costs.by({ runId: "run" })).sum.costNanoUsd, real)
      })
    )

    it.effect("is refused with the reason, and nothing changes", () =>
      Effect.gen(function* () {
        const { runtime } = yield* cut(services())
        const usage = { inputUncached: 1 }
        const reason = (options: Partial<Parameters<typeof runtime.costs.correct>[0]>) =>
          Effect.map(
            Effect.flip(runtime.costs.correct({ runId: "run", step: 1, usage, ...options })),
            ({ reason }) => reason
          )
        assert.strictEqual(yield* reason({ runId: "nobody" }), "RunNotFound")
        assert.strictEqual(yield* reason({ resourceId: "stranger" }), "RunNotFound")
        assert.strictEqual(yield* reason({ step: 2 }), "NotEstimated")
        assert.strictEqual(yield* reason({ agentPath: ["helper#1"] }), "NotEstimated")
        assert.strictEqual(yield* reason({ purpose: "compaction" }), "NotEstimated")
        assert.strictEqual(yield* reason({ model: "another" }), "NotEstimated")
        assert.strictEqual(yield* reason({ costUsd: -1 }), "InvalidAmount")
        assert.strictEqual(yield* reason({ usage: { inputUncached: -1 } }), "InvalidAmount")
        assert.strictEqual(yield* reason({ usage: {} }), "InvalidAmount")
        const misspelt = { inputUncached: 1, promptTokens: 5 }
        assert.strictEqual(yield* reason({ usage: misspelt }), "InvalidAmount")
        assert.isUndefined(yield* runtime.costs.estimates("nobody"))
        assert.isUndefined(yield* runtime.costs.estimates("run", { resourceId: "stranger" }))
        assert.isUndefined((yield* runtime.costs.by()).sum.corrections)
      })
    )
  })
}
