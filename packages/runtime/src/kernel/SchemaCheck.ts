/**
 * Validates values with the schemas that users write, for arguments, inputs and outputs. Both an invalid value and a
 * crash of the schema become an error message, because no schema may end the run that uses it.
 */
import * as Effect from "effect/Effect"
import type * as Schema from "effect/Schema"
import * as SchemaIssue from "effect/SchemaIssue"
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
