/** The errors of the native contract. */
import * as Schema from "effect/Schema"
import * as HttpApiSchema from "effect/http-api/HttpApiSchema"

/**
 * The error format of the native interface. `code` is machine-readable.
 *
 * @since 0.1.0
 * @category schemas
 */
export const Refused = Schema.Struct({
  error: Schema.Struct({ code: Schema.String, message: Schema.String })
}).annotate({ identifier: "Refused" })

/** The errors of every endpoint. */
export const refusals = [400, 401, 403, 404, 405, 409, 410, 413, 422, 429, 500, 503].map((status) =>
  Refused.pipe(HttpApiSchema.status(status))
)
