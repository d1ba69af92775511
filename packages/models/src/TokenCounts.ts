/**
 * Counts tokens with a real tokenizer, before or without the provider's report: exactly for OpenAI's models, and an
 * upper estimate for all others, whose tokenizers are not public.
 *
 * Building its layer costs about 100 ms and 30 MB once; without it the runtime's own estimator goes by text length.
 */
import { TokenEstimator } from "@reins/runtime"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"

/**
 * Counts the tokens of a text.
 *
 * @since 0.1.0
 * @category models
 */
export type Count = (text: string) => number

/**
 * The runtime's estimator, with a tokenizer.
 *
 * @since 0.1.0
 * @category layers
 */
export const layer: Layer.Layer<never> = Layer.effect(
  TokenEstimator.TokenEstimator,
  Effect.map(
    Effect.promise(() => import("gpt-tokenizer/encoding/o200k_base")),
    ({ countTokens }) => make((text) => countTokens(text, plain))
  )
)

/** Special tokens in a text are counted as ordinary text. */
const plain = { allowedSpecial: new Set<string>(), disallowedSpecial: new Set<string>() }

/**
 * An estimator over an OpenAI tokenizer.
 *
 * @since 0.1.0
 * @category constructors
 */
export const make = (count: Count): TokenEstimator.Estimator => {
  const exact = { text: (text: string) => inPieces(count, text) }
  const above = {
    text: (text: string) => Math.min(bytesOf(text), Math.ceil(exact.text(text) * margin))
  }
  return { ...above, of: (provider, model) => (isKnown(provider, model) ? exact : above) }
}

/** Other tokenizers have needed up to 1.4 times as many tokens for prose and code. */
const margin = 1.5

/** For some texts a tokenizer takes quadratic time; pieces avoid that. A cut adds at most one token. */
const piece = 2000

const inPieces = (count: Count, text: string): number => {
  let total = 0
  for (let from = 0; from < text.length; from += piece) total += count(text.slice(from, from + piece))
  return total
}

const encoder = new TextEncoder()

/** No current tokenizer needs more than one token per byte. */
const bytesOf = (text: string): number => encoder.encode(text).length

/** The models that use this tokenizer. */
const isKnown = (provider: string, model: string): boolean =>
  (provider === "openai" || provider === "azure") && /^(gpt-(4o|4\.1|4\.5|[5-9])|o[1-9]|chatgpt|codex)/.test(model)
