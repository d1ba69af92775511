/**
 * Settles the call of a tool that asks a person (`ToolSettings.AsksPerson`): asks the question in its arguments, and
 * closes the call with the answer, or with the reason why there is none. Nothing runs meanwhile, so that the run can
 * be unloaded from memory while it waits.
 */
import type { Json, Question as Asked } from "@reins/protocol"
import type * as Effect from "effect/Effect"
import type { Answer } from "../approval/Answer.ts"
import * as ToolOutcome from "../tool/ToolOutcome.ts"
import * as Call from "./Call.ts"
import type { CallContext, CallEnd } from "./Call.ts"
import * as CallHooks from "./CallHooks.ts"
import type * as Gate from "./Gate.ts"
import * as Question from "./Question.ts"

/**
 * Settles the call of a tool that asks a person: asks `asked` on its behalf, and closes it with the answer, or with the
 * reason why there is none; a call with hooks that see its result is left open for them.
 */
export const settle = (
  { agent, call, hooks, run, tool }: CallContext,
  { subject }: Gate.Round,
  shown: Call.Shown,
  asked: Asked.Question
): Effect.Effect<CallEnd> =>
  Question.ask<CallEnd>(run, agent, {
    subject,
    approvers: tool.approvers,
    request: {
      kind: "question",
      target: call.name,
      payload: payloadOf(asked),
      toolInvocationId: call.id,
      ...Question.shownIn(shown)
    },
    close: (answer) => {
      const end = endOf(answer)
      const isOpen = CallHooks.isSeen(end, hooks)
      return {
        value: end,
        events: isOpen ? [] : [Call.resultEvent(call, call.args, end.outcome, tool.execution)]
      }
    }
  })

/** How the call ends. A person's remark beside an answer is shown to the model with it. */
const endOf = (answer: Answer): CallEnd => {
  const { by, feedback = "", outcome } = answer.resolution
  const none = (error: ToolOutcome.Fault, words: string) => Call.done(ToolOutcome.fault(error, words, "denied"))
  switch (outcome.outcome) {
    case "answer": {
      const end = Call.done(ToolOutcome.success(outcome.value))
      return feedback === "" ? end : Call.done(ToolOutcome.success(outcome.value, remarked(outcome.value, feedback)))
    }
    case "expired":
      return none("Unanswered", "Nobody answered the question before it expired. Go on without the answer")
    case "superseded":
      return none("Withdrawn", "The user sent a message instead of answering the question")
    case "cancelled": {
      const words = "The run was cancelled before the question was answered"
      return Call.cancelled(ToolOutcome.fault("Cancelled", words, "cancelled"))
    }
    // `Answers` and the automaton refuse the first two for a question.
    case "approve":
    case "revise":
    case "reject": {
      const said = Question.feedbackOf(answer)
      const who = by === Question.unattendedName ? "The question was not asked" : "The person declined to answer"
      return none("Declined", `${who}${said}. Go on without the answer`)
    }
  }
}

const remarked = (value: Json, feedback: string): ToolOutcome.ToolOutcome["content"] => [
  { type: "text", text: typeof value === "string" ? value : JSON.stringify(value) },
  { type: "text", text: `Remark of the person: ${feedback}` }
]
