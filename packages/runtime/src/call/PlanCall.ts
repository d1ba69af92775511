/**
 * Settles the call of a tool that executes a plan (`ToolSettings.IsPlan`): its arguments are the plan, a person is
 * asked about the plan as a whole, and the tool executes it.
 *
 * Events report the plan's status: draft, pending_approval, approved, executing, then executed or failed. A revision
 * goes back to the model that proposed the plan; the result of a failed plan is the tool's.
 */
import { Approval, type Event, type Events, type Json } from "@reins/protocol"
import * as Effect from "effect/Effect"
import type { Allowance } from "../approval/Policy.ts"
import * as Names from "../run/Names.ts"
import * as ToolOutcome from "../tool/ToolOutcome.ts"
import * as Call from "./Call.ts"
import { type Review, type CallContext, type CallEnd, reviewOf } from "./Call.ts"
import * as CallHooks from "./CallHooks.ts"
import * as Gate from "./Gate.ts"
import * as Question from "./Question.ts"
import * as PermittedCall from "./PermittedCall.ts"
import * as Task from "../kernel/Task.ts"

const planIdOf = ({ agent, call, run }: CallContext): string => Names.planId(run.engine.runId, agent.prefix, call.id)

const move = (planId: string, from: Events.PlanStatus, to: Events.PlanStatus): Event => ({
  type: "plan-status-change",
  data: { planId, from, to }
})

/** Executes a plan that needs no approval. */
export const settle = (context: CallContext): Effect.Effect<CallEnd> => {
  const { agent, call, run } = context
  const planId = planIdOf(context)
  const begun = run.engine.emit(Names.decided(agent.prefix, Names.ofCall(call.id)), agent.path, () => [
    move(planId, "draft", "approved"),
    move(planId, "approved", "executing")
  ])
  return Effect.flatMap(begun, () => execute(context, planId, { subject: Names.ofCall(call.id) }))
}

/** Asks about a plan, and executes it if approved. */
export const ask = (
  context: CallContext,
  { subject }: Gate.Round,
  shown: Call.Shown
): Effect.Effect<CallEnd | "superseded"> => {
  const { agent, call, run, tool } = context
  const planId = planIdOf(context)
  const ruled = Question.ask<Refusal | "superseded" | Approved>(run, agent, {
    subject,
    approvers: tool.approvers,
    request: {
      kind: "plan",
      target: planId,
      payload: call.args,
      ...Question.shownIn(shown)
    },
    opening: [move(planId, "draft", "pending_approval")],
    close: (answer) => {
      const { outcome } = answer.resolution
      if (Approval.isAskedAgain(outcome)) {
        return { value: "superseded", events: [move(planId, "pending_approval", "draft")] }
      }
      const refusal = refusalOf(outcome, Question.feedbackOf(answer))
      return {
        value: refusal ?? { review: reviewOf(answer) },
        events:
          refusal === undefined
            ? [move(planId, "pending_approval", "approved"), move(planId, "approved", "executing")]
            : [move(planId, "pending_approval", refusal.status), ...CallHooks.closing(context, refusal.end)]
      }
    }
  })
  return Effect.flatMap(ruled, (ruling): Effect.Effect<CallEnd | "superseded"> => {
    if (ruling === "superseded") return Effect.succeed(ruling)
    if ("end" in ruling) return CallHooks.closeSeen(context, ruling.end)
    return execute(context, planId, { subject, toolHash: shown.toolHash }, ruling.review)
  })
}

const execute = (
  context: CallContext,
  planId: string,
  allowance: Allowance,
  review?: Review
): Effect.Effect<CallEnd> => {
  const { agent, call, run, tool } = context
  const permit = Gate.permit(call, call.args, allowance)
  const ran = PermittedCall.run(context, permit, {
    review,
    before: ({ outcome }) => [move(planId, "executing", outcome.status === undefined ? "executed" : "failed")]
  })
  return Task.flatMap(ran, (end): Effect.Effect<CallEnd> => {
    if (end._tag !== "Changed") return Effect.succeed(end)
    // It was reported as executing: it fails, and its planner may propose it again.
    const failed = run.engine.emit(Names.result(agent.prefix, call.id), agent.path, () => [
      move(planId, "executing", "failed"),
      Call.resultEvent(call, call.args, changed, tool.execution)
    ])
    return Effect.as(Effect.andThen(failed, PermittedCall.book(context)), Call.done(changed))
  })
}

const changed = ToolOutcome.fault(
  "DefinitionChanged",
  "The tool's definition changed after the plan was approved. Nothing was executed. Propose the plan again"
)

/** A plan that a person approved, with or without feedback. */
interface Approved {
  readonly review: Review | undefined
}

/** How the call of a plan ends that is not executed unchanged, and the plan's new status. */
interface Refusal {
  readonly end: CallEnd
  /** `draft`: it goes back to the planner. */
  readonly status: "draft" | "failed"
}

const refusalOf = (outcome: Approval.Outcome, said: string): Refusal | undefined => {
  switch (outcome.outcome) {
    case "approve":
      return undefined
    case "revise":
      return { end: Call.done(back(outcome.partial, said)), status: "draft" }
    case "reject": {
      const words = `The plan was rejected${said}`
      return { end: Call.done(ToolOutcome.fault("Denied", words, "denied")), status: "failed" }
    }
    // The automaton and `Answers` accept an answer to a question only.
    case "answer":
    case "expired": {
      const words = "The approval expired without an answer. The plan was not started"
      return { end: Call.done(ToolOutcome.fault("Expired", words, "denied")), status: "failed" }
    }
    case "superseded": {
      const words = "The user sent a message instead of answering. The plan was not started"
      return { end: Call.done(ToolOutcome.fault("Withdrawn", words, "denied")), status: "draft" }
    }
    case "cancelled": {
      const words = "The run was cancelled. The plan was not started"
      return { end: Call.cancelled(ToolOutcome.fault("Cancelled", words, "cancelled")), status: "failed" }
    }
  }
}

const back = (partial: Json, said: string): ToolOutcome.ToolOutcome => ({
  result: { error: "RevisionWanted", message: `Change the plan and propose it again${said}`, partial },
  status: "denied",
  content: undefined
})
