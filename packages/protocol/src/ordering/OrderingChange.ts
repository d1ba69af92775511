/**
 * How a valid event changes the automaton's state. `OrderingRules` checks whether it is valid.
 */
import * as AgentPath from "../AgentPath.ts"
import * as Approval from "../approval/Approval.ts"
import type { Event } from "../event/Event.ts"
import { anonymous, isOutOfView, limitKey, makeAgent, segmentOf, unreported, withNews } from "./OrderingState.ts"
import type { Agent, Call } from "./OrderingState.ts"
import { drop, put } from "./OrderingState.ts"
import { callPhases, isRefused, runPhases, stepPhases } from "./OrderingTables.ts"
import type { CallSignal, StepSignal } from "./OrderingTables.ts"

const moveStep = (agent: Agent, signal: StepSignal): void => {
  agent.step = stepPhases[agent.step][signal] ?? agent.step
}

const moveCall = (agent: Agent, id: string, signal: CallSignal, progress?: number, reported?: boolean): void => {
  const call = agent.calls.get(id)
  if (call === undefined) return
  const phase = callPhases[call.phase][signal] ?? call.phase
  if (phase === "closed") agent.calls = drop(agent.calls, id)
  else {
    const next = withNews(call, phase, progress ?? call.progress, reported ?? call.reported)
    if (next !== call) agent.calls = put(agent.calls, id, next)
  }
  moveStep(agent, "news")
}

const announce = (agent: Agent, id: string, kind: Call["kind"], name: string): void => {
  const segment = kind === "tool" ? undefined : segmentOf(name, id)
  agent.calls = put(agent.calls, id, { kind, name, phase: "announced", progress: -1, reported: false, segment })
  if (segment !== undefined) {
    const nested = makeAgent(agent.run, AgentPath.child(agent.path, name, id), agent, id)
    agent.nested = put(agent.nested, segment, nested)
  }
  agent.used.add(id)
  moveStep(agent, "call")
}

const settle = (agent: Agent, id: string): void => {
  const call = agent.calls.get(id)
  moveCall(agent, id, "result")
  if (call?.segment === undefined) return
  agent.nested = drop(agent.nested, call.segment)
  const owed = anonymous(agent, call.name) - (call.reported || isRefused(call.phase) ? 0 : 1)
  // A refused call may have been the one that reported: at most as many reports can be missing as there are open calls.
  setAnonymous(agent, call.name, Math.min(owed, unreported(agent, call.name)))
}

const setAnonymous = (agent: Agent, agentName: string, count: number): void => {
  agent.anonymous = count > 0 ? put(agent.anonymous, agentName, count) : drop(agent.anonymous, agentName)
}

const report = (agent: Agent, agentName: string, id: string | undefined): void => {
  if (id !== undefined) return moveCall(agent, id, "usage", undefined, true)
  setAnonymous(agent, agentName, anonymous(agent, agentName) + 1)
  moveStep(agent, "news")
}

const ask = (agent: Agent, request: Approval.Request): void => {
  const { run } = agent
  const isQuestion = request.kind === "question"
  run.approvals.add(request.id)
  if (isOutOfView(agent, request)) {
    const agentKey = AgentPath.key(request.agentPath ?? [])
    run.pending = put(run.pending, request.id, { agentKey, callId: undefined, isQuestion })
    return
  }
  const callId = request.kind === "tool" || isQuestion ? request.toolInvocationId : undefined
  run.pending = put(run.pending, request.id, { agentKey: agent.key, callId, isQuestion })
  agent.pending += 1
  if (callId !== undefined) moveCall(agent, callId, askSignal(request))
}

/** What an approval of a call, or its question, is for the call. */
export const askSignal = ({ begunBefore, kind }: Approval.Request): "required" | "again" | "question" =>
  kind === "question" ? "question" : begunBefore === undefined ? "required" : "again"

const answer = (agent: Agent, resolution: Approval.Resolution): void => {
  const asked = agent.run.pending.get(resolution.id)
  agent.run.pending = drop(agent.run.pending, resolution.id)
  if (asked === undefined || asked.agentKey !== agent.key) return
  agent.pending -= 1
  if (asked.callId !== undefined) {
    moveCall(agent, asked.callId, asked.isQuestion ? "answered" : signalOf(resolution.outcome))
  }
}

const signalOf = (outcome: Approval.Outcome): "allow" | "refuse" | "supersede" =>
  Approval.allows(outcome) ? "allow" : outcome.outcome === "superseded" ? "supersede" : "refuse"

/** Applies the stored mark of a finished step: neither a retraction nor text of it may follow. */
export const closeStep = (agent: Agent): void => moveStep(agent, "done")

/** Applies a valid event to `agent`, its run, and the call that opened it. */
export const apply = (agent: Agent, event: Event): void => {
  const { parent, run } = agent
  if (!agent.begun && parent !== undefined) {
    agent.begun = true
    moveCall(parent, agent.parentCall, "nested")
  }
  switch (event.type) {
    case "text":
    case "reasoning":
    case "tool-input-delta":
    case "source":
    case "data-file-registered":
    case "data-flow-ui":
    case "custom":
      return
    case "step-start":
    case "step-retracted":
      return moveStep(agent, event.type)
    case "message-received":
      run.received = event.data.position
      return moveStep(agent, event.type)
    case "tool-invocation":
      if (event.state === "call") return announce(agent, event.toolInvocationId, "tool", event.toolName)
      if (event.later !== undefined) agent.late = put(agent.late, event.toolInvocationId, event.toolName)
      return settle(agent, event.toolInvocationId)
    case "late-result":
      agent.late = drop(agent.late, event.toolInvocationId)
      return moveStep(agent, event.type)
    case "tool-agent":
      return event.state === "call"
        ? announce(agent, event.toolInvocationId, "agent", event.agentName)
        : settle(agent, event.toolInvocationId)
    case "tool-progress":
      return event.toolCallId === undefined
        ? moveStep(agent, "news")
        : moveCall(agent, event.toolCallId, "progress", event.phaseIndex)
    case "data-tool-agent":
      return report(agent, event.data.agentName, event.data.toolInvocationId)
    case "approval-required":
      return ask(agent, event.data)
    case "approval-decision":
      return answer(agent, event.data)
    case "plan-status-change":
      run.plans = put(run.plans, event.data.planId, event.data.to)
      return
    case "budget_exhausted":
      return run.exhausted.add(limitKey(event.data.limit, event.data.agentPath))
    case "finish":
    case "data-cost-summary":
    case "data-latency-summary":
    case "error":
      run.phase = runPhases[run.phase][event.type] ?? run.phase
  }
}
