/**
 * Watches a run's budget tree for its promises: what is settled and held never passes a limit by more than what was
 * reported beyond its hold, and every hold is settled when the run has ended.
 */
import type { Budget } from "@reins/protocol"
import * as Layer from "effect/Layer"
import { BudgetProbe, type BudgetObserver } from "../budget/BudgetTree.ts"

/** A watch over one run's tree. */
export interface BudgetWatch {
  readonly look: BudgetObserver
  /** Broken promises, in words. */
  readonly faults: ReadonlyArray<string>
  /** What is still held. Nothing, once a run has ended. */
  readonly open: () => ReadonlyArray<string>
  /** A new life begins: what the last one held has died with it. */
  readonly restart: () => void
}

const counters = ["steps", "toolCalls", "inputTokens", "outputTokens", "nanoUsd", "agents"] as const

/** A new watch, to be given as the probe of budget trees. */
export const make = (): BudgetWatch => {
  const faults: Array<string> = []
  let latest: ReadonlyArray<Budget.Node> = []
  return {
    look: (nodes) => {
      latest = nodes
      for (const node of nodes) {
        for (const counter of counters) {
          const over = node.used[counter] + node.held[counter] - node.overrun[counter] - node.max[counter]
          if (over > 0) faults.push(`${place(node)}: ${counter} is ${over} over its limit of ${node.max[counter]}`)
        }
      }
    },
    faults,
    open: () =>
      latest.flatMap((node) =>
        counters
          .filter((counter) => node.held[counter] !== 0)
          .map((counter) => `${place(node)}: ${node.held[counter]} ${counter} still held`)
      ),
    restart: () => {
      latest = []
    }
  }
}

/** Has the budgets of every run watched that a runtime above this layer executes. */
export const layer = (watch: BudgetWatch): Layer.Layer<never> => Layer.succeed(BudgetProbe, watch.look)

const place = (node: Budget.Node): string => (node.path.length === 0 ? "the root" : node.path.join("/"))
