/**
 * The automaton's state of a run, and the form of a rule over it. `OrderingRules` defines which events are valid,
 * `OrderingChange` how they change the state.
 *
 * The state is small: a call is dropped when it closes, and an agent when its call ends. What grows with the run is one
 * string for each call, approval, plan and exhausted limit. Its sets and maps mostly have no entry or one (approvals, plans,
 * specialists, open calls). A run may wait for days, and a collection of the language takes 200 bytes for its first entry,
 * so a single entry is stored by itself.
 */
import * as AgentPath from "../AgentPath.ts"
import type * as Approval from "../approval/Approval.ts"
import type { PlanStatus, Event } from "../event/Event.ts"
import { callPhases, type CallPhase, type RunPhase, type StepPhase } from "./OrderingTables.ts"

/** Which events are checked: those of the whole log, or those of the root view (`Envelope.isRootView`). */
export type View = "log" | "root"

/**
 * An open call. `progress` is the last `phaseIndex`, -1 before the first; `segment` is the path segment of a
 * specialist's call. Copies of a state share the object: it is replaced, never changed.
 */
export interface Call {
  readonly kind: "tool" | "agent"
  readonly name: string
  readonly phase: CallPhase
  readonly progress: number
  readonly reported: boolean
  readonly segment: string | undefined
}

/** The call with another phase, progress or report; the same object where nothing changes. */
export const withNews = (call: Call, phase: CallPhase, progress: number, reported: boolean): Call =>
  phase === call.phase && progress === call.progress && reported === call.reported
    ? call
    : { kind: call.kind, name: call.name, phase, progress, reported, segment: call.segment }

/** A pending approval: the agent that raised it, the call that it is about, if any, and whether it is a question. */
export interface Ask {
  readonly agentKey: string
  readonly callId: string | undefined
  readonly isQuestion: boolean
}

/** The state of the run as a whole. */
export interface Run {
  readonly view: View
  phase: RunPhase
  pending: Sparse<Ask>
  readonly approvals: Names
  readonly exhausted: Names
  plans: Sparse<PlanStatus>
  /** How many messages of a user have entered the run since its start. */
  received: number
}

/**
 * The state of one agent. `begun`: it has emitted an event. `pending`: how many of its own approvals are unanswered.
 * `late`: the tools of calls that ended with a receipt and have no late result yet, by call.
 * `anonymous`: by specialist, how many `data-tool-agent` events did not name their call and are still without its
 * result.
 */
export interface Agent {
  readonly run: Run
  readonly key: string
  readonly path: AgentPath.AgentPath
  readonly parent: Agent | undefined
  readonly parentCall: string
  step: StepPhase
  begun: boolean
  pending: number
  calls: Sparse<Call>
  late: Sparse<string>
  readonly used: Names
  nested: Sparse<Agent>
  anonymous: Sparse<number>
}

/** The state of an agent, read-only, for the rules. */
export interface AgentView extends Readonly<Omit<Agent, "run" | "parent" | "calls" | "late" | "nested" | "anonymous">> {
  readonly run: Readonly<Omit<Run, "pending" | "plans">> & {
    readonly pending: ReadonlyMap<string, Ask>
    readonly plans: ReadonlyMap<string, PlanStatus>
  }
  readonly parent: AgentView | undefined
  readonly calls: ReadonlyMap<string, Call>
  readonly late: ReadonlyMap<string, string>
  readonly nested: ReadonlyMap<string, AgentView>
  readonly anonymous: ReadonlyMap<string, number>
}

/** An agent without events. */
export const makeAgent = (
  run: Run,
  path: AgentPath.AgentPath,
  parent: Agent | undefined,
  parentCall: string
): Agent => ({
  run,
  key: AgentPath.key(path),
  path,
  parent,
  parentCall,
  step: "none",
  begun: parent === undefined,
  pending: 0,
  calls: none,
  late: none,
  used: new Names(),
  nested: none,
  anonymous: none
})

/** The root agent of a run without events. */
export const make = (view: View): Agent =>
  makeAgent(
    {
      view,
      phase: "running",
      pending: none,
      approvals: new Names(),
      exhausted: new Names(),
      plans: none,
      received: 0
    },
    AgentPath.root,
    undefined,
    ""
  )

/** The agent at `path` below `root`, or `undefined` where no call of a specialist with that path is open. */
export const find = (root: Agent, path: AgentPath.AgentPath): Agent | undefined => {
  let agent: Agent | undefined = root
  for (let depth = 0; depth < path.length && agent !== undefined; depth++) agent = agent.nested.get(path[depth] ?? "")
  return agent
}

/**
 * A copy of one agent for checking a batch: changes to it do not affect `agent`, its run or other agents. The cost
 * grows with what is open, not with what was.
 */
export const fork = (agent: Agent): Agent => {
  const run = agent.run
  return {
    ...agent,
    run: {
      ...run,
      pending: copied(run.pending),
      approvals: run.approvals.fork(),
      exhausted: run.exhausted.fork(),
      plans: copied(run.plans)
    },
    // The parent's call is updated when the batch is applied, never by a check.
    begun: true,
    calls: copied(agent.calls),
    late: copied(agent.late),
    used: agent.used.fork(),
    nested: copied(agent.nested),
    anonymous: copied(agent.anonymous)
  }
}

/** A deep copy of a run, from its root agent down. */
export const clone = (root: Agent): Agent => {
  const run = root.run
  return cloneAgent(root, undefined, {
    ...run,
    pending: copied(run.pending),
    approvals: run.approvals.clone(),
    exhausted: run.exhausted.clone(),
    plans: copied(run.plans)
  })
}

const cloneAgent = (agent: Agent, parent: Agent | undefined, run: Run): Agent => {
  const copy: Agent = {
    ...agent,
    run,
    parent,
    calls: copied(agent.calls),
    late: copied(agent.late),
    used: agent.used.clone(),
    nested: none,
    anonymous: copied(agent.anonymous)
  }
  for (const [segment, nested] of agent.nested) copy.nested = put(copy.nested, segment, cloneAgent(nested, copy, run))
  return copy
}

/** The path segment of a specialist's call. */
export const segmentOf = (agentName: string, toolInvocationId: string): string => {
  const [segment = ""] = AgentPath.child(AgentPath.root, agentName, toolInvocationId)
  return segment
}

/** The key of an exhausted limit of one budget; the length makes it unambiguous. */
export const limitKey = (limit: string, path: AgentPath.AgentPath = AgentPath.root): string =>
  `${limit.length}:${limit}${AgentPath.key(path)}`

/** True for approvals in the root view of an agent whose other events are not in it. */
export const isOutOfView = (agent: AgentView, request: Approval.Request): boolean =>
  agent.run.view === "root" && request.agentPath !== undefined && request.agentPath.length > 0

/** How many of the agent's open calls of one specialist may report their usage and have not done so by id. */
export const unreported = (agent: AgentView, agentName: string): number => {
  let count = 0
  for (const call of agent.calls.values()) {
    const mayReport = call.kind === "agent" && callPhases[call.phase].usage !== undefined
    if (mayReport && call.name === agentName && !call.reported) count += 1
  }
  return count
}

/** How many of those have reported without their id. */
export const anonymous = (agent: AgentView, agentName: string): number => agent.anonymous.get(agentName) ?? 0

/**
 * Why an event may not come next. `rule` is the stable id of the broken rule; `message` is for people and may change.
 *
 * @since 0.1.0
 * @category models
 */
export interface Violation {
  readonly rule: string
  readonly message: string
}

/** A rule for events of type `E`. `breaks` returns how the event breaks it, or `undefined`. */
export interface Rule<in E> {
  readonly id: string
  readonly says: string
  readonly breaks: (agent: AgentView, event: E) => string | undefined
}

export const rule = <E = Event>(id: string, says: string, breaks: Rule<E>["breaks"]): Rule<E> => ({ id, says, breaks })

/** An id or a name in a message, shortened: ids and names come from models and may be very long. */
export const named = (name: string): string => `"${name.length > 64 ? `${name.slice(0, 64)}…` : name}"`

/** A set of names that only grows. A fork sees the names of the original and keeps its additions to itself. */
export class Names {
  private own: string | Set<string> | undefined
  private readonly below: Names | undefined

  constructor(own?: string | Set<string>, below?: Names) {
    this.own = own
    this.below = below
  }
  static of(names: ReadonlyArray<string>): Names {
    return new Names(names.length > 1 ? new Set(names) : names[0])
  }
  has(name: string): boolean {
    const { below, own } = this
    return (
      (own instanceof Set ? own.has(name) : own !== undefined && own === name) ||
      (below !== undefined && below.has(name))
    )
  }
  add(name: string): void {
    const { own } = this
    if (own instanceof Set) own.add(name)
    else if (own === undefined) this.own = name
    else if (own !== name) this.own = new Set([own, name])
  }
  all(): ReadonlyArray<string> {
    const { below, own } = this
    return [...(below?.all() ?? []), ...(own instanceof Set ? own : own === undefined ? [] : [own])]
  }
  fork(): Names {
    return new Names(undefined, this)
  }
  clone(): Names {
    const { below, own } = this
    return new Names(own instanceof Set ? new Set(own) : own, below)
  }
}

/**
 * A map that is mostly empty. All empty ones are one shared object, so that they cost nothing, and copies share a
 * single entry, which is replaced, never changed. A map with more entries belongs to one state and is changed in place;
 * copies of the state copy it.
 */
export type Sparse<A> = Map<string, A> | Single<A>

/** A map of one entry. */
class Single<A> implements ReadonlyMap<string, A> {
  declare readonly size: 1
  declare private readonly name: string
  declare private readonly value: A

  constructor(name: string, value: A) {
    this.size = 1
    this.name = name
    this.value = value
  }
  get(name: string): A | undefined {
    return name === this.name ? this.value : undefined
  }
  has(name: string): boolean {
    return name === this.name
  }
  toMap(): Map<string, A> {
    return new Map([[this.name, this.value]])
  }
  keys(): MapIterator<string> {
    return this.toMap().keys()
  }
  values(): MapIterator<A> {
    return this.toMap().values()
  }
  entries(): MapIterator<[string, A]> {
    return this.toMap().entries()
  }
  [Symbol.iterator](): MapIterator<[string, A]> {
    return this.entries()
  }
  forEach(each: (value: A, name: string, map: ReadonlyMap<string, A>) => void): void {
    each(this.value, this.name, this)
  }
}

/** A map without entries. */
export const none: Sparse<never> = new Map<string, never>()

/** The map with the entry set. Store the result in place of the map that was passed. */
export const put = <A>(map: Sparse<A>, name: string, value: A): Sparse<A> => {
  if (map.size === 0 || (map instanceof Single && map.has(name))) return new Single(name, value)
  return (map instanceof Single ? map.toMap() : map).set(name, value)
}

/** The map without the entry. Store the result in place of the map that was passed. */
export const drop = <A>(map: Sparse<A>, name: string): Sparse<A> => {
  if (map.size === 1 && map.has(name)) return none
  if (!(map instanceof Map) || !map.delete(name) || map.size > 1) return map
  const [entry] = map
  return entry === undefined ? none : new Single(...entry)
}

/** A map of these entries. */
export const sparse = <A>(entries: Iterable<readonly [string, A]>): Sparse<A> => {
  let map: Sparse<A> = none
  for (const [name, value] of entries) map = put(map, name, value)
  return map
}

/** A copy of the map. */
export const copied = <A>(map: Sparse<A>): Sparse<A> =>
  map instanceof Single ? map : map.size === 0 ? none : new Map(map)
