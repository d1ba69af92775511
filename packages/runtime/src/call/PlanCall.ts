/**
 * Settles the call of a tool that carries out a plan (`ToolSettings.IsPlan`): its arguments are the plan, a person is asked
 * about the plan as a whole, and the tool carries it out.
 *
 * The plan's way is told: draft, pending_approval, approved, executing, then executed or failed. A revision goes back to the
 * planner, which reads what should be different and proposes again; a plan that failed in the middle says in its result what
 * the tool says of it.
 */
import type { Event, Events, Json } from "@reins/protocol"
import * as Effect from "effect/Effect"
import * as Names from "../run/Names.ts"
import * as ToolOutcome from "../tool/ToolOutcome.ts"
import * as Call from "./Call.ts"
import type { CallContext, CallEnd } from "./Call.ts"
import * as Gate from "./Gate.ts"
import * as Question from "./Question.ts"
import * as RepeatedCall from "./RepeatedCall.ts"

const planIdOf = ({ agent, call, run }: CallContext): string => Names.planId(run.engine.runId, agent.prefix, call.id)

const move = (planId: string, from: Events.PlanStatus, to: Events.PlanStatus): Event => ({
  type: "plan-status-change",
  data: { planId, from, to }
})

/** Carries out a plan that needs no asking about. */
export const carry = (context: CallContext): Effect.Effect<CallEnd> => {
  const { agent, call, run } = context
  const planId = planIdOf(context)
  const begun = run.engine.emit(Names.decided(agent.prefix, Names.ofCall(call.id)), agent.path, () => [
    move(planId, "draft", "approved"),
    move(planId, "approved", "executing")
  ])
  return Effect.flatMap(begun, () => execute(context, planId))
}

/** Asks about a plan, and carries it out if it may be. */
export const ask = (context: CallContext, expiresAt: number | undefined): Effect.Effect<CallEnd> => {
  const { agent, call, run, tool } = context
  const planId = planIdOf(context)
  const ruled = Question.ask<Refusal | undefined>(run, agent, {
    subject: Names.ofCall(call.id),
    request: {
      kind: "plan",
      target: planId,
      payload: call.args,
      ...(expiresAt === undefined ? {} : { expiresAt })
    },
    opening: [move(planId, "draft", "pending_approval")],
    close: (answer) => {
      const refusal = refusalOf(answer)
      return {
        value: refusal,
        events:
          refusal === undefined
            ? [move(planId, "pending_approval", "approved"), move(planId, "approved", "executing")]
            : [
                move(planId, "pending_approval", refusal.status),
                Call.resultEvent(call, call.args, refusal.end.outcome, tool.execution)
              ]
      }
    }
  })
  return Effect.flatMap(ruled, (refusal) =>
    refusal === undefined ? execute(context, planId) : Effect.succeed(refusal.end)
  )
}

const execute = (context: CallContext, planId: string): Effect.Effect<CallEnd> =>
  RepeatedCall.run(context, Gate.permit(context.call, context.call.args), ({ outcome }) => [
    move(planId, "executing", outcome.status === undefined ? "executed" : "failed")
  ])

/** How the call of a plan ends that is not carried out as it is, and what becomes of the plan. */
interface Refusal {
  readonly end: CallEnd
  /** `draft`: it goes back to the planner. */
  readonly status: "draft" | "failed"
}

const refusalOf = (answer: Question.Answer): Refusal | undefined => {
  const { outcome } = answer.resolution
  switch (outcome.outcome) {
    case "approve":
      return undefined
    case "revise":
      return { end: Call.done(back(outcome.partial, Question.feedbackOf(answer))), status: "draft" }
    case "reject": {
      const words = `the plan was refused${Question.feedbackOf(answer)}`
      return { end: Call.done(ToolOutcome.fault("Denied", words, "denied")), status: "failed" }
    }
    case "expired": {
      const words = "nobody answered in time; the plan was not begun"
      return { end: Call.done(ToolOutcome.fault("Expired", words, "denied")), status: "failed" }
    }
    case "cancelled": {
      const words = "the run was cancelled; the plan was not begun"
      return { end: Call.cancelled(ToolOutcome.fault("Cancelled", words, "cancelled")), status: "failed" }
    }
  }
}

const back = (partial: Json, said: string): ToolOutcome.ToolOutcome => ({
  result: { error: "RevisionWanted", message: `the plan should be changed and proposed again${said}`, partial },
  status: "denied",
  content: undefined
})
