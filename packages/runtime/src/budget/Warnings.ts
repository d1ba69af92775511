/**
 * Tells that a limit is near: one `custom` event of type `budget_warning` for each limit that passed its budget's `warnAt`,
 * once.
 */
import type { Event } from "@reins/protocol"
import type { BudgetTree } from "./BudgetTree.ts"

/** The events of the warnings since they were last told. */
export const take = (tree: BudgetTree): ReadonlyArray<Event> =>
  tree.takeWarnings().map(({ limit, max, path, used }) => ({
    type: "custom",
    event_type: "budget_warning",
    data: { limit, max, used, ...(path.length === 0 ? {} : { agentPath: path }) }
  }))
