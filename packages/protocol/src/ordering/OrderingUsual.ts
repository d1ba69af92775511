/**
 * A shortcut through `OrderingRules` for the most frequent events: text, steps, calls, progress and results that are
 * obviously valid.
 *
 * It adds no rule: where it returns false, the rules decide, and it never returns true for an event that breaks one. A
 * property test checks that.
 */
import type { Event } from "../event/Event.ts"
import type { AgentView, Call } from "./OrderingState.ts"

/** True where `event` is valid by every rule. False means unknown: check the rules. */
export const isPlain = (agent: AgentView, event: Event): boolean => {
  if (agent.run.phase !== "running" || !isHeard(agent)) return false
  switch (event.type) {
    case "text":
    case "reasoning":
      return agent.step === "open"
    case "step-start":
      return agent.calls.size === 0
    case "tool-invocation":
      return event.state === "call"
        ? isNewCall(agent, event.toolInvocationId)
        : isOpenTool(agent.calls.get(event.toolInvocationId), event.toolName)
    case "tool-agent":
      return event.state === "call" && isNewCall(agent, event.toolInvocationId)
    case "tool-progress": {
      const call = event.toolCallId === undefined ? undefined : agent.calls.get(event.toolCallId)
      return (
        isOpenTool(call, event.toolName) && event.phaseIndex >= call.progress && event.phaseIndex <= event.totalPhases
      )
    }
    case "custom":
    case "data-file-registered":
    case "data-flow-ui":
      return true
    default:
      return false
  }
}

/** True for the root, and for a specialist with events: then its call neither waits for an approval nor was refused. */
const isHeard = ({ parent, parentCall }: AgentView): boolean =>
  parent === undefined || parent.calls.get(parentCall)?.phase === "running"

const isNewCall = ({ step, used }: AgentView, id: string): boolean =>
  (step === "open" || step === "calling") && !used.has(id)

const isOpenTool = (call: Call | undefined, name: string): call is Call =>
  call !== undefined &&
  call.kind === "tool" &&
  call.name === name &&
  (call.phase === "announced" || call.phase === "running" || call.phase === "allowed")
