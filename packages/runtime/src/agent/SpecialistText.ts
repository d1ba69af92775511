/**
 * Converts between a specialist's values and its model's text: its input, validated by its schema, becomes the prompt;
 * its final text becomes the value that its output schema describes.
 */
import type { Json } from "@reins/protocol"
import * as Effect from "effect/Effect"
import * as Predicate from "effect/Predicate"
import * as Schema from "effect/Schema"
import * as Arguments from "../tool/Arguments.ts"
import type { Member } from "./AgentRegistry.ts"
import * as SchemaCheck from "../kernel/SchemaCheck.ts"
import * as Exit from "effect/Exit"
import type * as Erased from "../kernel/Erased.ts"

/** The prompt for arguments that a coordinator's model wrote. Fails with a sentence that the model can act on. */
export const promptFromCall = (specialist: Member, args: Json): Effect.Effect<string, string> => {
  const { input } = specialist.definition
  return Effect.map(
    Arguments.decoder((given) => {
      if (input !== undefined) {
        const decoded = Schema.decodeUnknownEffect(Schema.toCodecJson(input))(given)
        return Effect.as(SchemaCheck.inWords(decoded, about(specialist)), words(given))
      }
      return Predicate.hasProperty(given, "prompt") && typeof given.prompt === "string" && given.prompt.trim() !== ""
        ? Effect.succeed(given.prompt)
        : Effect.fail('Missing prompt. Pass { "prompt": "what to do" }')
    })(args),
    String
  )
}

/** The prompt for a typed input from code. Fails with a sentence for the caller. */
export const promptFromValue = (specialist: Member, value: unknown): Effect.Effect<string, string> => {
  const { input } = specialist.definition
  if (input === undefined) {
    return typeof value === "string" && value.trim() !== ""
      ? Effect.succeed(value)
      : Effect.fail("The input must be a non-empty string")
  }
  const encoded = Schema.encodeUnknownEffect(Schema.toCodecJson(input))(value)
  return Effect.map(SchemaCheck.inWords(encoded, about(specialist)), words)
}

const about = (specialist: Member): string => `the input of ${specialist.name}`

const words = (input: Json): string => (typeof input === "string" ? input : JSON.stringify(input, undefined, 2))

/** Models often fence their JSON. */
const unfenced = (text: string): string => /^\s*```(?:json)?\s*\n([\s\S]*?)\n?```\s*$/.exec(text)?.[1] ?? text

/** Decodes final text by the output schema. Fails with a message that says what is invalid. */
export const decodeAnswer = (output: Erased.CodecOf<Erased.Any>, text: string): Effect.Effect<unknown, string> =>
  SchemaCheck.inWords(decode(output, text), "the answer")

const decode = (output: Erased.CodecOf<Erased.Any>, text: string) =>
  Schema.decodeUnknownEffect(Schema.fromJsonString(Schema.toCodecJson(output)))(unfenced(text))

/** What is invalid in an agent's final text, without messages that may quote it. */
export const misplaced = (member: Member, text: string): Effect.Effect<string> =>
  member.definition.output === undefined
    ? Effect.succeed("")
    : Effect.match(
        Effect.catchDefect(decode(member.definition.output, text), () => Effect.succeed("")),
        {
          onFailure: SchemaCheck.inPlaces,
          onSuccess: () => "its schema crashed"
        }
      )

/** What is invalid in an agent's final text; `undefined` if it is valid or has no schema. */
export const mismatch = (member: Member, text: string): Effect.Effect<string | undefined> =>
  member.definition.output === undefined
    ? Effect.succeed(undefined)
    : Effect.match(decodeAnswer(member.definition.output, text), {
        onFailure: (issue) => issue,
        onSuccess: () => undefined
      })

/** The result of a successful specialist: JSON for a typed output, else its text. */
export const resultOf = (member: Member, text: string): Json => {
  if (member.definition.output === undefined) return text
  const parsed = Schema.decodeUnknownExit(Schema.fromJsonString(Schema.Json))(unfenced(text))
  return Exit.isSuccess(parsed) ? parsed.value : text
}
