/**
 * The events of a turn in the Agent Application Protocol (source 001). The name goes into the frame's `event:`, which
 * every frame must have; the data is a JSON object, even when it is empty.
 */
import type { Events } from "@reins/protocol"
import * as Schema from "effect/Schema"

const Named = <const Name extends string, Data extends Schema.Top>(event: Name, data: Data) =>
  Schema.Struct({ event: Schema.Literal(event), data })

export const StopReason = Schema.Literals(["end_turn", "tool_use", "max_tokens", "refusal", "error"])
export type StopReason = typeof StopReason.Type

const Delta = Schema.Struct({ delta: Schema.String })

export const TurnEvent = Schema.Union([
  Named("session_start", Schema.Struct({ sessionId: Schema.String })),
  Named("turn_start", Schema.Struct({})),
  Named("text_delta", Delta),
  Named("thinking_delta", Delta),
  Named("text", Schema.Struct({ text: Schema.String })),
  Named("thinking", Schema.Struct({ thinking: Schema.String })),
  Named("tool_call", Schema.Struct({ toolCallId: Schema.String, name: Schema.String, input: Schema.Json })),
  Named("tool_result", Schema.Struct({ toolCallId: Schema.String, content: Schema.String })),
  Named("turn_stop", Schema.Struct({ stopReason: StopReason }))
])
export type TurnEvent = typeof TurnEvent.Type

const reasons: { readonly [R in Events.Finish["finishReason"]]: StopReason } = {
  stop: "end_turn",
  length: "max_tokens",
  "content-filter": "refusal",
  budget: "error",
  cancelled: "error",
  "repeated-calls": "error",
  other: "end_turn"
}

/** `exhausted` is the limit that stopped the run: a token limit is `max_tokens`, any other an error. */
export const stopReason = (finishReason: Events.Finish["finishReason"], exhausted: string | undefined): StopReason =>
  finishReason === "budget" && /token/i.test(exhausted ?? "") ? "max_tokens" : reasons[finishReason]
