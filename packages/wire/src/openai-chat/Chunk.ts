/** The chunks of a Chat Completions stream that we send, and the completion that a non-streaming request gets. */
import * as Schema from "effect/Schema"

export const FinishReason = Schema.Literals(["stop", "length", "tool_calls", "content_filter"])
export type FinishReason = typeof FinishReason.Type

export const Usage = Schema.Struct({
  prompt_tokens: Schema.Natural,
  completion_tokens: Schema.Natural,
  total_tokens: Schema.Natural,
  prompt_tokens_details: Schema.Struct({ cached_tokens: Schema.Natural })
})
export type Usage = typeof Usage.Type

export const ToolCall = Schema.Struct({
  index: Schema.optionalKey(Schema.Natural),
  id: Schema.String,
  type: Schema.Literal("function"),
  function: Schema.Struct({ name: Schema.String, arguments: Schema.String })
})
export type ToolCall = typeof ToolCall.Type

/** More of the arguments of the call at `index`. */
export const ToolCallDelta = Schema.Struct({
  index: Schema.Natural,
  function: Schema.Struct({ arguments: Schema.String })
})

/** `reasoning_content` is the field in which most servers of this protocol send reasoning. */
export const Delta = Schema.Struct({
  role: Schema.optionalKey(Schema.Literal("assistant")),
  content: Schema.optionalKey(Schema.String),
  reasoning_content: Schema.optionalKey(Schema.String),
  tool_calls: Schema.optionalKey(Schema.Array(Schema.Union([ToolCall, ToolCallDelta])))
})
export type Delta = typeof Delta.Type

/**
 * `reins_event` is our extension: an event that the protocol cannot express, on a chunk without choices.
 *
 * @since 0.1.0
 * @category schemas
 */
export const Chunk = Schema.Struct({
  id: Schema.String,
  object: Schema.Literal("chat.completion.chunk"),
  created: Schema.Natural,
  model: Schema.String,
  choices: Schema.Array(
    Schema.Struct({ index: Schema.Natural, delta: Delta, finish_reason: Schema.NullOr(FinishReason) })
  ),
  usage: Schema.optionalKey(Usage),
  reins_event: Schema.optionalKey(Schema.Unknown)
})

/**
 * The body of an error.
 *
 * @since 0.1.0
 * @category schemas
 */
export const ErrorBody = Schema.Struct({
  error: Schema.Struct({
    message: Schema.String,
    type: Schema.String,
    param: Schema.NullOr(Schema.String),
    code: Schema.String
  })
})

/**
 * A completion that is not streamed.
 *
 * @since 0.1.0
 * @category schemas
 */
export const Completion = Schema.Struct({
  id: Schema.String,
  object: Schema.Literal("chat.completion"),
  created: Schema.Natural,
  model: Schema.String,
  choices: Schema.Array(
    Schema.Struct({
      index: Schema.Natural,
      message: Schema.Struct({
        role: Schema.Literal("assistant"),
        content: Schema.NullOr(Schema.String),
        refusal: Schema.Null,
        reasoning_content: Schema.optionalKey(Schema.String),
        tool_calls: Schema.optionalKey(Schema.Array(ToolCall))
      }),
      logprobs: Schema.Null,
      finish_reason: FinishReason
    })
  ),
  usage: Schema.optionalKey(Usage)
})
