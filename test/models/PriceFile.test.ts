import { NodeFileSystem } from "@effect/platform-node"
import { assert, describe, it } from "@effect/vitest"
import { PriceFile } from "@reins/models"
import { Prices } from "@reins/runtime"
import { Effect, FileSystem, Layer, Result } from "effect"

const read = (value: unknown) =>
  PriceFile.parse(typeof value === "string" ? value : JSON.stringify(value), "prices.json")
const rows = (value: unknown) => Object.fromEntries(Result.getOrThrow(read(value)))
const problems = (value: unknown) => {
  const result = read(value)
  return Result.isFailure(result) ? result.failure.problems : []
}

describe("a price file", () => {
  it("contains rows by provider and model", () => {
    assert.deepStrictEqual(
      rows({ "acme/large": { inputPerMillionUsd: 1, outputPerMillionUsd: 2, cacheReadPerMillionUsd: 0.1 } }),
      {
        "acme/large": {
          model: "large",
          match: "exact",
          source: "prices.json",
          inputPerMillionUsd: 1,
          outputPerMillionUsd: 2,
          cacheReadPerMillionUsd: 0.1
        }
      }
    )
  })

  it("contains fees of provider-run tools, and is refused when one is invalid", () => {
    const row = { inputPerMillionUsd: 1, outputPerMillionUsd: 2 }
    const [read] = Object.values(rows({ "acme/large": { ...row, toolFees: { web_search: 0.01, read_page: 0 } } }))
    assert.deepStrictEqual(read?.toolFees, { web_search: 0.01, read_page: 0 })
    assert.deepStrictEqual(
      problems({
        "acme/a": { ...row, toolFees: { web_search: "0.01" } },
        "acme/b": { ...row, toolFees: { web_search: -1 } },
        "acme/c": { ...row, toolFees: 3 }
      }),
      [
        "acme/a needs a number in toolFees.web_search",
        "acme/b needs a number in toolFees.web_search",
        "acme/c needs an object in toolFees"
      ]
    )
  })

  it("may be in LiteLLM's format, per token and with its thresholds", () => {
    assert.deepStrictEqual(
      rows({
        "gemini/gemini-x": {
          litellm_provider: "gemini",
          mode: "chat",
          input_cost_per_token: 3e-6,
          output_cost_per_token: 1.5e-5,
          cache_creation_input_token_cost_above_1hr: 6e-6,
          input_cost_per_token_above_200k_tokens: 6e-6
        },
        "text-embed": { litellm_provider: "openai", mode: "embedding", input_cost_per_token: 1e-7 },
        "open-weights": { litellm_provider: "openai", mode: "chat" }
      }),
      {
        "google/gemini-x": {
          model: "gemini-x",
          match: "exact",
          source: "prices.json",
          inputPerMillionUsd: 3,
          outputPerMillionUsd: 15,
          cacheWriteLongPerMillionUsd: 6,
          tiers: [
            {
              aboveInputTokens: 200_000,
              inputPerMillionUsd: 6,
              outputPerMillionUsd: 15,
              cacheWriteLongPerMillionUsd: 6
            }
          ]
        }
      }
    )
  })

  it("with incomplete rows is refused, and lists each of them", () => {
    assert.deepStrictEqual(
      problems({
        "acme/a": { inputPerMillionUsd: 1 },
        "acme/b": { inputPerMillionUsd: 1, outputPerMillionUsd: "2" },
        "acme/c": { inputPerMillionUsd: -1, outputPerMillionUsd: 2 },
        "acme/d": 3,
        "acme/f": { inputPerMillionUsd: 1, outputPerMillionUsd: 2, cacheReedPerMillionUsd: 1 },
        "acme/g": { inputPerMillionUsd: 1, outputPerMillionUsd: 2, tiers: [{ inputPerMillionUsd: 2 }] },
        e: { inputPerMillionUsd: 1, outputPerMillionUsd: 2 },
        "gpt-x": { litellm_provider: "openai", mode: "chat", input_cost_per_token: 1e-6 }
      }),
      [
        "acme/a needs outputPerMillionUsd",
        "acme/b needs a number in outputPerMillionUsd",
        "acme/c needs a number in inputPerMillionUsd",
        "acme/d must be an object with prices",
        "acme/f has an unknown field: cacheReedPerMillionUsd",
        "acme/g has a tier without aboveInputTokens",
        "e has no provider. Use provider/model as the key",
        "gpt-x needs outputPerMillionUsd"
      ]
    )
    assert.deepStrictEqual(problems("{"), ["not valid JSON"])
    assert.deepStrictEqual(problems("[]"), ["the top level must be an object keyed by model"])
  })

  it.effect("overrides the prices beneath", () =>
    Effect.gen(function* () {
      const files = yield* FileSystem.FileSystem
      const path = yield* files.makeTempFileScoped({ suffix: ".json" })
      yield* files.writeFileString(
        path,
        JSON.stringify({ "acme/a": { inputPerMillionUsd: 1, outputPerMillionUsd: 2 } })
      )
      const beneath = Prices.layerTable({
        "acme/a": { inputPerMillionUsd: 9, outputPerMillionUsd: 9 },
        "acme/b": { inputPerMillionUsd: 8, outputPerMillionUsd: 8 }
      })
      const book = yield* Effect.provide(
        Effect.gen(function* () {
          return yield* Prices.Prices
        }),
        Layer.provide(PriceFile.layer(path), beneath)
      )
      const input = (model: string) => book.find("acme", model, 0)?.inputPerMillionUsd
      assert.deepStrictEqual([input("a"), input("b"), input("c")], [1, 8, undefined])
    }).pipe(Effect.provide(NodeFileSystem.layer))
  )
})
