/**
 * What a specialist answers: its final text, or the value that the text must decode to where it has an output schema.
 */
import type { Json } from "@reins/protocol"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Schema from "effect/Schema"
import type * as Erased from "../kernel/Erased.ts"
import type { Member } from "./AgentRegistry.ts"
import * as SchemaCheck from "../kernel/SchemaCheck.ts"

/** Models like to fence their JSON. */
const unfenced = (text: string): string => /^\s*```(?:json)?\s*\n([\s\S]*?)\n?```\s*$/.exec(text)?.[1] ?? text

/** Decodes final text by the output schema. Fails with a sentence that says what does not fit. */
export const decode = (output: Erased.CodecOf<Erased.Any>, text: string): Effect.Effect<unknown, string> =>
  SchemaCheck.inWords(
    Schema.decodeUnknownEffect(Schema.fromJsonString(Schema.toCodecJson(output)))(unfenced(text)),
    "the answer"
  )

/** What does not fit in an agent's final text; `undefined` where it fits, or nothing is asked. */
export const flaw = (member: Member, text: string): Effect.Effect<string | undefined> =>
  member.definition.output === undefined
    ? Effect.succeed(undefined)
    : Effect.match(decode(member.definition.output, text), {
        onFailure: (issue) => issue,
        onSuccess: () => undefined
      })

/** The result of a specialist that ended well: JSON for a typed output, else its text. */
export const result = (member: Member, text: string): Json => {
  if (member.definition.output === undefined) return text
  const parsed = Schema.decodeUnknownExit(Schema.fromJsonString(Schema.Json))(unfenced(text))
  return Exit.isSuccess(parsed) ? parsed.value : text
}
