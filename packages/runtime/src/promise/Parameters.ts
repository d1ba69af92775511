/**
 * A tool's parameters as people without Effect write them: a schema of any library that speaks the Standard Schema and its
 * JSON Schema half (zod as it is, valibot through `toStandardJsonSchema`, Effect's through both), or raw JSON Schema.
 *
 * Either becomes a schema of the runtime's own, so that gate, revision and execution share one check.
 */
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import * as SchemaGetter from "effect/SchemaGetter"
import * as SchemaIssue from "effect/SchemaIssue"
import type { StandardJSONSchemaV1, StandardSchemaV1 } from "effect/StandardSchema"

/** Raw JSON Schema of an object. The model is told of it; arguments are **not** checked against it. */
export interface JsonObjectSchema {
  readonly type: "object"
  readonly properties?: { readonly [name: string]: unknown } | undefined
  readonly required?: ReadonlyArray<string> | undefined
  readonly [keyword: string]: unknown
}

/** What a tool may be called with: a schema that checks and describes, or raw JSON Schema that only describes. */
export type Parameters = (StandardSchemaV1 & StandardJSONSchemaV1) | JsonObjectSchema

/** What a tool is called with: what its schema makes of the arguments. */
export type Arguments<P> = P extends StandardSchemaV1<infer _In, infer Out> ? Out : { readonly [name: string]: unknown }

const isStandard = (parameters: Parameters): parameters is StandardSchemaV1 & StandardJSONSchemaV1 =>
  "~standard" in parameters

/** The parameters as a schema. Throws what the schema's library throws where it cannot write JSON Schema. */
export const toSchema = (parameters: Parameters): Schema.Codec<unknown, Schema.Json> =>
  isStandard(parameters)
    ? described(jsonSchemaOf(parameters)).pipe(
        Schema.decodeTo(Schema.Unknown, {
          decode: SchemaGetter.transformEffect((value) => validated(parameters, value)),
          encode: SchemaGetter.forbidden(() => "arguments are only read")
        })
      )
    : described(parameters)

/** What a specialist is asked, as a schema: checked as `toSchema` does, whether a model or the program asks, and left as it was written. */
export const toInput = (parameters: Parameters): Schema.Codec<Schema.Json> => {
  if (!isStandard(parameters)) return described(parameters)
  const fitting = SchemaGetter.transformEffect((value: Schema.Json) => Effect.as(validated(parameters, value), value))
  return described(jsonSchemaOf(parameters)).pipe(Schema.decodeTo(Schema.Json, { decode: fitting, encode: fitting }))
}

const jsonSchemaOf = (parameters: StandardJSONSchemaV1) =>
  parameters["~standard"].jsonSchema.input({ target: "draft-2020-12" })

/** What the schema makes of a value. */
const validated = ({ "~standard": standard }: StandardSchemaV1, value: unknown) =>
  Effect.flatMap(
    Effect.suspend(() => {
      const result = standard.validate(value)
      return result instanceof Promise ? Effect.promise(() => result) : Effect.succeed(result)
    }),
    (result) =>
      result.issues === undefined ? Effect.succeed(result.value) : Effect.fail(issueOf(result.issues, value))
  )

/** JSON that the model is told looks like `document`. */
const described = ({ $schema: _, ...document }: { readonly [keyword: string]: unknown }): Schema.Codec<Schema.Json> =>
  Schema.Json.check(Schema.makeFilter(() => true, { toJsonSchema: () => document }))

const issueOf = (issues: ReadonlyArray<StandardSchemaV1.Issue>, value: unknown) =>
  new SchemaIssue.InvalidValue({ message: issues.map(sentence).join("; ") }, value)

const sentence = ({ message, path }: StandardSchemaV1.Issue): string => {
  const place = (path ?? []).map((segment) => String(typeof segment === "object" ? segment.key : segment)).join(".")
  return place === "" ? message : `${place}: ${message}`
}
