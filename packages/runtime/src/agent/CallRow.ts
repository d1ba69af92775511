/**
 * Counts the calls that an agent repeats in a row. A row is a sequence of steps that make the same calls: of the same
 * tools, with the same arguments as JSON values, in any order of members and of calls. Equal calls within one step
 * count once, since the model has read no result between them. Text beside the calls, a step without calls of the
 * agent's own (a paused turn) and compaction do not affect a row; other calls, a user's message, and calls of a tool
 * that may be repeated (`ToolSettings.MayRepeat`) start a new one.
 *
 * Results are not compared: those of an endless loop often differ, in a time or a count, and only a tool's author knows
 * whether that is progress.
 */
import type { Json, Message } from "@reins/protocol"
import * as Rule from "../kernel/OptionRule.ts"
import type { CallLimit } from "./Agent.ts"

/** Calls that were made `times` times in a row. */
export interface CallRow {
  readonly calls: ReadonlyArray<Message.CallPart>
  readonly times: number
}

/** The reason, in events and in the loop, why the calls of an answer above the limit are dropped. */
export const dropReason = "repeated-calls"

/** The default limit of equal calls in a row. */
export const defaultLimit = 10

/** What a limit must be, of a runtime, an agent and a query. Code without types may pass anything. */
export const limitRule: Rule.Rule = Rule.optional(Rule.limit(1, false, Number.POSITIVE_INFINITY))

/** The limit as a number; `Infinity` for none. The first defined one of `limits` decides. */
export const limitOf = (...limits: ReadonlyArray<CallLimit | undefined>): number => {
  const limit = limits.find((one) => one !== undefined) ?? defaultLimit
  return limit === false ? Number.POSITIVE_INFINITY : limit
}

/** The row after one more step that makes `calls`. */
export const next = (row: CallRow | undefined, calls: ReadonlyArray<Message.CallPart>): CallRow => ({
  calls,
  times: row !== undefined && isSame(row.calls, calls) ? row.times + 1 : 1
})

/** Whether two steps make the same calls. */
export const isSame = (some: ReadonlyArray<Message.CallPart>, others: ReadonlyArray<Message.CallPart>): boolean =>
  some.length === 1 && others.length === 1 && some[0] !== undefined
    ? isSameCall(some[0], others[0])
    : (some.length === others.length && some.every((call, index) => isSameCall(call, others[index]))) ||
      (isWithin(some, others) && isWithin(others, some))

const isWithin = (some: ReadonlyArray<Message.CallPart>, others: ReadonlyArray<Message.CallPart>): boolean =>
  some.every((call) => others.some((other) => isSameCall(call, other)))

const isSameCall = (call: Message.CallPart, other: Message.CallPart | undefined): boolean =>
  call.name === other?.name && isSameJson(call.args, other.args)

const isArray: (value: Json) => value is ReadonlyArray<Json> = Array.isArray

/** Whether two values are equal JSON, in any order of members. */
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
