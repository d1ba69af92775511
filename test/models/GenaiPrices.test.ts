import { assert, describe, it } from "@effect/vitest"
import { GenaiPrices } from "@reins/models"
import { Money } from "@reins/protocol"
import { Prices } from "@reins/runtime"
import { DateTime, Effect } from "effect"
import { readFileSync } from "node:fs"
import { join } from "node:path"

const at = DateTime.toEpochMillis(DateTime.makeUnsafe("2026-11-20T12:00:00Z"))

const find = (provider: string, model: string, when = at) =>
  Effect.gen(function* () {
    const book = yield* Prices.Prices
    return book.find(provider, model, when)
  }).pipe(Effect.provide(GenaiPrices.layer))

describe("prices of public models", () => {
  it.effect("match a model by its exact name, and report that", () =>
    Effect.gen(function* () {
      assert.deepStrictEqual(yield* find("anthropic", "claude-sonnet-5"), {
        model: "claude-sonnet-5",
        match: "exact",
        source: GenaiPrices.source,
        inputPerMillionUsd: 2,
        outputPerMillionUsd: 10,
        cacheReadPerMillionUsd: 0.2,
        cacheWritePerMillionUsd: 2.5,
        cacheWriteLongPerMillionUsd: 4
      })
    })
  )

  it.effect("match a dated name by its prefix, and report which", () =>
    Effect.gen(function* () {
      const price = yield* find("openai", "gpt-5-nano-2025-08-07")
      assert.deepInclude(price, { model: "gpt-5-nano", match: "prefix", inputPerMillionUsd: 0.05 })
    })
  )

  it.effect("are unknown for a model without a row", () =>
    Effect.gen(function* () {
      assert.isUndefined(yield* find("openai", "gpt-7"))
      assert.isUndefined(yield* find("somebody", "gpt-5-nano"))
    })
  )

  it.effect("do not match a provider with a similar name", () =>
    Effect.gen(function* () {
      assert.isUndefined(yield* find("openai-compatible", "gpt-5-nano"))
      assert.isUndefined(yield* find("azure-openai", "gpt-5-nano"))
    })
  )

  it.effect("have other rates for long inputs", () =>
    Effect.gen(function* () {
      const price = yield* find("anthropic", "claude-sonnet-4-5")
      assert.isDefined(price)
      if (price === undefined) return
      const cost = (inputUncached: number) => Money.costOf({ inputUncached, outputText: 1_000_000 }, price).nanoUsd
      assert.strictEqual(cost(200_000), Money.fromUsd(0.6 + 15))
      assert.strictEqual(cost(200_001), Money.fromUsd(1.200006 + 22.5))
    })
  )

  it.effect("change by date, and within a day where the provider's do", () =>
    Effect.gen(function* () {
      const book = yield* Prices.Prices
      const input = (time: string) =>
        book.find("deepseek", "deepseek-chat", DateTime.toEpochMillis(DateTime.makeUnsafe(time)))?.inputPerMillionUsd
      assert.deepStrictEqual(
        [input("2026-11-20T00:29:00Z"), input("2026-11-20T00:31:00Z"), input("2026-11-20T17:00:00Z")],
        [0.135, 0.27, 0.135]
      )
    }).pipe(Effect.provide(GenaiPrices.layer))
  )

  it.effect("are cached for the day", () =>
    Effect.sync(() => {
      let asked = 0
      const book = GenaiPrices.book({
        findProvider: () => {
          asked++
          return undefined
        },
        calcPrice: () => null
      })
      book.find("p", "m", at)
      book.find("p", "m", at + 1000)
      assert.strictEqual(asked, 1)
      book.find("p", "m", at + 86_400_000)
      assert.strictEqual(asked, 2)
      book.find("p", "m", at)
      assert.strictEqual(asked, 3)
    })
  )

  it("name the version of the installed data", () => {
    const manifest = readFileSync(join(import.meta.dirname, "../../packages/models/package.json"), "utf8")
    const { dependencies }: { readonly dependencies: { readonly [name: string]: string } } = JSON.parse(manifest)
    assert.strictEqual(GenaiPrices.source, `genai-prices ${dependencies["@pydantic/genai-prices"]}`)
  })
})
