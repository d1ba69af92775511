/** Steerable's universal envelope (source 004): one format for every transport, open to further fields. */
import type { Json } from "@reins/protocol"
import * as Schema from "effect/Schema"

const Text = Schema.optionalKey(Schema.String)

export const SseEvent = Schema.Struct({
  type: Schema.Literals([
    "content",
    "tool_call",
    "tool_result",
    "error",
    "budget_exhausted",
    "agent",
    "orchestration",
    "loader-hint",
    "keepalive",
    "done"
  ]),
  event: Text,
  content: Text,
  hint: Text,
  message: Text,
  code: Text,
  orchestrationGroupId: Text,
  taskId: Text,
  messageId: Text,
  payload: Schema.optionalKey(Schema.Unknown)
})
export type SseEvent = typeof SseEvent.Type

/** A tool's outcome. Terminal when it says so, or when it failed and wants no follow-up. `callId` is our extension. */
export const ToolResult = Schema.Struct({
  success: Schema.Boolean,
  callId: Schema.String,
  needsFollowup: Schema.optionalKey(Schema.Boolean),
  error: Schema.optionalKey(Schema.String),
  data: Schema.optionalKey(Schema.Record(Schema.String, Schema.Json))
})

/** A value as `data`: an object unchanged, anything else under `value`. */
export const toData = (value: Json): { readonly [key: string]: Json } => (isObject(value) ? value : { value })

const isObject = (value: Json): value is { readonly [key: string]: Json } =>
  typeof value === "object" && value !== null && !Array.isArray(value)
