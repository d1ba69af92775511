/**
 * What becomes of an event whose place has closed by the time that it is said: its specialist's bracket is closed, its call has its
 * result, or the run is ending. A late event never ends a run.
 *
 * Only news can be late. Events that open or close something are never moved: one of them in a closed place is a fault of the owner.
 */
import type { AgentPath } from "../AgentPath.ts"
import type { Event, EventType } from "../event/Event.ts"
import { judge } from "./OrderingRules.ts"
import { find } from "./OrderingState.ts"
import type { Agent } from "./OrderingState.ts"

/** `lift`: it is told by the nearest agent above that may still speak. `drop`: it means nothing outside of its place. */
export type LatePolicy = "lift" | "drop"

/** What becomes of which late event; those that are not named are refused. */
export const latePolicies: { readonly [T in EventType]?: LatePolicy } = {
  custom: "lift",
  budget_exhausted: "lift",
  "data-file-registered": "lift",
  "data-flow-ui": "lift",
  text: "drop",
  reasoning: "drop",
  "tool-progress": "drop"
}

/** Where a late event is told after all, or that it is not told. */
export type Late = { readonly _tag: "Lifted"; readonly path: AgentPath } | { readonly _tag: "Dropped" }

/** What becomes of an event that may not come next; `undefined` where it is not late, and so is refused. */
export const late = (root: Agent, path: AgentPath, event: Event): Late | undefined => {
  const policy = latePolicies[event.type]
  if (policy === undefined || !isClosed(root, path, event)) return undefined
  if (policy === "drop" || root.run.phase !== "running") return dropped
  for (let depth = path.length - 1; depth >= 0; depth--) {
    const above = path.slice(0, depth)
    if (judge(find(root, above), event) === undefined) return { _tag: "Lifted", path: above }
  }
  return dropped
}

const dropped: Late = { _tag: "Dropped" }

const isClosed = (root: Agent, path: AgentPath, event: Event): boolean => {
  if (root.run.phase !== "running") return true
  const agent = find(root, path)
  if (agent === undefined) return true
  if (event.type !== "tool-progress" || event.toolCallId === undefined) return false
  // A call that is not known at all was never announced: that is no matter of time.
  return !agent.calls.has(event.toolCallId) && agent.used.has(event.toolCallId)
}
