/**
 * Lists of runs: what selects them, and their cursors. Runs are ordered by their start, the latest first, and by id in
 * one millisecond; a cursor is the place of a run, so that runs that start or end meanwhile move no page. Pure; the
 * stores have the same rules as statements.
 */
import type { ListedRun } from "@reins/protocol"

/**
 * Selects the runs that match all given fields.
 *
 * @since 0.1.0
 * @category models
 */
export interface RunQuery {
  /** Absent: of every tenant. */
  readonly resourceId?: string | undefined
  readonly runId?: string | undefined
  readonly threadId?: string | undefined
  /** The name of the agent that was started. */
  readonly agent?: string | undefined
  /** The id of who started them. */
  readonly principal?: string | undefined
  /** `open`: `running` or `waiting`. */
  readonly state?: ListedRun.State | "open" | undefined
  readonly endReason?: ListedRun.EndReason | undefined
  /** Started at this time or later, in epoch milliseconds. */
  readonly since?: number | undefined
  /** Started before this time, in epoch milliseconds. */
  readonly until?: number | undefined
  /** Cost at least this much; runs without a known cost do not match. */
  readonly minNanoUsd?: number | undefined
  /** Cost at most this much; runs without a known cost do not match. */
  readonly maxNanoUsd?: number | undefined
  /** After this cursor, the `next` of the previous page. An invalid one reads from the beginning. */
  readonly after?: string | undefined
  /** The maximum number of runs in the page. */
  readonly limit: number
}

/**
 * The place of a run in the order of lists.
 *
 * @since 0.1.0
 * @category models
 */
export interface Place {
  readonly startedAt: number
  readonly runId: string
}

/**
 * A place as a cursor.
 *
 * @since 0.1.0
 * @category conversions
 */
export const toCursor = ({ runId, startedAt }: Place): string => `${startedAt}.${runId}`

/**
 * The place of a cursor; `undefined` if it is invalid.
 *
 * @since 0.1.0
 * @category constructors
 */
export const fromCursor = (text: string): Place | undefined => {
  const [, startedAt, runId] = /^(\d{1,16})\.(.+)$/s.exec(text) ?? []
  return runId === undefined ? undefined : { startedAt: Number(startedAt), runId }
}

/**
 * A page of at most `limit` runs from `found`, which is in order and has at most one more.
 *
 * @since 0.1.0
 * @category operations
 */
export const pageOf = (found: ReadonlyArray<ListedRun.ListedRun>, limit: number): ListedRun.Page => {
  const runs = found.slice(0, limit)
  const last = runs.at(-1)
  return found.length <= limit || last === undefined ? { runs } : { runs, next: toCursor(last) }
}

const isBehind = (a: Place, b: Place): boolean =>
  a.startedAt === b.startedAt ? a.runId < b.runId : a.startedAt < b.startedAt

const fits = (run: ListedRun.ListedRun, query: RunQuery): boolean => {
  const { agent, endReason, maxNanoUsd, minNanoUsd, principal, resourceId, runId, since, state, threadId, until } =
    query
  const { costNanoUsd = Number.NaN } = run
  return (
    (resourceId === undefined || run.resourceId === resourceId) &&
    (runId === undefined || run.runId === runId) &&
    (threadId === undefined || run.threadId === threadId) &&
    (agent === undefined || run.agent === agent) &&
    (principal === undefined || run.principal === principal) &&
    (state === undefined || (state === "open" ? run.state !== "ended" : run.state === state)) &&
    (endReason === undefined || run.endReason === endReason) &&
    (since === undefined || run.startedAt >= since) &&
    (until === undefined || run.startedAt < until) &&
    (minNanoUsd === undefined || costNanoUsd >= minNanoUsd) &&
    (maxNanoUsd === undefined || costNanoUsd <= maxNanoUsd)
  )
}

/**
 * The page of `runs`, in any order, that a query selects.
 *
 * @since 0.1.0
 * @category operations
 */
export const select = (runs: Iterable<ListedRun.ListedRun>, query: RunQuery): ListedRun.Page => {
  const after = query.after === undefined ? undefined : fromCursor(query.after)
  const found = Array.from(runs).filter((run) => fits(run, query) && (after === undefined || isBehind(run, after)))
  return pageOf(
    found.toSorted((a, b) => (isBehind(a, b) ? 1 : -1)),
    query.limit
  )
}

/**
 * How many runs of all tenants wait for somebody outside: a person, a client or late results, and not only for a time.
 * `oldestAt`: the last event of the one that has waited longest, in epoch milliseconds; absent: none waits.
 *
 * @since 0.2.0
 * @category models
 */
export interface WaitingRuns {
  readonly count: number
  readonly oldestAt?: number | undefined
}

/**
 * Those that wait among runs.
 *
 * @since 0.2.0
 * @category operations
 */
export const waitingAmong = (runs: Iterable<ListedRun.ListedRun>): WaitingRuns => {
  let [count, oldestAt] = [0, Infinity]
  for (const { lastAt, waitsFor = [] } of runs) {
    if (!waitsFor.some((one) => one !== "timer")) continue
    count++
    oldestAt = Math.min(oldestAt, lastAt)
  }
  return count === 0 ? { count } : { count, oldestAt }
}
