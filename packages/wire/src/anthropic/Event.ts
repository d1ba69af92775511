/**
 * The events of a Messages stream that we send, and the message that a non-streaming request gets.
 *
 * Tools that we run are `mcp_tool_use` and `mcp_tool_result` blocks, which no client tries to run. Only the beta
 * interface has them. Readers of the other get the same block within a `redacted_thinking`: its data is opaque to them,
 * no client shows or runs it, and every client sends it back unchanged with the rest of the answer. So the next request
 * has the calls and their results in both. Redacted thoughts of other servers are ignored.
 */
import type { Events, Json, Usage as Used } from "@reins/protocol"
import * as Base64Url from "effect/encoding/Base64Url"
import * as Option from "effect/Option"
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import { AnswerId } from "../Ids.ts"

const Type = Schema.Literal

export const StopReason = Schema.Literals([
  "end_turn",
  "stop_sequence",
  "max_tokens",
  "tool_use",
  "pause_turn",
  "refusal"
])
export type StopReason = typeof StopReason.Type

// What the protocol requires and we have nothing of. Optional: only in its beta interface.
const Nothing = Schema.Null
const beta = Schema.optionalKey(Schema.Null)

/**
 * Input tokens exclude the cached ones, unlike ours. Totals so far: they replace earlier ones and must not be added.
 */
const counts = {
  input_tokens: Schema.Natural,
  output_tokens: Schema.Natural,
  cache_read_input_tokens: Schema.Natural,
  cache_creation_input_tokens: Schema.Natural
}
const Counts = Schema.Struct(counts)

const deltaUsage = {
  ...counts,
  output_tokens_details: Nothing,
  server_tool_use: Nothing,
  fallback_credit: beta,
  iterations: beta
}
export const Usage = Schema.Struct({
  ...deltaUsage,
  cache_creation: Nothing,
  inference_geo: Nothing,
  service_tier: Nothing,
  speed: Nothing
})
export type Usage = typeof Usage.Type

/** An address that the text is from; of a document only its title is known. */
const Citation = Schema.Struct({
  type: Type("web_search_result_location"),
  url: Schema.String,
  title: Schema.NullOr(Schema.String),
  cited_text: Schema.String,
  encrypted_index: Schema.String
})

const Text = Schema.Struct({ type: Type("text"), text: Schema.String, citations: Nothing })

export const Block = Schema.Union([
  Text,
  Schema.Struct({ type: Type("thinking"), thinking: Schema.String, signature: Schema.String }),
  Schema.Struct({ type: Type("redacted_thinking"), data: Schema.String }),
  Schema.Struct({
    type: Type("tool_use"),
    id: Schema.String,
    name: Schema.String,
    input: Schema.Json,
    caller: Schema.Struct({ type: Type("direct") })
  }),
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
    content: Schema.Array(Text)
  })
])
export type Block = typeof Block.Type

/**
 * A message that is not streamed, and the beginning of one that is.
 *
 * @since 0.1.0
 * @category schemas
 */
export const Message = Schema.Struct({
  id: Schema.String,
  type: Type("message"),
  role: Type("assistant"),
  model: Schema.String,
  content: Schema.Array(Block),
  container: Nothing,
  context_management: beta,
  diagnostics: Nothing,
  stop_details: Nothing,
  stop_reason: Schema.NullOr(StopReason),
  stop_sequence: Schema.NullOr(Schema.String),
  usage: Usage
})
export type Message = typeof Message.Type

/**
 * `reins` is our extension: an event that the protocol cannot express. Clients ignore unknown names.
 *
 * @since 0.1.0
 * @category schemas
 */
export const StreamEvent = Schema.Union([
  Schema.Struct({ type: Type("message_start"), message: Message }),
  Schema.Struct({ type: Type("content_block_start"), index: Schema.Natural, content_block: Block }),
  Schema.Struct({
    type: Type("content_block_delta"),
    index: Schema.Natural,
    delta: Schema.Union([
      Schema.Struct({ type: Type("text_delta"), text: Schema.String }),
      Schema.Struct({ type: Type("thinking_delta"), thinking: Schema.String, estimated_tokens: beta }),
      Schema.Struct({ type: Type("input_json_delta"), partial_json: Schema.String }),
      Schema.Struct({ type: Type("citations_delta"), citation: Citation })
    ])
  }),
  Schema.Struct({ type: Type("content_block_stop"), index: Schema.Natural }),
  Schema.Struct({
    type: Type("message_delta"),
    context_management: beta,
    delta: Schema.Struct({
      container: Nothing,
      stop_details: Nothing,
      stop_reason: StopReason,
      stop_sequence: Schema.NullOr(Schema.String)
    }),
    usage: Schema.Struct(deltaUsage)
  }),
  Schema.Struct({ type: Type("message_stop") }),
  Schema.Struct({ type: Type("error"), error: Schema.Struct({ type: Schema.String, message: Schema.String }) }),
  Schema.Struct({ type: Type("reins"), event: Schema.Unknown })
])
export type StreamEvent = typeof StreamEvent.Type

const stopReasons: { readonly [R in Events.Finish["finishReason"]]: StopReason } = {
  stop: "end_turn",
  length: "max_tokens",
  "content-filter": "refusal",
  budget: "max_tokens",
  cancelled: "end_turn",
  "repeated-calls": "max_tokens",
  other: "end_turn"
}

/** Why a message stops that a run has ended. A stop sequence is named where the provider names it. */
export const stopOf = (
  reason: Events.Finish["finishReason"] | undefined,
  stopSequence: string | undefined
): { readonly stop_reason: StopReason; readonly stop_sequence: string | null } =>
  reason === "stop" && stopSequence !== undefined
    ? { stop_reason: "stop_sequence", stop_sequence: stopSequence }
    : { stop_reason: stopReasons[reason ?? "other"], stop_sequence: null }

const noCounts: typeof Counts.Type = {
  input_tokens: 0,
  output_tokens: 0,
  cache_read_input_tokens: 0,
  cache_creation_input_tokens: 0
}

/** The usage of a `message_delta` without tokens. */
export const noDeltaUsage = (isBeta: boolean) => ({
  ...noCounts,
  output_tokens_details: null,
  server_tool_use: null,
  ...(isBeta ? { fallback_credit: null, iterations: null } : {})
})

export const noUsage = (isBeta: boolean): Usage => ({
  ...noDeltaUsage(isBeta),
  cache_creation: null,
  inference_geo: null,
  service_tier: null,
  speed: null
})

/** A message without content. */
export const messageStart = ({
  id,
  isBeta,
  model
}: {
  readonly id: string
  readonly model: string
  readonly isBeta: boolean
}): Message => ({
  id,
  type: "message",
  role: "assistant",
  model,
  content: [],
  container: null,
  ...(isBeta ? { context_management: null } : {}),
  diagnostics: null,
  stop_details: null,
  stop_reason: null,
  stop_sequence: null,
  usage: noUsage(isBeta)
})

export const toolUse = (id: string, name: string, input: Json): Block => ({
  type: "tool_use",
  id,
  name,
  input,
  caller: { type: "direct" }
})

/** The protocol's own citations of documents need places in them, which are not known. */
export const citationOf = ({ filename, id, title, url }: Events.Source["data"]): typeof Citation.Type => ({
  type: "web_search_result_location",
  url: url ?? filename ?? id,
  title: title ?? null,
  cited_text: "",
  encrypted_index: ""
})

export const textBlock = (text: string): typeof Text.Type => ({ type: "text", text, citations: null })

export const usageOf = (usage: Used.UsageTotals | undefined): typeof Counts.Type => {
  if (usage === undefined) return noCounts
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

const ownPrefix = "reins."

const OwnCall = Schema.Struct({
  type: Schema.Literal("mcp_tool_use"),
  id: Schema.String,
  name: Schema.String,
  input: Schema.Json
})
const OwnResult = Schema.Struct({
  type: Schema.Literal("mcp_tool_result"),
  tool_use_id: Schema.String,
  content: Schema.Array(Schema.Struct({ type: Type("text"), text: Schema.String })),
  is_error: Schema.Boolean
})
const readOwn = Schema.decodeUnknownOption(Schema.fromJsonString(Schema.Union([OwnCall, OwnResult])))

/** A block of a call of ours or its result, as the client's interface has it. */
export const ownBlock = (block: Block, isBeta: boolean): Block =>
  isBeta ? block : { type: "redacted_thinking", data: ownPrefix + Base64Url.encode(JSON.stringify(block)) }

/** The block that was sent as this data. Absent: it is not from here. */
export const readOwnBlock = (data: string): typeof OwnCall.Type | typeof OwnResult.Type | undefined => {
  if (!data.startsWith(ownPrefix)) return undefined
  const text = Base64Url.decodeString(data.slice(ownPrefix.length))
  return Result.isFailure(text) ? undefined : Option.getOrUndefined(readOwn(text.success))
}
