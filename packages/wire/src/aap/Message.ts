/** Messages of the Agent Application Protocol, converted to ours and back. */
import type { Json, Message as Ours } from "@reins/protocol"
import * as Option from "effect/Option"
import * as Schema from "effect/Schema"
import { isDenied } from "../Accumulation.ts"
import * as Body from "../Body.ts"
import * as Media from "../Media.ts"

const Text = Schema.Struct({ type: Schema.Literal("text"), text: Schema.String })
const Image = Schema.Struct({ type: Schema.Literal("image"), url: Schema.String })
const Thinking = Schema.Struct({ type: Schema.Literal("thinking"), thinking: Schema.String })
const ToolUse = Schema.Struct({
  type: Schema.Literal("tool_use"),
  toolCallId: Schema.String,
  name: Schema.String,
  input: Schema.Json
})

/** The content of a user's message, and of a tool's. */
export const UserContent = Schema.Union([Schema.String, Schema.Array(Schema.Union([Text, Image]))])
export type UserContent = typeof UserContent.Type

export const Block = Schema.Union([Text, Image, Thinking, ToolUse])
export type Block = typeof Block.Type

export const User = Schema.Struct({ role: Schema.Literal("user"), content: UserContent })
export const Assistant = Schema.Struct({
  role: Schema.Literal("assistant"),
  content: Schema.Union([Schema.String, Schema.Array(Block)])
})
export const Tool = Schema.Struct({
  role: Schema.Literal("tool"),
  toolCallId: Schema.String,
  content: UserContent
})
const System = Schema.Struct({ role: Schema.Literal("system"), content: Schema.String })

/** A user's answer about one call; never part of a history. */
export const ToolPermission = Schema.Struct({
  role: Schema.Literal("tool_permission"),
  toolCallId: Schema.String,
  granted: Schema.Boolean,
  reason: Schema.optionalKey(Schema.String)
})

/**
 * A message of a history.
 *
 * @since 0.1.0
 * @category schemas
 */
export const Message = Schema.Union([System, User, Assistant, Tool])
export type Message = typeof Message.Type

export const partsOf = (content: UserContent): ReadonlyArray<Ours.UserPart> =>
  typeof content === "string"
    ? [{ type: "text", text: content }]
    : content.map((block): Ours.UserPart =>
        block.type === "text" ? { type: "text", text: block.text } : Media.file({ data: block.url, kind: "image/*" })
      )

/** A tool message's content as a result: its text, parsed as JSON where possible; its blocks, when it has images. */
export const resultOf = (content: UserContent): Json => {
  if (typeof content === "string") return Body.jsonOr(content)
  if (content.some(({ type }) => type === "image")) return content
  return Body.jsonOr(content.reduce((text, block) => (block.type === "text" ? text + block.text : text), ""))
}

/** What the model reads of a tool message with images; absent where its result says it all. */
export const shownOf = (content: UserContent): ReadonlyArray<Ours.UserPart> | undefined =>
  typeof content !== "string" && content.some(({ type }) => type === "image") ? partsOf(content) : undefined

/** A history as ours, and what its system messages say, which is added to the agent's instructions; absent: nothing. */
export interface Told {
  readonly messages: ReadonlyArray<Ours.Message>
  readonly instructions?: string
}

/** Converts a history to ours. */
export const toOurs = (history: ReadonlyArray<Message>): Told => {
  const names = new Map<string, string>()
  const instructions: Array<string> = []
  const messages = history.flatMap((message): ReadonlyArray<Ours.Message> => {
    switch (message.role) {
      case "system":
        if (message.content.trim() !== "") instructions.push(message.content)
        return []
      case "user":
        return [{ role: "user", content: partsOf(message.content) }]
      case "assistant":
        return [{ role: "assistant", content: assistantParts(message.content, names) }]
      case "tool": {
        const { content, toolCallId } = message
        const name = names.get(toolCallId) ?? ""
        const shown = shownOf(content)
        const result = { type: "tool-result", id: toolCallId, name, result: resultOf(content) } as const
        return [{ role: "tool", content: [shown === undefined ? result : { ...result, content: shown }] }]
      }
    }
  })
  return { messages, ...(instructions.length === 0 ? {} : { instructions: instructions.join("\n\n") }) }
}

const assistantParts = (
  content: string | ReadonlyArray<Block>,
  names: Map<string, string>
): ReadonlyArray<Ours.AssistantPart> =>
  typeof content === "string"
    ? [{ type: "text", text: content }]
    : content.flatMap((block): ReadonlyArray<Ours.AssistantPart> => {
        switch (block.type) {
          case "text":
            return [{ type: "text", text: block.text }]
          case "thinking":
            return [{ type: "reasoning", text: block.thinking }]
          case "image":
            return [Media.file({ data: block.url, kind: "image/*" })]
          case "tool_use":
            names.set(block.toolCallId, block.name)
            return [{ type: "tool-call", id: block.toolCallId, name: block.name, args: block.input }]
        }
      })

const blockOf = (part: Ours.AssistantPart | Ours.UserPart): ReadonlyArray<Block> => {
  switch (part.type) {
    case "text":
      return part.text === "" ? [] : [{ type: "text", text: part.text }]
    case "reasoning":
      return [{ type: "thinking", thinking: part.text }]
    case "file":
      return part.mediaType.startsWith("image/") ? [imageOf(part)] : []
    case "tool-call":
      return [{ type: "tool_use", toolCallId: part.id, name: part.name, input: part.args }]
    case "tool-result":
      return []
  }
}

const imageOf = ({ data, mediaType }: Pick<Ours.FilePart, "data" | "mediaType">): typeof Image.Type => ({
  type: "image",
  url: Media.urlOf({ data, mediaType })
})

const Blocks = Schema.Array(Schema.Union([Text, Image]))
/** The blocks of a tool of an MCP server, as `McpResult` writes them. */
const Rich = Schema.Struct({
  content: Schema.Array(
    Schema.Union([
      Text,
      Schema.Struct({ type: Schema.Literal("image"), mediaType: Schema.String, data: Schema.String })
    ])
  )
})
const readBlocks = Schema.decodeUnknownOption(Blocks)
const readRich = Schema.decodeUnknownOption(Rich)

/** A result with images as blocks; `undefined` where it has none. */
const richOf = (result: Json): typeof Blocks.Type | undefined => {
  const blocks = Option.getOrUndefined(readBlocks(result))
  if (blocks !== undefined) return blocks.some(({ type }) => type === "image") ? blocks : undefined
  const rich = Option.getOrUndefined(readRich(result))?.content
  if (rich === undefined || !rich.some(({ type }) => type === "image")) return undefined
  return rich.map((block) => (block.type === "text" ? block : imageOf(block)))
}

const brief = (blocks: ReadonlyArray<Block>): string | ReadonlyArray<Block> => {
  const [only] = blocks
  return blocks.length === 1 && only?.type === "text" ? only.text : blocks
}

/** An assistant message of blocks; a single text block becomes that text. */
export const assistant = (blocks: ReadonlyArray<Block>): Message => ({ role: "assistant", content: brief(blocks) })

/** A result as text, or as blocks where it has images; a denied call says so, with the reason. */
export const contentOf = (result: Json, status: string | undefined, reason: string | undefined): UserContent =>
  isDenied(result, status)
    ? `Tool call denied${reason === undefined ? "" : `: ${reason}`}`
    : (richOf(result) ?? Body.resultText(result))

/** The content of a result that the model reads as images. */
const shownContent = ({ content = [] }: Ours.ResultPart): UserContent | undefined =>
  content.some((part) => part.type === "file" && part.mediaType.startsWith("image/"))
    ? content.flatMap((part): typeof Blocks.Type =>
        part.type === "text"
          ? [{ type: "text", text: part.text }]
          : part.mediaType.startsWith("image/")
            ? [imageOf(part)]
            : []
      )
    : undefined

/**
 * Converts our history to theirs. `isShown` selects the calls to include. `reasons` maps the id of a denied call to the
 * user's feedback.
 */
export const fromOurs = (
  messages: ReadonlyArray<Ours.Message>,
  isShown: (toolCallId: string) => boolean = () => true,
  reasons: ReadonlyMap<string, string> = new Map()
): ReadonlyArray<Message> =>
  messages.flatMap((message): ReadonlyArray<Message> => {
    switch (message.role) {
      case "user": {
        const blocks = message.content.flatMap(blockOf)
        const content = blocks.flatMap((block) => (block.type === "text" || block.type === "image" ? [block] : []))
        const [only] = content
        return [{ role: "user", content: content.length === 1 && only?.type === "text" ? only.text : content }]
      }
      case "assistant": {
        const shown = message.content.filter((part) => part.type !== "tool-call" || isShown(part.id))
        const blocks = shown.flatMap(blockOf)
        return blocks.length === 0 ? [] : [assistant(blocks)]
      }
      case "tool":
        return message.content.map((part) => ({
          role: "tool",
          toolCallId: part.id,
          content:
            (part.status === undefined ? shownContent(part) : undefined) ??
            contentOf(part.result, part.status, reasons.get(part.id))
        }))
    }
  })
