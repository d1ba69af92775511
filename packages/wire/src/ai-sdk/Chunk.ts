/**
 * The chunks of a UI message stream that we send. Readers reject an unknown `type` or `finishReason`, so whatever is
 * specific to us goes as `data-…`.
 */
import type { Events } from "@reins/protocol"
import * as Schema from "effect/Schema"

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
