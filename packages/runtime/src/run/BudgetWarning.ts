/**
 * Tells that a limit is near: one `custom` event of type `budget_warning` for each limit that passed its budget's `warnAt`,
 * once, by the agent whose budget it is: so a reader of the root's stream is told of the run's own budget, whoever used it.
 */
import type { Work } from "../engine/Engine.ts"

/** Tells the warnings since they were last told, at the end of an activity. */
export const tell = ({ push, tree }: Work): void => {
  for (const { limit, max, path, used } of tree.takeWarnings()) {
    const data = { limit, max, used, ...(path.length === 0 ? {} : { agentPath: path }) }
    push(path, [{ type: "custom", event_type: "budget_warning", data }])
  }
}
