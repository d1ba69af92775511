/**
 * What clients of the Agent Application Protocol are sent: turns as frames, and as the single JSON answer of mode `none`
 * (`Turn` says what a turn carries and loses); sessions, histories, the server's description, and errors. Secret options
 * are never shown.
 */
import type { Message as Ours } from "@reins/protocol"
import { type Accumulated, whole } from "../Accumulation.ts"
import type { ClientTool } from "../Command.ts"
import { CallId } from "../Ids.ts"
import type { Encoder, Folding, Reply } from "../Dialect.ts"
import type { AgentFacts, Facts, Thread, ToolFacts } from "../Facts.ts"
import * as Frame from "../Frame.ts"
import { isAskedBy } from "../Parking.ts"
import type { Refusal } from "../Refusal.ts"
import * as Message from "./Message.ts"
import { callOf, failureReason, Turn, stopReason, type StopReason, type TurnEvent } from "./Turn.ts"

const frame = ({ data, event }: TurnEvent): Frame.Frame => Frame.named(event, data)

/** `isCreate`: the request created the session (version 2), so its id is sent first. */
export const open = (mode: "delta" | "message", isCreate: boolean): Encoder => {
  const turn = new Turn(mode === "delta")
  let isOpen = false
  return {
    step: (envelope) => {
      const frames = turn.step(envelope).map(frame)
      if (isOpen) return frames
      isOpen = true
      const start = Frame.named("turn_start", {})
      return isCreate
        ? [Frame.named("session_start", { sessionId: envelope.threadId }), start, ...frames]
        : [start, ...frames]
    },
    finish: () => turn.finish().map(frame),
    reopen: (answered) => turn.reopen(answered).map(frame),
    get isDetached() {
      return turn.isDetached
    }
  }
}

const stopOf = ({ clientCalls, error, exhausted, finish, questions }: Accumulated): StopReason => {
  if (error !== undefined) return failureReason(error)
  if (questions.length + clientCalls.length > 0) return "tool_use"
  return stopReason(finish?.finishReason ?? "other", exhausted.at(-1)?.data.limit)
}

/** Adds the waiting calls to the assistant's last message, where clients look for them. */
const withWaiting = (
  messages: ReadonlyArray<Message.Message>,
  waiting: ReadonlyArray<Message.Block>
): ReadonlyArray<Message.Message> => {
  if (waiting.length === 0) return messages
  const last = messages.findLastIndex(({ role }) => role === "assistant")
  const message = messages[last]
  if (message?.role !== "assistant") return [...messages, Message.assistant(waiting)]
  const said: ReadonlyArray<Message.Block> =
    typeof message.content === "string" ? [{ type: "text", text: message.content }] : message.content
  return messages.with(last, Message.assistant([...said, ...waiting]))
}

const messagesOf = (run: Accumulated): ReadonlyArray<Message.Message> => {
  const reasons = new Map(run.decisions.flatMap(({ feedback, id }) => (feedback === undefined ? [] : [[id, feedback]])))
  const settled = new Set<string>()
  const rooted = new Set<string>()
  for (const message of run.messages) {
    for (const part of message.content) {
      if (part.type === "tool-result") settled.add(part.id)
      if (part.type === "tool-call") rooted.add(part.id)
    }
  }
  const others = run.questions.filter((question) => !isAskedBy(question, run.clientCalls))
  const waiting = new Map(others.map((question) => [callOf(question).data.toolCallId, callOf(question).data]))
  for (const { call, path } of run.clientCalls) {
    const toolCallId = CallId.make(path, call.toolInvocationId)
    waiting.set(toolCallId, { toolCallId, name: call.toolName, input: call.args })
  }
  const below = run.settledBelow.map(({ path, result }): Message.Message => ({
    role: "tool",
    toolCallId: CallId.make(path, result.toolInvocationId),
    content: Message.contentOf(result.result, result.status, undefined)
  }))
  const shown = Message.fromOurs(run.messages, (id) => settled.has(id) || waiting.has(id), reasons)
  const unseen = [...waiting.values()].filter(({ toolCallId }) => !rooted.has(toolCallId))
  return withWaiting(
    [...below, ...shown],
    unseen.map((call) => ({ type: "tool_use", ...call }))
  )
}

/** Mode `none`: the whole exchange, once the run has ended or waits. */
export const fold = (isCreate: boolean): Folding =>
  whole("when-parked", (run) => ({
    status: 200,
    body: {
      ...(isCreate ? { sessionId: run.threadId } : {}),
      stopReason: stopOf(run),
      messages: messagesOf(run)
    }
  }))

/**
 * Versions 1 and 2 are what source 001 describes: 1 lists ids and shows a session with its history. 3 is what clients
 * have used since.
 */
export type Version = 1 | 2 | 3

const redacted = "***"

const optionsOf = ({ secrets, settings }: Thread): { readonly [name: string]: string } =>
  Object.fromEntries(
    Object.entries(settings?.options ?? {}).map(([name, value]) => [name, secrets.includes(name) ? redacted : value])
  )

const toolOf =
  (version: Version) =>
  ({ description, name, parameters, ...rest }: ToolFacts | ClientTool): object => ({
    name,
    ...("title" in rest && rest.title !== undefined ? { title: rest.title } : {}),
    description: description ?? "",
    ...(version === 3 ? { parameters } : { inputSchema: parameters })
  })

const infoOf = (version: Version, thread: Thread): object => {
  const { agent, settings, threadId } = thread
  return {
    sessionId: threadId,
    agent: {
      name: agent,
      ...(settings?.tools === undefined ? {} : { tools: settings.tools }),
      options: optionsOf(thread)
    },
    ...(settings?.clientTools === undefined ? {} : { tools: settings.clientTools.map(toolOf(version)) })
  }
}

const capabilities = {
  history: { compacted: {}, full: {} },
  stream: { delta: {}, message: {}, none: {} },
  application: { tools: {} },
  image: { http: {}, data: {} }
}

const agentOf = (version: Version, agent: AgentFacts): object => ({
  name: agent.name,
  ...(agent.title === undefined ? {} : { title: agent.title }),
  version: agent.version,
  ...(agent.description === undefined ? {} : { description: agent.description }),
  tools: agent.tools.map(toolOf(version)),
  options: agent.options.map((option) => (option.type === "secret" ? { ...option, default: "" } : option)),
  capabilities
})

/** `created` is the answer to a request that created the session. */
export const shape =
  (version: Version, created = false) =>
  (facts: Facts): Reply => {
    switch (facts._tag) {
      case "Thread":
        return created
          ? { status: 201, body: { sessionId: facts.thread.threadId } }
          : {
              status: 200,
              body: {
                ...infoOf(version, facts.thread),
                ...(version === 1
                  ? { history: bothOf(historyOf(facts.thread.settings?.instructions, facts.messages)) }
                  : {})
              }
            }
      case "Threads": {
        const sessions = facts.threads.map((thread) => (version === 1 ? thread.threadId : infoOf(version, thread)))
        return { status: 200, body: { sessions, ...(facts.next === undefined ? {} : { next: facts.next }) } }
      }
      case "Agents":
        return { status: 200, body: { version, agents: facts.agents.map((agent) => agentOf(version, agent)) } }
      default:
        return { status: 204 }
    }
  }

/** A history, with what its system messages said at its beginning. */
const historyOf = (
  instructions: string | undefined,
  messages: ReadonlyArray<Ours.Message>
): ReadonlyArray<Message.Message> => [
  ...(instructions === undefined ? [] : [{ role: "system" as const, content: instructions }]),
  ...Message.fromOurs(messages)
]

/** Neither form is shortened here. */
const bothOf = (messages: ReadonlyArray<Message.Message>): object => ({ compacted: messages, full: messages })

/** A history is returned under the name of its form. */
export const history =
  (form: "full" | "compacted") =>
  (facts: Facts): Reply => ({
    status: 200,
    body: { history: { [form]: facts._tag === "History" ? historyOf(facts.instructions, facts.messages) : [] } }
  })

/** What is missing in a session that is there. */
const within: ReadonlyArray<string> = ["UnknownAgent", "CallNotFound", "ApprovalNotFound", "RouteNotFound"]

/** One message for every missing session, so that another tenant's looks the same. */
export const encodeError = ({ code, kind, message, retryAfterSeconds, status }: Refusal): Reply => ({
  // Clients take every 404 for a session that is gone.
  status: code === "CallNotFound" ? 409 : status,
  body: { error: kind === "not-found" && !within.includes(code) ? "Session not found" : message },
  ...(retryAfterSeconds === undefined ? {} : { headers: { "retry-after": `${retryAfterSeconds}` } })
})
