/**
 * What a tool call came to, as the model reads it. Every ending is a value: a success, a typed failure, bad arguments, a crash,
 * a timeout, a refusal. A provider insists on one output for each call, and siblings go on whatever one of them did.
 */
import { Budget, type Events, type Json, Message } from "@reins/protocol"

/** A call's result. `status` is absent on success. `content` is what the model sees in place of `result`, where it differs. */
export interface ToolOutcome {
  readonly result: Json
  readonly status: Events.Status | undefined
  readonly content: Message.ResultPart["content"] | undefined
  /** Running the call once more would not mend it: it ran, and its result cannot be shown, or it never could with these arguments. */
  readonly isFinal?: boolean | undefined
}

/** Whether a tool that allows it may be tried once more after this. */
export const mayRetry = ({ isFinal, status }: ToolOutcome): boolean => status === "failed" && isFinal !== true

/** Why a call has no result of its own, in the words that the model reads. */
export type Fault =
  | "ToolNotFound"
  | "InvalidArguments"
  | "ToolCrashed"
  | "ToolTimedOut"
  | "ResultInvalid"
  | "Denied"
  | "Expired"
  | "Withdrawn"
  | "Cancelled"
  | "BudgetExhausted"
  | "MayHaveRun"
  | "DefinitionChanged"

/** A result as the model reads it. */
export const part = (call: { readonly id: string; readonly name: string }, outcome: ToolOutcome): Message.ResultPart =>
  Message.resultPart(call, outcome)

/** A call that did what it should. */
export const success = (result: Json, content?: Message.ResultPart["content"]): ToolOutcome => ({
  result,
  status: undefined,
  content
})

/** A failure of the tool's own, in its own words. */
export const failure = (result: Json): ToolOutcome => ({ result, status: "failed", content: undefined })

/** An ending of the runtime's own making: `{ error, message }`. */
export const fault = (error: Fault, message: string, status: Events.Status = "failed"): ToolOutcome => ({
  result: { error, message },
  status,
  content: undefined,
  ...(error === "ResultInvalid" || error === "InvalidArguments" ? { isFinal: true } : {})
})

/** A call that a limit refused. */
export const refused = (refusal: Budget.Refusal): ToolOutcome =>
  fault("BudgetExhausted", Budget.toEvent(refusal).message, "denied")

/** A call that the run's cancel ended. */
export const cancelled: ToolOutcome = fault("Cancelled", "the run was cancelled", "cancelled")
