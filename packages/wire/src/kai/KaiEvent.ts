/**
 * The Kai events that we send, as its client reads them: data only, with the type inside; `TextForm` makes of them what
 * the source text (003) shows. Its client passes unknown types through; ours go as `data-…`, so that no name it parses
 * is reused.
 */
import * as Schema from "effect/Schema"

const Text = Schema.String

/** Tool inputs and outputs: the client accepts objects only. */
const Value = Schema.Record(Schema.String, Schema.Json)

/**
 * An event of the stream, as its clients read it.
 *
 * @since 0.1.0
 * @category schemas
 */
export const KaiEvent = Schema.Union([
  Schema.Struct({ type: Schema.Literal("start"), messageId: Text }),
  Schema.Struct({ type: Schema.Literal("text"), text: Text, state: Schema.Literals(["streaming", "complete"]) }),
  Schema.Struct({ type: Schema.Literal("step-start") }),
  Schema.Struct({
    type: Schema.Literal("tool-call"),
    toolCallId: Text,
    toolName: Text,
    state: Schema.Literals(["started", "input-available", "output-available", "output-error", "output-denied"]),
    input: Schema.optionalKey(Value),
    output: Schema.optionalKey(Value),
    errorText: Schema.optionalKey(Text),
    approval: Schema.optionalKey(Schema.Struct({ id: Text }))
  }),
  Schema.Struct({ type: Schema.Literal("tool-output-error"), toolCallId: Text, errorText: Text }),
  Schema.Struct({ type: Schema.Literal("tool-approval-request"), approvalId: Text, toolCallId: Text }),
  Schema.Struct({
    type: Schema.Literal("data-usage"),
    data: Schema.Struct({ promptTokens: Schema.Natural, completionTokens: Schema.Natural })
  }),
  Schema.Struct({ type: Schema.Literal("finish"), finishReason: Text }),
  Schema.Struct({ type: Schema.Literal("error"), message: Text, code: Text }),
  Schema.Struct({ type: Schema.TemplateLiteral(["data-reins-", Schema.String]), data: Schema.Unknown })
])
export type KaiEvent = typeof KaiEvent.Type
