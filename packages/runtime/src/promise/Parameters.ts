/**
 * A tool's parameters as people without Effect write them: a schema of any library that speaks the Standard Schema and its
 * JSON Schema half (zod and arktype as they are, valibot through `toStandardJsonSchema`, Effect's through both), or raw JSON Schema.
 *
 * Either becomes a schema of the runtime's own, so that gate, revision and execution share one check.
 */
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Predicate from "effect/Predicate"
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import * as SchemaGetter from "effect/SchemaGetter"
import * as SchemaIssue from "effect/SchemaIssue"
import type { StandardJSONSchemaV1, StandardSchemaV1 } from "effect/StandardSchema"
import * as PlainJson from "../kernel/PlainJson.ts"
import * as ArgumentsOf from "../tool/Arguments.ts"
import * as JsonSchema from "../tool/JsonSchema.ts"

/** Raw JSON Schema of an object, draft 4 to 2020-12. The model is told of it, and arguments are checked by it. */
export interface JsonObjectSchema {
  readonly type: "object"
  readonly properties?: { readonly [name: string]: unknown } | undefined
  readonly required?: ReadonlyArray<string> | undefined
  readonly [keyword: string]: unknown
}

/** What a tool may be called with: a schema of some library, or raw JSON Schema. */
export type Parameters = (StandardSchemaV1 & StandardJSONSchemaV1) | JsonObjectSchema

/** What a tool is called with: what its schema makes of the arguments. */
export type Arguments<P> = P extends StandardSchemaV1<infer _In, infer Out> ? Out : { readonly [name: string]: unknown }

const isStandard = (parameters: Parameters): parameters is StandardSchemaV1 & StandardJSONSchemaV1 =>
  "~standard" in parameters

/** The parameters of `what` as a schema. Throws where they cannot be written as JSON Schema. */
export const toSchema = (what: string, parameters: Parameters): Schema.Codec<unknown, Schema.Json> =>
  isStandard(parameters)
    ? ArgumentsOf.readBy(
        described(jsonSchemaOf(what, parameters)).pipe(
          Schema.decodeTo(Schema.Unknown, {
            decode: SchemaGetter.transformEffect((value) => validated(parameters, value)),
            encode: SchemaGetter.forbidden(() => "arguments are only read")
          })
        ),
        (args) => validated(parameters, args)
      )
    : raw(what, parameters)

/** What a specialist is asked, as a schema: checked as `toSchema` does, whether a model or the program asks, and left as it was written. */
export const toInput = (what: string, parameters: Parameters): Schema.Codec<Schema.Json> => {
  if (!isStandard(parameters)) return raw(what, parameters)
  const fitting = SchemaGetter.transformEffect((value: Schema.Json) => Effect.as(validated(parameters, value), value))
  return described(jsonSchemaOf(what, parameters)).pipe(
    Schema.decodeTo(Schema.Json, { decode: fitting, encode: fitting })
  )
}

const jsonSchemaOf = (what: string, parameters: StandardJSONSchemaV1) => {
  const { jsonSchema } = parameters["~standard"]
  if (!Predicate.hasProperty(jsonSchema, "input")) {
    throw new Error(`${what} cannot be told to a model: the schema has no JSON Schema of its own; ${libraries}`)
  }
  const { failure, success } = written(parameters)
  if (success !== undefined) return success
  const field = fieldsOf(parameters).find(([, one]) => isStandardJson(one) && written(one).success === undefined)?.[0]
  const place = field === undefined ? "" : `, because of ${JSON.stringify(field)}`
  throw new Error(
    `${what} cannot be told to a model${place}: ${failure}; use what JSON has in its place, such as a string for a date`
  )
}

const libraries = "update its library, give valibot's to toStandardJsonSchema, or write JSON Schema"

const written = (parameters: StandardJSONSchemaV1) => {
  const document = Effect.runSyncExit(
    Effect.sync(() => parameters["~standard"].jsonSchema.input({ target: "draft-2020-12" }))
  )
  return Exit.isSuccess(document)
    ? { success: document.value, failure: "" }
    : { success: undefined, failure: inWords(Cause.squash(document.cause)) }
}

const inWords = (error: unknown): string =>
  Predicate.hasProperty(error, "message") ? String(error.message) : String(error)

/** The fields of an object's schema, in the libraries that keep them as schemas. */
const fieldsOf = (parameters: object): ReadonlyArray<[string, unknown]> =>
  Predicate.hasProperty(parameters, "shape") && Predicate.isObject(parameters.shape)
    ? Object.entries(parameters.shape)
    : []

const isStandardJson = (schema: unknown): schema is StandardJSONSchemaV1 => Predicate.hasProperty(schema, "~standard")

/** What the schema makes of a value; at once, where it does not promise it. */
const validated = ({ "~standard": standard }: StandardSchemaV1, value: unknown) => {
  const judged = (result: StandardSchemaV1.Result<unknown>) =>
    result.issues === undefined ? Exit.succeed(result.value) : Exit.fail(issueOf(result.issues, value))
  const validating = Result.try(() => standard.validate(value))
  if (Result.isFailure(validating)) return Exit.die(validating.failure)
  const { success } = validating
  return success instanceof Promise
    ? Effect.flatMap(
        Effect.promise(() => success),
        judged
      )
    : judged(success)
}

/** JSON that the model is told looks like `document`. */
const described = (
  document: JsonSchemaDocument,
  check: JsonSchema.Check = () => undefined
): Schema.Codec<Schema.Json> => {
  const { $schema: _, ...told } = document
  return Schema.Json.check(Schema.makeFilter((value: Schema.Json) => check(value), { toJsonSchema: () => told }))
}

interface JsonSchemaDocument {
  readonly [keyword: string]: unknown
}

/** JSON that fits a raw JSON Schema. */
const raw = (what: string, document: JsonObjectSchema): Schema.Codec<Schema.Json> => {
  const json = PlainJson.copy(document)
  if (json === undefined) throw new Error(`${what} are no JSON Schema, and no schema of a known library; ${libraries}`)
  return described(document, JsonSchema.checker(json))
}

const issueOf = (issues: ReadonlyArray<StandardSchemaV1.Issue>, value: unknown) =>
  new SchemaIssue.InvalidValue({ message: issues.map(sentence).join("; ") }, value)

const sentence = ({ message, path }: StandardSchemaV1.Issue): string => {
  const place = (path ?? []).map((segment) => String(typeof segment === "object" ? segment.key : segment)).join(".")
  return place === "" ? message : `${place}: ${message}`
}
