/**
 * Checks values by the schemas that users wrote: arguments, inputs, outputs. A value that does not fit is a sentence for whoever
 * made it. So is a schema that crashes over it, because no schema may bring down the run that it is used in.
 */
import * as Effect from "effect/Effect"
import type * as Schema from "effect/Schema"

/** The outcome of a schema's work on `what`, its failure in words. */
export const inWords = <A>(checked: Effect.Effect<A, Schema.SchemaError>, what: string): Effect.Effect<A, string> =>
  checked.pipe(
    Effect.mapError((error) => error.message),
    Effect.catchDefect(() =>
      Effect.andThen(
        Effect.logError(`the schema of ${what} crashed`),
        Effect.fail(`the schema of ${what} crashed, so nothing could be checked`)
      )
    )
  )
