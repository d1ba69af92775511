/**
 * The values in bodies of requests and answers: decodes a client's body with a schema, and writes results as text. A
 * body that does not match is reported by the path of the first invalid field, never by its content: a body may hold
 * secrets, and errors reach the client and logs.
 */
import * as Option from "effect/Option"
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import * as SchemaIssue from "effect/SchemaIssue"
import * as Fields from "./Fields.ts"
import * as Refusal from "./Refusal.ts"
import type { Json } from "@reins/protocol"

const places = SchemaIssue.makeFormatterStandardSchemaV1()

/** The path of the first invalid field; empty for the body itself. */
const fieldOf = (issue: SchemaIssue.Issue): string => {
  const [first] = places(issue).issues
  return (first?.path ?? []).map((key) => (typeof key === "object" ? String(key.key) : String(key))).join(".")
}

const invalid = (field: string): Refusal.Refusal =>
  field === ""
    ? Refusal.badRequest("Missing or invalid request body")
    : { ...Refusal.badRequest(`Missing or invalid field ${field}`), field }

/** Decodes `body`, or returns the refusal that names the invalid field, or the field that the table refuses. */
export const read = <A>(
  schema: Schema.ConstraintDecoder<A>,
  fields: Fields.Fields = {}
): ((body: unknown) => Result.Result<A, Refusal.Refusal>) => {
  const decode = Schema.decodeUnknownResult(schema)
  const check = Fields.check(fields)
  return (body) =>
    Result.flatMap(check(body), (checked) => Result.mapError(decode(checked), ({ issue }) => invalid(fieldOf(issue))))
}

const json = Schema.decodeUnknownOption(Schema.fromJsonString(Schema.Json))

/** Parses a text as JSON; a text that is not JSON is returned as a string. */
export const jsonOr = (text: string): Schema.Json => Option.getOrElse(json(text), () => text)

/** A tool's result for text-only dialects: a string unchanged, everything else as JSON, so that nothing is lost. */
export const resultText = (result: Json): string => (typeof result === "string" ? result : JSON.stringify(result))
