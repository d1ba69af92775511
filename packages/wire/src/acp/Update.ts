/**
 * The session updates, permission requests and prompts of the Agent Client Protocol, version 1, as far as we send and
 * read them.
 *
 * The protocol has no free text in a permission request: the answers to a question that a client can choose from are its
 * options, or yes and no. Other questions can only be declined here, and be answered by another way.
 */
import type { Json, Message as Ours } from "@reins/protocol"
import { Decision, Question } from "@reins/protocol"
import * as Option from "effect/Option"
import * as Schema from "effect/Schema"

const Text = Schema.String
const Maybe = Schema.optionalKey
const Type = Schema.Literal

const Block = Schema.Union([
  Schema.Struct({ type: Type("text"), text: Text }),
  Schema.Struct({ type: Schema.Literals(["image", "audio"]), mimeType: Text, data: Text }),
  Schema.Struct({ type: Type("resource_link"), uri: Text, name: Text, mimeType: Maybe(Schema.NullOr(Text)) }),
  Schema.Struct({
    type: Type("resource"),
    resource: Schema.Struct({
      uri: Text,
      mimeType: Maybe(Schema.NullOr(Text)),
      text: Maybe(Text),
      blob: Maybe(Text)
    })
  })
])
/** A piece of a prompt or of a message. */
export type Block = typeof Block.Type
export const Blocks = Schema.NonEmptyArray(Block)

/** Resources go as their text with their address, or as files. */
export const promptOf = (blocks: ReadonlyArray<Block>): ReadonlyArray<Ours.UserPart> =>
  blocks.map((block): Ours.UserPart => {
    switch (block.type) {
      case "text":
        return { type: "text", text: block.text }
      case "image":
      case "audio":
        return { type: "file", mediaType: block.mimeType, data: block.data }
      case "resource_link":
        return { type: "text", text: `[${block.name}](${block.uri})` }
      case "resource": {
        const { blob, mimeType, text = "", uri } = block.resource
        return blob === undefined
          ? { type: "text", text: `<resource uri=${JSON.stringify(uri)}>\n${text}\n</resource>` }
          : { type: "file", mediaType: mimeType ?? "application/octet-stream", data: blob }
      }
    }
  })

/** A user's or an agent's message as blocks. */
export const blocksOf = (part: Ours.AssistantPart | Ours.UserPart): ReadonlyArray<Block> => {
  if (part.type === "text") return [{ type: "text", text: part.text }]
  if (part.type !== "file") return []
  const { data, filename = "file", mediaType } = part
  if (/^https?:/i.test(data)) return [{ type: "resource_link", uri: data, name: filename, mimeType: mediaType }]
  const type = mediaType.startsWith("image/") ? "image" : mediaType.startsWith("audio/") ? "audio" : undefined
  return type === undefined ? [] : [{ type, mimeType: mediaType, data: data.replace(/^data:[^,]*,/, "") }]
}

const Status = Schema.Literals(["pending", "in_progress", "completed", "failed"])
const Content = Schema.Array(Schema.Struct({ type: Type("content"), content: Block }))
const call = {
  toolCallId: Text,
  title: Maybe(Text),
  kind: Maybe(Schema.Literals(["think", "other"])),
  status: Maybe(Status),
  content: Maybe(Content),
  rawInput: Maybe(Schema.Json),
  rawOutput: Maybe(Schema.Json)
}

const Chunk = <const Name extends string>(name: Name) =>
  Schema.Struct({ sessionUpdate: Type(name), content: Block, messageId: Maybe(Text) })

/**
 * The updates of a turn.
 *
 * @since 0.1.0
 * @category schemas
 */
export const Update = Schema.Union([
  Chunk("user_message_chunk"),
  Chunk("agent_message_chunk"),
  Chunk("agent_thought_chunk"),
  Schema.Struct({ sessionUpdate: Schema.Literals(["tool_call", "tool_call_update"]), ...call }),
  Schema.Struct({
    sessionUpdate: Type("plan"),
    entries: Schema.Array(
      Schema.Struct({
        content: Text,
        priority: Schema.Literals(["high", "medium", "low"]),
        status: Schema.Literals(["pending", "in_progress", "completed"])
      })
    )
  })
])
export type Update = typeof Update.Type

/**
 * A question, asked of the client as a request of ours. `_meta` names the approval.
 *
 * @since 0.1.0
 * @category schemas
 */
export const Permission = Schema.Struct({
  sessionId: Text,
  toolCall: Schema.Struct(call),
  options: Schema.Array(
    Schema.Struct({
      optionId: Text,
      name: Text,
      kind: Schema.Literals(["allow_once", "allow_always", "reject_once"])
    })
  ),
  _meta: Schema.Struct({ approvalId: Text, kind: Text })
})
export type Permission = typeof Permission.Type

/**
 * How a turn ended.
 *
 * @since 0.1.0
 * @category schemas
 */
export const Stopped = Schema.Struct({
  stopReason: Schema.Literals(["end_turn", "max_tokens", "max_turn_requests", "refusal", "cancelled"]),
  _meta: Maybe(Schema.Unknown)
})
export type Stopped = typeof Stopped.Type

type Options = Permission["options"]

const prefix = "answer:"

const choice = (name: string, value: Json): Options[number] => ({
  optionId: prefix + JSON.stringify(value),
  name,
  kind: "allow_once"
})

/** The choices for a question; the last one declines. */
export const optionsOf = (asked: Question.Question): Options => [
  ...(Question.expected(asked.schema) === "true or false"
    ? [choice("Yes", true), choice("No", false)]
    : Question.choices(asked).map((option) => choice(option, option))),
  { optionId: "reject_once", name: "Do not answer", kind: "reject_once" }
]

const parse = Schema.decodeUnknownOption(Schema.fromJsonString(Schema.Json))

/** The answer in an option's id; `undefined` if it has none. */
export const answerOf = (optionId: string): Decision | undefined =>
  optionId.startsWith(prefix)
    ? Option.getOrUndefined(Option.map(parse(optionId.slice(prefix.length)), (value) => Decision.answer(value)))
    : undefined
