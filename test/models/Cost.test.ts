import { assert, describe, layer } from "@effect/vitest"
import { Playback, Recording } from "@reins/models/testing"
import { Prices } from "@reins/runtime"
import { Effect } from "effect"
import { existsSync, readFileSync } from "node:fs"
import { join } from "node:path"
import * as Asked from "./Provider.ts"

const shared = join(import.meta.dirname, "../../../shared/recordings")

/** Round rates, so that costs can be computed by hand. US dollars per million tokens. */
const rates = {
  inputPerMillionUsd: 1,
  outputPerMillionUsd: 10,
  cacheReadPerMillionUsd: 0.1,
  cacheWritePerMillionUsd: 2,
  cacheWriteLongPerMillionUsd: 4
}

/** Counts from the recording: uncached input, read from a cache, written to one, output with reasoning. */
type Counts = readonly [uncached: number, read: number, written: number, output: number]

/** What a step after the recorded one uses, where its calls bring one. */
const small: Counts = [7, 0, 0, 3]

const nanoUsd = (...steps: ReadonlyArray<Counts>): number =>
  steps.reduce(
    (sum, [uncached, read, written, output]) => sum + uncached * 1000 + read * 100 + written * 2000 + output * 10_000,
    0
  )

const recorded: ReadonlyArray<readonly [file: string, provider: string, cost: number]> = [
  ["anthropic/anthropic-text", "anthropic", nanoUsd([12, 0, 0, 30])],
  [
    "anthropic/anthropic-tool-search-deferred-bm25",
    "anthropic",
    nanoUsd([879, 0, 0, 177], [1398, 0, 0, 213], [1639, 0, 0, 95], small)
  ],
  ["cohere/cohere-reasoning", "cohere", nanoUsd([1394, 0, 0, 54])],
  ["deepseek-chat/deepseek-reasoning", "deepseek", nanoUsd([18, 0, 0, 219])],
  ["google/google-text", "google", nanoUsd([9, 0, 0, 23 + 185])],
  ["groq/groq-tool-call", "groq", nanoUsd([210, 0, 0, 15], small)],
  ["mistral/mistral-text", "mistral", nanoUsd([13, 0, 0, 8])],
  ["openai-chat/azure-model-router.1", "openai", nanoUsd([15, 0, 0, 78])],
  ["xai/xai-tool-call", "xai", nanoUsd([1, 290, 0, 26 + 196], small)]
]

layer(Asked.layer)("the cost of a recorded stream", (it) => {
  if (!existsSync(shared)) console.warn("Costs of recorded streams are not checked: there is no ../shared/recordings.")

  it("is computed by hand for at least one stream per provider", () => {
    assert.isAtLeast(new Set(recorded.map(([file]) => file.split("/")[0])).size, 7)
  })

  it.effect.each(existsSync(shared) ? recorded : [])("%s costs what its counts say", ([file, provider, cost]) =>
    Effect.gen(function* () {
      const [folder = "", name = ""] = file.split("/")
      const recording = Recording.parse(folder, name, readFileSync(join(shared, `${file}.chunks.txt`), "utf8"))
      const model = Recording.modelOf(recording) ?? "unknown"
      const report = yield* Playback.play(recording).pipe(
        Effect.provide(Prices.layerTable({ [`${provider}/${model}`]: rates }))
      )
      assert.deepStrictEqual(report.problems, [])
      assert.strictEqual(Math.round((report.costUsd ?? 0) * 1e9), cost)
    })
  )
})

describe("the cost of a generated stream", () => {
  layer(Asked.layer)("charges cached tokens once", (it) => {
    it.effect("includes both kinds of Anthropic's cache writes", () =>
      Effect.gen(function* () {
        const usage = {
          input_tokens: 5,
          cache_read_input_tokens: 90,
          cache_creation_input_tokens: 40,
          cache_creation: { ephemeral_5m_input_tokens: 30, ephemeral_1h_input_tokens: 10 }
        }
        const payloads = Asked.small("anthropic", ["hi"]).payloads.map((payload) => JSON.parse(payload))
        const recording = Asked.recordingOf(
          "anthropic",
          payloads.map((payload) =>
            payload.type === "message_start"
              ? { ...payload, message: { ...payload.message, usage: { ...usage, output_tokens: 1 } } }
              : payload.type === "message_delta"
                ? { ...payload, usage: { ...usage, output_tokens: 20 } }
                : payload
          )
        )
        const report = yield* Playback.play(recording).pipe(
          Effect.provide(Prices.layerTable({ "anthropic/small-1": rates }))
        )
        assert.deepStrictEqual(report.problems, [])
        // 5 × 1000 + 90 × 100 + 30 × 2000 + 10 × 4000 + 20 × 10,000
        assert.strictEqual(report.costUsd, 0.000314)
      })
    )

    it.effect("includes reasoning in OpenAI's output", () =>
      Effect.gen(function* () {
        const payloads = Asked.small("chat", ["hi"]).payloads.map((payload) => JSON.parse(payload))
        const recording = Asked.recordingOf(
          "chat",
          payloads.map((payload) =>
            payload.usage === undefined
              ? payload
              : {
                  ...payload,
                  usage: {
                    prompt_tokens: 100,
                    completion_tokens: 50,
                    prompt_tokens_details: { cached_tokens: 60 },
                    completion_tokens_details: { reasoning_tokens: 20 }
                  }
                }
          )
        )
        const report = yield* Playback.play(recording).pipe(
          Effect.provide(Prices.layerTable({ "openai/small-1": { ...rates, reasoningPerMillionUsd: 20 } }))
        )
        assert.deepStrictEqual(report.problems, [])
        // 40 × 1000 + 60 × 100 + 30 × 10,000 + 20 × 20,000
        assert.strictEqual(report.costUsd, 0.000746)
      })
    )
  })

  layer(Asked.layer)("without a price", (it) => {
    it.effect("is unknown, and not 0", () =>
      Effect.gen(function* () {
        const recording = Asked.recordingOf(
          "chat",
          Asked.small("chat", ["hi"]).payloads.map((payload) => JSON.parse(payload))
        )
        const report = yield* Playback.play(recording)
        assert.deepStrictEqual(report.problems, [])
        assert.isUndefined(report.costUsd)
      })
    )
  })
})
