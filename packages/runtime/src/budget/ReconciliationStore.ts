/**
 * Which ended runs have estimated rows that a provider may still be asked about, and when. The ledger has the runs; this
 * store adds when each is asked about again, and which process asks, so that several share the work. That a row is
 * corrected once is the ledger's own rule, and does not depend on a lease.
 */
import * as Effect from "effect/Effect"
import type { MemoryCosts } from "./CostStore.ts"

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
 * Stores when runs are asked about; see the header of this file. A failure of the store is a defect.
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
