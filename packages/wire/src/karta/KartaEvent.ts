/** The events of Karta: one envelope for all, discriminated by `type` (source 000). */
import type { Approval, Events } from "@reins/protocol"
import { Question } from "@reins/protocol"
import * as Schema from "effect/Schema"

const Text = Schema.String

export const Part = Schema.Union([
  Schema.Struct({ type: Schema.Literals(["text", "reasoning"]), text: Text }),
  Schema.Struct({ type: Schema.Literal("tool_use"), tool_use_id: Text, tool_name: Text, tool_input: Schema.Json }),
  Schema.Struct({
    type: Schema.Literal("tool_result"),
    tool_use_id: Text,
    result: Schema.Json,
    status: Schema.optionalKey(Text)
  })
])
export type Part = typeof Part.Type

export const Usage = Schema.Struct({
  input_tokens: Schema.Natural,
  output_tokens: Schema.Natural,
  total_tokens: Schema.Natural
})

/** An assistant's or a user's message, as non-streaming answers and `done` carry it. */
export const Message = Schema.Struct({
  id: Text,
  role: Schema.Literals(["user", "assistant"]),
  text: Text,
  parts: Schema.Array(Part)
})

/** A question to a person; a session shows it as `pending_input`. */
export const Input = Schema.Struct({
  request_id: Text,
  kind: Text,
  tool: Text,
  message: Text,
  options: Schema.Array(Text),
  input: Schema.Json
})
export type Input = typeof Input.Type

const Said = <const Type extends string, Data extends Schema.Top>(type: Type, data: Data) =>
  Schema.Struct({ type: Schema.Literal(type), session_id: Text, data })

/**
 * `finish_reason`, `cost` and `latency` on `done` are our extensions.
 *
 * @since 0.1.0
 * @category schemas
 */
export const KartaEvent = Schema.Union([
  Said("text", Schema.Struct({ part: Schema.Struct({ type: Schema.Literal("text"), text: Text }) })),
  Said("reasoning", Schema.Struct({ part: Schema.Struct({ type: Schema.Literal("reasoning"), text: Text }) })),
  Said("tool_use", Schema.Struct({ tool_name: Text, tool_input: Schema.Json, tool_use_id: Text })),
  Said("step_start", Schema.Struct({ step_index: Schema.Natural, description: Text })),
  Said(
    "step_finish",
    Schema.Struct({
      step_index: Schema.Natural,
      result: Schema.Struct({
        tool_results: Schema.Array(
          Schema.Struct({
            tool_use_id: Text,
            tool_name: Text,
            result: Schema.Json,
            status: Schema.optionalKey(Text)
          })
        )
      })
    })
  ),
  Said("input_required", Input),
  Said("error", Schema.Struct({ message: Text, code: Text, provider: Schema.optionalKey(Text) })),
  Said(
    "done",
    Schema.Struct({
      usage: Usage,
      message: Message,
      finish_reason: Text,
      cost: Schema.optionalKey(Schema.Unknown),
      latency: Schema.optionalKey(Schema.Unknown)
    })
  ),
  Said("system", Schema.Struct({ raw: Schema.Unknown }))
])
export type KartaEvent = typeof KartaEvent.Type

/** The types that a client can hide. */
export type KartaType = KartaEvent["type"]

export const usageOf = ({ usage }: Pick<Events.Finish, "usage">): typeof Usage.Type => ({
  input_tokens: usage.promptTokens,
  output_tokens: usage.completionTokens,
  total_tokens: usage.totalTokens
})

/** The possible answers to a question. */
export const options = ["approve_once", "approve_session", "deny"] as const

export const inputOf = (request: Approval.Request): Input => {
  const { id, kind, payload, target } = request
  const asked = Question.of(request)
  return {
    request_id: id,
    kind: kind === "tool" ? "tool_use" : kind,
    tool: target,
    message: asked?.question ?? messageOf(kind, target),
    options: asked === undefined ? [...options] : ["answer", "deny"],
    input: payload
  }
}

const messageOf = (kind: Approval.Kind, target: string): string => {
  switch (kind) {
    case "tool":
      return `Allow ${target} to run?`
    case "plan":
      return `Carry out plan ${target}?`
    case "budget":
      return `Raise ${target}?`
    case "question":
      return `${target} asks a question`
  }
}
