/**
 * Copies what others hand over (models, tools, callers) to plain JSON that nobody can change, so that what was asked about is
 * what runs, and a log stays as it was written. It reads values as JSON text would, but refuses where JSON text would silently
 * say something else: it is for data, not for objects with a mind of their own.
 */
import type { Json } from "@reins/protocol"
import * as Erased from "./Erased.ts"

/** No data is nested deeper; and what reads it later recurs, too. */
const deepest = 1000

const refused = Symbol("not JSON")

/**
 * `value` as frozen JSON of its own, or `undefined` where it is none: a BigInt, a function, a cycle, an instance of a class, a number
 * without an end. Members that are absent are left out; an absent value, alone or in an array, is `null`.
 */
export const copy = (value: unknown): Json | undefined => {
  const copied = walk(value ?? null, [])
  return copied === refused ? undefined : copied
}

/** A copy of frozen JSON that its receiver may change as it likes. */
export const thaw = (json: Json): Json => {
  if (typeof json !== "object" || json === null) return json
  if (isArray(json)) return json.map(thaw)
  const out: Members = {}
  for (const name of Object.keys(json)) put(out, name, thaw(json[name] ?? null))
  return out
}

interface Members {
  [name: string]: Json
}

const isArray: (value: unknown) => value is ReadonlyArray<Json> = Array.isArray

/** Sets a member; one named `__proto__` is data like any other. */
const put = (out: Members, name: string, value: Json): void => {
  if (name === "__proto__") {
    Object.defineProperty(out, name, { value, enumerable: true, configurable: true, writable: true })
  } else {
    out[name] = value
  }
}

/** `above`: the objects that `value` is in, outermost first. Nearly always few, so a list. */
const walk = (value: unknown, above: Array<object>): Json | typeof refused => {
  switch (typeof value) {
    case "string":
    case "boolean":
      return value
    case "number":
      return Number.isFinite(value) ? value : refused
    case "object": {
      if (value === null) return null
      if (above.length >= deepest || above.includes(value)) return refused
      above.push(value)
      const copied = Array.isArray(value) ? walkArray(value, above) : walkRecord(value, above)
      above.pop()
      return copied
    }
    default:
      return refused
  }
}

const walkArray = (values: ReadonlyArray<unknown>, above: Array<object>): Json | typeof refused => {
  const out: Array<Json> = []
  for (const value of values) {
    const copied = walk(value ?? null, above)
    if (copied === refused) return refused
    out.push(copied)
  }
  return Object.freeze(out)
}

const walkRecord = (record: object, above: Array<object>): Json | typeof refused => {
  const prototype: unknown = Object.getPrototypeOf(record)
  if (prototype !== Object.prototype && prototype !== null) return refused
  const members = Erased.as<{ readonly [name: string]: unknown }>(record)
  const out: Members = {}
  for (const name of Object.keys(members)) {
    const value = members[name]
    if (value === undefined) continue
    const copied = walk(value, above)
    if (copied === refused) return refused
    put(out, name, copied)
  }
  return Object.freeze(out)
}
