/**
 * What a reviewer did to a call that they allowed: other arguments, a remark. The model reads it with the result; its own call stays
 * in the history as it was made. The log has both already, in the decision and in the result's `args`.
 */
import type { Json, Message } from "@reins/protocol"
import type { ToolOutcome } from "../tool/ToolOutcome.ts"
import type * as Question from "./Question.ts"

/** `args`: what the call runs with in place of the model's. `feedback`: what the reviewer wrote. */
export interface Review {
  readonly args?: Json | undefined
  readonly feedback?: string | undefined
}

/** What an answer says to the model; `undefined` for a plain approval. */
export const of = ({ args, resolution: { feedback } }: Question.Answer): Review | undefined =>
  args === undefined && (feedback ?? "") === "" ? undefined : { args, feedback }

/** The outcome with the review ahead of its result. */
export const tell = (outcome: ToolOutcome, review: Review): ToolOutcome => {
  const { content, result } = outcome
  const text = typeof result === "string" ? result : JSON.stringify(result)
  const note: Message.TextPart = { type: "text", text: noteOf(review) }
  return { ...outcome, content: [note, ...(content ?? [{ type: "text", text }])] }
}

const noteOf = ({ args, feedback = "" }: Review): string => {
  const said = feedback === "" ? "" : `Feedback of the reviewer: ${feedback}\n`
  return args === undefined
    ? `A reviewer approved this call.\n${said}Result:`
    : `A reviewer changed the arguments of this call. It ran with: ${JSON.stringify(args)}\n${said}Result:`
}
