/**
 * A specialist's input as its model's prompt, validated by its schema. `TypedAnswer` checks its answer.
 */
import type { Json } from "@reins/protocol"
import * as Effect from "effect/Effect"
import * as Predicate from "effect/Predicate"
import * as Schema from "effect/Schema"
import type { Member } from "./AgentRegistry.ts"
import * as SchemaCheck from "../kernel/SchemaCheck.ts"

/** The prompt for arguments that a coordinator's model wrote. Fails with a sentence that the model can act on. */
export const promptFromCall = (specialist: Member, args: Json): Effect.Effect<string, string> => {
  const { input } = specialist.definition
  return Effect.map(
    SchemaCheck.decoder((given) => {
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
