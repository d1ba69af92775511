/**
 * How a tool call ended, as the model reads it. Every ending is a value: a success, a typed failure, bad arguments, a crash,
 * a timeout, a refusal. A provider insists on one output for each call, and siblings go on whatever one of them did.
 */
import type { Events, Json, Message } from "@reins/protocol"
import * as Option from "effect/Option"
import * as Schema from "effect/Schema"

/** A call's result. `status` is absent on success. `content` is what the model sees in place of `result`, where it differs. */
export interface ToolOutcome {
  readonly result: Json
  readonly status: Events.Status | undefined
  readonly content: Message.ResultPart["content"] | undefined
}

/** Why a call has no result of its own, in the words that the model reads. */
export type Fault =
  | "ToolNotFound"
  | "InvalidArguments"
  | "ToolCrashed"
  | "ToolTimedOut"
  | "ResultInvalid"
  | "Denied"
  | "Expired"
  | "Cancelled"
  | "BudgetExhausted"

export const success = (result: Json, content?: Message.ResultPart["content"]): ToolOutcome => ({
  result,
  status: undefined,
  content
})

export const failure = (result: Json): ToolOutcome => ({ result, status: "failed", content: undefined })

/** An ending of the runtime's own making: `{ error, message }`. */
export const fault = (error: Fault, message: string, status: Events.Status = "failed"): ToolOutcome => ({
  result: { error, message },
  status,
  content: undefined
})

const asJson = Schema.decodeUnknownOption(Schema.Json)

/**
 * `value` as JSON, or `undefined` where it is none: a BigInt, a cycle, a function, a class instance that is not plain data.
 * An absent value counts as `null`.
 */
export const toJson = (value: unknown): Json | undefined => {
  switch (typeof value) {
    case "undefined":
      return null
    case "string":
    case "boolean":
      return value
    case "number":
      return Number.isFinite(value) ? value : undefined
    case "object":
      return isAcyclic(value, []) ? Option.getOrUndefined(asJson(value)) : undefined
    default:
      return undefined
  }
}

// The schema walks a value without looking back, so a cycle is found first.
const isAcyclic = (value: unknown, above: ReadonlyArray<unknown>): boolean => {
  if (typeof value !== "object" || value === null) return true
  if (above.includes(value)) return false
  const path = [...above, value]
  for (const member of Object.values(value)) if (!isAcyclic(member, path)) return false
  return true
}
