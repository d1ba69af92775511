/**
 * The costs of a run that is ended without being executed, because some of its rows cannot be read: the sum of the
 * readable rows. It is a lower bound, since a request that was in flight has no row.
 */
import { type CostNode, CostSummary } from "@reins/protocol"
import * as Option from "effect/Option"
import * as Schema from "effect/Schema"
import { Cost, Spending } from "../../engine/Spending.ts"
import * as Names from "../../run/Names.ts"
import type { Mark } from "./JournalStore.ts"

const readCost = Schema.decodeUnknownOption(Cost)

/**
 * The cost summary of a run's marks, marked as estimated; `undefined` where they have no cost.
 *
 * @since 0.1.0
 * @category operations
 */
export const of = (
  marks: ReadonlyArray<Pick<Mark, "kind" | "name" | "value" | "spent">>
): CostSummary.CostSummary | undefined => {
  const settled = marks.flatMap(({ spent }) => spent)
  const reported = marks.flatMap(({ kind, name, value }) =>
    kind === "note" && Names.isCost(name) ? Option.toArray(readCost(value)) : []
  )
  const spending = new Spending([], reported)
  spending.settle(settled)
  spending.strike(0)
  const summary = CostSummary.fold(spending.entries)
  const { children, rows } = summary.root
  return rows.length + children.length === 0
    ? undefined
    : { ...summary, estimated: true, root: estimated(summary.root) }
}

const estimated = (node: CostNode): CostNode => ({
  ...node,
  estimated: true,
  rows: node.rows.map((row) => ({ ...row, estimated: true })),
  children: node.children.map(estimated)
})
