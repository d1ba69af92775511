/**
 * Looks on at every change of every budget tree, for tests that hold the tree to its invariant. Absent in production, where
 * it costs nothing.
 */
import type { Budget } from "@reins/protocol"
import * as Context from "effect/Context"

/** Called with all nodes of a run's tree after each reservation and settlement. */
export type Look = (nodes: ReadonlyArray<Budget.Node>) => void

export const BudgetProbe: Context.Reference<Look | undefined> = Context.Reference<Look | undefined>(
  "@reins/runtime/BudgetProbe",
  { defaultValue: () => undefined }
)
