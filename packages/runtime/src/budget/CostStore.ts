/**
 * Stores the cost ledger: what runs cost, per agent, model and tool. A store adds a run's lines in the commit of its
 * last events; deleting the run's events or its thread does not delete them. `MemoryCosts` keeps them in memory.
 *
 * Beside the ledger stands which ended runs have estimated rows that a provider may still be asked about: when each is
 * asked about again, and which process asks, so that several share the work. That a row is corrected once is the
 * ledger's own rule, and does not depend on a lease.
 */
import {
  type Correction as Change,
  CostLine,
  CostReport,
  type CostSummary,
  type Envelope,
  ListedRun,
  type Quota
} from "@reins/protocol"
import * as Effect from "effect/Effect"
import type { Kept } from "../thread/ThreadStore.ts"
import type { MemoryThreads } from "../thread/MemoryThreads.ts"
import type { MemoryQuotas } from "./QuotaStore.ts"

/**
 * Selects the lines that match all given fields, and says how they are summed.
 *
 * @since 0.1.0
 * @category models
 */
export interface CostQuery {
  /** What sums are grouped by. Empty: only the sum of all. */
  readonly dimensions: ReadonlyArray<CostReport.Dimension>
  /** Absent: of every tenant. */
  readonly resourceId?: string | undefined
  /** Of runs that this principal started, by id. */
  readonly principal?: string | undefined
  /** What this agent spent. */
  readonly agent?: string | undefined
  /** Of runs of this agent, with its specialists. */
  readonly root?: string | undefined
  readonly runId?: string | undefined
  /** What this model cost, without tools. */
  readonly model?: string | undefined
  /** What this tool cost, without models. */
  readonly tool?: string | undefined
  /** Of runs that ended at this time or later, in epoch milliseconds. */
  readonly since?: number | undefined
  /** Of runs that ended before this time, in epoch milliseconds. */
  readonly until?: number | undefined
  /** The maximum number of groups. */
  readonly limit: number
}

/**
 * A change of the books: what one row of an ended run's ledger was estimated as, and has turned out to be. `place`: of
 * the row among those of its run, from `firstCorrection` on, so that it is corrected once. `threadId`: of the run's
 * thread, whose totals change, too; absent: it has none. `charges`: the run's quotas, which change in the window of
 * `usedAt`, the end of the corrected request, where they still keep that time. `now`: the time of the correction. Both are
 * epoch milliseconds.
 *
 * @since 0.1.0
 * @category models
 */
export interface Correction {
  readonly runId: string
  readonly place: number
  readonly agent: string
  readonly provider: string
  readonly model: string
  readonly change: Change.Change
  readonly threadId: string | undefined
  /** The tenant of the run: a thread of that name that another tenant has made since is not its. */
  readonly resourceId: string
  readonly charges: ReadonlyArray<Quota.Charge>
  readonly usedAt: number
  readonly now: number
}

/**
 * The lowest place of a line that corrects another; those of a run's summary have lower ones.
 *
 * @since 0.1.0
 * @category constants
 */
export const firstCorrection = 1_000_000

/**
 * The result of a correction: the row was already corrected (`known`), and nothing changed; the thread is `busy` with a
 * run that would overwrite its totals; the ledger has no line of the run any more (`unbooked`).
 *
 * @since 0.1.0
 * @category models
 */
export type Corrected = "corrected" | "known" | "busy" | "unbooked"

/**
 * The ledger; see the header of this file. A failure of the store is a defect.
 *
 * @since 0.1.0
 * @category models
 */
export interface CostStore {
  readonly report: (query: CostQuery) => Effect.Effect<CostReport.CostReport>
}

const fits = (line: CostLine.CostLine, query: CostQuery): boolean => {
  const { agent, model, principal, resourceId, root, runId, since, tool, until } = query
  const isOf = (kind: CostLine.CostLine["kind"], name: string | undefined) =>
    name === undefined || (line.kind === kind && line.name === name)
  return (
    (resourceId === undefined || line.resourceId === resourceId) &&
    (principal === undefined || line.principal === principal) &&
    (agent === undefined || line.agent === agent) &&
    (root === undefined || line.root === root) &&
    (runId === undefined || line.runId === runId) &&
    isOf("model", model) &&
    isOf("tool", tool) &&
    (since === undefined || line.at >= since) &&
    (until === undefined || line.at < until)
  )
}

/**
 * The ledger in memory: lost with the process; at least those of the last `kept` runs are there.
 *
 * @since 0.1.0
 * @category models
 */
export class MemoryCosts implements CostStore {
  private readonly runs = new Map<string, ReadonlyArray<CostLine.CostLine>>()
  /** The rows that were corrected, by run. */
  private readonly corrected = new Map<string, Map<number, Correction>>()
  private readonly kept: number

  constructor(kept: number) {
    this.kept = kept
  }

  /** Adds what a run cost that has ended at `at`. Call it once for each. */
  add(summary: CostSummary.CostSummary, run: Parameters<typeof CostLine.linesOf>[1], at: number): void {
    const lines = CostLine.linesOf(summary, run, at)
    if (lines.length === 0) return
    // An id may be used again when its run is forgotten.
    this.runs.set(run.runId, [...(this.runs.get(run.runId) ?? []), ...lines])
    // Deleted in batches, because deleting the first entry of a map repeatedly is slow.
    if (this.runs.size <= this.kept + Math.min(1000, this.kept)) return
    for (const runId of this.runs.keys()) {
      this.runs.delete(runId)
      this.corrected.delete(runId)
      if (this.runs.size <= this.kept) return
    }
  }

  /** Adds what a run cost, by its last events; nothing if they do not say. */
  addLast(last: ReadonlyArray<Envelope.Envelope>, run?: Parameters<typeof CostLine.linesOf>[1]): void {
    const found = ListedRun.summaryIn(last)
    if (found !== undefined && run !== undefined) this.add(found.summary, run, found.at)
  }

  /** The line that a correction is about; `undefined`: it is not there any more. */
  lineOf({ agent, model, provider, runId }: Correction): CostLine.CostLine | undefined {
    return this.runs
      .get(runId)
      ?.find(
        (line) => line.kind === "model" && line.agent === agent && line.name === model && line.provider === provider
      )
  }

  /** The corrections of a run. */
  corrections(runId: string): ReadonlyArray<Correction> {
    return [...(this.corrected.get(runId)?.values() ?? [])]
  }

  /** The runs that ended at `since` or later and have estimated lines of models. */
  estimated(since: number): ReadonlySet<string> {
    const found = new Set<string>()
    for (const [runId, lines] of this.runs) {
      if (lines.some(({ at, estimated, kind }) => estimated && kind === "model" && at >= since)) found.add(runId)
    }
    return found
  }

  /** Adds the line of a correction beside `line`, once; returns whether it did. */
  correct(given: Correction, line: CostLine.CostLine): boolean {
    const { change, place, runId } = given
    const known = this.corrected.get(runId) ?? new Map<number, Correction>()
    if (known.has(place)) return false
    this.corrected.set(runId, known.set(place, given))
    const correction = { ...line, ...change, calls: 0, estimated: false, isCorrection: true }
    this.runs.set(runId, [...(this.runs.get(runId) ?? []), correction])
    return true
  }

  /** Replaces the principal of a tenant's lines; returns how many there were. */
  rename({ principal, pseudonym, resourceId }: Record<"principal" | "pseudonym" | "resourceId", string>): number {
    let count = 0
    for (const [runId, lines] of this.runs) {
      const own = lines.filter((line) => line.resourceId === resourceId && line.principal === principal)
      if (own.length === 0) continue
      count += own.length
      this.runs.set(
        runId,
        lines.map((line) => (own.includes(line) ? { ...line, principal: pseudonym } : line))
      )
    }
    return count
  }

  readonly report = (query: CostQuery): Effect.Effect<CostReport.CostReport> =>
    Effect.sync(() =>
      CostReport.fold(
        Array.from(this.runs.values())
          .flat()
          .filter((line) => fits(line, query)),
        query.dimensions,
        query.limit
      )
    )
}

/** The books of one process, which a correction changes together. */
export interface Books {
  readonly costs: MemoryCosts
  readonly quotas: MemoryQuotas
  readonly threads: MemoryThreads
}

/** Corrects the books of one process, all of them or none. */
export const correctBooks = ({ costs, quotas, threads }: Books, correction: Correction): Corrected => {
  const { change, charges, now, resourceId, threadId, usedAt } = correction
  const line = costs.lineOf(correction)
  if (line === undefined) return "unbooked"
  if (threadId !== undefined && threads.isBusy(threadId, resourceId)) return "busy"
  if (!costs.correct(correction, line)) return "known"
  const { completionTokens, costNanoUsd, promptTokens } = change
  quotas.correct(charges, usedAt, now, { nanoUsd: costNanoUsd, tokens: promptTokens + completionTokens })
  if (threadId !== undefined) threads.correct(threadId, resourceId, correctedKept(change))
  return "corrected"
}

/**
 * What is kept of a thread after what its runs had used turned out to be more or less; nothing falls below 0.
 *
 * @since 0.1.0
 * @category operations
 */
export const correctedKept =
  ({ completionTokens, costNanoUsd, promptTokens }: Change.Change) =>
  ({ spent, summaries }: Kept): Kept => ({
    spent: {
      ...spent,
      inputTokens: Math.max(0, spent.inputTokens + promptTokens),
      outputTokens: Math.max(0, spent.outputTokens + completionTokens),
      nanoUsd: Math.max(0, spent.nanoUsd + costNanoUsd)
    },
    summaries
  })

/**
 * Who leases runs, and until when. Times are epoch milliseconds. `since`: runs that ended earlier are not asked about any
 * more.
 *
 * @since 0.2.0
 * @category models
 */
export interface ReconciliationLease {
  readonly owner: string
  readonly now: number
  readonly until: number
  readonly since: number
  readonly limit: number
}

/**
 * A leased run. `attempts`: how often it was asked about before.
 *
 * @since 0.2.0
 * @category models
 */
export interface LeasedRun {
  readonly runId: string
  readonly attempts: number
}

/**
 * Stores when runs are asked about. A failure of the store is a defect.
 *
 * @since 0.2.0
 * @category models
 */
export interface ReconciliationStore {
  /** Leases runs with estimated lines that are due and that nobody leases, those that wait longest first. */
  readonly lease: (lease: ReconciliationLease) => Effect.Effect<ReadonlyArray<LeasedRun>>
  /** Extends a lease until that time, if `owner` still has it. False: another process has it, or nobody. */
  readonly renew: (runId: string, owner: string, until: number) => Effect.Effect<boolean>
  /**
   * Ends a lease, if `owner` still has it. `nextAt`: when the run is asked about again; absent: it is not.
   */
  readonly release: (runId: string, owner: string, nextAt: number | undefined) => Effect.Effect<void>
}

interface Row {
  attempts: number
  /** Absent: it is not asked about any more. */
  nextAt: number | undefined
  owner: string | undefined
  until: number
}

/**
 * The same in memory, for the ledger of one process.
 *
 * @since 0.2.0
 * @category models
 */
export class MemoryReconciliations implements ReconciliationStore {
  private readonly costs: MemoryCosts
  private readonly rows = new Map<string, Row>()

  constructor(costs: MemoryCosts) {
    this.costs = costs
  }

  readonly lease = ({ limit, now, owner, since, until }: ReconciliationLease) =>
    Effect.sync((): ReadonlyArray<LeasedRun> => {
      const estimated = this.costs.estimated(since)
      for (const runId of this.rows.keys()) if (!estimated.has(runId)) this.rows.delete(runId)
      const due = Array.from(estimated, (runId) => ({ runId, row: this.rows.get(runId) ?? fresh() }))
        .filter(({ row }) => row.nextAt !== undefined && row.nextAt <= now && row.until <= now)
        .toSorted((one, other) => (one.row.nextAt ?? 0) - (other.row.nextAt ?? 0))
        .slice(0, limit)
      return due.map(({ row, runId }) => {
        this.rows.set(runId, { ...row, owner, until })
        return { runId, attempts: row.attempts }
      })
    })

  readonly renew = (runId: string, owner: string, until: number): Effect.Effect<boolean> =>
    Effect.sync(() => {
      const row = this.rows.get(runId)
      if (row?.owner !== owner) return false
      row.until = until
      return true
    })

  readonly release = (runId: string, owner: string, nextAt: number | undefined): Effect.Effect<void> =>
    Effect.sync(() => {
      const row = this.rows.get(runId)
      if (row?.owner !== owner) return
      this.rows.set(runId, { attempts: row.attempts + 1, nextAt, owner: undefined, until: 0 })
    })
}

const fresh = (): Row => ({ attempts: 0, nextAt: 0, owner: undefined, until: 0 })
