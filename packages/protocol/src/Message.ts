/**
 * The messages of a conversation, as threads store them and models get them. `Transcript` folds a log to messages.
 *
 * A history is pair-complete when every tool call of an assistant message has exactly one result in the tool messages
 * that follow it; `Transcript` creates and checks such histories. Message shapes of other protocols belong to their
 * dialect or adapter.
 */
import * as Schema from "effect/Schema"
import { freeze, Json } from "./Json.ts"

// Provider data that must be sent back with the part; opaque to everything else.
const OptionalMetadata = Schema.optionalKey(Schema.Record(Schema.String, Json))

export const TextPart = Schema.Struct({ type: Schema.Literal("text"), text: Schema.String, metadata: OptionalMetadata })
export const ReasoningPart = Schema.Struct({
  type: Schema.Literal("reasoning"),
  text: Schema.String,
  metadata: OptionalMetadata
})
export const FilePart = Schema.Struct({
  type: Schema.Literal("file"),
  mediaType: Schema.String,
  data: Schema.String,
  filename: Schema.optionalKey(Schema.String),
  metadata: OptionalMetadata
})
export const CallPart = Schema.Struct({
  type: Schema.Literal("tool-call"),
  id: Schema.String,
  name: Schema.String,
  args: Json,
  execution: Schema.optionalKey(Schema.Literals(["client", "provider"])),
  metadata: OptionalMetadata
})
export const ResultPart = Schema.Struct({
  type: Schema.Literal("tool-result"),
  id: Schema.String,
  name: Schema.String,
  result: Json,
  status: Schema.optionalKey(Schema.Literals(["failed", "denied", "cancelled"])),
  content: Schema.optionalKey(Schema.Array(Schema.Union([TextPart, FilePart]))),
  metadata: OptionalMetadata
})

/**
 * Text. `metadata` is provider data that must be sent back with the part on the next step; opaque to everything else.
 *
 * @since 0.1.0
 * @category schemas
 */
export interface TextPart extends Schema.Schema.Type<typeof TextPart> {}
/**
 * A model's reasoning; its `metadata` has signatures or encrypted content that must be sent back to the provider.
 *
 * @since 0.1.0
 * @category schemas
 */
export interface ReasoningPart extends Schema.Schema.Type<typeof ReasoningPart> {}
/**
 * A file: `data` is a URL (`https:` or `data:`) or base64 content of the given media type.
 *
 * @since 0.1.0
 * @category schemas
 */
export interface FilePart extends Schema.Schema.Type<typeof FilePart> {}
/**
 * A tool call. `args` are the model's arguments: JSON, or the raw string if they are not JSON.
 *
 * @since 0.1.0
 * @category schemas
 */
export interface CallPart extends Schema.Schema.Type<typeof CallPart> {}
/**
 * A tool call's result. `status` is absent on success. `content`, when present, is shown to the model in place of
 * `result` (rich results: text and images).
 *
 * @since 0.1.0
 * @category schemas
 */
export interface ResultPart extends Schema.Schema.Type<typeof ResultPart> {}

/**
 * A part of a user message.
 *
 * @since 0.1.0
 * @category schemas
 */
export type UserPart = TextPart | FilePart
/**
 * A part of a model's message.
 *
 * @since 0.1.0
 * @category schemas
 */
export type AssistantPart = TextPart | ReasoningPart | FilePart | CallPart | ResultPart
export const UserPart: Schema.Codec<UserPart> = Schema.Union([TextPart, FilePart])
export const AssistantPart: Schema.Codec<AssistantPart> = Schema.Union([
  TextPart,
  ReasoningPart,
  FilePart,
  CallPart,
  ResultPart
])

const UserStruct = Schema.Struct({
  role: Schema.Literal("user"),
  content: Schema.Array(UserPart)
})
const AssistantStruct = Schema.Struct({
  role: Schema.Literal("assistant"),
  content: Schema.Array(AssistantPart)
})
const ToolStruct = Schema.Struct({ role: Schema.Literal("tool"), content: Schema.Array(ResultPart) })

/**
 * A message from the caller, or one that the runtime sends to the model in the user's role.
 *
 * @since 0.1.0
 * @category models
 */
export interface User extends Schema.Schema.Type<typeof UserStruct> {}
/**
 * The model's output in one step. A `tool-result` in it belongs to a tool that the provider ran itself.
 *
 * @since 0.1.0
 * @category models
 */
export interface Assistant extends Schema.Schema.Type<typeof AssistantStruct> {}
/**
 * The results of a step's calls, in call order.
 *
 * @since 0.1.0
 * @category models
 */
export interface Tool extends Schema.Schema.Type<typeof ToolStruct> {}

/**
 * One message of a conversation. Instructions are not messages: they belong to the agent.
 *
 * @since 0.1.0
 * @category schemas
 */
export type Message = User | Assistant | Tool
export const Message: Schema.Codec<Message> = Schema.Union([UserStruct, AssistantStruct, ToolStruct])

/**
 * A caller's prompt: plain text, or parts if it includes files.
 *
 * @since 0.1.0
 * @category schemas
 */
export type Prompt = string | ReadonlyArray<UserPart>
export const Prompt: Schema.Codec<Prompt> = Schema.Union([Schema.String, Schema.Array(UserPart)])

// The constructors use object literals and leave absent fields out, so that the parts of a history have few hidden
// classes.

type Metadata = TextPart["metadata"] | undefined

/**
 * Text or reasoning of a model.
 *
 * @since 0.1.0
 * @category operations
 */
export const spokenPart = (type: "text" | "reasoning", text: string, metadata?: Metadata): TextPart | ReasoningPart =>
  metadata === undefined ? { type, text } : { type, text, metadata }

/**
 * A tool call. `execution` is absent if the runtime runs it.
 *
 * @since 0.1.0
 * @category operations
 */
export const callPart = (
  call: { readonly id: string; readonly name: string; readonly args: Json },
  execution?: CallPart["execution"] | undefined,
  metadata?: Metadata
): CallPart => {
  const { args, id, name } = call
  const type = "tool-call"
  if (metadata !== undefined) {
    return { type, id, name, args, ...(execution === undefined ? {} : { execution }), metadata }
  }
  return execution === undefined ? { type, id, name, args } : { type, id, name, args, execution }
}

/**
 * A tool call's result: `status` is absent on success, `content` if the model is shown `result` itself.
 *
 * @since 0.1.0
 * @category operations
 */
export const resultPart = (
  call: { readonly id: string; readonly name: string },
  outcome: {
    readonly result: Json
    readonly status?: ResultPart["status"] | undefined
    readonly content?: ResultPart["content"] | undefined
  }
): ResultPart => {
  const { id, name } = call
  const { content, result, status } = outcome
  const type = "tool-result"
  if (content !== undefined) {
    return { type, id, name, result, ...(status === undefined ? {} : { status }), content }
  }
  return status === undefined ? { type, id, name, result } : { type, id, name, result, status }
}

/**
 * Whether a prompt has neither text nor files.
 *
 * @since 0.1.0
 * @category guards
 */
export const isEmpty = (prompt: Prompt): boolean =>
  typeof prompt === "string"
    ? prompt.trim() === ""
    : !prompt.some((part) => part.type === "file" || part.text.trim() !== "")

/**
 * A prompt as the user's message.
 *
 * @since 0.1.0
 * @category constructors
 */
export const fromPrompt = (prompt: Prompt): User => ({
  role: "user",
  content: typeof prompt === "string" ? [{ type: "text", text: prompt }] : prompt
})

/**
 * Freezes the message deeply. Messages of threads and of model requests are frozen, so that no reader can change them.
 *
 * @since 0.1.0
 * @category operations
 */
export const frozen = <M extends Message>(message: M): M => {
  if (Object.isFrozen(message)) return message
  // Named fields instead of a loop over all of them, because every message of a conversation passes here.
  for (const part of message.content) freezePart(part)
  Object.freeze(message.content)
  return Object.freeze(message)
}

const freezePart = (part: AssistantPart): void => {
  if (Object.isFrozen(part)) return
  if (part.type === "tool-call") freeze(part.args)
  else if (part.type === "tool-result") {
    freeze(part.result)
    if (part.content !== undefined) freeze(part.content)
  }
  if (part.metadata !== undefined) freeze(part.metadata)
  Object.freeze(part)
}

/**
 * All text of a message, reasoning left out.
 *
 * @since 0.1.0
 * @category operations
 */
export const text = (message: Message): string => {
  let out = ""
  for (const part of message.content) if (part.type === "text") out += part.text
  return out
}
