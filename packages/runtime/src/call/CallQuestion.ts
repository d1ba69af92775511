/**
 * The questions that calls ask a person, other than whether they may run.
 *
 * A running call asks with `ToolRun.ask`, the service of approvals. Its handler waits for the answer, so that the run
 * stays in memory meanwhile. A question is identified by its place among those of the call. A handler that runs again
 * after a crash, for another attempt or after a sleep gets the stored answer, or waits for the same question. A handler
 * that stops waiting withdraws its question, and so does a call that ends or is asked about after a crash. What a
 * person has answered by then counts.
 *
 * The call of a tool that asks a person (`ToolSettings.AsksPerson`) is nothing but a question, which is in its
 * arguments. Nothing runs meanwhile, so that the run can be unloaded from memory while it waits.
 */
import type { Approval, Json, Question as Asked } from "@reins/protocol"
import * as Effect from "effect/Effect"
import * as Predicate from "effect/Predicate"
import * as Schema from "effect/Schema"
import * as Semaphore from "effect/Semaphore"
import type { Answer } from "../approval/Quorum.ts"
import type { Work } from "../engine/Engine.ts"
import * as Rule from "../kernel/OptionRule.ts"
import * as PlainJson from "../kernel/PlainJson.ts"
import * as Names from "../run/Names.ts"
import type { PersonAnswer } from "../tool/ToolRun.ts"
import type { CallContext, CallEnd } from "./Call.ts"
import * as Question from "./Question.ts"
import * as ToolOutcome from "../tool/ToolOutcome.ts"
import * as Call from "./Call.ts"
import * as CallHooks from "./CallHooks.ts"
import type * as Gate from "./Gate.ts"
import * as Task from "../kernel/Task.ts"

/** The attempt that asks. */
interface Asking {
  readonly open: boolean
  asked: number
}

export class CallQuestions {
  private readonly context: CallContext
  private readonly work: Work
  private readonly subject: Names.Subject
  /** A call has one question open at a time. */
  private readonly lock = Semaphore.makeUnsafe(1)

  /** `subject`: of the call, as it was allowed. */
  constructor(context: CallContext, work: Work, subject: Names.Subject) {
    this.context = context
    this.work = work
    this.subject = context.repeat === undefined ? subject : Names.ofRepeat(context.call.id, context.repeat)
  }

  /** Asks a question, and returns how it ended. An attempt that is over asks nothing. */
  ask(attempt: Asking, question: Asked.Question): Effect.Effect<PersonAnswer> {
    return Effect.suspend(() => {
      const issue = Rule.issueOf("ask", question, rule)
      if (issue !== undefined) return Effect.die(new Error(issue))
      const subject = Names.ofAsked(this.subject, ++attempt.asked)
      return this.lock.withPermit(
        Effect.suspend(() => {
          if (!attempt.open) return Effect.never
          const put = Effect.flatMap(this.terms(subject), (terms) => this.put(subject, question, terms))
          return Effect.onInterrupt(
            // An earlier attempt may have left a later one open: the call has one open at a time.
            this.stateOf(subject) === "new" ? Effect.andThen(this.withdrawn, put) : put,
            // The next attempt of a call waits for it again.
            () => (attempt.open ? this.withdrawn : Effect.void)
          )
        })
      )
    })
  }

  /** Ends the question that is open, if there is one. */
  private get withdrawn(): Effect.Effect<void> {
    return withdraw(this.context, this.work)
  }

  private stateOf(subject: Names.Subject): "new" | "open" | "over" {
    const { agent, call, run } = this.context
    const { order } = this.work
    const id = Names.approvalId(run.engine.runId, agent.prefix, subject)
    return order.questionOf(agent.path, call.id) === id ? "open" : order.hasAsked(id) ? "over" : "new"
  }

  private put(
    subject: Names.Subject,
    question: Asked.Question,
    terms: typeof Question.Terms.Type
  ): Effect.Effect<PersonAnswer> {
    const { agent, call, run, tool } = this.context
    return Question.ask<PersonAnswer>(run, agent, {
      subject,
      state: () => this.stateOf(subject),
      approvers: tool.approvers,
      request: {
        kind: "question",
        target: call.name,
        payload: payloadOf(question),
        toolInvocationId: call.id,
        ...terms
      },
      close: (answer) => ({ value: read(answer), events: [] })
    })
  }

  /** When the question expires, and who may answer it: the same when it is asked again. */
  private terms(subject: Names.Subject): Effect.Effect<typeof Question.Terms.Type> {
    const { agent, run, tool } = this.context
    const { kept } = this.work
    const terms = Question.termsOf(run, tool.approvers, this.work.now())
    if (terms.expiresAt === undefined && terms.approvals === undefined) return Effect.succeed({})
    return Effect.flatMap(Effect.orDie(Schema.encodeEffect(Question.Terms)(terms)), (json) =>
      Effect.flatMap(kept.put(Names.askTerms(agent.prefix, subject), json), (stored) =>
        Effect.orDie(Schema.decodeUnknownEffect(Question.Terms)(stored))
      )
    )
  }
}

/** Nobody could read, and answer, a question of code without types that has another shape. Its texts are content. */
const rule = Rule.secret(
  Rule.data<Asked.Question>('Give an object such as { question: "Which one?", schema: { type: "string" } }', {
    question: Rule.text("Give the text of the question"),
    options: Rule.optional(Rule.list("Give a list of texts", Rule.text("Give a text"))),
    schema: Rule.must(
      'Give the JSON Schema of the answer, such as { type: "string" }',
      (value) => (typeof value === "boolean" || Predicate.isObject(value)) && PlainJson.copy(value) !== undefined
    )
  })
)

const payloadOf = ({ options, question, schema }: Asked.Question): Json => ({
  question,
  ...(options === undefined ? {} : { options }),
  schema
})

const read = ({ resolution: { by, feedback = "", outcome } }: Answer): PersonAnswer => {
  switch (outcome.outcome) {
    case "answer":
      return { _tag: "Answered", value: outcome.value, ...(feedback === "" ? {} : { remark: feedback }) }
    case "expired":
      return { _tag: "Expired" }
    case "superseded":
      return { _tag: "Withdrawn" }
    case "cancelled":
      return { _tag: "Cancelled" }
    // `Answers` and the automaton refuse the first two for a question.
    case "approve":
    case "revise":
    case "reject":
      return { _tag: "Declined", reason: feedback, isUnattended: by === Question.unattendedName }
  }
}

/** Ends the question that a call has open and no longer waits for. */
export const withdraw = ({ agent, call, run, tool }: CallContext, work: Work): Effect.Effect<void> =>
  Effect.suspend(() => {
    const open = () => work.order.questionOf(agent.path, call.id)
    const id = open()
    if (id === undefined) return Effect.void
    const { resourceId, threadId } = run.engine
    const request: Approval.Request = {
      id,
      resourceId,
      threadId,
      kind: "question",
      target: tool.name,
      payload: null,
      toolInvocationId: call.id
    }
    return Question.withdraw(run, agent, request, () => open() === id)
  })

/**
 * Settles the call of a tool that asks a person: asks `asked` on its behalf, and closes it with the answer, or with the
 * reason why there is none.
 */
export const settle = (
  context: CallContext,
  { subject }: Gate.Round,
  shown: Call.Shown,
  asked: Asked.Question
): Effect.Effect<CallEnd> => {
  const { agent, call, run, tool } = context
  const ended = Question.ask<CallEnd>(run, agent, {
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
      return { value: end, events: CallHooks.closing(context, end) }
    }
  })
  return Task.flatMap(ended, (end) => CallHooks.closeSeen(context, end))
}

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
