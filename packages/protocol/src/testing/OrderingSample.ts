/**
 * The events that `OrderingGenerator` uses: plausible, small, and valid by the schema of events. Their order is checked
 * elsewhere.
 */
import type { AgentPath } from "../AgentPath.ts"
import type { Outcome } from "../approval/Approval.ts"
import { Event } from "../event/Event.ts"
import type * as Events from "../event/Event.ts"
import { isRefused } from "../ordering/OrderingTables.ts"
import type { Call } from "../ordering/OrderingState.ts"
import type { UsageTotals } from "../money/Usage.ts"

/**
 * The next number in `[0, 1)`; the same numbers generate the same log.
 *
 * @since 0.1.0
 * @category models
 */
export type Random = () => number

/**
 * A deterministic source for a seed (a 32-bit integer), good enough for tests; not for secrets.
 *
 * @since 0.1.0
 * @category operations
 */
export const seeded = (seed: number): Random => {
  let state = Math.trunc(seed) >>> 0
  return () => {
    state = (state + 0x9e3779b9) >>> 0
    let mixed = Math.imul(state ^ (state >>> 16), 0x21f0aaad)
    mixed = Math.imul(mixed ^ (mixed >>> 15), 0x735a2d97)
    return ((mixed ^ (mixed >>> 15)) >>> 0) / 2 ** 32
  }
}

/** One of the given values, each with the same probability. */
export const pick = <const A>(random: Random, first: A, ...others: ReadonlyArray<A>): A =>
  others[Math.floor(random() * (others.length + 1)) - 1] ?? first

export const words = (random: Random): string =>
  pick(random, "so ", "it ", "is ", "not ", "", "yet ", "done. ", "\u{1f422}")

const usage = (random: Random): UsageTotals => {
  const promptTokens = Math.floor(random() * 1000)
  const completionTokens = Math.floor(random() * 200)
  return {
    promptTokens,
    completionTokens,
    cacheReadInputTokens: Math.floor(promptTokens / 2),
    cacheCreationInputTokens: 0,
    totalTokens: promptTokens + completionTokens
  }
}

export const received = (random: Random, position: number): Events.MessageReceived =>
  Event.messageReceived({
    messageId: `message-${position}`,
    position,
    content: [{ type: "text", text: words(random) || "and then" }]
  })

/** Of the second text or reasoning of a step. */
export const second = (random: Random): Events.Text | Events.Reasoning =>
  pick<Events.Text | Events.Reasoning>(random, Event.text(words(random), "2"), Event.reasoning(words(random), "2"))

/** More of the input of a call of which `from` characters are written. */
export const input = (random: Random, call: Events.ToolCall | Events.AgentCall, from: number) => {
  const [name, args, execution] =
    call.type === "tool-agent"
      ? [call.agentName, call.prompt, "agent" as const]
      : [call.toolName, call.args, call.execution]
  const rest = JSON.stringify(args).slice(from)
  // Not within a character.
  const piece = random() < 0.3 ? rest : (/^.{0,6}/su.exec(rest)?.[0] ?? "")
  const event = Event.toolInputDelta({ id: call.toolInvocationId, name }, piece, execution)
  return { event, written: { call, length: from + piece.length } }
}

export const source = (random: Random): Events.Source =>
  Event.source(
    pick<Events.Source["data"]>(
      random,
      { id: "source-1", sourceType: "url", url: "https://acme.test/note", title: "A note" },
      {
        id: "source-2",
        sourceType: "document",
        mediaType: "application/pdf",
        title: words(random),
        filename: "note.pdf"
      }
    )
  )

export const toolCall = (random: Random, id: string): Events.ToolCall =>
  Event.toolCall(
    { id, name: pick(random, "look", "write", "refund"), args: { word: words(random) } },
    random() < 0.1 ? "client" : undefined
  )

export const agentCall = (random: Random, id: string): Events.AgentCall =>
  // A specialist may have the name of a tool, and a name may contain the separators of a key.
  Event.agentCall({ id, name: pick(random, "planner", "researcher", "look", "a/b~c"), args: words(random) })

export const result = (
  random: Random,
  id: string,
  { kind, name, phase }: Call
): Events.ToolResult | Events.AgentResult => {
  const status = isRefused(phase) || random() < 0.2 ? pick(random, "denied", "failed", "cancelled") : undefined
  const outcome = { result: { said: words(random) }, status }
  return kind === "tool" ? Event.toolResult({ id, name }, {}, outcome) : Event.agentResult({ id, name }, outcome)
}

/** A receipt: its late result follows. */
export const receipt = (random: Random, id: string, { name }: Call): Events.ToolResult => ({
  ...Event.toolResult({ id, name }, {}, { result: { accepted: words(random) } }),
  later: { ticketId: `tkt_${id}`, ...(random() < 0.5 ? {} : { expiresAt: 1000 }) }
})

export const lateResult = (random: Random, id: string, name: string): Events.LateResult =>
  Event.lateResult(
    { id, name },
    { result: { said: words(random) }, status: random() < 0.3 ? pick(random, "failed", "cancelled") : undefined }
  )

export const progress = (random: Random, id: string, { name, progress: last }: Call): Events.ToolProgress => {
  const phaseIndex = Math.max(last, 0) + Math.floor(random() * 3)
  const { toolCallId, ...unnamed } = Event.toolProgress(
    { id, name },
    {
      label: words(random),
      phaseIndex,
      totalPhases: phaseIndex + Math.floor(random() * 3),
      milestone: random() < 0.2 ? { at: phaseIndex } : undefined
    }
  )
  return random() < 0.1 || toolCallId === undefined ? unnamed : { ...unnamed, toolCallId }
}

export const agentUsage = (random: Random, name: string, id: string): Events.AgentUsage => {
  const event = Event.agentUsage({ id, name }, "model-1", usage(random))
  const { toolInvocationId: _, ...unnamed } = event.data
  return random() < 0.3 ? { ...event, data: unnamed } : event
}

const request = (threadId: string, id: string, agentPath: AgentPath) => ({
  id,
  resourceId: "default",
  threadId,
  ...(agentPath.length === 0 ? {} : { agentPath })
})

export const toolRequest = (
  threadId: string,
  id: string,
  agentPath: AgentPath,
  toolInvocationId: string,
  target: string,
  begunBefore?: number
): Events.ApprovalRequired => ({
  type: "approval-required",
  data: {
    ...request(threadId, id, agentPath),
    kind: "tool",
    target,
    payload: {},
    toolInvocationId,
    ...(begunBefore === undefined ? {} : { begunBefore })
  }
})

/** A question that a call asks. */
export const question = (
  threadId: string,
  id: string,
  agentPath: AgentPath,
  toolInvocationId: string,
  target: string
): Events.ApprovalRequired => ({
  type: "approval-required",
  data: {
    ...request(threadId, id, agentPath),
    kind: "question",
    target,
    payload: { question: "Which one?", schema: { type: "string" } },
    toolInvocationId
  }
})

export const otherRequest = (
  random: Random,
  threadId: string,
  id: string,
  agentPath: AgentPath
): Events.ApprovalRequired => ({
  type: "approval-required",
  data: {
    ...request(threadId, id, agentPath),
    ...pick(
      random,
      { kind: "plan", target: "plan-1", payload: { goal: "rest" } },
      { kind: "budget", target: "max_steps", payload: { limit: "max_steps", max: 3, used: 3 } }
    )
  }
})

const outcome = (random: Random): Outcome =>
  pick<Outcome>(
    random,
    { outcome: "approve" },
    { outcome: "reject" },
    { outcome: "revise", partial: { word: words(random) } },
    { outcome: "expired" },
    { outcome: "cancelled" },
    pick<Outcome>(random, { outcome: "superseded" }, { outcome: "superseded", messageId: "message-1" })
  )

const questionOutcome = (random: Random): Outcome =>
  pick<Outcome>(
    random,
    { outcome: "answer", value: words(random) },
    { outcome: "answer", value: { word: words(random) } },
    { outcome: "reject" },
    { outcome: "expired" },
    { outcome: "cancelled" },
    { outcome: "superseded", messageId: "message-1" }
  )

export const decision = (random: Random, id: string, isQuestion: boolean): Events.ApprovalDecision => ({
  type: "approval-decision",
  data: { id, outcome: isQuestion ? questionOutcome(random) : outcome(random) }
})

export const budgetExhausted = (random: Random, agentPath: AgentPath): Events.BudgetExhausted => {
  const limit = pick(random, "max_steps", "max_tool_calls", "max_cost_usd")
  return {
    type: "budget_exhausted",
    message: `${limit}=3 reached`,
    code: `E_BUDGET_${limit.slice(4).toUpperCase()}`,
    data: { limit, max: 3, used: 3, ...(agentPath.length === 0 || random() < 0.5 ? {} : { agentPath }) }
  }
}

export const file = (random: Random, fileId: string): Events.FileRegistered => ({
  type: "data-file-registered",
  data: { fileId, filename: "note.txt", mediaType: "text/plain", sizeBytes: Math.floor(random() * 1000) }
})

export const finish = (random: Random): Events.Finish => {
  const event = Event.finish(
    pick(random, "stop", "length", "content-filter", "budget", "cancelled", "repeated-calls", "other"),
    usage(random)
  )
  const hasAnswer = event.finishReason === "stop" || event.finishReason === "budget"
  return hasAnswer && random() < 0.5 ? { ...event, output: { answer: 1 } } : event
}

const money = { costNanoUsd: 0, costUsd: 0, unpriced: 0, estimated: false }

export const costSummary: Events.CostSummaryEvent = {
  type: "data-cost-summary",
  data: {
    currency: "USD",
    ...money,
    root: {
      agentPath: [],
      ...money,
      usage: {
        promptTokens: 0,
        completionTokens: 0,
        cacheReadInputTokens: 0,
        cacheCreationInputTokens: 0,
        totalTokens: 0
      },
      rows: [],
      children: []
    }
  }
}

export const latencySummary: Events.LatencySummaryEvent = {
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
