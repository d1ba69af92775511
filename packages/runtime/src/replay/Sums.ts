/**
 * What a run had used up to an event of its log, summed for each agent and tool. A replay asks from event to event, so
 * that each row is added once; where branches ran in parallel it may ask for an earlier event, and the sum begins anew.
 */
import { AgentPath, type Budget } from "@reins/protocol"
import * as Spent from "../budget/Spent.ts"
import type { Mark } from "../host/journal/JournalStore.ts"

/** The use of one agent, and of one of its tools. */
export interface Used {
  readonly path: AgentPath.AgentPath
  readonly amount: Budget.Amount
}

interface Row extends Used {
  readonly seq: number
  readonly mark: Mark
}

export class Sums {
  private readonly rows: ReadonlyArray<Row>
  private sums = new Map<string, Used>()
  private next = 0
  private reached = 0

  constructor(marks: ReadonlyArray<Mark>) {
    const all = marks
      .toSorted((one, other) => one.seq - other.seq)
      .flatMap((mark) => mark.spent.map((entry) => ({ mark, entry })))
    const amounts = Spent.fromLedger(all.map(({ entry }) => entry))
    this.rows = all.map(({ entry, mark }, index) => ({
      path: entry.path,
      seq: mark.seq,
      mark,
      amount: amounts[index]?.[1] ?? {}
    }))
  }

  /** The rows of marks up to `seq`, without those of `mark`. */
  upTo(seq: number, mark: Mark): ReadonlyArray<Used> {
    if (seq < this.reached) {
      this.sums = new Map()
      this.next = 0
    }
    this.reached = seq
    for (let row = this.rows[this.next]; row !== undefined && row.seq <= seq; row = this.rows[++this.next]) {
      add(this.sums, row, 1)
    }
    if (mark.seq > seq || mark.spent.length === 0) return [...this.sums.values()]
    const others = new Map(this.sums)
    for (const row of this.rows) if (row.mark === mark) add(others, row, -1)
    return [...others.values()]
  }
}

const add = (sums: Map<string, Used>, { amount, path }: Used, sign: 1 | -1): void => {
  const { tool } = amount
  const key = `${AgentPath.key(path)}${tool === undefined ? "" : `/${tool}`}`
  const before = sums.get(key)?.amount ?? {}
  const sum = (name: Exclude<keyof Budget.Amount, "tool">) => (before[name] ?? 0) + sign * (amount[name] ?? 0)
  sums.set(key, {
    path,
    amount: {
      steps: sum("steps"),
      toolCalls: sum("toolCalls"),
      inputTokens: sum("inputTokens"),
      outputTokens: sum("outputTokens"),
      nanoUsd: sum("nanoUsd"),
      agents: sum("agents"),
      ...(tool === undefined ? {} : { tool })
    }
  })
}
