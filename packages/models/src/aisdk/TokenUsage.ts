/**
 * Converts token counts of AI SDK providers to our disjoint parts. A missing or invalid count stays unknown; a total is
 * only used to compute a missing part.
 */
import type { LanguageModelV4Usage } from "@ai-sdk/provider"
import type { Usage } from "@reins/protocol"
import * as Predicate from "effect/Predicate"
import * as Record from "effect/Record"

/** A valid count, or `undefined`. */
const count = (value: unknown): number | undefined =>
  Predicate.isNumber(value) && Number.isSafeInteger(value) && value >= 0 ? value : undefined

/** A count; 0 counts as unknown when the total is invalid. */
const filled = (value: unknown, total: unknown): number | undefined =>
  value === 0 && total !== undefined && count(total) === undefined ? undefined : count(value)

/** The remainder of `total` after the other parts; never below 0, since some providers count inconsistently. */
const rest = (total: number | undefined, ...parts: ReadonlyArray<number | undefined>): number | undefined =>
  total === undefined
    ? undefined
    : Math.max(
        0,
        parts.reduce<number>((left, part) => left - (part ?? 0), total)
      )

/** Input cached for an hour: only Anthropic reports it, in its own field. */
const longWrite = (raw: LanguageModelV4Usage["raw"]): number | undefined => {
  const creation = raw?.["cache_creation"]
  return Predicate.isObject(creation) && "ephemeral_1h_input_tokens" in creation
    ? count(creation["ephemeral_1h_input_tokens"])
    : undefined
}

/**
 * Whether a provider excludes reasoning from its output count: it reports more reasoning than output, or its overall
 * total only adds up with both.
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
  // Provider packages are foreign code: fields that their types promise may be missing.
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
  // Next to an unknown rest or an invalid total, a count of 0 is a package's default and means unknown.
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
