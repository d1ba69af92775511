/**
 * A quick yes for the events that a run says most: text, steps, calls, progress and results that are plainly lawful.
 *
 * It is a shortcut through `OrderingRules`, never a rule of its own: it may say no to a lawful event, which is then judged rule by
 * rule, and never says yes to an event that breaks one. A property test holds it to that.
 */
import type { Event } from "../event/Event.ts"
import type { AgentView, Call } from "./OrderingState.ts"

/** True where `event` keeps every rule. False says nothing: ask the rules. */
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

/** The root, or a specialist that has spoken: one whose call waits for an approval, or was refused, has not. */
const isHeard = ({ parent, parentCall }: AgentView): boolean =>
  parent === undefined || parent.calls.get(parentCall)?.phase === "running"

const isNewCall = ({ step, used }: AgentView, id: string): boolean =>
  (step === "open" || step === "calling") && !used.has(id)

const isOpenTool = (call: Call | undefined, name: string): call is Call =>
  call !== undefined &&
  call.kind === "tool" &&
  call.name === name &&
  (call.phase === "announced" || call.phase === "running" || call.phase === "allowed")
