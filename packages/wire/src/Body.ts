/**
 * Reads what a client sent by a schema. What does not fit is told by its place, never by its content: a body may hold
 * secrets, and an error goes back over the wire and into logs.
 */
import * as Option from "effect/Option"
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import * as SchemaIssue from "effect/SchemaIssue"
import * as Refusal from "./Refusal.ts"

const places = SchemaIssue.makeFormatterStandardSchemaV1()

const placeOf = (issue: SchemaIssue.Issue): string => {
  const [first] = places(issue).issues
  const path = (first?.path ?? []).map((key) => (typeof key === "object" ? String(key.key) : String(key)))
  return path.length === 0
    ? "the body is missing or not what is expected"
    : `${path.join(".")} is missing or not what is expected`
}

/** The value that a schema reads in `body`, or why not. */
export const read = <A>(
  schema: Schema.ConstraintDecoder<A>
): ((body: unknown) => Result.Result<A, Refusal.Refusal>) => {
  const decode = Schema.decodeUnknownResult(schema)
  return (body) => Result.mapError(decode(body), ({ issue }) => Refusal.badRequest(placeOf(issue)))
}

const json = Schema.decodeUnknownOption(Schema.fromJsonString(Schema.Json))

/** The JSON value in a text; a text that holds none is a value itself. */
export const jsonOr = (text: string): Schema.Json => Option.getOrElse(json(text), () => text)
