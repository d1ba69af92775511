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
  freezeAll(value)
  return value
}

const freezeAll = (value: unknown): void => {
  if (typeof value !== "object" || value === null || Object.isFrozen(value)) return
  Object.freeze(value)
  if (Array.isArray(value)) for (const item of value) freezeAll(item)
  else for (const member of Object.values(value)) freezeAll(member)
}
