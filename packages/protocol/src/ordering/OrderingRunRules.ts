/**
 * The rules for a run as a whole: which agents may emit events, approvals, plans, budgets and the ending.
 */
import * as AgentPath from "../AgentPath.ts"
import type * as Approval from "../approval/Approval.ts"
import type * as Events from "../event/Event.ts"
import type { Event } from "../event/Event.ts"
import { anonymous, isOutOfView, limitKey, unreported, named, rule } from "./OrderingState.ts"
import { callPhases, planPhases, runPhases } from "./OrderingTables.ts"

// All events -------------------------------------------------------------------------------------------------------

/** Checked before the agent is known. */
export const pathExists = rule(
  "path-exists",
  "An agent below the root emits events only between the `tool-agent` call that opens its path and that call's result.",
  () => undefined
)

export const nothingAfterEnd = rule("nothing-after-end", "After the last event of a run nothing follows.", ({ run }) =>
  run.phase === "ended" ? "the run has ended" : undefined
)

export const endingOrder = rule(
  "ending-order",
  "A run ends with `finish`, `data-cost-summary`, `data-latency-summary`, or it fails with `data-cost-summary`, `data-latency-summary`, `error`; nothing stands between.",
  ({ run }, event) => {
    if (run.phase === "running" && !isEnding(event)) return undefined
    return runPhases[run.phase][event.type] === undefined ? `${event.type} while the run is ${run.phase}` : undefined
  }
)

const isEnding = (event: Event): boolean =>
  event.type === "finish" ||
  event.type === "data-cost-summary" ||
  event.type === "data-latency-summary" ||
  event.type === "error"

export const nestedAfterDecision = rule(
  "nested-after-decision",
  "A specialist whose call waits for an approval or was refused emits nothing.",
  ({ parent, parentCall }) => {
    const call = parent?.calls.get(parentCall)
    return call !== undefined && callPhases[call.phase].nested === undefined
      ? `the specialist's call ${named(parentCall)} is ${call.phase}`
      : undefined
  }
)

// Messages ----------------------------------------------------------------------------------------------------------

export const messageAtRoot = rule<Events.MessageReceived>(
  "message-at-root",
  "Only the root agent receives messages of a user while it runs.",
  ({ path }) => (path.length > 0 ? "message-received below the root" : undefined)
)

export const messageInOrder = rule<Events.MessageReceived>(
  "message-in-order",
  "The `position` of the messages that a run receives counts from 1 without a gap or a repeat.",
  ({ run }, { data }) =>
    data.position === run.received + 1 ? undefined : `position ${data.position} after ${run.received} messages`
)

// Approvals ---------------------------------------------------------------------------------------------------------

export const approvalIdNew = rule<Events.ApprovalRequired>(
  "approval-id-new",
  "An approval's id was never used before in the run.",
  ({ run }, event) => (run.approvals.has(event.data.id) ? `${named(event.data.id)} was asked before` : undefined)
)

export const approvalOwnPath = rule<Events.ApprovalRequired>(
  "approval-own-path",
  "An approval raised below the root carries the path of the agent that raises it as `data.agentPath`.",
  (agent, event) =>
    isOutOfView(agent, event.data) || AgentPath.key(event.data.agentPath ?? AgentPath.root) === agent.key
      ? undefined
      : `${named(event.data.id)} carries another agent's path`
)

export const approvalOfOpenCall = rule<Events.ApprovalRequired>(
  "approval-of-open-call",
  "An approval of kind `tool` or `question` names an open call of the agent that raises it.",
  (agent, { data }) =>
    (data.kind !== "tool" && data.kind !== "question") ||
    isOutOfView(agent, data) ||
    agent.calls.has(data.toolInvocationId ?? "")
      ? undefined
      : `no call ${named(data.toolInvocationId ?? "")} is open`
)

export const questionOfRunning = rule<Events.ApprovalRequired>(
  "question-of-running",
  "A question is of a tool's call that may run and has no other question open.",
  (agent, { data }) => {
    const id = data.toolInvocationId ?? ""
    const call = agent.calls.get(id)
    if (data.kind !== "question" || isOutOfView(agent, data) || call === undefined) return undefined
    if (call.kind === "agent") return `the call ${named(id)} is of a specialist`
    return callPhases[call.phase].question === undefined ? `the call ${named(id)} is ${call.phase}` : undefined
  }
)

export const approvalBeforeWork = rule<Events.ApprovalRequired>(
  "approval-before-work",
  "A call is asked about before its progress and questions, and before its specialist's events and usage: once; a tool's call once more where `begunBefore` says how often it was begun.",
  (agent, { data }) => {
    const id = data.toolInvocationId ?? ""
    const call = agent.calls.get(id)
    if (data.kind !== "tool" || isOutOfView(agent, data) || call === undefined) return undefined
    if (data.begunBefore !== undefined && call.kind === "agent") return `the call ${named(id)} is of a specialist`
    const signal = data.begunBefore === undefined ? "required" : "again"
    if (callPhases[call.phase][signal] === undefined) return `the call ${named(id)} is ${call.phase}`
    return call.kind === "agent" && unreported(agent, call.name) <= anonymous(agent, call.name)
      ? `the call ${named(id)} has reported its usage`
      : undefined
  }
)

export const decisionOfPending = rule<Events.ApprovalDecision>(
  "decision-of-pending",
  "A decision answers an approval that is pending: exactly one decision each.",
  ({ run }, event) => (run.pending.has(event.data.id) ? undefined : `no approval ${named(event.data.id)} is pending`)
)

export const decisionOwnPath = rule<Events.ApprovalDecision>(
  "decision-own-path",
  "A decision stands on the path on which its approval was raised.",
  ({ key, run }, event) => {
    const asked = run.pending.get(event.data.id)
    return asked !== undefined && asked.agentKey !== key && run.view === "log"
      ? `${named(event.data.id)} was raised by another agent`
      : undefined
  }
)

export const answerOfQuestion = rule<Events.ApprovalDecision>(
  "answer-of-question",
  "A question ends with `answer`, `reject`, `expired`, `cancelled`, or `superseded` by a message; no other approval ends with `answer`.",
  ({ run }, { data: { id, outcome } }) => {
    const asked = run.pending.get(id)
    if (asked === undefined || mayEnd(asked.isQuestion, outcome)) return undefined
    const what = asked.isQuestion ? "a question" : "no question"
    return `${named(id)} is ${what}, and ends with ${outcome.outcome}`
  }
)

const mayEnd = (isQuestion: boolean, outcome: Approval.Outcome): boolean => {
  switch (outcome.outcome) {
    case "answer":
      return isQuestion
    case "approve":
    case "revise":
      return !isQuestion
    case "superseded":
      return !isQuestion || outcome.messageId !== undefined
    case "reject":
    case "expired":
    case "cancelled":
      return true
  }
}

// Plans and budgets -------------------------------------------------------------------------------------------------

export const planFromCurrent = rule<Events.PlanStatusChange>(
  "plan-from-current",
  "A plan begins as `draft`, and each change is from what the plan is.",
  ({ run }, { data }) => {
    const current = run.plans.get(data.planId)
    // In the root view a specialist may have moved the plan out of sight.
    return run.view === "log" && data.from !== (current ?? "draft")
      ? `${named(data.planId)} is ${current ?? "new"}, not ${data.from}`
      : undefined
  }
)

export const planTransition = rule<Events.PlanStatusChange>(
  "plan-transition",
  "A plan moves only along the drawing: never on from `executed` or `failed`, never to `executing` without approval.",
  (_agent, { data }) =>
    planPhases[data.from].includes(data.to)
      ? undefined
      : `${named(data.planId)} cannot go from ${data.from} to ${data.to}`
)

export const budgetOnce = rule<Events.BudgetExhausted>(
  "budget-once",
  "`budget_exhausted` stands at most once for a limit of an agent's budget.",
  ({ run }, { data }) =>
    run.exhausted.has(limitKey(data.limit, data.agentPath)) ? `${named(data.limit)} was exhausted before` : undefined
)

// The ending --------------------------------------------------------------------------------------------------------

type Ending = Events.Finish | Events.CostSummaryEvent | Events.LatencySummaryEvent | Events.ErrorEvent

export const endingAtRoot = rule<Ending>(
  "ending-at-root",
  "Only the root agent says how the run ends.",
  ({ path }, event) => (path.length > 0 ? `${event.type} below the root` : undefined)
)

export const endingCallsClosed = rule<Ending>(
  "ending-calls-closed",
  "A run ends, well or not, when every call has its result.",
  ({ calls }) => (calls.size > 0 ? `${calls.size} calls are open` : undefined)
)

export const endingApprovalsAnswered = rule<Ending>(
  "ending-approvals-answered",
  "A run ends, well or not, when every approval has its decision.",
  ({ run }) => (run.pending.size > 0 ? `${run.pending.size} approvals are pending` : undefined)
)

export const outputOfAnswer = rule<Events.Finish>(
  "output-of-answer",
  "A `finish` has an `output` only where the agent gave an answer: its `finishReason` is `stop` or `budget`.",
  (_agent, { finishReason, output }) =>
    output === undefined || finishReason === "stop" || finishReason === "budget"
      ? undefined
      : `an output, and the run finished with ${finishReason}`
)

export const endingLateClosed = rule<Ending>(
  "ending-late-closed",
  "A run ends, well or not, when every receipt has its late result.",
  ({ late }) => (late.size > 0 ? `${late.size} late results are missing` : undefined)
)
