/** Kai's non-streaming answers: chats with their messages, the history, votes, the server's state, errors. */
import type { Message } from "@reins/protocol"
import * as DateTime from "effect/DateTime"
import type { Reply } from "../Dialect.ts"
import { type Facts, MessageId, type RunPlace, type Thread } from "../Facts.ts"
import type { Kind, Refusal } from "../Refusal.ts"
import { callOf, toObject } from "./Encoder.ts"
import * as Body from "../Body.ts"
import * as Media from "../Media.ts"

const iso = (millis: number): string => DateTime.formatIso(DateTime.makeUnsafe(millis))

interface ChatMessage {
  readonly id: string
  readonly role: "user" | "assistant"
  readonly parts: ReadonlyArray<object>
}

const toolPart = (part: Message.CallPart, result: Message.ResultPart | undefined): object => {
  const call = { type: `tool-${part.name}`, toolCallId: part.id, toolName: part.name, input: toObject(part.args) }
  if (result === undefined) return { ...call, state: "input-available" }
  return result.status === undefined
    ? { ...call, state: "output-available", output: toObject(result.result) }
    : {
        ...call,
        state: result.status === "denied" ? "output-denied" : "output-error",
        errorText: Body.resultText(result.result)
      }
}

const partsOf = (message: Message.Message, results: ReadonlyMap<string, Message.ResultPart>): ReadonlyArray<object> =>
  message.content.flatMap((part): ReadonlyArray<object> => {
    switch (part.type) {
      case "text":
      case "reasoning":
        return [{ type: part.type, text: part.text, state: "done" }]
      case "file":
        return [
          {
            type: "file",
            url: Media.urlOf(part),
            mediaType: part.mediaType,
            ...(part.filename === undefined ? {} : { filename: part.filename })
          }
        ]
      case "tool-call":
        return [toolPart(part, results.get(part.id))]
      case "tool-result":
        return []
    }
  })

/**
 * Tool messages are not shown as messages: results belong to their calls. A question is shown with its call, under
 * `approval.id`.
 */
const messagesOf = (
  { questions, threadId }: Thread,
  messages: ReadonlyArray<Message.Message>,
  runs: ReadonlyArray<RunPlace> | undefined
): ReadonlyArray<ChatMessage> => {
  const ids = MessageId.of(threadId, messages, runs)
  const results = new Map<string, Message.ResultPart>()
  for (const { content, role } of messages) {
    if (role === "tool") for (const part of content) results.set(part.id, part)
  }
  const said = messages.flatMap((message, index): ReadonlyArray<ChatMessage> =>
    message.role === "tool" ? [] : [{ id: ids[index] ?? "", role: message.role, parts: partsOf(message, results) }]
  )
  if (questions.length === 0) return said
  const waiting = questions.map((question) => {
    const { toolCallId, toolName } = callOf(question)
    return {
      type: `tool-${toolName}`,
      toolCallId,
      toolName,
      state: "approval-requested",
      input: toObject(question.payload),
      approval: { id: question.id }
    }
  })
  const asked = new Set(waiting.map(({ toolCallId }) => toolCallId))
  const isAsked = (part: object) =>
    "toolCallId" in part && typeof part.toolCallId === "string" && asked.has(part.toolCallId)
  const last = said.at(-1)
  const id = `${threadId}-${messages.length}`
  return last?.role === "assistant"
    ? [...said.slice(0, -1), { ...last, parts: [...last.parts.filter((part) => !isAsked(part)), ...waiting] }]
    : [...said, { id, role: "assistant", parts: waiting }]
}

const chatOf = ({ createdAt, threadId, title, updatedAt }: Thread): object => ({
  id: threadId,
  ...(title === undefined ? {} : { title }),
  createdAt: iso(createdAt),
  updatedAt: iso(updatedAt),
  visibility: "private"
})

export const shape = (facts: Facts): Reply => {
  switch (facts._tag) {
    case "Thread":
      return {
        status: 200,
        body: { ...chatOf(facts.thread), messages: messagesOf(facts.thread, facts.messages, facts.runs) }
      }
    case "Threads":
      return { status: 200, body: { chats: facts.threads.map(chatOf), hasMore: facts.next !== undefined } }
    case "Votes": {
      const votes = facts.votes.map(({ isUp, messageId, threadId }) => ({
        chatId: threadId,
        messageId,
        type: isUp ? "up" : "down"
      }))
      return { status: 200, body: { votes } }
    }
    default:
      return { status: 200, body: {} }
  }
}

export const ping = (facts: Facts): Reply => ({
  status: 200,
  body: { timestamp: iso(facts._tag === "Agents" ? facts.at : 0) }
})

/**
 * What clients that only know the storage's address find this server by. `url`: where this dialect is served; absent:
 * not known.
 */
export const services = (url: string | undefined) => (): Reply => ({
  status: 200,
  body: { services: url === undefined ? [] : [{ id: "kai-assistant", url }] },
  headers: { "cache-control": "no-store" }
})

export const info = (facts: Facts): Reply => {
  const { at, upMs } = facts._tag === "Agents" ? facts : { at: 0, upMs: 0 }
  const version = facts._tag === "Agents" ? (facts.agents[0]?.version ?? "0") : "0"
  return {
    status: 200,
    body: {
      timestamp: iso(at),
      uptime: upMs / 1000,
      appName: "reins",
      appVersion: version,
      serverVersion: version,
      connectedMcp: []
    }
  }
}

const codes: { readonly [K in Kind]: string } = {
  "bad-request": "bad_request:api",
  unauthorized: "unauthorized:chat",
  forbidden: "forbidden:chat",
  "not-found": "not_found:chat",
  "method-not-allowed": "bad_request:api",
  conflict: "bad_request:chat",
  gone: "bad_request:chat",
  "too-large": "bad_request:api",
  unprocessable: "bad_request:chat",
  "rate-limited": "rate_limit:chat",
  budget: "rate_limit:chat",
  unavailable: "offline:chat",
  internal: "internal:chat"
}

export const encodeError = ({ code, kind, message, retryAfterSeconds, status }: Refusal): Reply => ({
  status,
  body: { code: codes[kind], message, cause: code },
  ...(retryAfterSeconds === undefined ? {} : { headers: { "retry-after": `${retryAfterSeconds}` } })
})
