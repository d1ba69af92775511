/**
 * The correction of an estimated row of the ledger, once its real usage is known. Pure. The row itself is unchanged;
 * the difference is a line of its own, so that sums are exact and every part of them can be traced.
 */
import * as Money from "./Money.ts"
import type { ModelEntry } from "./Entry.ts"
import * as Usage from "./Usage.ts"

/**
 * By how much sums change; an amount is below 0 where the estimate was too high.
 *
 * @since 0.1.0
 * @category models
 */
export interface Change {
  readonly costNanoUsd: number
  /** -1 where the row had no price, and its cost is known now. */
  readonly unpriced: number
  readonly promptTokens: number
  readonly completionTokens: number
}

/**
 * The difference between `entry` and what was really used. `costNanoUsd`: what the provider charged, fees not
 * included; absent: `usage` at the row's price.
 *
 * @since 0.1.0
 * @category operations
 */
export const of = (
  entry: Pick<ModelEntry, "costNanoUsd" | "price" | "usage">,
  usage: Usage.Usage,
  costNanoUsd?: number | undefined
): Change => {
  const before = Usage.toTotals(entry.usage)
  const after = Usage.toTotals(usage)
  const priced = entry.price === undefined ? undefined : Money.costOf(usage, entry.price).nanoUsd
  const cost = costNanoUsd ?? priced
  return {
    costNanoUsd: cost === undefined ? 0 : cost - (entry.costNanoUsd ?? 0),
    unpriced: cost !== undefined && entry.costNanoUsd === undefined ? -1 : 0,
    promptTokens: after.promptTokens - before.promptTokens,
    completionTokens: after.completionTokens - before.completionTokens
  }
}
