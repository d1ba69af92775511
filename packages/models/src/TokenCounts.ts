/**
 * Counts tokens with a real tokenizer, before or without the provider's word: exactly for OpenAI's models, and from above for
 * all others, whose tokenizers are not public.
 *
 * It costs about 100 ms and 30 MB once, when its layer is built; without it the runtime's own estimator goes by length.
 */
import { TokenEstimator } from "@reins/runtime"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"

/** What a tokenizer does. */
export type Count = (text: string) => number

/** The estimator of a runtime, by a tokenizer. */
export const layer: Layer.Layer<never> = Layer.effect(
  TokenEstimator.TokenEstimator,
  Effect.map(
    Effect.promise(() => import("gpt-tokenizer/encoding/o200k_base")),
    ({ countTokens }) => make((text) => countTokens(text, plain))
  )
)

/** What looks like a mark of the tokenizer's own is text like any other here. */
const plain = { allowedSpecial: new Set<string>(), disallowedSpecial: new Set<string>() }

/** An estimator over a tokenizer of OpenAI's. */
export const make = (count: Count): TokenEstimator.Estimator => {
  const exact = { text: (text: string) => inPieces(count, text) }
  const above = {
    text: (text: string) => Math.min(bytesOf(text), Math.ceil(exact.text(text) * margin))
  }
  return { ...above, of: (provider, model) => (isKnown(provider, model) ? exact : above) }
}

/** Other tokenizers have needed up to 1.4 times as many tokens for prose and code. */
const margin = 1.5

/** Some texts take a tokenizer time by the square of their length; in pieces they do not. A cut costs a token at most. */
const piece = 2000

const inPieces = (count: Count, text: string): number => {
  let total = 0
  for (let from = 0; from < text.length; from += piece) total += count(text.slice(from, from + piece))
  return total
}

const encoder = new TextEncoder()

/** No tokenizer of today needs more than a token a byte. */
const bytesOf = (text: string): number => encoder.encode(text).length

/** The models that this tokenizer is of. */
const isKnown = (provider: string, model: string): boolean =>
  (provider === "openai" || provider === "azure") && /^(gpt-(4o|4\.1|4\.5|[5-9])|o[1-9]|chatgpt|codex)/.test(model)
