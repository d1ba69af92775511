/**
 * The budget of a run as it stood at a moment of its log: the run's own limits, the nodes and raised limits that the loop
 * has added so far, and what was used by then, summed for each agent and tool. Each moment has a tree of its own, since
 * work that is done again reserves.
 */
import { AgentPath, type Budget } from "@reins/protocol"
import * as Spent from "../budget/Spent.ts"
import type { Mark } from "../host/journal/JournalStore.ts"
import { BudgetTree } from "../budget/BudgetTree.ts"
import { nodeAbove, type RunRecord } from "../engine/RunHost.ts"

/** The use of one agent, and of one of its tools. */
export interface Used {
  readonly path: AgentPath.AgentPath
  readonly amount: Budget.Amount
}

interface Row extends Used {
  readonly seq: number
  readonly mark: Mark
}

/**
 * What the run had used up to an event. A replay asks from event to event, so that each row is added once; where branches
 * ran in parallel it may ask for an earlier event, and the sum begins anew.
 */
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

/** The run's budget, which is asked for at one moment after another. */
export class BudgetThen {
  private readonly record: RunRecord
  private readonly changes: Array<(tree: BudgetTree) => void> = []
  private readonly opened = new Set([AgentPath.key(AgentPath.root)])

  constructor(record: RunRecord) {
    this.record = record
  }

  open(path: AgentPath.AgentPath, budget: Budget.Budget, elapsedMs: number): void {
    this.opened.add(AgentPath.key(path))
    this.changes.push((tree) => tree.open(path, budget, elapsedMs))
  }

  raiseAgain(path: AgentPath.AgentPath, limits: { readonly [limit: string]: number }): void {
    this.changes.push((tree) => tree.raiseAgain(path, limits))
  }

  /** The budget after that was used. */
  after(before: ReadonlyArray<Used>): BudgetTree {
    const { record } = this
    const tree = new BudgetTree(record.budget ?? {}, [], undefined, nodeAbove(record))
    for (const change of this.changes) change(tree)
    for (const { amount, path } of before) tree.charge(this.openedAt(path), amount)
    return tree
  }

  /** The path itself, or what is above it, where another branch of the log is ahead of the replay. */
  private openedAt(path: AgentPath.AgentPath): AgentPath.AgentPath {
    return this.opened.has(AgentPath.key(path)) ? path : this.openedAt(path.slice(0, -1))
  }
}
