import { assert, describe, it } from "@effect/vitest"
import { TokenCounts } from "@reins/models"
import { TokenEstimator } from "@reins/runtime"
import { Effect } from "effect"

const counting = Effect.gen(function* () {
  const estimator = yield* TokenEstimator.TokenEstimator
  const of = (provider: string, model: string) => (text: string) =>
    TokenEstimator.forModel(estimator, { provider, model }).text(text)
  return { known: of("openai", "gpt-5.2"), unknown: of("anthropic", "claude-sonnet-5"), general: estimator.text }
}).pipe(Effect.provide(TokenCounts.layer))

const prose = "The quick brown fox jumps over the lazy dog. "

describe("token counts", () => {
  it.effect("are exact for models of the tokenizer", () =>
    Effect.gen(function* () {
      const { known } = yield* counting
      assert.strictEqual(known("hello world"), 2)
      assert.strictEqual(known(""), 0)
    })
  )

  it.effect("are higher for all other models, and never more than one token per byte", () =>
    Effect.gen(function* () {
      const { general, known, unknown } = yield* counting
      for (const text of [prose.repeat(50), "日本語の文章です。", "👩‍👩‍👧‍👦", "x", '{"a":[1,2,3]}']) {
        assert.isAtLeast(unknown(text), known(text))
        assert.isAtMost(unknown(text), new TextEncoder().encode(text).length)
        assert.strictEqual(general(text), unknown(text))
      }
      assert.strictEqual(unknown(prose.repeat(50)), Math.ceil(known(prose.repeat(50)) * 1.5))
    })
  )

  it.effect("count special tokens as ordinary text", () =>
    Effect.gen(function* () {
      const { known } = yield* counting
      assert.isAbove(known("<|endoftext|>"), 1)
    })
  )

  it.effect("of a long text differ by at most one token per cut", () =>
    Effect.gen(function* () {
      const { known } = yield* counting
      const text = prose.repeat(1000)
      const each = known(prose)
      assert.isAtLeast(known(text), 10 * 1000 - 1)
      assert.isAtMost(known(text), each * 1000 + Math.ceil(text.length / 2000))
    })
  )
})
