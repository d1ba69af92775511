/**
 * Copies what others hand over (models, tools, callers) to plain JSON that nobody can change, so that what was asked about is
 * what runs, and a log stays as it was written. It reads values as JSON text would, but refuses where JSON text would silently
 * say something else: it is for data, not for objects with a mind of their own.
 */
import type { Json } from "@reins/protocol"

/** No data is nested deeper; and what reads it later recurs, too. */
const deepest = 1000

const refused = Symbol("not JSON")

/**
 * `value` as frozen JSON of its own, or `undefined` where it is none: a BigInt, a function, a cycle, an instance of a class, a number
 * without an end. Members that are absent are left out; an absent value, alone or in an array, is `null`.
 */
export const copy = (value: unknown): Json | undefined => {
  const copied = walk(value ?? null, new Set())
  return copied === refused ? undefined : copied
}

/** A copy of frozen JSON that its receiver may change as it likes. */
export const thaw = (json: Json): Json => {
  if (typeof json !== "object" || json === null) return json
  if (Array.isArray(json)) return json.map(thaw)
  return Object.fromEntries(Object.entries(json).map(([name, value]) => [name, thaw(value)]))
}

const walk = (value: unknown, above: Set<object>): Json | typeof refused => {
  switch (typeof value) {
    case "string":
    case "boolean":
      return value
    case "number":
      return Number.isFinite(value) ? value : refused
    case "object": {
      if (value === null) return null
      if (above.has(value) || above.size >= deepest) return refused
      above.add(value)
      const copied = Array.isArray(value) ? walkArray(value, above) : walkRecord(value, above)
      above.delete(value)
      return copied
    }
    default:
      return refused
  }
}

const walkArray = (values: ReadonlyArray<unknown>, above: Set<object>): Json | typeof refused => {
  const out: Array<Json> = []
  for (const value of values) {
    const copied = walk(value ?? null, above)
    if (copied === refused) return refused
    out.push(copied)
  }
  return Object.freeze(out)
}

const walkRecord = (record: object, above: Set<object>): Json | typeof refused => {
  const prototype: unknown = Object.getPrototypeOf(record)
  if (prototype !== Object.prototype && prototype !== null) return refused
  const out: Array<[string, Json]> = []
  for (const [name, value] of Object.entries(record)) {
    if (value === undefined) continue
    const copied = walk(value, above)
    if (copied === refused) return refused
    out.push([name, copied])
  }
  // Defines members, so that one named __proto__ is data like any other.
  return Object.freeze(Object.fromEntries(out))
}
