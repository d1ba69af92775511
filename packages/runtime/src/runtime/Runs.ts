/** What of a list of runs a caller asks for, as the host's query. Pure. */
import { Money } from "@reins/protocol"
import type { RunQuery } from "../engine/RunList.ts"

/**
 * Selects the runs that match all given fields.
 *
 * @since 0.1.0
 * @category models
 */
export interface RunFilter extends Omit<RunQuery, "since" | "until" | "minNanoUsd" | "maxNanoUsd" | "limit"> {
  /** Started at this time or later; a number is in epoch milliseconds. */
  readonly since?: number | Date | undefined
  /** Started before this time. */
  readonly until?: number | Date | undefined
  /** Cost at least this much, in US dollars; runs without a known cost do not match. */
  readonly minCostUsd?: number | undefined
  /** Cost at most this much, in US dollars; runs without a known cost do not match. */
  readonly maxCostUsd?: number | undefined
  /** The maximum number of runs in the page, from 1 to 1,000. Default 100. */
  readonly limit?: number | undefined
}

/** A moment in epoch milliseconds. */
export const millisOf = (time: number | Date | undefined): number | undefined =>
  time === undefined ? undefined : typeof time === "number" ? time : time.getTime()

/** A number of rows, within its bounds. */
export const limitOf = (limit: number, most: number): number => Math.max(1, Math.min(most, Math.floor(limit) || 1))

/** An amount above every sum matches nothing, one below 0 is 0. */
const nanoUsdOf = (usd: number | undefined): number | undefined =>
  usd === undefined ? undefined : (Money.fromUsd(usd) ?? (usd > 0 ? Number.POSITIVE_INFINITY : 0))

/** The query of a filter. */
export const queryOf = ({ limit = 100, maxCostUsd, minCostUsd, since, until, ...rest }: RunFilter = {}): RunQuery => ({
  ...rest,
  since: millisOf(since),
  until: millisOf(until),
  minNanoUsd: nanoUsdOf(minCostUsd),
  maxNanoUsd: nanoUsdOf(maxCostUsd),
  limit: limitOf(limit, 1000)
})
