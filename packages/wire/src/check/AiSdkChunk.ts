/** The chunks of a UI message stream, as the schema of the AI SDK has them: loose, but for what is named here. */
import * as Schema from "effect/Schema"
import { Any, Bool, Is, Maybe, Text } from "./Reader.ts"

const Meta = Maybe(Schema.Record(Schema.String, Any))
const meta = { providerMetadata: Meta }
const tool = {
  ...meta,
  toolCallId: Text,
  toolMetadata: Maybe(Any),
  providerExecuted: Maybe(Bool),
  dynamic: Maybe(Bool)
}
const named = { ...tool, toolName: Text, title: Maybe(Text) }

/** Any chunk. */
export const Chunk = Schema.Union([
  Schema.Struct({ type: Is("start"), messageId: Maybe(Text), messageMetadata: Maybe(Any) }),
  Schema.Struct({ type: Schema.Literals(["start-step", "finish-step", "reset-step"]) }),
  Schema.Struct({
    type: Schema.Literals(["text-start", "text-end", "reasoning-start", "reasoning-end"]),
    id: Text,
    ...meta
  }),
  Schema.Struct({ type: Schema.Literals(["text-delta", "reasoning-delta"]), id: Text, delta: Text, ...meta }),
  Schema.Struct({ type: Is("tool-input-start"), ...named, inputEncoding: Maybe(Schema.Literals(["json", "text"])) }),
  Schema.Struct({ type: Is("tool-input-delta"), toolCallId: Text, inputTextDelta: Text }),
  Schema.Struct({ type: Is("tool-input-available"), ...named, input: Any }),
  Schema.Struct({ type: Is("tool-input-error"), ...named, input: Any, errorText: Text }),
  Schema.Struct({
    type: Is("tool-approval-request"),
    approvalId: Text,
    toolCallId: Text,
    reason: Maybe(Text),
    isAutomatic: Maybe(Bool),
    signature: Maybe(Text)
  }),
  Schema.Struct({ type: Is("tool-approval-response"), approvalId: Text, approved: Bool, reason: Maybe(Text), ...meta }),
  Schema.Struct({ type: Is("tool-output-available"), ...tool, output: Any, preliminary: Maybe(Bool) }),
  Schema.Struct({ type: Is("tool-output-error"), ...tool, errorText: Text }),
  Schema.Struct({ type: Is("tool-output-denied"), toolCallId: Text }),
  Schema.Struct({ type: Is("custom"), kind: Text, ...meta }),
  Schema.Struct({ type: Is("source-url"), sourceId: Text, url: Text, title: Maybe(Text), ...meta }),
  Schema.Struct({
    type: Is("source-document"),
    sourceId: Text,
    mediaType: Text,
    title: Text,
    filename: Maybe(Text),
    ...meta
  }),
  Schema.Struct({ type: Schema.Literals(["file", "reasoning-file"]), url: Text, mediaType: Text, ...meta }),
  Schema.Struct({
    type: Is("steering-message"),
    id: Text,
    parts: Schema.Array(
      Schema.Union([
        Schema.Struct({ type: Is("text"), text: Text }),
        Schema.Struct({ type: Is("file"), mediaType: Text, url: Text, filename: Maybe(Text) })
      ])
    )
  }),
  Schema.Struct({ type: Schema.TemplateLiteral(["data-", Text]), id: Maybe(Text), data: Any, transient: Maybe(Bool) }),
  Schema.Struct({ type: Is("error"), errorText: Text }),
  Schema.Struct({ type: Is("abort"), reason: Maybe(Text) }),
  Schema.Struct({
    type: Is("finish"),
    finishReason: Maybe(
      Schema.Literals(["stop", "length", "content-filter", "tool-calls", "error", "interrupted", "other"])
    ),
    messageMetadata: Maybe(Any)
  }),
  Schema.Struct({ type: Is("message-metadata"), messageMetadata: Any })
])
export type Chunk = typeof Chunk.Type
