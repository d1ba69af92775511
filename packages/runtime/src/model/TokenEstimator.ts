/**
 * Estimates how many tokens a text has, for budget reservations and for the usage of a stream that was cut. Estimates
 * are always marked as such, and replaced by what a provider reports.
 */
import type { Message } from "@reins/protocol"
import * as Context from "effect/Context"
import * as FileTokens from "./FileTokens.ts"

/**
 * Estimates tokens; never fails.
 *
 * @since 0.1.0
 * @category models
 */
export interface Estimator {
  /** Tokens of a text for an unknown model; should rather be too high than too low. */
  readonly text: (text: string) => number
  /** The estimator for one model, where it knows better; absent: `text` serves for all. */
  readonly of?: ((provider: string, model: string) => Estimator) | undefined
}

/**
 * The estimator for a model.
 *
 * @since 0.1.0
 * @category operations
 */
export const forModel = (
  estimator: Estimator,
  model: { readonly provider: string; readonly model: string }
): Estimator => estimator.of?.(model.provider, model.model) ?? estimator

/**
 * About three characters per token: above what common tokenizers need for prose and code.
 *
 * @since 0.1.0
 * @category constants
 */
export const byLength: Estimator = { text: (text) => Math.ceil(text.length / 3) }

/**
 * The estimator of a runtime.
 *
 * @since 0.1.0
 * @category services
 */
export const TokenEstimator: Context.Reference<Estimator> = Context.Reference<Estimator>(
  "@reins/runtime/TokenEstimator",
  { defaultValue: () => byLength }
)

/** Tokens that a message's frame adds: role, separators, call structure. */
const frameTokens = 8

/**
 * Tokens of one message.
 *
 * @since 0.1.0
 * @category operations
 */
export const message = (estimator: Estimator, one: Message.Message): number => {
  let total = frameTokens
  for (const part of one.content) {
    switch (part.type) {
      case "text":
      case "reasoning":
        total += estimator.text(part.text)
        break
      case "file":
        total += FileTokens.of(part)
        break
      case "tool-call":
        total += frameTokens + estimator.text(part.name) + estimator.text(JSON.stringify(part.args))
        break
      case "tool-result":
        total += frameTokens + resultTokens(estimator, part)
        break
    }
  }
  return total
}

/** The tokens of what the model is sent of a result: its texts and files. */
const resultTokens = (estimator: Estimator, { content, result }: Message.ResultPart): number =>
  content === undefined
    ? estimator.text(JSON.stringify(result))
    : content.reduce((sum, part) => sum + (part.type === "text" ? estimator.text(part.text) : FileTokens.of(part)), 0)
