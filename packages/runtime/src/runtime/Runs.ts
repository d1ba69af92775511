/** Lists of runs and sums of costs as callers ask for them, and one run with its summaries. */
import { type CostReport, type CostSummary, type LatencySummary, type ListedRun, Money } from "@reins/protocol"
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import type { CostQuery } from "../budget/CostStore.ts"
import type { RunHost } from "../engine/RunHost.ts"
import type { RunQuery } from "../engine/RunList.ts"
import * as Rule from "../kernel/OptionRule.ts"
import * as PlainDate from "../kernel/PlainDate.ts"

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

/**
 * Selects costs of the ledger that match all given fields, and says how they are summed.
 *
 * @since 0.1.0
 * @category models
 */
export interface CostOptions extends Omit<CostQuery, "dimensions" | "since" | "until" | "limit"> {
  /** What sums are grouped by. Absent: only the sum of all. */
  readonly dimensions?: ReadonlyArray<CostReport.Dimension> | undefined
  /** Of runs that ended at this time or later; a number is in epoch milliseconds. */
  readonly since?: number | Date | undefined
  /** Of runs that ended before this time. */
  readonly until?: number | Date | undefined
  /** The maximum number of groups, from 1 to 100,000. Default 10,000. */
  readonly limit?: number | undefined
}

/** A moment, as filters take it. */
export const moment: Rule.Rule = Rule.optional(
  Rule.must("Give a valid Date, or epoch milliseconds", (value) => {
    const time = PlainDate.is(value) ? value.getTime() : value
    return typeof time === "number" && !Number.isNaN(time)
  })
)

/**
 * Does the work unless a time is invalid, such as `new Date("yesterday")`, which nothing is before or after: a report of it
 * would be empty.
 */
export const within = <A>(
  of: string,
  { since, until }: { readonly since?: unknown; readonly until?: unknown } = {},
  work: () => Effect.Effect<A>
): Effect.Effect<A> => {
  const issue = Rule.issueOf(`${of}().since`, since, moment) ?? Rule.issueOf(`${of}().until`, until, moment)
  return issue === undefined ? work() : Effect.die(new Error(issue))
}

/** A moment in epoch milliseconds. */
export const millisOf = (time: number | Date | undefined): number | undefined =>
  time === undefined ? undefined : typeof time === "number" ? time : time.getTime()

/** A number of rows, within its bounds. */
export const limitOf = (limit: number, most: number): number => Math.max(1, Math.min(most, Math.floor(limit) || 1))

/** An amount above every sum matches nothing, one below 0 is 0. */
const nanoUsdOf = (usd: number | undefined): number | undefined =>
  usd === undefined ? undefined : (Money.fromUsd(usd) ?? (usd > 0 ? Number.POSITIVE_INFINITY : 0))

/** The query of these options. */
export const costsOf = ({ dimensions = [], limit = 10_000, since, until, ...rest }: CostOptions = {}): CostQuery => ({
  ...rest,
  dimensions: [...new Set(dimensions)],
  since: millisOf(since),
  until: millisOf(until),
  limit: limitOf(limit, 100_000)
})

/** The query of a filter. */
export const queryOf = ({ limit = 100, maxCostUsd, minCostUsd, since, until, ...rest }: RunFilter = {}): RunQuery => ({
  ...rest,
  since: millisOf(since),
  until: millisOf(until),
  minNanoUsd: nanoUsdOf(minCostUsd),
  maxNanoUsd: nanoUsdOf(maxCostUsd),
  limit: limitOf(limit, 1000)
})

/**
 * A run with its summaries; they are absent while it has not ended, and if its events were deleted.
 *
 * @since 0.1.0
 * @category models
 */
export interface RunDetail extends ListedRun.ListedRun {
  readonly cost?: CostSummary.CostSummary
  readonly latency?: LatencySummary.LatencySummary
}

/** See `RuntimeShape.runs.get`. */
export const get = (
  host: RunHost,
  runId: string,
  resourceId: string | undefined
): Effect.Effect<RunDetail | undefined> =>
  Effect.flatMap(host.list({ runId, resourceId, limit: 1 }), ({ runs: [run] }) => {
    if (run === undefined || run.state !== "ended" || run.lastSeq === 0)
      return Effect.succeed<RunDetail | undefined>(run)
    // The summaries are among its last three events.
    const last = Stream.take(host.watch(runId, { after: run.lastSeq - 3, bounded: false }), 3)
    return Effect.map(Stream.runCollect(last), (envelopes): RunDetail => {
      const cost = envelopes.flatMap(({ event }) => (event.type === "data-cost-summary" ? [event.data] : []))[0]
      const latency = envelopes.flatMap(({ event }) => (event.type === "data-latency-summary" ? [event.data] : []))[0]
      return {
        ...run,
        ...(cost === undefined ? {} : { cost }),
        ...(latency === undefined ? {} : { latency })
      }
    })
  })

/** See `RuntimeShape.runs.export`. */
export const exported = (
  host: RunHost,
  runId: string,
  resourceId: string | undefined
): Effect.Effect<ReadonlyArray<string> | undefined> => {
  const { exported } = host
  if (exported === undefined) return Effect.undefined
  return Effect.flatMap(host.status(runId), (status) =>
    status === undefined || (resourceId !== undefined && status.resourceId !== resourceId)
      ? Effect.undefined
      : Effect.map(exported(runId), (lines) => (lines.length === 0 ? undefined : lines))
  )
}
