/**
 * JSON values: the content of events, tool arguments and tool results.
 */
import * as Schema from "effect/Schema"

/**
 * Any JSON value. `undefined`, `NaN`, functions and class instances are not JSON.
 *
 * @since 0.1.0
 * @category schemas
 */
export type Json = Schema.Json
export const Json: Schema.Codec<Json> = Schema.Json

/**
 * Freezes plain data deeply and returns it. An object that is already frozen is assumed to be deeply frozen, so
 * freezing it again costs one check.
 */
export const freeze = <A>(value: A): A => {
  if (typeof value !== "object" || value === null || Object.isFrozen(value)) return value
  Object.freeze(value)
  const parts: ReadonlyArray<unknown> = Array.isArray(value) ? value : Object.values(value)
  // Most parts are texts and numbers.
  for (const part of parts) if (typeof part === "object" && part !== null) freeze(part)
  return value
}
