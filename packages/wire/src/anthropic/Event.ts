/**
 * The events of a Messages stream that we send, and the message that a non-streaming request gets.
 *
 * Tools that we run are `mcp_tool_use` and `mcp_tool_result` blocks, which no client tries to run.
 */
import type { Events, Usage as Used } from "@reins/protocol"
import * as Schema from "effect/Schema"
import * as AnswerId from "../AnswerId.ts"

const Type = Schema.Literal

export const StopReason = Schema.Literals(["end_turn", "max_tokens", "tool_use", "pause_turn", "refusal"])
export type StopReason = typeof StopReason.Type

/**
 * Input tokens exclude the cached ones, unlike ours. Totals so far: they replace earlier ones and must not be added.
 */
export const Usage = Schema.Struct({
  input_tokens: Schema.Natural,
  output_tokens: Schema.Natural,
  cache_read_input_tokens: Schema.Natural,
  cache_creation_input_tokens: Schema.Natural
})
export type Usage = typeof Usage.Type

export const Block = Schema.Union([
  Schema.Struct({ type: Type("text"), text: Schema.String }),
  Schema.Struct({ type: Type("thinking"), thinking: Schema.String, signature: Schema.String }),
  Schema.Struct({ type: Type("tool_use"), id: Schema.String, name: Schema.String, input: Schema.Json }),
  Schema.Struct({
    type: Type("mcp_tool_use"),
    id: Schema.String,
    name: Schema.String,
    server_name: Schema.String,
    input: Schema.Json
  }),
  Schema.Struct({
    type: Type("mcp_tool_result"),
    tool_use_id: Schema.String,
    is_error: Schema.Boolean,
    content: Schema.Array(Schema.Struct({ type: Type("text"), text: Schema.String }))
  })
])
export type Block = typeof Block.Type

export const Message = Schema.Struct({
  id: Schema.String,
  type: Type("message"),
  role: Type("assistant"),
  model: Schema.String,
  content: Schema.Array(Block),
  stop_reason: Schema.NullOr(StopReason),
  stop_sequence: Schema.Null,
  usage: Usage
})

/** `reins` is our extension: an event that the protocol cannot express. Clients ignore unknown names. */
export const StreamEvent = Schema.Union([
  Schema.Struct({ type: Type("message_start"), message: Message }),
  Schema.Struct({ type: Type("content_block_start"), index: Schema.Natural, content_block: Block }),
  Schema.Struct({
    type: Type("content_block_delta"),
    index: Schema.Natural,
    delta: Schema.Union([
      Schema.Struct({ type: Type("text_delta"), text: Schema.String }),
      Schema.Struct({ type: Type("thinking_delta"), thinking: Schema.String }),
      Schema.Struct({ type: Type("input_json_delta"), partial_json: Schema.String })
    ])
  }),
  Schema.Struct({ type: Type("content_block_stop"), index: Schema.Natural }),
  Schema.Struct({
    type: Type("message_delta"),
    delta: Schema.Struct({ stop_reason: StopReason, stop_sequence: Schema.Null }),
    usage: Usage
  }),
  Schema.Struct({ type: Type("message_stop") }),
  Schema.Struct({ type: Type("error"), error: Schema.Struct({ type: Schema.String, message: Schema.String }) }),
  Schema.Struct({ type: Type("reins"), event: Schema.Unknown })
])
export type StreamEvent = typeof StreamEvent.Type

export const stopReasons: { readonly [R in Events.Finish["finishReason"]]: StopReason } = {
  stop: "end_turn",
  length: "max_tokens",
  "content-filter": "refusal",
  budget: "max_tokens",
  cancelled: "end_turn",
  "repeated-calls": "max_tokens",
  other: "end_turn"
}

export const noUsage: Usage = {
  input_tokens: 0,
  output_tokens: 0,
  cache_read_input_tokens: 0,
  cache_creation_input_tokens: 0
}

export const usageOf = (usage: Used.UsageTotals | undefined): Usage => {
  if (usage === undefined) return noUsage
  const { cacheCreationInputTokens, cacheReadInputTokens, completionTokens, promptTokens } = usage
  return {
    input_tokens: Math.max(0, promptTokens - cacheReadInputTokens - cacheCreationInputTokens),
    output_tokens: completionTokens,
    cache_read_input_tokens: cacheReadInputTokens,
    cache_creation_input_tokens: cacheCreationInputTokens
  }
}

/** The id of one answer of a run. */
export const idOf = (runId: string, answer: number): string => AnswerId.make("msg_", { runId, answer })

/** The server name of our own tools. */
export const server = "reins"
