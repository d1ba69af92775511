/**
 * The calls that an agent makes again and again: which, and how often in a row.
 *
 * A row is steps that make the same calls: of the same tools, with the same arguments as JSON values, whatever the order of members and
 * of the calls. Equal calls within one step count once, since the model had read no result between them. Text beside the calls, a
 * step without calls of the agent's own (a paused turn) and compaction leave a row as it is; other calls and a message of a
 * user's begin anew. So do calls of a tool that may be repeated (`ToolSettings.MayRepeat`).
 *
 * Results are not compared: those of an endless loop often differ, in a time or a count, and only a tool's author knows whether that
 * is progress.
 */
import type { Json, Message } from "@reins/protocol"
import type { CallLimit } from "./Agent.ts"

/** Calls that were made `times` times in a row. */
export interface CallRow {
  readonly calls: ReadonlyArray<Message.CallPart>
  readonly times: number
}

/** Why the calls of an answer that repeats them once too often are dropped, as events and the loop say it. */
export const dropReason = "repeated-calls"

/** How often in a row calls may be made unless options say otherwise. */
export const defaultLimit = 10

/** Why `limit` is none, in words; `undefined` where it is one. Code without types may write anything. */
export const problemOf = (limit: unknown): string | undefined =>
  limit === undefined ||
  limit === false ||
  limit === Number.POSITIVE_INFINITY ||
  (typeof limit === "number" && Number.isSafeInteger(limit) && limit >= 1)
    ? undefined
    : `repeatedCallLimit must be a whole number of at least 1, or false for no limit, but is ${String(limit)}`

/** The limit as a number; `Infinity` for none. The first of `limits` that says something decides. */
export const limitOf = (...limits: ReadonlyArray<CallLimit | undefined>): number => {
  const limit = limits.find((one) => one !== undefined) ?? defaultLimit
  return limit === false ? Number.POSITIVE_INFINITY : limit
}

/** The row after one more step made `calls`. */
export const next = (row: CallRow | undefined, calls: ReadonlyArray<Message.CallPart>): CallRow => ({
  calls,
  times: row !== undefined && isSame(row.calls, calls) ? row.times + 1 : 1
})

/** Whether two steps make the same calls. */
export const isSame = (some: ReadonlyArray<Message.CallPart>, others: ReadonlyArray<Message.CallPart>): boolean =>
  (some.length === others.length && some.every((call, index) => isSameCall(call, others[index]))) ||
  (isWithin(some, others) && isWithin(others, some))

const isWithin = (some: ReadonlyArray<Message.CallPart>, others: ReadonlyArray<Message.CallPart>): boolean =>
  some.every((call) => others.some((other) => isSameCall(call, other)))

const isSameCall = (call: Message.CallPart, other: Message.CallPart | undefined): boolean =>
  call.name === other?.name && isSameJson(call.args, other.args)

const isArray: (value: Json) => value is ReadonlyArray<Json> = Array.isArray

/** Whether two values are the same JSON, whatever the order of members. */
const isSameJson = (one: Json, other: Json | undefined): boolean => {
  if (one === other) return true
  if (typeof one !== "object" || typeof other !== "object" || one === null || other === null) return false
  if (isArray(one)) {
    return isArray(other) && one.length === other.length && one.every((value, index) => isSameJson(value, other[index]))
  }
  if (isArray(other)) return false
  const names = Object.keys(one)
  return (
    names.length === Object.keys(other).length &&
    names.every((name) => Object.hasOwn(other, name) && isSameJson(one[name] ?? null, other[name]))
  )
}
