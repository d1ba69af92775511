/**
 * What a run spends: the rows of its ledger, and what has none yet, the requests that are under way and the costs that running calls have
 * reported. Where a defect stops the run, or its process has died, their rows are made from what is known here.
 */
import { AgentPath, Entry } from "@reins/protocol"
import * as Schema from "effect/Schema"

/** Who has requests under way. */
export interface Spender {
  /** The rows of what was used so far, should nothing more come of it. Asked once, when the run has been stopped. */
  readonly spent: () => ReadonlyArray<Entry.Entry>
}

const CostStruct = Schema.Struct({
  path: AgentPath.AgentPath,
  callId: Schema.String,
  toolName: Schema.String,
  nanoUsd: Schema.Natural,
  overrun: Schema.Boolean,
  grantId: Schema.optionalKey(Schema.String),
  startedAt: Schema.Natural,
  attempts: Schema.Natural
})

/**
 * What a call has reported as its cost, in all: with what it reported in earlier lives of the run. `grantId`: the grant that it runs on.
 * `attempts`: how often it was begun.
 */
export interface Cost extends Schema.Schema.Type<typeof CostStruct> {}
export const Cost: Schema.Codec<Cost> = CostStruct

export class Spending {
  /** The rows of the ledger, in the order in which they were settled. */
  entries: Array<Entry.Entry>
  /** Rows of what had no end of its own when a defect struck; absent where none did. */
  struck: Array<Entry.Entry> | undefined
  /** Nearly always one, or none. */
  private spenders: Spender | Set<Spender> | undefined
  /** By path and call. Absent while nothing was reported. */
  private costs: Map<string, Cost> | undefined

  /** `entries`: the rows of earlier lives; `reported`: the costs that those left without a row. */
  constructor(entries: Array<Entry.Entry> = [], reported: Iterable<Cost> = []) {
    this.entries = entries
    for (const cost of reported) this.report(cost)
  }

  /** The spender's requests are under way from now on. */
  begin(spender: Spender): void {
    const { spenders } = this
    if (spenders === undefined) this.spenders = spender
    else if (spenders instanceof Set) spenders.add(spender)
    else this.spenders = new Set([spenders, spender])
  }

  /** A call has cost so much by now. */
  report(cost: Cost): void {
    this.costs ??= new Map()
    this.costs.set(AgentPath.callKey(cost.path, cost.callId), cost)
  }

  /** What a call has reported that has no row yet. */
  costOf(path: AgentPath.AgentPath, callId: string): Cost | undefined {
    return this.costs?.get(AgentPath.callKey(path, callId))
  }

  /** All that has been reported and has no row yet. */
  get reported(): ReadonlyArray<Cost> {
    return this.costs === undefined ? [] : [...this.costs.values()]
  }

  /** Adds rows. `by`: whose requests they are. */
  settle(rows: ReadonlyArray<Entry.Entry>, by?: Spender): void {
    for (const row of rows) this.entries.push(row)
    const { costs, spenders } = this
    if (by !== undefined) {
      if (spenders === by) this.spenders = undefined
      else if (spenders instanceof Set && spenders.delete(by) && spenders.size === 0) this.spenders = undefined
    }
    if (costs === undefined) return
    for (const row of rows) if (row.kind === "tool") costs.delete(AgentPath.callKey(row.path, row.callId))
  }

  /** As `settle`, of rows that a defect keeps from being stored with what they are for. */
  settleStruck(rows: ReadonlyArray<Entry.Entry>, by?: Spender): void {
    this.settle(rows, by)
    this.struck ??= []
    this.struck.push(...rows)
  }

  /** Adds rows of all that is under way, in a run that a defect has stopped at `now`. */
  strike(now: number): void {
    const { reported, spenders } = this
    this.spenders = undefined
    const all = spenders === undefined ? [] : spenders instanceof Set ? [...spenders] : [spenders]
    this.settleStruck([
      ...all.flatMap((spender) => spender.spent()),
      ...reported.map((cost) => rowOf(cost, now, "cancelled"))
    ])
  }
}

/**
 * The row of a call that died with its process and has ended without being made again; none where it has a row, or had reported nothing.
 */
export const lostRows = (
  spending: Spending,
  path: AgentPath.AgentPath,
  callId: string,
  status: Entry.ToolEntry["status"] = "failed"
): ReadonlyArray<Entry.ToolEntry> => {
  const cost = spending.costOf(path, callId)
  return cost === undefined ? [] : [rowOf(cost, cost.startedAt, status)]
}

const rowOf = (
  { attempts, callId, nanoUsd, overrun, path, startedAt, toolName }: Cost,
  now: number,
  status: Entry.ToolEntry["status"]
): Entry.ToolEntry =>
  Entry.tool({
    path,
    callId,
    toolName,
    costNanoUsd: nanoUsd,
    status,
    abandoned: undefined,
    overrun: overrun ? true : undefined,
    startedAt,
    endedAt: Math.max(now, startedAt),
    attempts
  })
