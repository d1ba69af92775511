/**
 * The rules for one agent: its steps, their calls with progress and results, and the calls of its specialists.
 */
import type * as Events from "../event/Event.ts"
import { anonymous, unreported, named, rule, type AgentView, type Call } from "./OrderingState.ts"
import { callPhases, isRefused, stepPhases } from "./OrderingTables.ts"

type CallEvent = Events.ToolCall | Events.AgentCall
type ResultEvent = Events.ToolResult | Events.AgentResult

const kindOf = (event: ResultEvent): Call["kind"] => (event.type === "tool-agent" ? "agent" : "tool")
const nameOf = (event: ResultEvent): string => (event.type === "tool-agent" ? event.agentName : event.toolName)

// Steps -------------------------------------------------------------------------------------------------------------

export const textInStep = rule<Events.Text | Events.Reasoning | Events.ToolInputDelta | Events.Source>(
  "text-in-step",
  "Text, reasoning, sources and the input of calls stand in a step that has begun and has announced no call yet.",
  ({ step }, event) =>
    stepPhases[step][event.type] === undefined
      ? step === "none"
        ? `${event.type} without a step-start`
        : `${event.type} after the step's calls`
      : undefined
)

export const inputIdNew = rule<Events.ToolInputDelta>(
  "input-id-new",
  "Input is of a call that is not announced yet: no call of this agent in this run has had its id.",
  ({ used }, event) =>
    used.has(event.toolInvocationId) ? `input of call ${named(event.toolInvocationId)}, which was announced` : undefined
)

export const stepAfterCalls = rule<Events.StepStart>(
  "step-after-calls",
  "A step begins when every call of the agent's step before has its result.",
  ({ calls }) => (calls.size > 0 ? `step-start while ${calls.size} calls are open` : undefined)
)

export const retractOpenStep = rule<Events.StepRetracted>(
  "retract-open-step",
  "A step is retracted only while it is open and has announced no call.",
  ({ step }) =>
    stepPhases[step]["step-retracted"] === undefined
      ? step === "none"
        ? "no step to retract"
        : "step-retracted after the step's calls"
      : undefined
)

export const messageAfterCalls = rule<Events.MessageReceived>(
  "message-after-calls",
  "A message is received when every call of the agent's step before has its result; text, calls and a retraction need a new step then.",
  ({ calls, step }) =>
    calls.size > 0 || stepPhases[step]["message-received"] === undefined
      ? `message-received while ${calls.size} calls are open`
      : undefined
)

// Calls -------------------------------------------------------------------------------------------------------------

export const callInStep = rule<CallEvent>(
  "call-in-step",
  "A call is announced in a step that has begun.",
  ({ step }, event) => (step === "none" ? `call ${named(event.toolInvocationId)} without a step-start` : undefined)
)

export const callsTogether = rule<CallEvent>(
  "calls-together",
  "The calls of a step are announced together, before any other event about one of them.",
  ({ step }, event) =>
    step === "settling" ? `call ${named(event.toolInvocationId)} after other events about the step's calls` : undefined
)

export const callIdNew = rule<CallEvent>(
  "call-id-new",
  "A call's id was never used before by this agent in this run.",
  ({ used }, event) =>
    used.has(event.toolInvocationId) ? `call id ${named(event.toolInvocationId)} was used before` : undefined
)

export const resultOfOpenCall = rule<ResultEvent>(
  "result-of-open-call",
  "A result belongs to an open call: exactly one result each.",
  ({ calls }, event) =>
    calls.has(event.toolInvocationId) ? undefined : `no call ${named(event.toolInvocationId)} is open`
)

export const resultSameName = rule<ResultEvent>(
  "result-same-name",
  "A result names the tool, or the specialist, that was called.",
  ({ calls }, event) => {
    const call = calls.get(event.toolInvocationId)
    return call !== undefined && (call.kind !== kindOf(event) || call.name !== nameOf(event))
      ? `the call was of ${named(call.name)}, the result is of ${named(nameOf(event))}`
      : undefined
  }
)

export const resultAfterDecision = rule<ResultEvent>(
  "result-after-decision",
  "A call that waits for an approval or has a question open has no result before the decision.",
  ({ calls }, event) => {
    const phase = calls.get(event.toolInvocationId)?.phase
    if (phase !== "waiting" && phase !== "asking") return undefined
    const waits = phase === "asking" ? "has a question open" : "waits for its approval"
    return `result of call ${named(event.toolInvocationId)}, which ${waits}`
  }
)

export const refusedHasStatus = rule<ResultEvent>(
  "refused-has-status",
  "The result of a call that was refused has a `status`.",
  ({ calls }, event) =>
    isRefused(calls.get(event.toolInvocationId)?.phase) && event.status === undefined
      ? `result of call ${named(event.toolInvocationId)}, which was refused, without a status`
      : undefined
)

// Late results ------------------------------------------------------------------------------------------------------

export const receiptOfSuccess = rule<ResultEvent>(
  "receipt-of-success",
  "A receipt (`later`) is the result of a tool's call that succeeded and was not the caller's.",
  (_agent, event) =>
    event.type === "tool-invocation" &&
    event.later !== undefined &&
    (event.status !== undefined || event.execution !== undefined)
      ? `the result of call ${named(event.toolInvocationId)} is no receipt`
      : undefined
)

export const lateOfReceipt = rule<Events.LateResult>(
  "late-of-receipt",
  "A late result is of a call of its agent that ended with a receipt, and of its tool: exactly one for each receipt.",
  ({ late }, event) =>
    late.get(event.toolInvocationId) === event.toolName
      ? undefined
      : `no receipt of call ${named(event.toolInvocationId)} of ${named(event.toolName)} is open`
)

export const lateAfterCalls = rule<Events.LateResult>(
  "late-after-calls",
  "A late result stands when every call of the agent's step before has its result; text, calls and a retraction need a new step then.",
  ({ calls, step }) =>
    calls.size > 0 || stepPhases[step]["late-result"] === undefined
      ? `late-result while ${calls.size} calls are open`
      : undefined
)

// Progress ----------------------------------------------------------------------------------------------------------

const goesOn = (call: Call): boolean => callPhases[call.phase].progress !== undefined

export const progressOfOpenCall = rule<Events.ToolProgress>(
  "progress-of-open-call",
  "Progress belongs to an open call of its tool.",
  ({ calls }, event) => {
    if (event.toolCallId !== undefined) {
      const call = calls.get(event.toolCallId)
      return call !== undefined && call.kind === "tool" && call.name === event.toolName
        ? undefined
        : `no call ${named(event.toolCallId)} of ${named(event.toolName)} is open`
    }
    for (const call of calls.values()) if (call.kind === "tool" && call.name === event.toolName) return undefined
    return `no call of ${named(event.toolName)} is open`
  }
)

export const progressAfterDecision = rule<Events.ToolProgress>(
  "progress-after-decision",
  "A call that waits for an approval or was refused makes no progress.",
  ({ calls }, event) => {
    if (event.toolCallId !== undefined) {
      const call = calls.get(event.toolCallId)
      return call === undefined || goesOn(call) ? undefined : `call ${named(event.toolCallId)} is ${call.phase}`
    }
    for (const call of calls.values()) {
      if (call.kind === "tool" && call.name === event.toolName && goesOn(call)) return undefined
    }
    return `no call of ${named(event.toolName)} may run`
  }
)

export const progressNeverFalls = rule<Events.ToolProgress>(
  "progress-never-falls",
  "`phaseIndex` never falls within a call.",
  ({ calls }, event) => {
    const last = event.toolCallId === undefined ? undefined : calls.get(event.toolCallId)?.progress
    return last !== undefined && event.phaseIndex < last ? `phase ${event.phaseIndex} after phase ${last}` : undefined
  }
)

export const progressWithinPhases = rule<Events.ToolProgress>(
  "progress-within-phases",
  "`phaseIndex` is at most `totalPhases`.",
  (_agent, event) =>
    event.phaseIndex > event.totalPhases ? `phase ${event.phaseIndex} of ${event.totalPhases}` : undefined
)

// Specialists -------------------------------------------------------------------------------------------------------

const specialistCalls = (agent: AgentView, { data }: Events.AgentUsage): ReadonlyArray<Call> => {
  const calls =
    data.toolInvocationId === undefined ? [...agent.calls.values()] : [agent.calls.get(data.toolInvocationId)]
  return calls
    .filter((call) => call !== undefined)
    .filter((call) => call.kind === "agent" && call.name === data.agentName)
}

export const usageOfOpenBracket = rule<Events.AgentUsage>(
  "usage-of-open-bracket",
  "`data-tool-agent` stands in the open bracket of its specialist.",
  (agent, event) =>
    specialistCalls(agent, event).length === 0
      ? `no such call of the specialist ${named(event.data.agentName)} is open`
      : undefined
)

export const usageAfterDecision = rule<Events.AgentUsage>(
  "usage-after-decision",
  "A specialist whose call waits for an approval reports no usage.",
  (agent, event) =>
    specialistCalls(agent, event).every((call) => callPhases[call.phase].usage === undefined)
      ? `the specialist ${named(event.data.agentName)} waits for an approval`
      : undefined
)

export const usageOnce = rule<Events.AgentUsage>(
  "usage-once",
  "`data-tool-agent` stands once in a bracket; where it names no call, once for each open bracket of its specialist.",
  (agent, event) =>
    specialistCalls(agent, event).every((call) => call.reported) ||
    unreported(agent, event.data.agentName) <= anonymous(agent, event.data.agentName)
      ? `the specialist ${named(event.data.agentName)} has reported its usage`
      : undefined
)

export const usageBeforeResult = rule<Events.AgentResult>(
  "usage-before-result",
  "A specialist's `data-tool-agent` stands before its `tool-agent` result, unless its call was refused.",
  (agent, event) => {
    const call = agent.calls.get(event.toolInvocationId)
    const excused = call === undefined || call.reported || isRefused(call.phase)
    return !excused && anonymous(agent, call.name) === 0
      ? `result of call ${named(event.toolInvocationId)} before its data-tool-agent`
      : undefined
  }
)

export const bracketSettled = rule<Events.AgentResult>(
  "bracket-settled",
  "A `tool-agent` result stands when every call of the specialist is closed, every approval it raised is answered, and every receipt of its calls has its late result.",
  ({ calls, nested }, event) => {
    const agent = nested.get(calls.get(event.toolInvocationId)?.segment ?? "")
    if (agent === undefined) return undefined
    if (agent.calls.size > 0) return `${agent.calls.size} calls of the specialist are open`
    if (agent.late.size > 0) return `${agent.late.size} late results of the specialist are missing`
    return agent.pending > 0 ? `${agent.pending} approvals of the specialist are pending` : undefined
  }
)
