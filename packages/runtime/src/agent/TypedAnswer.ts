/**
 * The check of an agent's final text by the schema of its answer, and what models that have no field for the schema are
 * told of it. An agent's schema is one of Effect; a query's is JSON Schema, since it is stored with the run.
 */
import type { Json, Message } from "@reins/protocol"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Schema from "effect/Schema"
import type * as Erased from "../kernel/Erased.ts"
import * as SchemaCheck from "../kernel/SchemaCheck.ts"
import type { ModelPort, ModelRequest } from "../model/Model.ts"
import * as JsonSchema from "../tool/JsonSchema.ts"

const VerdictStruct = Schema.Struct({
  issue: Schema.optionalKey(Schema.String),
  places: Schema.optionalKey(Schema.String),
  retracted: Schema.optionalKey(Schema.Literal(true))
})

/**
 * The verdict about an answer, stored with its step. `issue`: what is invalid; absent: the answer fits. `places`: the same
 * without messages that may quote the answer. `retracted`: the answer was retracted, and is asked for again.
 */
export interface Verdict extends Schema.Schema.Type<typeof VerdictStruct> {}
export const Verdict: Schema.Codec<Verdict> = VerdictStruct

/** Checks final text. */
export type Check = (text: string) => Effect.Effect<Verdict>

/** The check of the step whose request is sent: a replay, which sends none, checks the answer in the log by it. */
export const Current: Context.Reference<Check | undefined> = Context.Reference<Check | undefined>(
  "@reins/runtime/agent/TypedAnswer/Current",
  { defaultValue: () => undefined }
)

const fits: Verdict = {}

/** The check by an agent's schema. */
export const bySchema = (output: Erased.CodecOf<Erased.Any>): Check => {
  const decode = decoderOf(output)
  return (text) =>
    Effect.matchEffect(
      Effect.catchDefect(decode(unfenced(text)), (defect) => Effect.fail({ defect })),
      {
        onFailure: (error) =>
          "defect" in error
            ? Effect.as(SchemaCheck.crashed("the answer", error.defect), crashed)
            : Effect.succeed<Verdict>({ issue: error.message, places: SchemaCheck.inPlaces(error) }),
        onSuccess: () => Effect.succeed(fits)
      }
    )
}

const crashed: Verdict = {
  issue: "The schema of the answer crashed, so it could not be validated",
  places: "its schema crashed"
}

/** The check by a query's JSON Schema. */
export const byJsonSchema = (schema: Json): Check => {
  const check = JsonSchema.checker(schema)
  return (text) => {
    const value = valueOf(text)
    const issue = value === undefined ? "it is not JSON" : check(value)
    // Messages about JSON Schema name places, keywords and what the schema says.
    return Effect.succeed(issue === undefined ? fits : { issue, places: issue })
  }
}

const decoderOf = (output: Erased.CodecOf<Erased.Any>) =>
  Schema.decodeUnknownEffect(Schema.fromJsonString(Schema.toCodecJson(output)))

const decoders = new WeakMap<object, (value: unknown) => Effect.Effect<unknown, Schema.SchemaError>>()

/** Decodes the JSON of an answer. Fails with a message that says what is invalid. */
export const decode = (output: Erased.CodecOf<Erased.Any>, value: Json): Effect.Effect<unknown, string> => {
  const known = decoders.get(output) ?? Schema.decodeUnknownEffect(Schema.toCodecJson(output))
  decoders.set(output, known)
  return SchemaCheck.inWords(known(value), "the answer")
}

/** The same of its text. */
export const decodeText = (output: Erased.CodecOf<Erased.Any>, text: string): Effect.Effect<unknown, string> =>
  SchemaCheck.inWords(decoderOf(output)(unfenced(text)), "the answer")

/** Models often fence their JSON. */
const unfenced = (text: string): string => /^\s*```(?:json)?\s*\n([\s\S]*?)\n?```\s*$/.exec(text)?.[1] ?? text

const readJson = Schema.decodeUnknownExit(Schema.fromJsonString(Schema.Json))

/** The JSON of an answer; `undefined` if the text is none. */
export const valueOf = (text: string): Json | undefined => {
  const parsed = readJson(unfenced(text))
  return Exit.isSuccess(parsed) ? parsed.value : undefined
}

/** What the model reads about an invalid answer. */
export const repair = (issue: string): Message.User => ({
  role: "user",
  content: [
    {
      type: "text",
      text: `Your answer does not match the required JSON schema: ${issue}\nAnswer again with the corrected JSON and nothing else.`
    }
  ]
})

type Output = NonNullable<ModelRequest["output"]>

const instructions = new WeakMap<Output, string>()

const instructionOf = (output: Output): string => {
  const known = instructions.get(output)
  if (known !== undefined) return known
  const made = `Your final answer must be JSON that matches this JSON Schema, without any other text:\n${JSON.stringify(output.schema)}`
  instructions.set(output, made)
  return made
}

/** The request as `model` gets it: with the schema of the answer in the instructions, unless its port takes schemas. */
export const told = (model: Pick<ModelPort, "takesOutput">, request: ModelRequest): ModelRequest => {
  const { instructions: own, output } = request
  if (output === undefined || model.takesOutput === true) return request
  const more = instructionOf(output)
  return { ...request, instructions: own === undefined ? more : `${own}\n\n${more}` }
}
