/**
 * Settles the call of a tool that carries out a plan (`ToolSettings.IsPlan`): its arguments are the plan, a person is asked
 * about the plan as a whole, and the tool carries it out.
 *
 * The plan's way is told: draft, pending_approval, approved, executing, then executed or failed. A revision goes back to the
 * planner, which reads what should be different and proposes again; a plan that failed in the middle says in its result what
 * the tool says of it.
 */
import type { Event, Events, Json, Message } from "@reins/protocol"
import * as Effect from "effect/Effect"
import * as Names from "../run/Names.ts"
import * as Gate from "./Gate.ts"
import * as Question from "./Question.ts"
import type { Callable } from "../agent/AgentRegistry.ts"
import type { AgentState } from "../run/AgentState.ts"
import type { Run } from "../run/Run.ts"
import type { CallEnd } from "./CallEnd.ts"
import * as RepeatedCall from "./RepeatedCall.ts"
import * as ToolOutcome from "../tool/ToolOutcome.ts"
import * as ToolStep from "./ToolStep.ts"

const move = (planId: string, from: Events.PlanStatus, to: Events.PlanStatus): Event => ({
  type: "plan-status-change",
  data: { planId, from, to }
})

/** Carries out a plan that needs no asking about. */
export const carry = (run: Run, agent: AgentState, call: Message.CallPart, tool: Callable): Effect.Effect<CallEnd> => {
  const planId = Names.planId(run.engine.runId, agent.prefix, call.id)
  const begun = [move(planId, "draft", "approved"), move(planId, "approved", "executing")]
  return Effect.andThen(
    run.engine.emit(Names.decided(agent.prefix, Names.ofCall(call.id)), agent.path, () => begun),
    execute(run, agent, call, tool, planId)
  )
}

/** Asks about a plan, and carries it out if it may be. */
export const ask = Effect.fnUntraced(function* (
  run: Run,
  agent: AgentState,
  call: Message.CallPart,
  tool: Callable,
  expiresAt: number | undefined
) {
  const planId = Names.planId(run.engine.runId, agent.prefix, call.id)
  const subject: Question.Subject = {
    kind: "plan",
    target: planId,
    payload: call.args,
    ...(expiresAt === undefined ? {} : { expiresAt })
  }
  const answer = yield* Question.put(run, agent, Names.ofCall(call.id), subject, [
    move(planId, "draft", "pending_approval")
  ])
  const decision: Event = { type: "approval-decision", data: answer.resolution }
  const refused = refusal(answer)
  yield* run.engine.emit(Names.decided(agent.prefix, Names.ofCall(call.id)), agent.path, () =>
    refused === undefined
      ? [decision, move(planId, "pending_approval", "approved"), move(planId, "approved", "executing")]
      : [
          decision,
          move(planId, "pending_approval", refused.isBack ? "draft" : "failed"),
          ToolStep.resultEvent(call, call.args, refused.outcome, tool.execution)
        ]
  )
  if (refused === undefined) return yield* execute(run, agent, call, tool, planId)
  const { isCancelled, outcome } = refused
  const end: CallEnd = { part: ToolOutcome.part(call, outcome), cancelled: isCancelled }
  return end
})

const execute = (
  run: Run,
  agent: AgentState,
  call: Message.CallPart,
  tool: Callable,
  planId: string
): Effect.Effect<CallEnd> =>
  Effect.map(
    RepeatedCall.run(run, agent, tool, Gate.permit(call, call.args), ({ status }) => [
      move(planId, "executing", status === undefined ? "executed" : "failed")
    ]),
    ({ cancelled, content, refusal, result, status }) => ({
      part: ToolOutcome.part(call, { result, status, content }),
      refusal,
      cancelled
    })
  )

interface Refused {
  readonly outcome: ToolOutcome.ToolOutcome
  /** It goes back to the planner. */
  readonly isBack: boolean
  readonly isCancelled: boolean
}

/** How a plan ends that is not carried out as it is. */
const refusal = ({ resolution }: Question.Answer): Refused | undefined => {
  const { feedback, outcome } = resolution
  const said = feedback === undefined || feedback === "" ? "" : `: ${feedback}`
  const ended = (outcome: ToolOutcome.ToolOutcome, isCancelled = false) => ({ outcome, isBack: false, isCancelled })
  switch (outcome.outcome) {
    case "approve":
      return undefined
    case "revise":
      return { outcome: back(outcome.partial, said), isBack: true, isCancelled: false }
    case "reject":
      return ended(ToolOutcome.fault("Denied", `the plan was refused${said}`, "denied"))
    case "expired":
      return ended(ToolOutcome.fault("Expired", "nobody answered in time; the plan was not begun", "denied"))
    case "cancelled":
      return ended(ToolOutcome.fault("Cancelled", "the run was cancelled; the plan was not begun", "cancelled"), true)
  }
}

const back = (partial: Json, said: string): ToolOutcome.ToolOutcome => ({
  result: { error: "RevisionWanted", message: `the plan should be changed and proposed again${said}`, partial },
  status: "denied",
  content: undefined
})
