/**
 * What a model call consumed, in tokens.
 *
 * `Usage` is the inside shape: disjoint parts, so that cached tokens are never counted twice, each part absent while
 * nobody reported it. `UsageTotals` is the outside shape of the events: five plain counts, where `promptTokens` includes
 * the cached parts. `Usage` knows nothing of prices; that is `Money` and `CostSummary`.
 */
import * as Schema from "effect/Schema"

const Part = Schema.optionalKey(Schema.Natural)

const UsageStruct = Schema.Struct({
  inputUncached: Part,
  inputCacheRead: Part,
  inputCacheWrite: Part,
  inputCacheWriteLong: Part,
  outputText: Part,
  outputReasoning: Part
}).annotate({ identifier: "Usage" })

/**
 * Tokens by disjoint part. An absent part is unknown, which is not 0: a provider that reports no cache figures leaves
 * them absent.
 *
 * **Details**
 * - `inputUncached`: input read at full price, neither from nor into a cache.
 * - `inputCacheRead`: input served from a cache.
 * - `inputCacheWrite`, `inputCacheWriteLong`: input written to a cache, for five minutes and for one hour.
 * - `outputText`: all output but reasoning (text and tool calls); `outputReasoning`: hidden or shown reasoning.
 */
export interface Usage extends Schema.Schema.Type<typeof UsageStruct> {}
export const Usage: Schema.Codec<Usage> = UsageStruct

const UsageTotalsStruct = Schema.Struct({
  promptTokens: Schema.Natural,
  completionTokens: Schema.Natural,
  cacheReadInputTokens: Schema.Natural,
  cacheCreationInputTokens: Schema.Natural,
  totalTokens: Schema.Natural
}).annotate({ identifier: "UsageTotals" })

/**
 * Usage as events carry it. `promptTokens` counts all input, the two cache counts are parts of it, and `totalTokens` is
 * `promptTokens + completionTokens`. Unknown parts count as 0 here; source 002 has no way to say unknown.
 */
export interface UsageTotals extends Schema.Schema.Type<typeof UsageTotalsStruct> {}
export const UsageTotals: Schema.Codec<UsageTotals> = UsageTotalsStruct

/** Nothing known. */
export const empty: Usage = {}

const plus = (a: number | undefined, b: number | undefined): number | undefined =>
  a === undefined ? b : b === undefined ? a : a + b

const parts = [
  "inputUncached",
  "inputCacheRead",
  "inputCacheWrite",
  "inputCacheWriteLong",
  "outputText",
  "outputReasoning"
] as const satisfies ReadonlyArray<keyof Usage>

/** Adds two usages part by part. A part unknown on both sides stays unknown; known on one side, it is that side's count. */
export const add = (a: Usage, b: Usage): Usage => {
  const out: { -readonly [K in keyof Usage]: number } = {}
  for (const part of parts) {
    const sum = plus(a[part], b[part])
    if (sum !== undefined) out[part] = sum
  }
  return out
}

/** All input tokens, cached parts included; unknown parts count as 0. */
export const inputTokens = (usage: Usage): number =>
  (usage.inputUncached ?? 0) +
  (usage.inputCacheRead ?? 0) +
  (usage.inputCacheWrite ?? 0) +
  (usage.inputCacheWriteLong ?? 0)

/** All output tokens, reasoning included; unknown parts count as 0. */
export const outputTokens = (usage: Usage): number => (usage.outputText ?? 0) + (usage.outputReasoning ?? 0)

/** True when no part was reported at all. */
export const isUnknown = (usage: Usage): boolean => parts.every((part) => usage[part] === undefined)

/** The outside shape of `usage`, for `finish` and `data-tool-agent`. */
export const toTotals = (usage: Usage): UsageTotals => {
  const promptTokens = inputTokens(usage)
  const completionTokens = outputTokens(usage)
  return {
    promptTokens,
    completionTokens,
    cacheReadInputTokens: usage.inputCacheRead ?? 0,
    cacheCreationInputTokens: (usage.inputCacheWrite ?? 0) + (usage.inputCacheWriteLong ?? 0),
    totalTokens: promptTokens + completionTokens
  }
}
