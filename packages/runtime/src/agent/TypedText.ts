/**
 * Typed values that models read and write as text: a specialist's input as its model's prompt, and an agent's final text,
 * checked by the schema of its answer, with the instructions for models that have no field for the schema. An agent's
 * schema is one of Effect; a query's is JSON Schema, since it is stored with the run.
 */
import type { Json, Message } from "@reins/protocol"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Predicate from "effect/Predicate"
import * as Schema from "effect/Schema"
import type * as Erased from "../kernel/Erased.ts"
import * as SchemaCheck from "../kernel/SchemaCheck.ts"
import type { ModelPort, ModelRequest } from "../model/Model.ts"
import * as JsonSchema from "../tool/JsonSchema.ts"
import type * as Agent from "./Agent.ts"

/** An agent with the schema of its input. */
interface Typed {
  readonly name: string
  readonly definition: Pick<Agent.Definition, "input">
}

/** The prompt for arguments that a coordinator's model wrote. Fails with a sentence that the model can act on. */
export const promptFromCall = (specialist: Typed, args: Json): Effect.Effect<string, string> => {
  const { input } = specialist.definition
  return Effect.map(
    SchemaCheck.decoder((given) => {
      if (input !== undefined) {
        const decoded = Schema.decodeUnknownEffect(Schema.toCodecJson(input))(given)
        return Effect.as(SchemaCheck.inWords(decoded, about(specialist)), wordsOf(given))
      }
      return Predicate.hasProperty(given, "prompt") && typeof given.prompt === "string" && given.prompt.trim() !== ""
        ? Effect.succeed(given.prompt)
        : Effect.fail('Missing prompt. Pass { "prompt": "what to do" }')
    })(args),
    String
  )
}

/** The prompt for a typed input from code. Fails with a sentence for the caller. */
export const promptFromValue = (specialist: Typed, value: unknown): Effect.Effect<string, string> => {
  const { input } = specialist.definition
  if (input === undefined) {
    return typeof value === "string" && value.trim() !== ""
      ? Effect.succeed(value)
      : Effect.fail("The input must be a non-empty string")
  }
  const encoded = Schema.encodeUnknownEffect(Schema.toCodecJson(input))(value)
  return Effect.map(SchemaCheck.inWords(encoded, about(specialist)), wordsOf)
}

const about = (specialist: Typed): string => `the input of ${specialist.name}`

const wordsOf = (input: Json): string => (typeof input === "string" ? input : JSON.stringify(input, undefined, 2))

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
  "@reins/runtime/agent/TypedText/Current",
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
