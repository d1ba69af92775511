/**
 * What a server asks a person while one of its calls runs (`elicitation/create`, form mode), as a question of that call
 * (`ToolRun.ask`), and the answer as the server's protocol has it. Pure but for the question itself.
 *
 * Other requests of servers (`sampling/createMessage`, `roots/list`, elicitation by an address) are not answered here:
 * nothing announces them.
 */
import type { Json, Question } from "@reins/protocol"
import type { PersonAnswer, ToolRunShape } from "@reins/runtime"
import * as Effect from "effect/Effect"
import * as Predicate from "effect/Predicate"
import * as JsonValue from "../aisdk/JsonValue.ts"

/** The capability that a client announces: forms. */
export const capabilities = { elicitation: {} } as const

/** A server's request for an answer. `question`: absent where it is none that can be asked, for `issue`. */
export interface Elicitation {
  readonly id: string | number
  readonly question: Question.Question | undefined
  readonly issue: string
}

/** The response to a server's request. */
export interface Response {
  readonly jsonrpc: "2.0"
  readonly id: string | number
  readonly result?: { readonly action: "accept" | "decline" | "cancel"; readonly content?: Json }
  readonly error?: { readonly code: number; readonly message: string }
}

const method = "elicitation/create"

/** The request in a line of a server's output, which may be one of SSE data; `undefined` for other messages. */
export const of = (line: string): Elicitation | undefined => {
  if (!line.includes(method)) return undefined
  const message = JsonValue.parse(line.replace(/^data:/, ""))
  if (!JsonValue.isObject(message) || message["method"] !== method) return undefined
  const { id, params } = message
  if (!Predicate.isString(id) && !Predicate.isNumber(id)) return undefined
  if (!JsonValue.isObject(params)) return { id, question: undefined, issue: "params is missing" }
  const { message: question, mode = "form", requestedSchema } = params
  if (mode !== "form") {
    return { id, question: undefined, issue: `mode ${JSON.stringify(mode)} is not supported. Use mode "form"` }
  }
  if (!Predicate.isString(question)) return { id, question: undefined, issue: "message is not a string" }
  if (!JsonValue.isObject(requestedSchema) || !JsonValue.isJson(requestedSchema)) {
    return { id, question: undefined, issue: "requestedSchema is not an object" }
  }
  const { $schema: _, ...schema } = requestedSchema
  return { id, question: { question, schema: { additionalProperties: false, ...schema } }, issue: "" }
}

/** Asks it on behalf of the call. */
export const ask = (run: ToolRunShape, { id, issue, question }: Elicitation): Effect.Effect<Response> =>
  question === undefined
    ? Effect.succeed(refused(id, issue))
    : Effect.map(run.ask(question), (answer) => ({ jsonrpc: "2.0", id, result: resultOf(answer) }))

/** A request that is not asked. */
export const refused = (id: string | number, message: string): Response => ({
  jsonrpc: "2.0",
  id,
  error: { code: -32602, message }
})

const resultOf = (answer: PersonAnswer): NonNullable<Response["result"]> => {
  switch (answer._tag) {
    case "Answered":
      return { action: "accept", content: answer.value }
    case "Declined":
      return { action: "decline" }
    case "Expired":
    case "Withdrawn":
    case "Cancelled":
      return { action: "cancel" }
  }
}
