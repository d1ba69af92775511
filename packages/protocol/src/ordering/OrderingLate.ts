/**
 * Late events: events whose place has closed before they are emitted, because the specialist's call has ended, the tool
 * call has its result, or the run is ending. A late event never ends a run.
 *
 * Events that open or close something are never late: one of them in a closed place is an error of the log's owner.
 */
import type { AgentPath } from "../AgentPath.ts"
import type { Event, EventType } from "../event/Event.ts"
import { judge } from "./OrderingRules.ts"
import { find } from "./OrderingState.ts"
import type { Agent } from "./OrderingState.ts"

/**
 * `lift`: the nearest agent above that may still emit events emits it. `drop`: it is dropped, since it has no meaning
 * elsewhere.
 */
export type LatePolicy = "lift" | "drop"

/** The policy for each type of late event; other types are rejected. */
export const latePolicies: { readonly [T in EventType]?: LatePolicy } = {
  custom: "lift",
  budget_exhausted: "lift",
  "data-file-registered": "lift",
  "data-flow-ui": "lift",
  text: "drop",
  reasoning: "drop",
  "tool-progress": "drop"
}

/** Where a late event is emitted instead, or that it is dropped. */
export type Late = { readonly _tag: "Lifted"; readonly path: AgentPath } | { readonly _tag: "Dropped" }

/** What to do with an event that may not come next; `undefined` where it is not late and must be rejected. */
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
  // A call id that was never used is an error, not a late event.
  return !agent.calls.has(event.toolCallId) && agent.used.has(event.toolCallId)
}
