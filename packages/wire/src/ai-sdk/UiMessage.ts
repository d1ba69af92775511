/**
 * A thread as the messages of `useChat`, for a page that is opened again. What a person wrote is a message each; what
 * the model said until the next one is one message, a step for each of its answers, with every result in its call.
 *
 * The answer of an active run is left out: `GET /chat/:id/stream` sends the whole of it, and a client that had its
 * beginning twice would show it twice.
 */
import type { Message } from "@reins/protocol"
import * as Body from "../Body.ts"
import type { Reply } from "../Dialect.ts"
import { type Facts, MessageId, type RunPlace } from "../Facts.ts"
import * as Media from "../Media.ts"

interface UiMessage {
  readonly id: string
  readonly role: "user" | "assistant"
  readonly parts: Array<object>
}

const fileOf = (part: Message.FilePart): object => ({
  type: "file",
  mediaType: part.mediaType,
  url: Media.urlOf(part),
  ...(part.filename === undefined ? {} : { filename: part.filename })
})

const callOf = ({ args, id, name }: Message.CallPart, result: Message.ResultPart | undefined): object => {
  const call = { type: `tool-${name}`, toolCallId: id, input: args }
  if (result === undefined) return { ...call, state: "input-available" }
  if (result.status === undefined) return { ...call, state: "output-available", output: result.result }
  // A denial needs the question that was answered, which a thread does not keep.
  return { ...call, state: "output-error", errorText: Body.resultText(result.result) }
}

/** The files of a result, as their own parts: the output of a call has no place for them. A client has those of its calls. */
const filesIn = ({ execution }: Message.CallPart, result: Message.ResultPart | undefined): ReadonlyArray<object> =>
  execution === "client" ? [] : (result?.content ?? []).flatMap((part) => (part.type === "file" ? [fileOf(part)] : []))

const partOf = (
  part: Message.AssistantPart,
  results: ReadonlyMap<string, Message.ResultPart>
): ReadonlyArray<object> => {
  switch (part.type) {
    case "text":
    case "reasoning":
      return [{ type: part.type, text: part.text, state: "done" }]
    case "file":
      return [fileOf(part)]
    case "tool-call":
      return [callOf(part, results.get(part.id)), ...filesIn(part, results.get(part.id))]
    case "tool-result":
      return []
  }
}

/** The messages of a thread in `useChat`'s form. */
export const fromMessages = (
  threadId: string,
  messages: ReadonlyArray<Message.Message>,
  runs?: ReadonlyArray<RunPlace> | undefined
): ReadonlyArray<UiMessage> => {
  const ids = MessageId.of(threadId, messages, runs)
  const all: Array<UiMessage> = []
  for (const [index, message] of messages.entries()) {
    const id = ids[index] ?? ""
    if (message.role === "user") {
      const parts = message.content.map((part) =>
        part.type === "text" ? { type: "text", text: part.text } : fileOf(part)
      )
      all.push({ id, role: "user", parts })
    } else if (message.role === "assistant") {
      const results = resultsAfter(messages, index)
      const parts = [{ type: "step-start" }, ...message.content.flatMap((part) => partOf(part, results))]
      const last = all.at(-1)
      if (last?.role === "assistant") last.parts.push(...parts)
      else all.push({ id, role: "assistant", parts })
    }
  }
  return all
}

/** The results of a step's calls by their ids, which another step may use again. */
const resultsAfter = (messages: ReadonlyArray<Message.Message>, index: number) => {
  const results = new Map<string, Message.ResultPart>()
  const own = messages[index]
  if (own?.role === "assistant")
    for (const part of own.content) if (part.type === "tool-result") results.set(part.id, part)
  for (let next = index + 1; next < messages.length; next += 1) {
    const message = messages[next]
    if (message?.role !== "tool") break
    for (const part of message.content) results.set(part.id, part)
  }
  return results
}

/** The answer to `GET /chat/:id/messages`. */
export const shape = (facts: Facts): Reply => {
  if (facts._tag !== "Thread") return { status: 200, body: [] }
  const { messages, runAt, runs, thread } = facts
  const said = runAt === undefined ? messages : messages.slice(0, runAt + 1)
  return { status: 200, body: fromMessages(thread.threadId, said, runs) }
}
