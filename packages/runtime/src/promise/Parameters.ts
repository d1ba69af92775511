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
export const toSchema = (parameters: Parameters): Schema.Codec<unknown, Schema.Json> => {
  if (!isStandard(parameters)) return described(parameters)
  const { "~standard": standard } = parameters
  return described(standard.jsonSchema.input({ target: "draft-2020-12" })).pipe(
    Schema.decodeTo(Schema.Unknown, {
      decode: SchemaGetter.transformEffect((value) =>
        Effect.flatMap(
          Effect.suspend(() => {
            const result = standard.validate(value)
            return result instanceof Promise ? Effect.promise(() => result) : Effect.succeed(result)
          }),
          (result) =>
            result.issues === undefined ? Effect.succeed(result.value) : Effect.fail(issueOf(result.issues, value))
        )
      ),
      encode: SchemaGetter.forbidden(() => "arguments are only read")
    })
  )
}

/** JSON that the model is told looks like `document`. */
const described = ({ $schema: _, ...document }: { readonly [keyword: string]: unknown }): Schema.Codec<Schema.Json> =>
  Schema.Json.check(Schema.makeFilter(() => true, { toJsonSchema: () => document }))

const issueOf = (issues: ReadonlyArray<StandardSchemaV1.Issue>, value: unknown) =>
  new SchemaIssue.InvalidValue({ message: issues.map(sentence).join("; ") }, value)

const sentence = ({ message, path }: StandardSchemaV1.Issue): string => {
  const place = (path ?? []).map((segment) => String(typeof segment === "object" ? segment.key : segment)).join(".")
  return place === "" ? message : `${place}: ${message}`
}
