/**
 * The automaton that the owner of a log uses: mutable, synchronous, one per run. It accepts a batch of one agent's
 * events as a whole, or rejects it; `late` moves or drops events that arrive after their place has closed.
 */
import { type AgentPath, key } from "../AgentPath.ts"
import type { Event, EventType } from "../event/Event.ts"
import type { Json } from "../Json.ts"
import { apply, closeStep } from "./OrderingChange.ts"
import { isDelta, isUnknown, judge } from "./OrderingRules.ts"
import * as Snapshot from "./OrderingSnapshot.ts"
import { clone, find, fork, make, type Violation, type Agent, type View } from "./OrderingState.ts"

/**
 * An event, and the agent that emits it.
 *
 * @since 0.1.0
 * @category models
 */
export interface Placed {
  readonly path: AgentPath
  readonly event: Event
}

/**
 * Checks which events may come next in a run, and keeps the state.
 *
 * **Details**: `view` is `"log"` for a whole log, and `"root"` for a stream of events as `Runtime.query` emits it. Text,
 * reasoning, input and sources cost a few comparisons each and change nothing; the usual events of steps and calls take a shortcut
 * through the rules (`OrderingRules.isPlain`). A path array that is passed again as the same object needs no look-up,
 * so an agent should keep its own.
 *
 * @since 0.1.0
 * @category models
 */
export class Automaton {
  private root: Agent
  // The path and the agent of the last event: a cache, not a part of the state.
  #path: AgentPath | undefined
  #agent: Agent | undefined

  constructor(view: View = "log") {
    this.root = make(view)
  }

  /** The violation of the batch, or `undefined` where it may come next. Does not change the state. */
  refuses(path: AgentPath, events: ReadonlyArray<Event>): Violation | undefined {
    const agent = this.#find(path)
    let view = agent
    for (let index = 0; index < events.length; index++) {
      const event = events[index]
      if (event === undefined) continue
      const violation = judge(view, event)
      if (violation !== undefined) return violation
      // The rest of the batch is checked against a copy of the state after the event.
      if (view === undefined || index === events.length - 1 || isDelta(event) || isUnknown(event)) continue
      if (view === agent) view = fork(view)
      apply(view, event)
    }
    return undefined
  }

  /** Applies a batch that `refuses` did not object to. The result for an invalid batch is undefined. */
  advance(path: AgentPath, events: ReadonlyArray<Event>): void {
    const agent = this.#find(path)
    if (agent === undefined) return
    for (const event of events) this.#take(agent, event)
  }

  #take(agent: Agent, event: Event): void {
    if (isDelta(event) || isUnknown(event)) return
    apply(agent, event)
    // Opens or closes a path: the cached agent may be another one now.
    if (event.type === "tool-agent") this.#path = undefined
  }

  /** Applies the whole batch, or returns the violation and changes nothing. */
  accept(path: AgentPath, events: ReadonlyArray<Event>): Violation | undefined {
    const [only] = events
    // Nearly all batches have one event: they need no copy of the state, and one look-up of the agent.
    if (only !== undefined && events.length === 1) {
      const agent = this.#find(path)
      const violation = judge(agent, only)
      if (violation === undefined && agent !== undefined) this.#take(agent, only)
      return violation
    }
    const violation = this.refuses(path, events)
    if (violation === undefined) this.advance(path, events)
    return violation
  }

  /**
   * Where to emit the events of a rejected batch, one by one, where the rejected ones are late: on the agent's own
   * path, on that of the nearest agent above that may still emit events, or not at all. `undefined` where one of them
   * is not late: then the batch is invalid. Does not change the state.
   */
  late(path: AgentPath, events: ReadonlyArray<Event>): ReadonlyArray<Placed> | undefined {
    const agent = this.#find(path)
    const out: Array<Placed> = []
    for (const event of events) {
      if (judge(agent, event) === undefined) {
        out.push({ path, event })
        continue
      }
      const found = late(this.root, path, event)
      if (found === undefined) return undefined
      if (found._tag === "Lifted") out.push({ path: found.path, event })
    }
    return out
  }

  /** True after the last event of a run, whether it succeeded or failed. */
  get ended(): boolean {
    return this.root.run.phase === "ended"
  }

  /** Ids of the agent's calls without a result, in the order of the calls. */
  openCalls(path: AgentPath): ReadonlyArray<string> {
    return [...(this.#find(path)?.calls.keys() ?? [])]
  }

  /** Ids of the run's approvals without a decision, in the order of the requests. */
  get pendingApprovals(): ReadonlyArray<string> {
    return [...this.root.run.pending.keys()]
  }

  /** The last `phaseIndex` of an open call; -1 where there was no progress or the call is not open. */
  phaseOf(path: AgentPath, callId: string): number {
    return this.#find(path)?.calls.get(callId)?.progress ?? -1
  }

  /** The id of the question that an open call asks itself and that has no decision; `undefined` without one. */
  questionOf(path: AgentPath, callId: string): string | undefined {
    const agentKey = key(path)
    for (const [id, asked] of this.root.run.pending) {
      if (asked.isQuestion && asked.callId === callId && asked.agentKey === agentKey) return id
    }
    return undefined
  }

  /** Whether an approval of this id was asked in the run; it may have its decision. */
  hasAsked(id: string): boolean {
    return this.root.run.approvals.has(id)
  }

  /**
   * Marks the agent's step as done: it can no longer be retracted, and text needs a new `step-start`. For folding a
   * stored log, where a mark has this information and the events do not.
   */
  closeStep(path: AgentPath): void {
    const agent = this.#find(path)
    if (agent !== undefined) closeStep(agent)
  }

  /** A copy in the same state. The cost grows with the open calls and the used ids. */
  clone(): Automaton {
    const copy = new Automaton()
    copy.root = clone(this.root)
    return copy
  }

  /** The state as JSON, of an automaton for whole logs. Costs as much as `clone`. */
  snapshot(): Json {
    return Snapshot.save(this.root)
  }

  /** The automaton in the state of a snapshot; `undefined` where this version cannot read it: then fold the log. */
  static restore(snapshot: Json): Automaton | undefined {
    const root = Snapshot.load(snapshot)
    if (root === undefined) return undefined
    const automaton = new Automaton()
    automaton.root = root
    return automaton
  }

  #find(path: AgentPath): Agent | undefined {
    if (path.length === 0) return this.root
    if (path === this.#path) return this.#agent
    this.#path = path
    this.#agent = find(this.root, path)
    return this.#agent
  }
}

/**
 * `lift`: the nearest agent above that may still emit events emits it. `drop`: it is dropped, since it has no meaning
 * elsewhere.
 */
export type LatePolicy = "lift" | "drop"

/**
 * The policy for each type of late event: an event emitted after its place has closed, because the specialist's call
 * has ended, the tool call has its result, or the run is ending. Other types are rejected: events that open or close
 * something are never late.
 */
export const latePolicies: { readonly [T in EventType]?: LatePolicy } = {
  custom: "lift",
  budget_exhausted: "lift",
  "data-file-registered": "lift",
  "data-flow-ui": "lift",
  text: "drop",
  reasoning: "drop",
  "tool-input-delta": "drop",
  source: "drop",
  "tool-progress": "drop"
}

/** Where a late event is emitted instead, or that it is dropped. */
export type Late = { readonly _tag: "Lifted"; readonly path: AgentPath } | { readonly _tag: "Dropped" }

/** What to do with an event that may not come next; `undefined` where it is not late and must be rejected. */
export const late = (root: Agent, path: AgentPath, event: Event): Late | undefined => {
  const policy = latePolicies[event.type]
  if (policy === undefined || !isClosed(root, path, event)) return undefined
  if (policy === "drop" || root.run.phase !== "running") return dropped
  for (let depth = path.length - 1; depth >= 0; depth--) {
    const above = path.slice(0, depth)
    if (judge(find(root, above), event) === undefined) return { _tag: "Lifted", path: above }
  }
  return dropped
}

const dropped: Late = { _tag: "Dropped" }

const isClosed = (root: Agent, path: AgentPath, event: Event): boolean => {
  if (root.run.phase !== "running") return true
  const agent = find(root, path)
  if (agent === undefined) return true
  if (event.type !== "tool-progress" || event.toolCallId === undefined) return false
  // A call id that was never used is an error, not a late event.
  return !agent.calls.has(event.toolCallId) && agent.used.has(event.toolCallId)
}
