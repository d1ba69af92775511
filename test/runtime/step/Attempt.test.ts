import { assert, describe, it } from "@effect/vitest"
import type { Usage } from "@reins/protocol"
import { Deployment, Prices, TokenEstimator } from "@reins/runtime"
import type { ModelPart } from "@reins/runtime"
import { ScriptedModel, Tap } from "@reins/runtime/testing"
import { Effect, Layer } from "effect"
import * as Solo from "../../support/Solo.ts"
import * as Story from "../../support/Story.ts"

/** One token a character, so that an estimate can be told from a report by hand. */
const letters = Layer.succeed(TokenEstimator.TokenEstimator, { text: (text) => text.length })
const prices = Prices.layerTable({ "scripted/scripted-1": { inputPerMillionUsd: 1, outputPerMillionUsd: 10 } })
const services = Layer.mergeAll(letters, prices)

/** "hello" in a message, without instructions; `[]` are the tools. */
const asked = 8 + "hello".length + "[]".length

const says = (...parts: ReadonlyArray<ModelPart>): ScriptedModel.Reply => ({
  parts: [[{ type: "text", text: "twelve chars" }, ...parts]]
})
const finish = (usage?: Usage.Usage): ModelPart => ({ type: "finish", reason: "stop", ...(usage && { usage }) })

const used = (reply: ScriptedModel.Reply) =>
  Effect.map(Solo.finished([reply], { services }), ({ probe }) => {
    Story.isWhole(probe.envelopes)
    const [summary] = probe.of("data-cost-summary")
    const { completionTokens, promptTokens } = summary?.data.root.usage ?? { completionTokens: -1, promptTokens: -1 }
    return [promptTokens, completionTokens, summary?.data.estimated, summary?.data.costNanoUsd]
  }).pipe(Effect.scoped)

const cost = (input: number, output: number) => input * 1000 + output * 10_000

describe("the usage of an attempt", () => {
  it.effect("is what the provider reports", () =>
    Effect.gen(function* () {
      const got = yield* used(says(finish({ inputUncached: 5, outputText: 2, outputReasoning: 3 })))
      assert.deepStrictEqual(got, [5, 5, false, cost(5, 5)])
    })
  )

  it.effect("is estimated, and marked so, without a report", () =>
    Effect.gen(function* () {
      assert.deepStrictEqual(yield* used(says(finish())), [asked, 12, true, cost(asked, 12)])
    })
  )

  it.effect.each([
    ["negative", -5],
    ["a fraction", 2.5],
    ["not a number", Number.NaN],
    ["infinite", Infinity]
  ] as const)("ignores a count that is %s", ([, count]) =>
    Effect.gen(function* () {
      const got = yield* used(says(finish({ inputUncached: count, outputText: count })))
      assert.deepStrictEqual(got, [asked, 12, true, cost(asked, 12)])
    })
  )

  it.effect("is estimated for the part that the report leaves out", () =>
    Effect.gen(function* () {
      assert.deepStrictEqual(yield* used(says(finish({ inputUncached: 5 }))), [5, 12, true, cost(5, 12)])
      assert.deepStrictEqual(yield* used(says(finish({ outputText: 2 }))), [asked, 2, true, cost(asked, 2)])
    })
  )

  it.effect("is the last of several reports, since each covers the whole request", () =>
    Effect.gen(function* () {
      const early: ModelPart = { type: "usage", usage: { inputUncached: 5, outputText: 1 } }
      const late: ModelPart = { type: "usage", usage: { inputUncached: 5, outputText: 7 } }
      assert.deepStrictEqual(yield* used(says(early, early, finish(), late)), [5, 7, false, cost(5, 7)])
    })
  )

  it.effect(
    "of an interrupted stream is estimated from what was streamed, and marked, although it began with a report",
    () =>
      Effect.gen(function* () {
        const early: ModelPart = { type: "usage", usage: { inputUncached: 5, outputText: 1 } }
        const { handle, probe } = yield* Solo.start([{ ...says(early), hangs: true }], { services })
        yield* handle.cancel
        yield* probe.end
        const [summary] = probe.of("data-cost-summary")
        assert.deepStrictEqual(
          [summary?.data.root.usage.promptTokens, summary?.data.root.usage.completionTokens, summary?.data.estimated],
          [5, 12, true]
        )
        assert.strictEqual(summary?.data.costNanoUsd, cost(5, 12))
        assert.strictEqual(probe.of("finish")[0]?.usage.totalTokens, 17)
      }).pipe(Effect.scoped)
  )

  it.effect("is 0 when the request was never sent", () =>
    Effect.gen(function* () {
      const model = ScriptedModel.make({ replies: [ScriptedModel.text("never")] })
      const atOnce = Tap.layer(({ cancel }) => cancel())
      const { probe } = yield* Solo.finished(model, {
        services: Layer.provideMerge(Layer.provideMerge(atOnce, Deployment.layerMemory()), services)
      })
      Story.isWhole(probe.envelopes)
      assert.strictEqual(model.requests.length, 0)
      assert.strictEqual(probe.of("data-cost-summary")[0]?.data.costNanoUsd, 0)
      assert.strictEqual(probe.of("finish")[0]?.usage.totalTokens, 0)
      assert.deepStrictEqual(probe.of("data-cost-summary")[0]?.data.root.rows, [])
    }).pipe(Effect.scoped)
  )
})
