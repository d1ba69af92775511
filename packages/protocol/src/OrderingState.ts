/**
 * What the automaton remembers of a run, and how a lawful event changes it. Whether an event is lawful is not asked here:
 * that is `OrderingRules`.
 *
 * Small by design: a call is forgotten when it closes and an agent with its bracket; what grows with the run is one string
 * a call, an approval and an exhausted limit.
 */
import * as AgentPath from "./AgentPath.ts"
import * as Approval from "./Approval.ts"
import type { Event, PlanStatus } from "./Event.ts"
import { callPhases, runPhases, stepPhases } from "./OrderingTables.ts"
import type { CallPhase, CallSignal, RunPhase, StepPhase, StepSignal } from "./OrderingTables.ts"

/** Whose events are judged: the whole log's, or those that `Envelope.isRootView` shows. */
export type View = "log" | "root"

/** An open call. `progress` is the last `phaseIndex`, -1 before the first; `segment` is present on a specialist's call. */
export interface Call {
  readonly kind: "tool" | "agent"
  readonly name: string
  readonly phase: CallPhase
  readonly progress: number
  readonly reported: boolean
  readonly segment?: string
}

/** A pending approval: who raised it, and the call it is about, if any. */
export interface Ask {
  readonly agentKey: string
  readonly callId: string | undefined
}

/** A set of names that only grows, with layers for trying: a fork sees what is below it and keeps additions to itself. */
export class Names {
  private readonly own: Set<string>
  private readonly below: Names | undefined

  constructor(own: Set<string> = new Set(), below?: Names) {
    this.own = own
    this.below = below
  }
  has(name: string): boolean {
    return this.own.has(name) || (this.below !== undefined && this.below.has(name))
  }
  add(name: string): void {
    this.own.add(name)
  }
  fork(): Names {
    return new Names(new Set(), this)
  }
  clone(): Names {
    return new Names(new Set(this.own), this.below)
  }
}

/** What is remembered of the run as a whole. */
export interface Run {
  readonly view: View
  phase: RunPhase
  readonly pending: Map<string, Ask>
  readonly approvals: Names
  readonly exhausted: Names
  readonly plans: Map<string, PlanStatus>
}

/** What is remembered of one agent. `pending` counts its own unanswered approvals; `begun` that it said anything yet. */
export interface Agent {
  readonly run: Run
  readonly key: string
  readonly path: AgentPath.AgentPath
  readonly parent: Agent | undefined
  readonly parentCall: string
  step: StepPhase
  begun: boolean
  pending: number
  readonly calls: Map<string, Call>
  readonly used: Names
  readonly nested: Map<string, Agent>
}

/** An agent as the rules see it. */
export interface AgentView extends Readonly<Omit<Agent, "run" | "parent" | "calls" | "nested">> {
  readonly run: Readonly<Omit<Run, "pending" | "plans">> & {
    readonly pending: ReadonlyMap<string, Ask>
    readonly plans: ReadonlyMap<string, PlanStatus>
  }
  readonly parent: AgentView | undefined
  readonly calls: ReadonlyMap<string, Call>
  readonly nested: ReadonlyMap<string, AgentView>
}

const makeAgent = (run: Run, path: AgentPath.AgentPath, parent: Agent | undefined, parentCall: string): Agent => ({
  run,
  key: AgentPath.key(path),
  path,
  parent,
  parentCall,
  step: "none",
  begun: parent === undefined,
  pending: 0,
  calls: new Map(),
  used: new Names(),
  nested: new Map()
})

/** The root agent of a run that has said nothing yet. */
export const make = (view: View): Agent =>
  makeAgent(
    {
      view,
      phase: "running",
      pending: new Map(),
      approvals: new Names(),
      exhausted: new Names(),
      plans: new Map()
    },
    AgentPath.root,
    undefined,
    ""
  )

/** The agent at `path` below `root`, or nothing while no bracket of that path is open. */
export const find = (root: Agent, path: AgentPath.AgentPath): Agent | undefined => {
  let agent: Agent | undefined = root
  for (let depth = 0; depth < path.length && agent !== undefined; depth++) agent = agent.nested.get(path[depth] ?? "")
  return agent
}

/**
 * A copy of one agent to try a batch on: what happens to it is not seen by `agent`, its run or its relatives. Costs what is
 * open, not what was.
 */
export const fork = (agent: Agent): Agent => {
  const run = agent.run
  return {
    ...agent,
    run: {
      ...run,
      pending: new Map(run.pending),
      approvals: run.approvals.fork(),
      exhausted: run.exhausted.fork(),
      plans: new Map(run.plans)
    },
    // The parent has been told, or is told when the batch is applied in earnest: never by a trial.
    begun: true,
    calls: new Map(agent.calls),
    used: agent.used.fork(),
    nested: new Map(agent.nested)
  }
}

/** A deep copy of a run, from its root agent down. */
export const clone = (root: Agent): Agent => {
  const run = root.run
  return cloneAgent(root, undefined, {
    ...run,
    pending: new Map(run.pending),
    approvals: run.approvals.clone(),
    exhausted: run.exhausted.clone(),
    plans: new Map(run.plans)
  })
}

const cloneAgent = (agent: Agent, parent: Agent | undefined, run: Run): Agent => {
  const copy: Agent = {
    ...agent,
    run,
    parent,
    calls: new Map(agent.calls),
    used: agent.used.clone(),
    nested: new Map()
  }
  for (const [segment, nested] of agent.nested) copy.nested.set(segment, cloneAgent(nested, copy, run))
  return copy
}

/** The path segment of a specialist's call. */
export const segmentOf = (agentName: string, toolInvocationId: string): string => {
  const [segment = ""] = AgentPath.child(AgentPath.root, agentName, toolInvocationId)
  return segment
}

/** The id under which a budget limit is exhausted once. */
export const limitKey = (limit: string, path: AgentPath.AgentPath = AgentPath.root): string =>
  `${AgentPath.key(path)} ${limit}`

/** True for approvals that the root view shows of an agent whose other events it does not show. */
export const isOutOfView = (agent: AgentView, request: Approval.Request): boolean =>
  agent.run.view === "root" && request.agentPath !== undefined && request.agentPath.length > 0

/**
 * The call that a `data-tool-agent` belongs to: the one it names, or else the first open one of that specialist that has not
 * reported yet.
 */
export const reporting = (agent: AgentView, agentName: string, id: string | undefined): [string, Call] | undefined => {
  if (id !== undefined) {
    const call = agent.calls.get(id)
    return call !== undefined && call.kind === "agent" && call.name === agentName ? [id, call] : undefined
  }
  let found: [string, Call] | undefined
  for (const entry of agent.calls) {
    if (entry[1].kind !== "agent" || entry[1].name !== agentName) continue
    if (!entry[1].reported && callPhases[entry[1].phase].usage !== undefined) return entry
    found = found ?? entry
  }
  return found
}

const moveStep = (agent: Agent, signal: StepSignal): void => {
  agent.step = stepPhases[agent.step][signal] ?? agent.step
}

const moveCall = (agent: Agent, id: string, signal: CallSignal, change?: Partial<Call>): void => {
  const call = agent.calls.get(id)
  if (call === undefined) return
  const phase = callPhases[call.phase][signal] ?? call.phase
  if (phase === "closed") agent.calls.delete(id)
  else agent.calls.set(id, { ...call, ...change, phase })
  moveStep(agent, "news")
}

const announce = (agent: Agent, id: string, kind: Call["kind"], name: string): void => {
  const call: Call = { kind, name, phase: "announced", progress: -1, reported: false }
  if (kind === "tool") agent.calls.set(id, call)
  else {
    const segment = segmentOf(name, id)
    agent.calls.set(id, { ...call, segment })
    agent.nested.set(segment, makeAgent(agent.run, AgentPath.child(agent.path, name, id), agent, id))
  }
  agent.used.add(id)
  moveStep(agent, "call")
}

const settle = (agent: Agent, id: string): void => {
  const segment = agent.calls.get(id)?.segment
  if (segment !== undefined) agent.nested.delete(segment)
  moveCall(agent, id, "result")
}

const ask = (agent: Agent, request: Approval.Request): void => {
  const { run } = agent
  run.approvals.add(request.id)
  if (isOutOfView(agent, request)) {
    run.pending.set(request.id, { agentKey: AgentPath.key(request.agentPath ?? []), callId: undefined })
    return
  }
  const callId = request.kind === "tool" ? request.toolInvocationId : undefined
  run.pending.set(request.id, { agentKey: agent.key, callId })
  agent.pending += 1
  if (callId !== undefined) moveCall(agent, callId, "required")
}

const answer = (agent: Agent, resolution: Approval.Resolution): void => {
  const asked = agent.run.pending.get(resolution.id)
  agent.run.pending.delete(resolution.id)
  if (asked === undefined || asked.agentKey !== agent.key) return
  agent.pending -= 1
  if (asked.callId !== undefined) {
    moveCall(agent, asked.callId, Approval.allows(resolution.outcome) ? "allow" : "refuse")
  }
}

/** The stored mark of a step that is done: no retraction and no text of it may follow. */
export const closeStep = (agent: Agent): void => moveStep(agent, "done")

/** Changes `agent`, its run, and the call that opened it, by a lawful event. */
export const apply = (agent: Agent, event: Event): void => {
  const { parent, run } = agent
  if (!agent.begun && parent !== undefined) {
    agent.begun = true
    moveCall(parent, agent.parentCall, "nested")
  }
  switch (event.type) {
    case "text":
    case "reasoning":
    case "data-file-registered":
    case "data-flow-ui":
    case "custom":
      return
    case "step-start":
    case "step-retracted":
      return moveStep(agent, event.type)
    case "tool-invocation":
      return event.state === "call"
        ? announce(agent, event.toolInvocationId, "tool", event.toolName)
        : settle(agent, event.toolInvocationId)
    case "tool-agent":
      return event.state === "call"
        ? announce(agent, event.toolInvocationId, "agent", event.agentName)
        : settle(agent, event.toolInvocationId)
    case "tool-progress":
      return event.toolCallId === undefined
        ? moveStep(agent, "news")
        : moveCall(agent, event.toolCallId, "progress", { progress: event.phaseIndex })
    case "data-tool-agent": {
      const call = reporting(agent, event.data.agentName, event.data.toolInvocationId)
      return call === undefined ? undefined : moveCall(agent, call[0], "usage", { reported: true })
    }
    case "approval-required":
      return ask(agent, event.data)
    case "approval-decision":
      return answer(agent, event.data)
    case "plan-status-change":
      run.plans.set(event.data.planId, event.data.to)
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
