/**
 * The result of a server's tool, with all of its blocks: as JSON for the log, in which bytes are files that the runtime
 * stores, and as the parts that a model reads.
 *
 * Structured content takes precedence. The text that servers send with it for clients without support for structured
 * content is not repeated; every other block is included.
 */
import type { Json } from "@reins/protocol"
import { FileOutput } from "@reins/runtime"
import type * as McpSchema from "effect/ai/McpSchema"
import * as Prompt from "effect/ai/Prompt"
import * as Base64 from "effect/encoding/Base64"
import * as Predicate from "effect/Predicate"
import * as Result from "effect/Result"
import * as JsonValue from "../aisdk/JsonValue.ts"

type Block = McpSchema.CallToolResult["content"][number]

/** The result of a call that the server did not report as failed. */
export class McpResult {
  private readonly structured: unknown
  private readonly blocks: ReadonlyArray<Block>

  constructor({ content, structuredContent }: McpSchema.CallToolResult) {
    this.structured = structuredContent
    this.blocks = content
  }

  /**
   * The simplest form that loses nothing: the structured content, else the text; with the blocks when some are not
   * text.
   */
  toJSON(): unknown {
    const isText = this.blocks.every((block) => block.type === "text")
    if (this.structured === undefined) return isText ? textOf(this.blocks) : { content: this.blocks.map(keptOf) }
    return isText ? this.structured : { structuredContent: this.structured, content: this.blocks.map(keptOf) }
  }

  /** What the model reads, with files as files. */
  get shown(): ReadonlyArray<Prompt.ToolModelOutputPart> {
    const parts = this.blocks.flatMap((block) => (this.repeats(block) ? [] : partOf(block)))
    return this.structured === undefined ? parts : [text(JSON.stringify(this.structured)), ...parts]
  }

  private repeats(block: Block): boolean {
    if (block.type !== "text" || this.structured === undefined) return false
    const parsed = JsonValue.parse(block.text)
    return parsed !== undefined && JSON.stringify(parsed) === JSON.stringify(this.structured)
  }
}

/** The message of a failed call. */
export const failureOf = ({ content, structuredContent }: McpSchema.CallToolResult): string => {
  const said = content.flatMap(partOf).map((part) => (part.type === "text" ? part.text : `[${part.mediaType}]`))
  if (said.length > 0) return said.join("\n")
  return structuredContent === undefined
    ? "The server reported a failure without a message"
    : JSON.stringify(structuredContent)
}

const textOf = (content: ReadonlyArray<Block>): string =>
  content.flatMap((block) => (block.type === "text" ? [block.text] : [])).join("\n")

const blockOf = (block: Block): { readonly [field: string]: Json } => {
  switch (block.type) {
    case "text":
      return { type: "text", text: block.text }
    case "image":
    case "audio":
      return { type: block.type, mediaType: block.mimeType, data: base64(block.data) }
    case "resource_link":
      return { type: "link", uri: block.uri, name: block.title ?? block.name }
    case "resource":
      return "text" in block.resource
        ? { type: "text", text: block.resource.text, uri: block.resource.uri }
        : {
            type: "file",
            mediaType: block.resource.mimeType ?? "application/octet-stream",
            data: base64(block.resource.blob)
          }
    default:
      return { type: "unknown" }
  }
}

/** A block with its bytes as a file, which the runtime stores; bytes that are not base64 stay as they are. */
const keptOf = (block: Block): unknown => {
  const told = blockOf(block)
  const { data, mediaType } = told
  if (!Predicate.isString(data) || !Predicate.isString(mediaType)) return told
  return Result.match(Base64.decode(data), {
    onFailure: () => told,
    onSuccess: (content) => new FileOutput({ mediaType, content, filename: nameOf(block) })
  })
}

/** The last part of a resource's address; the other blocks have no name. */
const nameOf = (block: Block): string | undefined => {
  const name = block.type === "resource" ? /[^/\\?#]+(?=[?#]|$)/.exec(block.resource.uri)?.[0] : undefined
  return name === undefined || name.includes(":") ? undefined : name
}

const base64 = (data: string | Uint8Array): string => (Predicate.isString(data) ? data : Base64.encode(data))

/** A block as the model reads it; none for an empty text. */
const partOf = (block: Block): ReadonlyArray<Prompt.ToolModelOutputPart> => {
  const { data, mediaType, name, text: words, uri } = blockOf(block)
  if (Predicate.isString(data) && Predicate.isString(mediaType)) return [Prompt.makePart("file", { mediaType, data })]
  const said = Predicate.isString(words)
    ? words
    : Predicate.isString(uri)
      ? `${Predicate.isString(name) ? `${name}: ` : ""}${uri}`
      : JSON.stringify(block)
  return said.trim() === "" ? [] : [text(said)]
}

const text = (words: string) => Prompt.makePart("text", { text: words })
