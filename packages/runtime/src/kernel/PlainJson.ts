/**
 * Copies values of models, tools and callers to frozen plain JSON, so that an approved call runs with what was approved
 * and a log is not changed later.
 *
 * `copy` is strict and is used for arguments, histories and answers: it rejects values that JSON text would silently
 * change. `show` is for results of tools, which are always shown: it converts as `JSON.stringify` does. `trimmed` is for
 * lists of such values that a parked run keeps in memory.
 */
import type { Json } from "@reins/protocol"
import * as Predicate from "effect/Predicate"
import * as Result from "effect/Result"
import * as Erased from "./Erased.ts"

/** The deepest nesting that is accepted: code that reads the data later recurs, too. */
const deepest = 1000

/** Why a value is not JSON, and its path, from the innermost name outwards. */
class Refused {
  readonly reason: string
  readonly path: Array<string | number> = []
  constructor(reason: string) {
    this.reason = reason
  }
}

/**
 * A frozen JSON copy of `value`, or `undefined` if it is not JSON: a BigInt, a function, a cycle, an instance of a
 * class, NaN or an infinite number. Absent members are left out; an absent value, alone or in an array, is `null`.
 */
export const copy = (value: unknown): Json | undefined => {
  const copied = walk(value ?? null, [], false)
  return copied instanceof Refused ? undefined : copied
}

/**
 * A frozen JSON copy of `value` as `JSON.stringify` encodes it: `toJSON` is called, so a date is its ISO string and a
 * URL its address; an instance is its members; functions and symbols are left out, and are `null` in an array, as are
 * NaN and infinite numbers. Three kinds show more: a `Map` is an object if its keys are strings, else the array of its
 * entries; a `Set` is an array; an error has its `name` and its `message`. A BigInt, a cycle and too deep nesting are
 * failures with the position: `rows[1].id is a BigInt`. `instead`: asked about each value with a `toJSON`; what it
 * returns takes its place.
 */
export const show = (value: unknown, instead?: Instead): Result.Result<Json, string> => {
  if (typeof value === "function" || typeof value === "symbol") return Result.fail(`it is a ${typeof value}`)
  // A value's own code runs here, and may throw.
  const shown = Result.try({
    try: () => walk(told(value, "", instead) ?? null, [], true, instead),
    catch: () => "it throws when it is read"
  })
  if (Result.isFailure(shown)) return Result.fail(shown.failure)
  return shown.success instanceof Refused ? Result.fail(inWords(shown.success)) : Result.succeed(shown.success)
}

/** A value in the place of one that has a `toJSON`; `undefined`: what that returns. */
export type Instead = (value: object) => Json | undefined

/** The most names of a path that a message shows, from the outermost. */
const longest = 12

const inWords = ({ path, reason }: Refused): string => {
  const place = path
    .slice(-longest)
    .reduceRight<string>(
      (text, name) =>
        typeof name === "number"
          ? `${text}[${name}]`
          : /^[\w$]+$/.test(name)
            ? `${text}${text === "" ? "" : "."}${name}`
            : `${text}[${JSON.stringify(name)}]`,
      ""
    )
  return `${place === "" ? "it" : `${place}${path.length > longest ? "…" : ""}`} is ${reason}`
}

/** A mutable copy of frozen JSON. */
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

/** A lone surrogate (half of a character) becomes U+FFFD: databases reject it, and UTF-8 cannot encode it. */
const whole = (text: string): string => (text.isWellFormed() ? text : text.toWellFormed())

/**
 * `above`: the objects that contain `value`, outermost first; a list, since they are nearly always few. `shows`: encode
 * as `JSON.stringify` does.
 */
const walk = (value: unknown, above: Array<object>, shows: boolean, instead?: Instead): Json | Refused => {
  switch (typeof value) {
    case "string":
      return whole(value)
    case "boolean":
      return value
    case "number":
      return Number.isFinite(value) ? value : shows ? null : new Refused("not a finite number")
    case "object": {
      if (value === null) return null
      if (above.length >= deepest) return new Refused(`nested more than ${deepest} deep`)
      if (above.includes(value)) return new Refused("part of a cycle")
      above.push(value)
      const copied = Array.isArray(value)
        ? walkArray(value, above, shows, instead)
        : walkObject(value, above, shows, instead)
      above.pop()
      return copied
    }
    case "bigint":
      return new Refused("a BigInt")
    default:
      return shows ? null : new Refused(`a ${typeof value}`)
  }
}

const walkArray = (
  values: ReadonlyArray<unknown>,
  above: Array<object>,
  shows: boolean,
  instead: Instead | undefined
): Json | Refused => {
  const out: Array<Json> = []
  for (const value of values) {
    const copied = walk((shows ? told(value, String(out.length), instead) : value) ?? null, above, shows, instead)
    if (copied instanceof Refused) {
      copied.path.push(out.length)
      return copied
    }
    out.push(copied)
  }
  return Object.freeze(out)
}

const walkObject = (
  object: object,
  above: Array<object>,
  shows: boolean,
  instead: Instead | undefined
): Json | Refused => {
  const prototype: unknown = Object.getPrototypeOf(object)
  if (prototype === Object.prototype || prototype === null) return walkRecord(object, above, shows, instead)
  if (!shows) return new Refused("an instance of a class")
  const plain = plainOf(object)
  return typeof plain === "object" && plain !== null && !Array.isArray(plain)
    ? walkRecord(plain, above, shows, instead)
    : walk(plain, above, shows, instead)
}

/** The value that `toJSON` returns, if there is one. */
const told = (value: unknown, name: string, instead: Instead | undefined): unknown =>
  typeof value === "object" && value !== null && "toJSON" in value && typeof value.toJSON === "function"
    ? (instead?.(value) ?? value.toJSON(name))
    : value

/** An instance as an object with members. */
const plainOf = (object: object): unknown => {
  if (Predicate.isMap(object)) {
    const entries = Array.from(object)
    return entries.every(([key]) => typeof key === "string") ? Object.fromEntries(entries) : entries
  }
  if (Predicate.isSet(object)) return Array.from(object)
  return Predicate.isError(object) ? { ...object, name: object.name, message: object.message } : object
}

const walkRecord = (
  record: object,
  above: Array<object>,
  shows: boolean,
  instead: Instead | undefined
): Json | Refused => {
  const members = Erased.as<{ readonly [name: string]: unknown }>(record)
  const out: Members = {}
  for (const name of Object.keys(members)) {
    const value = shows ? told(members[name], name, instead) : members[name]
    if (value === undefined || (shows && (typeof value === "function" || typeof value === "symbol"))) continue
    const copied = walk(value, above, shows, instead)
    if (copied instanceof Refused) {
      copied.path.push(name)
      return copied
    }
    put(out, whole(name), copied)
  }
  return Object.freeze(out)
}

/** The longest array that is copied: the spare capacity of a longer one is small beside its entries. */
const longestTrimmed = 64

/**
 * A copy of exact size; a long array is returned as it is. An array that grew by `push` has capacity for 17 entries or
 * more, which would be a large part of the memory of a parked run.
 */
export const trimmed = <A>(array: Array<A>): Array<A> => (array.length > longestTrimmed ? array : array.slice())
