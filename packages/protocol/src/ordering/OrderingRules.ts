/**
 * Which rules apply to each kind of event, in the order in which they are checked. The first broken rule is the
 * violation.
 */
import type { Event } from "../event/Event.ts"
import * as CallRules from "./OrderingCallRules.ts"
import * as Run from "./OrderingRunRules.ts"
import type { AgentView, Rule, Violation, Call } from "./OrderingState.ts"

const always = [Run.nothingAfterEnd, Run.endingOrder, Run.nestedAfterDecision]
const text = [CallRules.textInStep]
const input = [CallRules.textInStep, CallRules.inputIdNew]
const stepStart = [CallRules.stepAfterCalls]
const stepRetracted = [CallRules.retractOpenStep]
const received = [Run.messageAtRoot, CallRules.messageAfterCalls, Run.messageInOrder]
const call = [CallRules.callInStep, CallRules.callsTogether, CallRules.callIdNew]
const result = [
  CallRules.resultOfOpenCall,
  CallRules.resultSameName,
  CallRules.resultAfterDecision,
  CallRules.refusedHasStatus,
  CallRules.receiptOfSuccess
]
const late = [CallRules.lateOfReceipt, CallRules.lateAfterCalls]
const agentResult = [...result, CallRules.usageBeforeResult, CallRules.bracketSettled]
const progress = [
  CallRules.progressOfOpenCall,
  CallRules.progressAfterDecision,
  CallRules.progressNeverFalls,
  CallRules.progressWithinPhases
]
const agentUsage = [CallRules.usageOfOpenBracket, CallRules.usageAfterDecision, CallRules.usageOnce]
const required = [
  Run.approvalIdNew,
  Run.approvalOwnPath,
  Run.approvalOfOpenCall,
  Run.approvalBeforeWork,
  Run.questionOfRunning
]
const decision = [Run.decisionOfPending, Run.decisionOwnPath, Run.answerOfQuestion]
const plan = [Run.planTransition, Run.planFromCurrent]
const budget = [Run.budgetOnce]
const ending = [Run.endingAtRoot, Run.endingCallsClosed, Run.endingApprovalsAnswered, Run.endingLateClosed]
const finish = [...ending, Run.outputOfAnswer]

const first = <E>(rules: ReadonlyArray<Rule<E>>, agent: AgentView, event: E): Violation | undefined => {
  for (const rule of rules) {
    const message = rule.breaks(agent, event)
    if (message !== undefined) return { rule: rule.id, message }
  }
  return undefined
}

const particular = (agent: AgentView, event: Event): Violation | undefined => {
  switch (event.type) {
    case "text":
    case "reasoning":
    case "source":
      return first(text, agent, event)
    case "tool-input-delta":
      return first(input, agent, event)
    case "step-start":
      return first(stepStart, agent, event)
    case "step-retracted":
      return first(stepRetracted, agent, event)
    case "message-received":
      return first(received, agent, event)
    case "tool-invocation":
      return event.state === "call" ? first(call, agent, event) : first(result, agent, event)
    case "late-result":
      return first(late, agent, event)
    case "tool-agent":
      return event.state === "call" ? first(call, agent, event) : first(agentResult, agent, event)
    case "tool-progress":
      return first(progress, agent, event)
    case "data-tool-agent":
      return first(agentUsage, agent, event)
    case "approval-required":
      return first(required, agent, event)
    case "approval-decision":
      return first(decision, agent, event)
    case "plan-status-change":
      return first(plan, agent, event)
    case "budget_exhausted":
      return first(budget, agent, event)
    case "finish":
      return first(finish, agent, event)
    case "data-cost-summary":
    case "data-latency-summary":
    case "error":
      return first(ending, agent, event)
    case "data-file-registered":
    case "data-flow-ui":
    case "custom":
      return undefined
  }
}

/** What a step says before its calls: it does not change the automaton's state. */
export const isDelta = (event: Event): boolean =>
  event.type === "text" || event.type === "reasoning" || event.type === "tool-input-delta" || event.type === "source"

/**
 * Why `event` may not come next from `agent` (`undefined`: no call of a specialist with that path is open). An event of
 * a type that this version does not know is valid anywhere, since its rules are not known either.
 */
export const judge = (agent: AgentView | undefined, event: Event): Violation | undefined =>
  agent !== undefined && isPlain(agent, event) ? undefined : judgeByRules(agent, event)

/** True for an event of a type that this version does not know: it is not checked and does not change the state. */
export const isUnknown = (event: Event): boolean => event.type === "custom" && event.foreign === true

/** As `judge`, without the shortcut. */
export const judgeByRules = (agent: AgentView | undefined, event: Event): Violation | undefined =>
  isUnknown(event)
    ? undefined
    : agent === undefined
      ? { rule: Run.pathExists.id, message: "no call of this specialist is open" }
      : (first(always, agent, event) ?? particular(agent, event))

/**
 * A rule with its sentence and the events to which it applies.
 *
 * @since 0.1.0
 * @category models
 */
export interface RuleText {
  readonly id: string
  readonly says: string
  readonly events: string
}

const texts = (events: string, rules: ReadonlyArray<{ readonly id: string; readonly says: string }>) =>
  rules.map(({ id, says }): RuleText => ({ id, says, events }))

export const ruleTexts: ReadonlyArray<RuleText> = [
  ...texts("every event", [Run.pathExists, ...always]),
  ...texts("`text`, `reasoning`, `tool-input-delta`, `source`", text),
  ...texts("`tool-input-delta`", [CallRules.inputIdNew]),
  ...texts("`step-start`", stepStart),
  ...texts("`step-retracted`", stepRetracted),
  ...texts("`message-received`", received),
  ...texts("`tool-invocation` call, `tool-agent` call", call),
  ...texts("`tool-invocation` result, `tool-agent` result", result),
  ...texts("`late-result`", late),
  ...texts("`tool-agent` result", [CallRules.usageBeforeResult, CallRules.bracketSettled]),
  ...texts("`tool-progress`", progress),
  ...texts("`data-tool-agent`", agentUsage),
  ...texts("`approval-required`", required),
  ...texts("`approval-decision`", decision),
  ...texts("`plan-status-change`", plan),
  ...texts("`budget_exhausted`", budget),
  ...texts("`finish`, `data-cost-summary`, `data-latency-summary`, `error`", ending),
  ...texts("`finish`", [Run.outputOfAnswer])
]

/**
 * A shortcut for the most frequent events: true where `event` is obviously valid by every rule. False means unknown:
 * check the rules. A property test checks that it never accepts an event that breaks a rule.
 */
export const isPlain = (agent: AgentView, event: Event): boolean => {
  if (agent.run.phase !== "running" || !isHeard(agent)) return false
  switch (event.type) {
    case "text":
    case "reasoning":
    case "source":
      return agent.step === "open"
    case "tool-input-delta":
      return agent.step === "open" && !agent.used.has(event.toolInvocationId)
    case "step-start":
      return agent.calls.size === 0
    case "tool-invocation":
      return event.state === "call"
        ? isNewCall(agent, event.toolInvocationId)
        : event.later === undefined && isOpenTool(agent.calls.get(event.toolInvocationId), event.toolName)
    case "tool-agent":
      return event.state === "call" && isNewCall(agent, event.toolInvocationId)
    case "tool-progress": {
      const call = event.toolCallId === undefined ? undefined : agent.calls.get(event.toolCallId)
      return (
        isOpenTool(call, event.toolName) && event.phaseIndex >= call.progress && event.phaseIndex <= event.totalPhases
      )
    }
    case "custom":
    case "data-file-registered":
    case "data-flow-ui":
      return true
    default:
      return false
  }
}

/** True for the root, and for a specialist with events: then its call neither waits for an approval nor was refused. */
const isHeard = ({ parent, parentCall }: AgentView): boolean =>
  parent === undefined || parent.calls.get(parentCall)?.phase === "running"

const isNewCall = ({ step, used }: AgentView, id: string): boolean =>
  (step === "open" || step === "calling") && !used.has(id)

const isOpenTool = (call: Call | undefined, name: string): call is Call =>
  call !== undefined &&
  call.kind === "tool" &&
  call.name === name &&
  (call.phase === "announced" || call.phase === "running" || call.phase === "allowed")
