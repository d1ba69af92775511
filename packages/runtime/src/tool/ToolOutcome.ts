/**
 * The outcome of a tool call, as the model reads it: a success, a typed failure, invalid arguments, a crash, a timeout
 * or a refusal. Every ending is a value, because a provider requires one output for each call and the other calls
 * continue. `bound` shortens an outcome that is too long for the model.
 */
import { Budget, type Events, type Json, Message } from "@reins/protocol"

/**
 * A call's result. `status` is absent on success. `content` is what the model sees in place of `result`, if it differs.
 *
 * @since 0.1.0
 * @category models
 */
export interface ToolOutcome {
  readonly result: Json
  readonly status: Events.Status | undefined
  readonly content: Message.ResultPart["content"] | undefined
  /** Retrying cannot help: the call ran and its result is invalid, or its arguments are. */
  readonly isFinal?: boolean | undefined
}

/** Whether a retry is possible after this outcome. */
export const mayRetry = ({ isFinal, status }: ToolOutcome): boolean => status === "failed" && isFinal !== true

/** Why a call has no result of its own, as the model reads it. */
export type Fault =
  | "ToolNotFound"
  | "ToolNotOffered"
  | "InvalidArguments"
  | "ToolCrashed"
  | "ToolTimedOut"
  | "ResultInvalid"
  | "Denied"
  | "Expired"
  | "Withdrawn"
  | "Declined"
  | "Unanswered"
  | "Cancelled"
  | "BudgetExhausted"
  | "MayHaveRun"
  | "DefinitionChanged"
  | "Withheld"
  | "HookFailed"

/** A result as the model reads it. */
export const part = (call: { readonly id: string; readonly name: string }, outcome: ToolOutcome): Message.ResultPart =>
  Message.resultPart(call, outcome)

/** A call that succeeded. */
export const success = (result: Json, content?: Message.ResultPart["content"]): ToolOutcome => ({
  result,
  status: undefined,
  content
})

/** A failure that the tool reported itself. */
export const failure = (result: Json): ToolOutcome => ({ result, status: "failed", content: undefined })

/** An outcome that the runtime made: `{ error, message }`. */
export const fault = (error: Fault, message: string, status: Events.Status = "failed"): ToolOutcome => ({
  // It may quote a name that a model or a program made up.
  result: { error, message: message.toWellFormed() },
  status,
  content: undefined,
  ...(error === "ResultInvalid" || error === "InvalidArguments" ? { isFinal: true } : {})
})

/** A call that a limit refused. */
export const refused = (refusal: Budget.Refusal): ToolOutcome =>
  fault("BudgetExhausted", Budget.toEvent(refusal).message, "denied")

/** A call that was ended by the run's cancel. */
export const cancelled: ToolOutcome = fault("Cancelled", "the run was cancelled", "cancelled")

/** The share of the kept text that is its beginning. */
const beginning = 0.75

/**
 * `part` with at most `most` characters of text for the model: the beginning and the end, with a note between them of
 * how much is left out. Only `content` is shortened; the log and the thread keep the whole result.
 */
export const bound = (part: Message.ResultPart, most: number): Message.ResultPart => {
  if (part.content !== undefined) {
    return part.content.some((one) => one.type === "text" && one.text.length > most)
      ? {
          ...part,
          content: part.content.map((one) => (one.type === "text" ? { ...one, text: cut(one.text, most) } : one))
        }
      : part
  }
  if (fits(part.result, most) >= 0) return part
  const text = typeof part.result === "string" ? part.result : JSON.stringify(part.result)
  return text.length <= most ? part : { ...part, content: [{ type: "text", text: cut(text, most) }] }
}

/** A cut never leaves half of a surrogate pair. */
const cut = (text: string, most: number): string => {
  if (text.length <= most) return text
  const head = Math.floor(most * beginning)
  const tail = Math.floor(most) - head
  const missing = text.length - head - tail
  const note = `\n[… ${missing} of ${text.length} characters are left out here …]\n`
  return `${text.slice(0, head).toWellFormed()}${note}${tail === 0 ? "" : text.slice(-tail).toWellFormed()}`
}

/**
 * A fast estimate of what is left of `room` after the JSON text of a value, without encoding it: not negative for a
 * value that certainly fits, so that only large values are encoded to be measured.
 */
const fits = (value: Json, room: number): number => {
  if (typeof value === "string") return room - 2 - 6 * value.length
  if (typeof value !== "object" || value === null) return room - 25
  let left = room - 2
  if (isArray(value)) {
    for (let index = 0; index < value.length && left >= 0; index++) left = fits(value[index] ?? null, left - 1)
    return left
  }
  for (const name of Object.keys(value)) {
    if (left < 0) break
    left = fits(value[name] ?? null, left - 4 - 6 * name.length)
  }
  return left
}

const isArray: (value: unknown) => value is ReadonlyArray<Json> = Array.isArray
