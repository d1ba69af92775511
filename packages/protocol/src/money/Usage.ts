/**
 * The tokens that a model call used.
 *
 * `Usage` is the internal shape: disjoint parts, so that cached tokens are never counted twice; a part that was not
 * reported is absent. `UsageTotals` is the shape in events: five counts, where `promptTokens` includes the cached
 * parts. Prices are in `Money` and `CostSummary`.
 */
import * as Schema from "effect/Schema"
import * as Count from "./Count.ts"

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
 * Tokens by disjoint part. An absent part is unknown, which is not 0: the provider did not report it.
 *
 * **Details**
 * - `inputUncached`: input at the full price, neither read from nor written to a cache.
 * - `inputCacheRead`: input served from a cache.
 * - `inputCacheWrite`, `inputCacheWriteLong`: input written to a cache, for five minutes and for one hour.
 * - `outputText`: all output but reasoning (text and tool calls); `outputReasoning`: hidden or shown reasoning.
 *
 * @since 0.1.0
 * @category schemas
 */
export interface Usage extends Schema.Schema.Type<typeof UsageStruct> {}
export const Usage: Schema.Codec<Usage> = UsageStruct

/**
 * The names of all parts.
 *
 * @since 0.2.0
 * @category constants
 */
export const parts: ReadonlyArray<string> = Object.keys(UsageStruct.fields)

const UsageTotalsStruct = Schema.Struct({
  promptTokens: Schema.Natural,
  completionTokens: Schema.Natural,
  cacheReadInputTokens: Schema.Natural,
  cacheCreationInputTokens: Schema.Natural,
  totalTokens: Schema.Natural
}).annotate({ identifier: "UsageTotals" })

/**
 * Usage as events carry it. `promptTokens` counts all input, the two cache counts are parts of it, and `totalTokens` is
 * `promptTokens + completionTokens`. Unknown parts count as 0 here; source 002 cannot express unknown.
 *
 * @since 0.1.0
 * @category schemas
 */
export interface UsageTotals extends Schema.Schema.Type<typeof UsageTotalsStruct> {}
export const UsageTotals: Schema.Codec<UsageTotals> = UsageTotalsStruct

/**
 * No part known.
 *
 * @since 0.1.0
 * @category constants
 */
export const empty: Usage = {}

/**
 * Adds two usages part by part. A part unknown on both sides stays unknown; a part known on one side is that side's
 * count. Sums saturate at 2⁵³ − 1, so the totals of a sum are the sum of the totals at any size.
 *
 * @since 0.1.0
 * @category operations
 */
export const add = (a: Usage, b: Usage): Usage => {
  if (isUnknown(a)) return b
  if (isUnknown(b)) return a
  // Named fields instead of a loop: keyed reads and writes of six names cost several times as much as the sums.
  const inputUncached = plus(a.inputUncached, b.inputUncached)
  const inputCacheRead = plus(a.inputCacheRead, b.inputCacheRead)
  const inputCacheWrite = plus(a.inputCacheWrite, b.inputCacheWrite)
  const inputCacheWriteLong = plus(a.inputCacheWriteLong, b.inputCacheWriteLong)
  const outputText = plus(a.outputText, b.outputText)
  const outputReasoning = plus(a.outputReasoning, b.outputReasoning)
  return make(inputUncached, inputCacheRead, inputCacheWrite, inputCacheWriteLong, outputText, outputReasoning)
}

const plus = (a: number | undefined, b: number | undefined): number | undefined =>
  a === undefined ? b : b === undefined ? a : Count.add(a, b)

/** The usage with these parts. Few hidden classes: a provider mostly reports the same parts. */
const make = (
  inputUncached: number | undefined,
  inputCacheRead: number | undefined,
  inputCacheWrite: number | undefined,
  inputCacheWriteLong: number | undefined,
  outputText: number | undefined,
  outputReasoning: number | undefined
): Usage => {
  if (
    inputUncached !== undefined &&
    outputText !== undefined &&
    inputCacheRead === undefined &&
    inputCacheWrite === undefined &&
    inputCacheWriteLong === undefined &&
    outputReasoning === undefined
  ) {
    return { inputUncached, outputText }
  }
  const usage: { -readonly [K in keyof Usage]: number } = {}
  if (inputUncached !== undefined) usage.inputUncached = inputUncached
  if (inputCacheRead !== undefined) usage.inputCacheRead = inputCacheRead
  if (inputCacheWrite !== undefined) usage.inputCacheWrite = inputCacheWrite
  if (inputCacheWriteLong !== undefined) usage.inputCacheWriteLong = inputCacheWriteLong
  if (outputText !== undefined) usage.outputText = outputText
  if (outputReasoning !== undefined) usage.outputReasoning = outputReasoning
  return usage
}

/**
 * `all` with `real` in place of its part `estimated`, part by part; what is absent counts as 0, and no part falls below
 * 0.
 *
 * @since 0.2.0
 * @category operations
 */
export const replaced = (all: Usage, estimated: Usage, real: Usage): Usage => {
  const left = (of: keyof Usage): number | undefined =>
    all[of] === undefined ? undefined : Math.max(0, all[of] - (estimated[of] ?? 0))
  return add(
    make(
      left("inputUncached"),
      left("inputCacheRead"),
      left("inputCacheWrite"),
      left("inputCacheWriteLong"),
      left("outputText"),
      left("outputReasoning")
    ),
    real
  )
}

/** All input of a usage, not bounded. */
const allInput = (usage: Usage): number =>
  // Sums of four counts that pass `Count.max` stay above it, however they are rounded.
  (usage.inputUncached ?? 0) +
  (usage.inputCacheRead ?? 0) +
  ((usage.inputCacheWrite ?? 0) + (usage.inputCacheWriteLong ?? 0))

/** All output of a usage, not bounded. */
const allOutput = (usage: Usage): number => (usage.outputText ?? 0) + (usage.outputReasoning ?? 0)

/**
 * All input tokens, cached parts included; unknown parts count as 0. At most 2⁵³ − 1.
 *
 * @since 0.1.0
 * @category operations
 */
export const inputTokens = (usage: Usage): number => Count.add(allInput(usage), 0)

/**
 * All output tokens, reasoning included; unknown parts count as 0. At most 2⁵³ − 1.
 *
 * @since 0.1.0
 * @category operations
 */
export const outputTokens = (usage: Usage): number => Count.add(allOutput(usage), 0)

/**
 * True when no part was reported at all.
 *
 * @since 0.1.0
 * @category guards
 */
export const isUnknown = (usage: Usage): boolean =>
  usage.inputUncached === undefined &&
  usage.outputText === undefined &&
  usage.inputCacheRead === undefined &&
  usage.outputReasoning === undefined &&
  usage.inputCacheWrite === undefined &&
  usage.inputCacheWriteLong === undefined

/**
 * The totals of many usages, added one by one: those of `add` over all of them. Mutable, since it is the running sum of a
 * fold over a whole ledger. A sum above 2⁵³ − 1 stays above it until `totals` bounds it.
 *
 * @since 0.2.0
 * @category models
 */
export class RunningTotals {
  private prompt = 0
  private completion = 0
  private read = 0
  private created = 0

  add(usage: Usage): void {
    this.prompt += allInput(usage)
    this.completion += allOutput(usage)
    this.read += usage.inputCacheRead ?? 0
    this.created += (usage.inputCacheWrite ?? 0) + (usage.inputCacheWriteLong ?? 0)
  }

  get totals(): UsageTotals {
    return {
      promptTokens: Count.add(this.prompt, 0),
      completionTokens: Count.add(this.completion, 0),
      cacheReadInputTokens: Count.add(this.read, 0),
      cacheCreationInputTokens: Count.add(this.created, 0),
      totalTokens: Count.add(this.prompt, this.completion)
    }
  }
}

/**
 * `usage` in the shape of events, for `finish` and `data-tool-agent`.
 *
 * @since 0.1.0
 * @category conversions
 */
export const toTotals = (usage: Usage): UsageTotals => {
  const sum = new RunningTotals()
  sum.add(usage)
  return sum.totals
}

/**
 * Adds two totals count by count; each sum stops at 2⁵³ − 1.
 *
 * @since 0.1.0
 * @category operations
 */
export const addTotals = (a: UsageTotals, b: UsageTotals): UsageTotals => ({
  promptTokens: Count.add(a.promptTokens, b.promptTokens),
  completionTokens: Count.add(a.completionTokens, b.completionTokens),
  cacheReadInputTokens: Count.add(a.cacheReadInputTokens, b.cacheReadInputTokens),
  cacheCreationInputTokens: Count.add(a.cacheCreationInputTokens, b.cacheCreationInputTokens),
  totalTokens: Count.add(a.totalTokens, b.totalTokens)
})
