/**
 * The spending of a run: the rows of its ledger, and what has no row yet, the requests in flight and the reported costs
 * of running calls. If a defect stops the run, or its process crashes, their rows are made from these data.
 */
import { AgentPath, Entry } from "@reins/protocol"
import * as Schema from "effect/Schema"

/** A part of the run with requests in flight. */
export interface Spender {
  /** The rows of what was used so far. Called once, when the run has been stopped. */
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
  attempts: Schema.Natural,
  hook: Schema.optionalKey(Schema.Literal(true))
})

/**
 * The total cost that a call has reported, including reports under earlier owners of the run. `grantId`: the grant that
 * it uses. `attempts`: how often it was started. `hook`: of a hook, as in its row (`Entry.hookCost`).
 */
export interface Cost extends Schema.Schema.Type<typeof CostStruct> {}
export const Cost: Schema.Codec<Cost> = CostStruct

export class Spending {
  /** The rows of the ledger, in the order in which they were settled. */
  entries: Array<Entry.Entry>
  /** Rows of work that was unfinished when a defect stopped the run; absent without a defect. */
  struck: Array<Entry.Entry> | undefined
  /** Nearly always one, or none. */
  private spenders: Spender | Set<Spender> | undefined
  /** By path and call, or by hook and work. Absent while nothing was reported. */
  private costs: Map<string, Cost> | undefined

  /** `entries`: the rows of earlier owners; `reported`: costs that they left without a row. */
  constructor(entries: Array<Entry.Entry> = [], reported: Iterable<Cost> = []) {
    this.entries = entries
    for (const cost of reported) this.report(cost)
  }

  /** Call when the spender starts requests. */
  begin(spender: Spender): void {
    const { spenders } = this
    if (spenders === undefined) this.spenders = spender
    else if (spenders instanceof Set) spenders.add(spender)
    else this.spenders = new Set([spenders, spender])
  }

  /** Records the current cost of a call. */
  report(cost: Cost): void {
    this.costs ??= new Map()
    this.costs.set(keyOf(cost), cost)
  }

  /** The reported cost of a call without a row. */
  costOf(path: AgentPath.AgentPath, callId: string): Cost | undefined {
    return this.costs?.get(AgentPath.callKey(path, callId))
  }

  /** The part of a row's cost that was reported before the row: it is charged when it is reported. */
  reportedOf(row: Entry.Entry): number {
    return row.kind === "tool" && row.late !== true ? (this.costs?.get(keyOf(row))?.nanoUsd ?? 0) : 0
  }

  /** What hooks have reported in the work of this name, and has no row. */
  ofHooks(work: string): ReadonlyArray<Cost> {
    return this.costs === undefined ? [] : this.reported.filter(({ callId, hook }) => hook === true && callId === work)
  }

  /** All reported costs without a row. */
  get reported(): ReadonlyArray<Cost> {
    return this.costs === undefined ? [] : [...this.costs.values()]
  }

  /** Adds rows. `by`: the spender of these requests. */
  settle(rows: ReadonlyArray<Entry.Entry>, by?: Spender): void {
    for (const row of rows) this.entries.push(row)
    const { costs, spenders } = this
    if (by !== undefined) {
      if (spenders === by) this.spenders = undefined
      else if (spenders instanceof Set && spenders.delete(by) && spenders.size === 0) this.spenders = undefined
    }
    if (costs === undefined) return
    for (const row of rows) if (row.kind === "tool" && row.late !== true) costs.delete(keyOf(row))
  }

  /** Rows of the reported costs that have none: their calls died with a process, and were not made again. */
  left(now: number): ReadonlyArray<Entry.ToolEntry> {
    return this.reported.map((cost) => rowOf(cost, now, "cancelled"))
  }

  /** As `settle`, for rows that cannot be stored with their work because of a defect. */
  settleStruck(rows: ReadonlyArray<Entry.Entry>, by?: Spender): void {
    this.settle(rows, by)
    this.struck ??= []
    this.struck.push(...rows)
  }

  /** Adds rows of all work in flight, in a run that a defect has stopped at `now`. */
  strike(now: number): void {
    const { spenders } = this
    this.spenders = undefined
    const all = spenders === undefined ? [] : spenders instanceof Set ? [...spenders] : [spenders]
    this.settleStruck([...all.flatMap((spender) => spender.spent()), ...this.left(now)])
  }
}

const keyOf = ({ callId, hook, path, toolName }: Pick<Cost, "callId" | "hook" | "path" | "toolName">): string =>
  hook === true ? `${toolName}\n${callId}` : AgentPath.callKey(path, callId)

/**
 * The row of a call that was interrupted by a crash and ended without being repeated; none if it has a row, or had
 * reported nothing.
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

const rowOf = (cost: Cost, now: number, status: Entry.ToolEntry["status"]): Entry.ToolEntry => {
  const { attempts, callId, nanoUsd, overrun, path, startedAt, toolName } = cost
  if (cost.hook === true) return hookRow(cost)
  return Entry.tool({
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
}

/** The row of what a hook has reported. */
export const hookRow = ({ callId, nanoUsd, overrun, path, startedAt, toolName }: Cost): Entry.ToolEntry =>
  Entry.hookCost(path, { work: callId, toolName }, nanoUsd, overrun, startedAt)
