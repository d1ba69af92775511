import { assert, describe, it } from "@effect/vitest"
import type { Entry } from "@reins/protocol"
import { Agent, Budget, Model, Prices, Runtime } from "@reins/runtime"
import { Probe, ScriptedModel } from "@reins/runtime/testing"
import { Effect, Layer, Logger } from "effect"

const price: Entry.Price = {
  model: "scripted-1",
  match: "exact",
  source: "test",
  inputPerMillionUsd: 1,
  outputPerMillionUsd: 10
}

const model = ScriptedModel.make({
  respond: () => ({
    parts: [
      [
        { type: "text", text: "Yes." },
        { type: "finish", reason: "stop", usage: { inputUncached: 1000, outputText: 100 } }
      ]
    ]
  })
})

const layer = (row: Entry.Price) =>
  Runtime.layer({ agents: [Agent.make("desk", {})] }).pipe(
    Layer.provide([Layer.succeed(Model, model), Layer.succeed(Prices.Prices, { find: () => row })])
  )

const broken: ReadonlyArray<Partial<Entry.Price>> = [
  { inputPerMillionUsd: Number.NaN },
  { outputPerMillionUsd: -1 },
  { cacheReadPerMillionUsd: Infinity },
  { tiers: [{ aboveInputTokens: 5, inputPerMillionUsd: -1, outputPerMillionUsd: 1 }] },
  { toolFees: { search: Number.NaN } }
]

describe("a price row with an invalid rate", () => {
  for (const part of broken) {
    it.effect(`prices nothing, and what it would price is unpriced and not free: ${Object.keys(part).join()}`, () =>
      Effect.gen(function* () {
        const runtime = yield* Runtime
        yield* runtime.start("Is it?", { runId: "run" })
        const probe = yield* Probe.watch("run")
        yield* probe.end
        const [summary] = probe.of("data-cost-summary")
        assert.deepInclude(summary?.data, { costNanoUsd: 0, pricedUsd: 0, unpriced: 1 })
        assert.notProperty(summary?.data, "costUsd")
      }).pipe(Effect.scoped, Effect.provide(layer({ ...price, ...part })))
    )
  }

  it.effect("rejects a query with a limit in US dollars", () =>
    Effect.gen(function* () {
      const runtime = yield* Runtime
      const refused = yield* Effect.flip(runtime.start("Is it?", { budget: Budget.make({ maxCostUsd: 1 }) }))
      assert.strictEqual(refused.reason._tag, "UnknownPrice")
    }).pipe(Effect.provide(layer({ ...price, inputPerMillionUsd: Number.NaN })))
  )
})

describe("a model without a price", () => {
  /** What the log says of two runs. */
  const lines = (book: Layer.Layer<never>) => {
    const said: Array<unknown> = []
    const logger = Logger.make(({ message }) => {
      said.push(message)
    })
    return Effect.gen(function* () {
      const runtime = yield* Runtime
      yield* runtime.complete("Is it?")
      yield* runtime.complete("Is it?")
      return said.flat()
    }).pipe(
      Effect.provide(
        Runtime.layer({ agents: [Agent.make("desk", {})] }).pipe(
          Layer.provide([Layer.succeed(Model, model), book, Logger.layer([logger])])
        )
      )
    )
  }

  it.effect("is named in the log once, however many runs it answers", () =>
    Effect.gen(function* () {
      assert.deepStrictEqual(yield* lines(Prices.layerTable({})), [
        "No price for scripted/scripted-1: its costs are unknown and costUsd is absent. Add it to the price table"
      ])
    })
  )

  it.effect("is not if it has a price or the runtime has no prices", () =>
    Effect.gen(function* () {
      assert.deepStrictEqual(yield* lines(Layer.succeed(Prices.Prices, { find: () => price })), [])
      assert.deepStrictEqual(yield* lines(Layer.empty), [])
    })
  )
})
