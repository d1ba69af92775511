/**
 * The budget of a run as it stood at a moment of its log: the run's own limits, the nodes and raised limits that the loop
 * has added so far, and what was used by then. Each moment has a tree of its own, since work that is done again reserves.
 */
import { AgentPath, type Budget } from "@reins/protocol"
import { BudgetTree } from "../budget/BudgetTree.ts"
import { nodeAbove, type RunRecord } from "../engine/RunHost.ts"
import type { Used } from "./Sums.ts"

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
