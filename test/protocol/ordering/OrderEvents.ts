/** Short words for events and for logs of them, so that an example of the order reads as a list. */
import type { AgentPath, Approval, Envelope, Event, Events, Json } from "@reins/protocol"

/** One line of an example: who says what. */
export type Line = readonly [path: AgentPath.AgentPath, event: Event]

/** Lines of one agent. */
export const by = (path: AgentPath.AgentPath, ...events: ReadonlyArray<Event>): ReadonlyArray<Line> =>
  events.map((event): Line => [path, event])

/** Lines of the root agent. */
export const root = (...events: ReadonlyArray<Event>): ReadonlyArray<Line> => by([], ...events)

export const toLog = (lines: ReadonlyArray<Line>): ReadonlyArray<Envelope.Envelope> =>
  lines.map(([agentPath, event], index) => ({
    seq: index + 1,
    at: index,
    runId: "run-1",
    threadId: "thread-1",
    agentPath,
    event
  }))

const usage = {
  promptTokens: 3,
  completionTokens: 2,
  cacheReadInputTokens: 0,
  cacheCreationInputTokens: 0,
  totalTokens: 5
}
const money = { costNanoUsd: 0, costUsd: 0, unpriced: 0, estimated: false }

export const start: Event = { type: "step-start" }
export const text = (said = "so "): Event => ({ type: "text", text: said })
export const reasoning = (said = "hm "): Event => ({ type: "reasoning", text: said })
export const input = (toolInvocationId = "c1", toolName = "look"): Event => ({
  type: "tool-input-delta",
  toolInvocationId,
  toolName,
  text: '{"q":'
})
export const source: Event = { type: "source", data: { id: "s1", sourceType: "url", url: "https://acme.test" } }
export const retracted: Event = { type: "step-retracted", reason: "crash" }
export const custom: Event = { type: "custom", event_type: "note", data: null }

export const message = (position: number): Event => ({
  type: "message-received",
  data: { messageId: `m${position}`, position, content: [{ type: "text", text: "and then" }] }
})

export const call = (toolInvocationId = "c1", toolName = "look"): Events.ToolCall => ({
  type: "tool-invocation",
  toolInvocationId,
  toolName,
  args: { q: toolInvocationId },
  state: "call"
})

export const result = (toolInvocationId = "c1", toolName = "look", status?: Events.Status): Events.ToolResult => ({
  type: "tool-invocation",
  toolInvocationId,
  toolName,
  args: {},
  state: "result",
  result: `result of ${toolInvocationId}`,
  ...(status === undefined ? {} : { status })
})

/** A result that is a receipt. */
export const receipt = (toolInvocationId = "c1", toolName = "look"): Events.ToolResult => ({
  ...result(toolInvocationId, toolName),
  later: { ticketId: `tkt_${toolInvocationId}` }
})

export const lateResult = (toolInvocationId = "c1", toolName = "look"): Events.LateResult => ({
  type: "late-result",
  toolInvocationId,
  toolName,
  result: `late result of ${toolInvocationId}`
})

export const progress = (
  phaseIndex: number,
  toolCallId: string | undefined = "c1",
  totalPhases = 9,
  toolName = "look"
): Events.ToolProgress => ({
  type: "tool-progress",
  toolName,
  ...(toolCallId === undefined ? {} : { toolCallId }),
  label: `phase ${phaseIndex}`,
  phaseIndex,
  totalPhases
})

/** Progress that names only its tool, as foreign streams have it. */
export const toolNews = (toolName = "look"): Events.ToolProgress => ({
  type: "tool-progress",
  toolName,
  label: "at work",
  phaseIndex: 0,
  totalPhases: 1
})

export const agentCall = (toolInvocationId = "s1", agentName = "planner"): Events.AgentCall => ({
  type: "tool-agent",
  agentName,
  toolInvocationId,
  state: "call",
  prompt: "plan it"
})

export const agentResult = (
  toolInvocationId = "s1",
  agentName = "planner",
  status?: Events.Status
): Events.AgentResult => ({
  type: "tool-agent",
  agentName,
  toolInvocationId,
  state: "result",
  result: `report of ${toolInvocationId}`,
  ...(status === undefined ? {} : { status })
})

export const agentUsage = (toolInvocationId: string | undefined = "s1", agentName = "planner"): Events.AgentUsage => ({
  type: "data-tool-agent",
  data: { agentName, model: "model-1", usage, ...(toolInvocationId === undefined ? {} : { toolInvocationId }) }
})

/** Usage that names only its specialist, as source 002 has it. */
export const namelessUsage = (agentName = "planner"): Events.AgentUsage => ({
  type: "data-tool-agent",
  data: { agentName, model: "model-1", usage }
})

/** The path of the specialist that `agentCall()` opens. */
export const planner: AgentPath.AgentPath = ["planner#s1"]

export const ask = (
  id = "a1",
  toolInvocationId = "c1",
  more: Partial<Approval.Request> = {}
): Events.ApprovalRequired => ({
  type: "approval-required",
  data: {
    id,
    kind: "tool",
    target: "look",
    payload: {},
    resourceId: "default",
    threadId: "thread-1",
    toolInvocationId,
    ...more
  }
})

export const askPlan = (id = "a1", more: Partial<Approval.Request> = {}): Events.ApprovalRequired => ({
  type: "approval-required",
  data: {
    id,
    kind: "plan",
    target: "plan-1",
    payload: {},
    resourceId: "default",
    threadId: "thread-1",
    ...more
  }
})

export const decided = (
  outcome: Exclude<Approval.Outcome["outcome"], "revise" | "answer"> = "approve",
  id = "a1"
): Events.ApprovalDecision => ({ type: "approval-decision", data: { id, outcome: { outcome } } })

/** A question that the call asks itself. */
export const question = (id = "q1", toolInvocationId = "c1"): Events.ApprovalRequired =>
  ask(id, toolInvocationId, { kind: "question", payload: { question: "Which one?", schema: { type: "string" } } })

export const answered = (value: Json = "this one", id = "q1"): Events.ApprovalDecision => ({
  type: "approval-decision",
  data: { id, outcome: { outcome: "answer", value } }
})

export const plan = (from: Events.PlanStatus, to: Events.PlanStatus, planId = "plan-1"): Event => ({
  type: "plan-status-change",
  data: { planId, from, to }
})

export const exhausted = (limit = "max_steps", agentPath?: AgentPath.AgentPath): Event => ({
  type: "budget_exhausted",
  message: `${limit}=1 reached`,
  code: "E_BUDGET_STEPS",
  data: { limit, max: 1, used: 1, ...(agentPath === undefined ? {} : { agentPath }) }
})

export const finish: Events.Finish = { type: "finish", finishReason: "stop", usage }
export const cost: Event = {
  type: "data-cost-summary",
  data: { currency: "USD", ...money, root: { agentPath: [], ...money, usage, rows: [], children: [] } }
}
export const latency: Event = {
  type: "data-latency-summary",
  data: {
    totalMs: 0,
    machineMs: 0,
    humanWaitMs: 0,
    downMs: 0,
    modelMs: 0,
    toolMs: 0,
    steps: [],
    tools: [],
    waits: []
  }
}
export const failed: Event = { type: "error", error: { message: "the model is gone", code: "E_MODEL" } }

/** How a run ends, and how it fails. */
export const ended: ReadonlyArray<Event> = [finish, cost, latency]
export const failing: ReadonlyArray<Event> = [cost, latency, failed]
