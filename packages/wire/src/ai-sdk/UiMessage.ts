/**
 * The messages of a page in the two forms in which it gets them: as chunks of a stream, and whole.
 *
 * Readers of a stream reject an unknown `type` or `finishReason` of a chunk, so whatever is specific to us goes as
 * `data-…`.
 *
 * Whole: a thread as the messages of `useChat`, for a page that is opened again. What a person wrote is a message each;
 * what the model said until the next one is one message, a step for each of its answers, with every result in its call.
 *
 * The answer of an active run is left out: `GET /chat/:id/stream` sends the whole of it, and a client that had its
 * beginning twice would show it twice.
 */
import type { Events, Message } from "@reins/protocol"
import * as Schema from "effect/Schema"
import * as Body from "../Body.ts"
import type { Reply } from "../Dialect.ts"
import { type Facts, MessageId, type RunPlace } from "../Facts.ts"
import * as Media from "../Media.ts"

const Type = Schema.Literal
const Text = Schema.String
const Json = Schema.Json

export const FinishReason = Schema.Literals([
  "stop",
  "length",
  "content-filter",
  "tool-calls",
  "error",
  "interrupted",
  "other"
])

const Union = Schema.Union([
  Schema.Struct({ type: Type("start"), messageId: Text, messageMetadata: Schema.optionalKey(Json) }),
  Schema.Struct({ type: Schema.Literals(["start-step", "finish-step", "reset-step"]) }),
  Schema.Struct({ type: Schema.Literals(["text-start", "text-end", "reasoning-start", "reasoning-end"]), id: Text }),
  Schema.Struct({ type: Schema.Literals(["text-delta", "reasoning-delta"]), id: Text, delta: Text }),
  Schema.Struct({
    type: Type("tool-input-start"),
    toolCallId: Text,
    toolName: Text,
    dynamic: Schema.optionalKey(Schema.Boolean)
  }),
  Schema.Struct({ type: Type("tool-input-delta"), toolCallId: Text, inputTextDelta: Text }),
  Schema.Struct({
    type: Type("source-url"),
    sourceId: Text,
    url: Text,
    title: Schema.optionalKey(Text),
    providerMetadata: Schema.optionalKey(Json)
  }),
  Schema.Struct({
    type: Type("source-document"),
    sourceId: Text,
    mediaType: Text,
    title: Text,
    filename: Schema.optionalKey(Text),
    providerMetadata: Schema.optionalKey(Json)
  }),
  Schema.Struct({
    type: Type("tool-input-available"),
    toolCallId: Text,
    toolName: Text,
    input: Json,
    dynamic: Schema.optionalKey(Schema.Boolean),
    providerMetadata: Schema.optionalKey(
      Schema.Struct({ reins: Schema.Struct({ agentPath: Schema.Array(Schema.String) }) })
    )
  }),
  Schema.Struct({
    type: Type("tool-approval-request"),
    approvalId: Text,
    toolCallId: Text,
    approvalDescriptor: Schema.optionalKey(Json)
  }),
  Schema.Struct({
    type: Type("tool-approval-response"),
    approvalId: Text,
    approved: Schema.Boolean,
    reason: Schema.optionalKey(Text)
  }),
  Schema.Struct({
    type: Type("steering-message"),
    id: Text,
    parts: Schema.Array(
      Schema.Union([
        Schema.Struct({ type: Type("text"), text: Text }),
        Schema.Struct({ type: Type("file"), mediaType: Text, url: Text, filename: Schema.optionalKey(Text) })
      ])
    )
  }),
  Schema.Struct({ type: Type("tool-output-available"), toolCallId: Text, output: Json }),
  Schema.Struct({ type: Type("tool-output-error"), toolCallId: Text, errorText: Text }),
  Schema.Struct({ type: Type("tool-output-denied"), toolCallId: Text }),
  Schema.Struct({ type: Type("file"), url: Text, mediaType: Text }),
  Schema.Struct({
    type: Schema.TemplateLiteral(["data-", Schema.String]),
    id: Schema.optionalKey(Text),
    data: Schema.Unknown,
    transient: Schema.optionalKey(Schema.Boolean)
  }),
  Schema.Struct({ type: Type("error"), errorText: Text }),
  Schema.Struct({ type: Type("abort"), reason: Schema.optionalKey(Text) }),
  Schema.Struct({
    type: Type("finish"),
    finishReason: FinishReason,
    messageMetadata: Schema.optionalKey(Json)
  })
]).annotate({ identifier: "UiMessageChunk" })

/**
 * One chunk of the stream; each is one data-only frame.
 *
 * @since 0.1.0
 * @category schemas
 */
export type Chunk = Schema.Schema.Type<typeof Union>
export const Chunk: Schema.Codec<Chunk> = Union

/** A source as a part of the message; it does not interrupt the text that it is for. */
export const sourceOf = ({
  filename,
  id,
  mediaType,
  providerMetadata,
  sourceType,
  title,
  url
}: Events.Source["data"]): Chunk => {
  const told = providerMetadata === undefined ? {} : { providerMetadata }
  return sourceType === "url" && url !== undefined
    ? { type: "source-url", sourceId: id, url, ...(title === undefined ? {} : { title }), ...told }
    : {
        type: "source-document",
        sourceId: id,
        mediaType: mediaType ?? "application/octet-stream",
        title: title ?? filename ?? id,
        ...(filename === undefined ? {} : { filename }),
        ...told
      }
}

/** Usage by the names of AI SDK, beside our own. */
export const usageOf = (usage: Events.Finish["usage"]) => {
  const { cacheCreationInputTokens, cacheReadInputTokens, completionTokens, promptTokens } = usage
  return {
    inputTokens: promptTokens,
    outputTokens: completionTokens,
    inputTokenDetails: {
      noCacheTokens: Math.max(0, promptTokens - cacheReadInputTokens - cacheCreationInputTokens),
      cacheReadTokens: cacheReadInputTokens,
      cacheWriteTokens: cacheCreationInputTokens
    }
  }
}

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
