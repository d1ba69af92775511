/**
 * A tool's parameters as programs without Effect write them: a schema of any library that implements Standard Schema
 * with JSON Schema (zod and arktype directly, valibot through `toStandardJsonSchema`, Effect's through both), or raw
 * JSON Schema. Either becomes a schema of the runtime, so that gate, revision and execution share one validation.
 */
import { QueryRejected, QueryRejections } from "@reins/protocol"
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
import { readBy } from "../kernel/SchemaCheck.ts"
import * as JsonSchema from "../tool/JsonSchema.ts"

/**
 * Raw JSON Schema of an object, draft 4 to 2020-12. The model gets it, and arguments are validated by it.
 *
 * @since 0.1.0
 * @category models
 */
export interface JsonObjectSchema {
  readonly type: "object"
  readonly properties?: { readonly [name: string]: unknown } | undefined
  readonly required?: ReadonlyArray<string> | undefined
  readonly [keyword: string]: unknown
}

/**
 * The parameters of a tool: a schema of some library, or raw JSON Schema.
 *
 * @since 0.1.0
 * @category models
 */
export type Parameters = (StandardSchemaV1 & StandardJSONSchemaV1) | JsonObjectSchema

/**
 * The decoded arguments of a tool.
 *
 * @since 0.1.0
 * @category models
 */
export type Arguments<P> = P extends StandardSchemaV1<infer _In, infer Out> ? Out : { readonly [name: string]: unknown }

type Kind = (value: unknown) => boolean

const isNode: Kind = (value) => Predicate.isObject(value) && !Array.isArray(value)
const isSchema: Kind = (value) => typeof value === "boolean" || isNode(value)
const isCount: Kind = (value) => Number.isSafeInteger(value) && Number(value) >= 0
const listOf =
  (kind: Kind): Kind =>
  (value) =>
    Array.isArray(value) && value.every(kind)
const byName =
  (kind: Kind): Kind =>
  (value) =>
    isNode(value) && Object.values(Object(value)).every((one) => one === undefined || kind(one))
const either =
  (...kinds: ReadonlyArray<Kind>): Kind =>
  (value) =>
    kinds.some((kind) => kind(value))
const each = (kind: Kind, ...names: ReadonlyArray<string>) => names.map((name) => [name, kind] as const)

const types = ["array", "boolean", "integer", "null", "number", "object", "string"]
const isType: Kind = (value) => types.some((type) => type === value)

/** The keywords that state something, of drafts 4 to 2020-12, each with what its value is. */
const stating: ReadonlyMap<string, Kind> = new Map([
  ...each(Predicate.isString, "$ref", "$dynamicRef", "$recursiveRef"),
  ...each(byName(isSchema), "$defs", "definitions", "dependentSchemas", "patternProperties", "properties"),
  ...each(isSchema, "additionalItems", "additionalProperties", "contains", "contentSchema", "else", "if", "not"),
  ...each(isSchema, "propertyNames", "then", "unevaluatedItems", "unevaluatedProperties"),
  ...each(listOf(isSchema), "allOf", "anyOf", "oneOf", "prefixItems"),
  ...each(either(isSchema, listOf(isSchema)), "items"),
  ...each(byName(either(isSchema, listOf(Predicate.isString))), "dependencies"),
  ...each(byName(listOf(Predicate.isString)), "dependentRequired"),
  ...each(either(isType, listOf(isType)), "type"),
  ...each(Array.isArray, "enum"),
  ...each(() => true, "const"),
  ...each(listOf(Predicate.isString), "required"),
  ...each(Predicate.isBoolean, "uniqueItems"),
  ...each(Predicate.isNumber, "maximum", "minimum", "multipleOf"),
  ...each(either(Predicate.isNumber, Predicate.isBoolean), "exclusiveMaximum", "exclusiveMinimum"),
  ...each(isCount, "maxContains", "maxItems", "maxLength", "maxProperties"),
  ...each(isCount, "minContains", "minItems", "minLength", "minProperties")
])

/** The keywords that describe, name or annotate, and two that arguments are often named like: alone they state too little. */
const describing: ReadonlyMap<string, Kind> = new Map([
  ...each(Predicate.isString, "$anchor", "$comment", "$dynamicAnchor", "$id", "$schema", "id", "title", "description"),
  ...each(Predicate.isString, "contentEncoding", "contentMediaType", "format", "pattern"),
  ...each(Predicate.isBoolean, "$recursiveAnchor", "deprecated", "readOnly", "writeOnly"),
  ...each(isNode, "$vocabulary"),
  ...each(Array.isArray, "examples"),
  ...each(() => true, "default")
])

/**
 * Whether a value is raw JSON Schema: an object whose keywords have values of their kinds. Beside a keyword that states
 * something, other names may stand, as extensions do, and annotations of any kind, as in OpenAPI. Alone they are none,
 * since a schema of unknown keywords accepts everything: `{ city: "string" }` and `{ title: "string" }` are meant for
 * something else.
 */
export const isJsonSchema = (value: unknown): boolean => {
  // An instance of a class has no keywords, and would pass for `{}`.
  if (!Predicate.isObject(value) || ![Object.prototype, null].includes(Object.getPrototypeOf(value))) return false
  const keywords = Object.entries(value).filter(([, one]) => one !== undefined)
  if (keywords.some(([name]) => stating.has(name))) {
    return keywords.every(([name, one]) => stating.get(name)?.(one) ?? true)
  }
  const describes = keywords.every(([name, one]) => describing.get(name)?.(one) ?? false)
  return describes && (keywords.length === 0 || !keywords.every(([, one]) => isType(one)))
}

const isStandard = (parameters: Parameters): parameters is StandardSchemaV1 & StandardJSONSchemaV1 =>
  "~standard" in parameters

/** The parameters of `what` as a schema. Throws when they cannot be converted to JSON Schema. */
export const toSchema = (what: string, parameters: Parameters): Schema.Codec<unknown, Schema.Json> =>
  isStandard(parameters)
    ? readBy(
        described(jsonSchemaOf(what, parameters)).pipe(
          Schema.decodeTo(Schema.Unknown, {
            decode: SchemaGetter.transformEffect((value) => validated(parameters, value)),
            encode: SchemaGetter.forbidden(() => "arguments are only decoded, never encoded")
          })
        ),
        (args) => validated(parameters, args)
      )
    : raw(what, parameters)

/**
 * A specialist's input as a schema: validated as by `toSchema` whether a model or code calls it, and not transformed.
 */
export const toInput = (what: string, parameters: Parameters): Schema.Codec<Schema.Json> => {
  if (!isStandard(parameters)) return raw(what, parameters)
  const fitting = SchemaGetter.transformEffect((value: Schema.Json) => Effect.as(validated(parameters, value), value))
  return described(jsonSchemaOf(what, parameters)).pipe(
    Schema.decodeTo(Schema.Json, { decode: fitting, encode: fitting })
  )
}

/** The answer of a query as a schema, or why `agent` is not asked for it. */
export const toOutput = (
  agent: string,
  output: Parameters | undefined
): { readonly output?: Schema.Codec<unknown, Schema.Json> } | QueryRejected => {
  if (output === undefined) return {}
  const made = Result.try(() => toSchema("the output of the query", output))
  return Result.isSuccess(made)
    ? { output: made.success }
    : new QueryRejected({ reason: new QueryRejections.InvalidInput({ agent, issue: inWords(made.failure) }) })
}

const jsonSchemaOf = (what: string, parameters: StandardJSONSchemaV1) => {
  const { jsonSchema } = parameters["~standard"]
  if (!Predicate.hasProperty(jsonSchema, "input")) {
    throw new Error(`Invalid schema for ${what}: it has no JSON Schema. To fix it, ${libraries}`)
  }
  const { failure, success } = written(parameters)
  if (success !== undefined) return success
  const field = fieldsOf(parameters).find(([, one]) => isStandardJson(one) && written(one).success === undefined)?.[0]
  const place = field === undefined ? "" : `, field ${JSON.stringify(field)}`
  throw new Error(`Invalid schema for ${what}${place}: ${failure}. Use a JSON type, such as a string for a date`)
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

/** The value as the schema decodes it; synchronous unless the schema returns a promise. */
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

/** JSON described to the model by `document`. */
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

/** JSON that matches a raw JSON Schema. */
const raw = (what: string, document: JsonObjectSchema): Schema.Codec<Schema.Json> => {
  const json = PlainJson.copy(document)
  if (json === undefined)
    throw new Error(
      `Invalid schema for ${what}: neither JSON Schema nor a schema of a known library. To fix it, ${libraries}`
    )
  return described(document, JsonSchema.checker(json))
}

/** The issues, each at the field that its library names. */
const issueOf = (issues: ReadonlyArray<StandardSchemaV1.Issue>, value: unknown): SchemaIssue.Issue => {
  const [first, ...rest] = issues.map((one) => placed(one, value))
  return first === undefined
    ? new SchemaIssue.InvalidValue(undefined, value)
    : rest.length === 0
      ? first
      : new SchemaIssue.Composite(Schema.Unknown.ast, [first, ...rest], value)
}

const placed = ({ message, path = [] }: StandardSchemaV1.Issue, value: unknown): SchemaIssue.Issue => {
  const keys = path.map((segment) => (typeof segment === "object" ? segment.key : segment))
  const issue = new SchemaIssue.InvalidValue({ message }, value)
  return keys.length === 0 ? issue : new SchemaIssue.Pointer(keys, issue)
}
