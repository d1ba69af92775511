/**
 * The part of a `Transcript` that belongs to one agent.
 */
import type * as AgentPath from "../AgentPath.ts"
import type { Request } from "../approval/Approval.ts"
import type * as Events from "../event/Event.ts"
import type { Event } from "../event/Event.ts"
import type { Json } from "../Json.ts"
import type { AssistantPart, CallPart, Message, ResultPart } from "../Message.ts"
import { callPart, fromPrompt, resultPart } from "../Message.ts"
import type { UsageTotals } from "../money/Usage.ts"

/** An immutable list that grows at its head and shares its tail. */
export interface List<A> {
  readonly head: A
  readonly tail: List<A> | undefined
}

/** The list's items, oldest first. */
export const toArray = <A>(list: List<A> | undefined): Array<A> => {
  const items: Array<A> = []
  for (let rest = list; rest !== undefined; rest = rest.tail) items.push(rest.head)
  return items.toReversed()
}

type News = Events.ToolResult | Events.AgentResult | Events.ToolProgress

/** The state of one agent: the messages of its closed steps, and the output and results of its open step. */
export interface Agent {
  readonly path: AgentPath.AgentPath
  readonly prompt: Message | undefined
  readonly closed: List<Message> | undefined
  readonly parts: List<AssistantPart> | undefined
  /** The `part` of the last text or reasoning of the open step. */
  readonly part: string | undefined
  readonly news: List<News> | undefined
  readonly hasResult: boolean
  readonly approvals: List<Events.ApprovalRequired | Events.ApprovalDecision> | undefined
  readonly files: List<File> | undefined
  readonly usage: UsageTotals | undefined
}

/**
 * A file that a tool registered.
 *
 * @since 0.1.0
 * @category models
 */
export type File = Events.FileRegistered["data"]

/**
 * A call without a result.
 *
 * @since 0.1.0
 * @category models
 */
export interface PendingCall {
  readonly call: CallPart
  /** Its latest progress; absent before the first. */
  readonly progress?: Events.ToolProgress
  /** The approval request that it waits for; absent if none. */
  readonly approval?: Request
}

export const make = (path: AgentPath.AgentPath, prompt: Message | undefined): Agent => ({
  path,
  prompt,
  closed: undefined,
  parts: undefined,
  part: undefined,
  news: undefined,
  hasResult: false,
  approvals: undefined,
  files: undefined,
  usage: undefined
})

/** A specialist's prompt as its user message: text unchanged, anything else as JSON. */
export const promptOf = (prompt: Json): Message =>
  fromPrompt(typeof prompt === "string" ? prompt : JSON.stringify(prompt))

const increment = (agent: Agent, event: Events.Text | Events.Reasoning): Agent => {
  if (event.text === "") return agent
  const { part, parts } = agent
  return parts?.head.type === event.type && part === event.part
    ? { ...agent, parts: { head: { type: event.type, text: parts.head.text + event.text }, tail: parts.tail } }
    : { ...agent, part: event.part, parts: { head: { type: event.type, text: event.text }, tail: parts } }
}

const announce = (agent: Agent, call: CallPart): Agent => ({ ...agent, parts: { head: call, tail: agent.parts } })

const hear = (agent: Agent, news: News): Agent => {
  const last = agent.news
  if (news.type !== "tool-progress") return { ...agent, news: { head: news, tail: last }, hasResult: true }
  // Only the latest progress of a call is kept: a tool with much progress must not fill the memory.
  const repeats =
    last?.head.type === "tool-progress" &&
    last.head.toolCallId === news.toolCallId &&
    last.head.toolName === news.toolName
  return { ...agent, news: { head: news, tail: repeats ? last.tail : last } }
}

/** Closes the step: creates its messages, once. */
const close = (agent: Agent): Agent => {
  if (agent.parts === undefined && agent.news === undefined) return agent
  let { closed } = agent
  for (const message of stepMessages(agent)) closed = { head: message, tail: closed }
  return { ...agent, closed, parts: undefined, news: undefined, hasResult: false }
}

/** Foreign streams may leave out `step-start`: output after a result belongs to the next step. */
const speak = (agent: Agent): Agent => (agent.hasResult ? close(agent) : agent)

/** The agent after one of its own events. */
export const step = (agent: Agent, event: Event): Agent => {
  switch (event.type) {
    case "text":
    case "reasoning":
      return increment(speak(agent), event)
    case "step-start":
      return close(agent)
    case "step-retracted":
      return { ...agent, parts: undefined, news: undefined, hasResult: false }
    case "message-received":
      return append(close(agent), fromPrompt(event.data.content))
    case "late-result":
      return append(close(agent), lateResult({ id: event.toolInvocationId, name: event.toolName }, event))
    case "tool-invocation":
      return event.state === "result"
        ? hear(agent, event)
        : announce(
            speak(agent),
            callPart({ id: event.toolInvocationId, name: event.toolName, args: event.args }, event.execution)
          )
    case "tool-agent":
      return event.state === "result"
        ? hear(agent, event)
        : announce(speak(agent), callPart({ id: event.toolInvocationId, name: event.agentName, args: event.prompt }))
    case "tool-progress":
      return hear(agent, event)
    case "approval-required":
    case "approval-decision":
      return { ...agent, approvals: { head: event, tail: agent.approvals } }
    case "custom":
      if (event.event_type === callsDropped)
        return tell(agent, isDropped(event.data) && droppedCalls(event.data.reason, event.data.tools))
      if (event.event_type === callsRepeated)
        return tell(agent, isRepeated(event.data) && repeatedCalls(event.data.times, event.data.tools))
      return agent
    case "data-file-registered":
      return { ...agent, files: { head: event.data, tail: agent.files } }
    default:
      return agent
  }
}

/** The custom event of a step's calls that never ran. */
const callsDropped = "calls_dropped"

/**
 * The message to the model about calls of its answer that never ran, since the answer ended early for `reason`.
 *
 * @since 0.1.0
 * @category operations
 */
export const droppedCalls = (reason: string, tools: ReadonlyArray<string>): Message =>
  fromPrompt(`Your answer ended early (${reason}), so these tool calls did not run: ${tools.join(", ")}.`)

/**
 * The message to the model with the late result of its call, which ended with a receipt. The call itself stays as it is in
 * the history, so that providers accept it.
 *
 * @since 0.2.0
 * @category operations
 */
export const lateResult = (
  { id, name }: { readonly id: string; readonly name: string },
  { result, status }: { readonly result: Json; readonly status?: Events.Status | undefined }
): Message => {
  const how = status === undefined ? "is here" : status === "failed" ? "is here: it failed" : "will not come"
  const text = typeof result === "string" ? result : JSON.stringify(result)
  return fromPrompt(`The late result of your call ${id} of ${name} ${how}.\n${text}`)
}

/** The custom event of an agent that has reached the limit of repeated calls. */
const callsRepeated = "calls_repeated"

/**
 * The message to the model when it has made the same calls of `tools`, with the same arguments, `times` times in a row.
 *
 * @since 0.1.0
 * @category operations
 */
export const repeatedCalls = (times: number, tools: ReadonlyArray<string>): Message =>
  fromPrompt(
    `You have called ${tools.join(", ")} with the same arguments ${times} times in a row. ` +
      "Do something else, or give your answer: if you make the same call once more, it will not run and the run will end."
  )

/**
 * Closes the step, and adds the message to the model after it; `false` if the event of that name belongs to a product.
 */
const tell = (agent: Agent, message: Message | false): Agent =>
  message === false ? agent : append(close(agent), message)

const append = (agent: Agent, message: Message): Agent => ({ ...agent, closed: { head: message, tail: agent.closed } })

const namesTools = (data: Json): data is { readonly tools: ReadonlyArray<string> } =>
  typeof data === "object" &&
  data !== null &&
  "tools" in data &&
  Array.isArray(data.tools) &&
  data.tools.every((tool) => typeof tool === "string")

const isDropped = (data: Json): data is { readonly reason: string; readonly tools: ReadonlyArray<string> } =>
  namesTools(data) && "reason" in data && typeof data.reason === "string"

const isRepeated = (data: Json): data is { readonly times: number; readonly tools: ReadonlyArray<string> } =>
  namesTools(data) && "times" in data && typeof data.times === "number"

const resultOf = (event: Events.ToolResult | Events.AgentResult): ResultPart =>
  resultPart(
    { id: event.toolInvocationId, name: event.type === "tool-agent" ? event.agentName : event.toolName },
    event
  )

/** The open step as messages: its output, and the results so far in the order of the calls. */
const stepMessages = (agent: Agent): ReadonlyArray<Message> => {
  const content = toArray(agent.parts)
  const results = new Map<string, ResultPart>()
  for (const event of toArray(agent.news)) {
    if (event.type === "tool-progress" || results.has(event.toolInvocationId)) continue
    results.set(event.toolInvocationId, resultOf(event))
  }
  const ordered: Array<ResultPart> = []
  for (const part of content) {
    const result = part.type === "tool-call" ? results.get(part.id) : undefined
    if (result === undefined) continue
    ordered.push(result)
    results.delete(result.id)
  }
  // Results of calls of other steps are kept; `Transcript.repair` moves them.
  ordered.push(...results.values())
  const messages: Array<Message> = []
  if (content.length > 0) messages.push({ role: "assistant", content })
  if (ordered.length > 0) messages.push({ role: "tool", content: ordered })
  return messages
}

/** All messages so far, including the open step; its open calls have no result. */
export const messages = (agent: Agent): ReadonlyArray<Message> => {
  const all = toArray(agent.closed)
  if (agent.prompt !== undefined) all.unshift(agent.prompt)
  all.push(...stepMessages(agent))
  return all
}

/** The approval requests without a decision, in their order. */
export const pendingApprovals = (agent: Agent): ReadonlyArray<Request> => {
  const pending = new Map<string, Request>()
  for (const event of toArray(agent.approvals)) {
    if (event.type === "approval-required") pending.set(event.data.id, event.data)
    else pending.delete(event.data.id)
  }
  return [...pending.values()]
}

/** The calls without a result, in their order. */
export const pendingCalls = (agent: Agent): ReadonlyArray<PendingCall> => {
  const open = new Map<string, CallPart>()
  for (const part of toArray(agent.parts)) if (part.type === "tool-call") open.set(part.id, part)
  const progress = new Map<string, Events.ToolProgress>()
  for (const event of toArray(agent.news)) {
    if (event.type !== "tool-progress") {
      open.delete(event.toolInvocationId)
      continue
    }
    // Foreign streams may name only the tool: progress then counts for its first open call.
    const named = event.toolCallId ?? [...open.values()].find(({ name }) => name === event.toolName)?.id
    if (named !== undefined) progress.set(named, event)
  }
  const approvals = new Map(pendingApprovals(agent).map((request) => [request.toolInvocationId, request]))
  return [...open.values()].map((call) => {
    const latest = progress.get(call.id)
    const approval = approvals.get(call.id)
    return {
      call,
      ...(latest === undefined ? {} : { progress: latest }),
      ...(approval === undefined ? {} : { approval })
    }
  })
}
