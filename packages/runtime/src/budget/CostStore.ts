/**
 * Stores the cost ledger: what runs cost, per agent, model and tool. A store adds a run's lines in the commit of its
 * last events; deleting the run's events or its thread does not delete them. `MemoryCosts` keeps them in memory.
 */
import { CostLine, CostReport, type CostSummary, type Envelope, ListedRun } from "@reins/protocol"
import * as Effect from "effect/Effect"

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
      if (this.runs.size <= this.kept) return
    }
  }

  /** Adds what a run cost, by its last events; nothing if they do not say. */
  addLast(last: ReadonlyArray<Envelope.Envelope>, run?: Parameters<typeof CostLine.linesOf>[1]): void {
    const found = ListedRun.summaryIn(last)
    if (found !== undefined && run !== undefined) this.add(found.summary, run, found.at)
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
