/**
 * Token counts as AI SDK providers report them, in our disjoint parts. What is not reported, or is no count, stays unknown;
 * a total is only used to find a part that is missing beside it.
 */
import type { LanguageModelV4Usage } from "@ai-sdk/provider"
import type { Usage } from "@reins/protocol"
import * as Predicate from "effect/Predicate"
import * as Record from "effect/Record"

/** A count, or `undefined` for what is none. */
const count = (value: unknown): number | undefined =>
  Predicate.isNumber(value) && Number.isSafeInteger(value) && value >= 0 ? value : undefined

/** A count; 0 is none beside a total that is no count. */
const filled = (value: unknown, total: unknown): number | undefined =>
  value === 0 && total !== undefined && count(total) === undefined ? undefined : count(value)

/** What of `total` is left when the other parts are taken out; never below 0, since some providers count badly. */
const rest = (total: number | undefined, ...parts: ReadonlyArray<number | undefined>): number | undefined =>
  total === undefined
    ? undefined
    : Math.max(
        0,
        parts.reduce<number>((left, part) => left - (part ?? 0), total)
      )

/** Input that is kept for an hour: only Anthropic tells, in its own words. */
const longWrite = (raw: LanguageModelV4Usage["raw"]): number | undefined => {
  const creation = raw?.["cache_creation"]
  return Predicate.isObject(creation) && "ephemeral_1h_input_tokens" in creation
    ? count(creation["ephemeral_1h_input_tokens"])
    : undefined
}

/**
 * Whether a provider leaves reasoning out of its output: it says more reasoning than output, or its own total of everything
 * adds up only with both.
 */
const isApart = (
  reasoning: number | undefined,
  output: number | undefined,
  input: number | undefined,
  raw: LanguageModelV4Usage["raw"]
): boolean =>
  reasoning !== undefined &&
  reasoning > 0 &&
  output !== undefined &&
  (reasoning > output || (input !== undefined && raw?.["total_tokens"] === input + output + reasoning))

/** Our usage; `undefined` when nothing at all was reported. */
export const fromAiSdk = (usage: LanguageModelV4Usage | undefined): Usage.Usage | undefined => {
  // Providers are foreign code: what their types promise may be missing.
  const { inputTokens, outputTokens, raw }: Partial<LanguageModelV4Usage> = usage ?? {}
  const inputCacheRead = count(inputTokens?.cacheRead)
  const written = count(inputTokens?.cacheWrite)
  const long = longWrite(raw)
  const inputCacheWriteLong = long === undefined || long === 0 ? undefined : Math.min(long, written ?? long)
  const inputCacheWrite = rest(written, inputCacheWriteLong)
  const inputUncached =
    filled(inputTokens?.noCache, inputTokens?.total) ?? rest(count(inputTokens?.total), inputCacheRead, written)
  const outputReasoning = count(outputTokens?.reasoning)
  const outputTotal = count(outputTokens?.total)
  const outputText = isApart(outputReasoning, outputTotal, count(inputTokens?.total), raw)
    ? outputTotal
    : (filled(outputTokens?.text, outputTokens?.total) ?? rest(outputTotal, outputReasoning))
  // Beside an unknown rest or a total that is none, a count of 0 is a package's filling and says nothing.
  const told = (part: number | undefined, beside: number | undefined) =>
    part === 0 && beside === undefined ? undefined : part
  const parts = {
    inputUncached,
    inputCacheRead: told(inputCacheRead, inputUncached),
    inputCacheWrite: told(inputCacheWrite, inputUncached),
    inputCacheWriteLong,
    outputText,
    outputReasoning: told(outputReasoning, outputText)
  }
  const out: Usage.Usage = Record.filter(parts, Predicate.isNotUndefined)
  return Object.keys(out).length === 0 ? undefined : out
}
