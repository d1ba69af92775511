/**
 * The OpenAPI operation of an endpoint that ignores fields of a body that it does not have: its schema does not forbid them.
 * The schemas of all other bodies do, and their endpoints refuse such fields.
 */
import * as Predicate from "effect/Predicate"

const opened = (value: unknown): unknown => {
  if (Array.isArray(value)) return value.map(opened)
  if (!Predicate.isObject(value)) return value
  const entries = Object.entries(value).map(([name, inner]) =>
    name === "additionalProperties" && inner === false ? [name, true] : [name, opened(inner)]
  )
  return Object.fromEntries(entries)
}

/** The operation with an open body, for `OpenApi.annotations`. */
export const openBody = (operation: Record<string, unknown>): Record<string, unknown> => ({
  ...operation,
  requestBody: opened(operation["requestBody"])
})
