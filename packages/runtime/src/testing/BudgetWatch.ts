/**
 * Checks the invariants of a run's budget tree: settled and held amounts exceed a limit only by what was reported
 * beyond a hold, and every hold is settled when the run has ended.
 */
import type { Budget } from "@reins/protocol"
import * as Layer from "effect/Layer"
import { BudgetProbe, type BudgetObserver } from "../budget/BudgetTree.ts"

/**
 * A watch over one run's tree.
 *
 * @since 0.1.0
 * @category models
 */
export interface BudgetWatch {
  readonly look: BudgetObserver
  /** Violated invariants, one message each. */
  readonly faults: ReadonlyArray<string>
  /** The holds that are still open. Empty once a run has ended. */
  readonly open: () => ReadonlyArray<string>
  /** Call when a new owner takes over the run: the holds of the previous owner are gone. */
  readonly restart: () => void
}

const counters = ["steps", "toolCalls", "inputTokens", "outputTokens", "nanoUsd", "agents"] as const

/**
 * Makes a watch, to be provided as the probe of budget trees.
 *
 * @since 0.1.0
 * @category constructors
 */
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

/**
 * Watches the budgets of every run that a runtime above this layer executes.
 *
 * @since 0.1.0
 * @category layers
 */
export const layer = (watch: BudgetWatch): Layer.Layer<never> => Layer.succeed(BudgetProbe, watch.look)

const place = (node: Budget.Node): string => (node.path.length === 0 ? "the root" : node.path.join("/"))
