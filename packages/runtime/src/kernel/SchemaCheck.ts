/**
 * Validates values with the schemas that users write, for arguments, inputs and outputs. Both an invalid value and a
 * crash of the schema become an error message, because no schema may end the run that uses it.
 *
 * The arguments that a model wrote for a call are decoded for the gate, before a person is asked, and before a handler, a
 * caller or a specialist runs. A call has one JSON object as its arguments. Absent arguments and `null` are the empty
 * object. Anything else, including text that is not JSON, is a failure that the model reads. The schema decides about the
 * rest.
 */
import * as Effect from "effect/Effect"
import type * as Schema from "effect/Schema"
import * as SchemaIssue from "effect/SchemaIssue"
import type { Json } from "@reins/protocol"
import * as Outline from "./Outline.ts"

/** Runs a schema over `what`; the failure is a message. */
export const inWords = <A>(checked: Effect.Effect<A, Schema.SchemaError>, what: string): Effect.Effect<A, string> =>
  checked.pipe(
    Effect.mapError((error) => error.message),
    Effect.catchDefect((defect) =>
      Effect.andThen(crashed(what, defect), Effect.fail(`The schema of ${what} crashed, so it could not be validated`))
    )
  )

/** Logs the crash of a schema, without the value that it crashed at. */
export const crashed = (what: string, defect: unknown): Effect.Effect<void> =>
  Effect.logError(`The schema of ${what} crashed: ${Outline.of(defect)}`)

/** What is invalid and where, without messages of the schema's author, which may quote the value. */
export const inPlaces = (error: Schema.SchemaError): string =>
  unquoting(error.issue)
    .issues.map(({ message, path = [] }) => (path.length === 0 ? message : `${message} at ${JSON.stringify(path)}`))
    .join("; ")

const unquoting = SchemaIssue.makeFormatterStandardSchemaV1({
  leafHook: ({ _tag }) => (_tag === "MissingKey" ? "a missing key" : "an invalid value"),
  checkHook: () => "a rejected value"
})

/** Decodes arguments; the failure is a sentence that the model can act on. */
export type Decode = (args: Json) => Effect.Effect<unknown, string>

/** A decoder that `take`s objects only. */
export const decoder =
  (take: (args: Json) => Effect.Effect<unknown, string>): Decode =>
  (args) => {
    const object = args === null ? {} : args
    return typeof object === "object" && !Array.isArray(object)
      ? take(object)
      : Effect.fail(
          `the arguments must be one JSON object, as in { "name": "value" }, but are ${
            typeof object === "string" ? "a string, or text that is not valid JSON" : `a JSON ${kindOf(object)}`
          }`
        )
  }

const kindOf = (value: Json): string => (Array.isArray(value) ? "array" : typeof value)

/** Decoders of schemas that are decoded by plain code instead of the schema interpreter. */
const plain = new WeakMap<object, (args: Json) => Effect.Effect<unknown, unknown>>()

/**
 * Registers `take` as a plain decoder of JSON for `schema`. Only its successes count: when it fails, the schema itself
 * reports the error.
 */
export const readBy = <S extends object>(schema: S, take: (args: Json) => Effect.Effect<unknown, unknown>): S => {
  plain.set(schema, take)
  return schema
}

/** The plain decoder of a schema, if it has one. */
export const plainReading = (schema: object): ((args: Json) => Effect.Effect<unknown, unknown>) | undefined =>
  plain.get(schema)

/** A decoder by a check of JSON Schema, which says what is invalid and does not change valid arguments. */
export const checked = (check: (args: Json) => string | undefined): Decode =>
  decoder((args) => {
    const fault = check(args)
    return fault === undefined ? Effect.succeed(args) : Effect.fail(fault)
  })
