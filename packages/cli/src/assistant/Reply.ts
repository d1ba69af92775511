/**
 * The form of the responder's replies: text and calls, as a reply of the scripted model, word by word, with the usage
 * of its real length.
 */
import type { Json, Message } from "@reins/protocol"
import type { ModelPart, ModelPort, ModelRequest } from "@reins/runtime"
import type { ScriptedModel } from "@reins/runtime/testing"
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"

/** A step of the responder: text, and then perhaps calls. */
export interface Step {
  readonly text: string
  readonly calls?: ReadonlyArray<{ readonly name: string; readonly args: Json }>
}

/** The usual ratio of common tokenizers for prose. */
const charactersPerToken = 4

const tokens = (text: string): number => Math.ceil(text.length / charactersPerToken)

/** The reply for `step`; truncated, like a real model's, when the request allows fewer tokens. */
export const make = (request: ModelRequest, { calls = [], text }: Step): ScriptedModel.Reply => {
  const most = (request.maxOutputTokens ?? Infinity) * charactersPerToken
  const args = calls.map((call) => JSON.stringify(call.args)).join("")
  const fits = text.length + args.length <= most
  const said = fits ? text : text.slice(0, most)
  const made = fits
    ? calls.map((call, index): ModelPart => ({ type: "tool-call", id: callId(request, index), ...call }))
    : []
  const usage = {
    inputUncached: tokens(request.instructions ?? "") + request.messages.reduce((sum, one) => sum + size(one), 0),
    outputText: tokens(said) + (fits ? tokens(args) : 0)
  }
  const end: ModelPart = {
    type: "finish",
    reason: fits ? (made.length > 0 ? "tool-calls" : "stop") : "length",
    usage
  }
  const words = said.match(/\s*\S+\s*$|\s*\S+/g) ?? []
  return { parts: [...words.map((word): ReadonlyArray<ModelPart> => [{ type: "text", text: word }]), [...made, end]] }
}

/** Stable ids: the same for the same call of the same step, unique otherwise: `2a`, `2b`. */
const callId = ({ metadata }: ModelRequest, index: number): string =>
  `${metadata.step}${String.fromCharCode("a".charCodeAt(0) + index)}`

const size = (message: Message.Message): number =>
  message.content.reduce((sum, part) => sum + tokens("text" in part ? part.text : JSON.stringify(part)), 0)

/** The same model, with a pause of `between` after each word, so that a person can watch it stream. */
export const paced = (model: ModelPort, between: Duration.Input): ModelPort => ({
  ...model,
  attempt: Effect.fnUntraced(function* (request, emit) {
    const arrays: Array<ReadonlyArray<ModelPart>> = []
    yield* model.attempt(request, (parts) => {
      arrays.push(parts)
    })
    for (const parts of arrays) {
      const room = emit(parts)
      if (room !== undefined) yield* Effect.promise(() => room)
      yield* Effect.sleep(between)
    }
  })
})
