/**
 * The automaton as the one owner of a log holds it: mutable, synchronous, one per run. It is asked about a batch of one
 * agent's events and takes either all of them or none.
 */
import type { AgentPath } from "../AgentPath.ts"
import type { Event } from "../event/Event.ts"
import type { Json } from "../Json.ts"
import { apply, closeStep } from "./OrderingChange.ts"
import { late } from "./OrderingLate.ts"
import type { Violation } from "./OrderingRule.ts"
import { isDelta, isUnknown, judge } from "./OrderingRules.ts"
import * as Snapshot from "./OrderingSnapshot.ts"
import { clone, find, fork, make } from "./OrderingState.ts"
import type { Agent, View } from "./OrderingState.ts"

/** An event, and the agent that tells it. */
export interface Placed {
  readonly path: AgentPath
  readonly event: Event
}

/**
 * Judges what may come next in a run, and remembers what came.
 *
 * **Details**: `view` is `"log"` for a whole log, and `"root"` for a stream of bare events as `Runtime.query` shows it.
 * Text and reasoning cost a few comparisons each and change nothing; the usual events of steps and calls are let through without asking rule by rule (`OrderingUsual`). A path array that is passed again as the same object is
 * found without any look-up, so an agent should keep its own.
 */
export class Automaton {
  private root: Agent
  // Where the last event came from. Not part of what the automaton remembers.
  #path: AgentPath | undefined
  #agent: Agent | undefined

  constructor(view: View = "log") {
    this.root = make(view)
  }

  /** Why the batch may not come next, or nothing when it may. Asking changes nothing. */
  refuses(path: AgentPath, events: ReadonlyArray<Event>): Violation | undefined {
    const agent = this.#find(path)
    let view = agent
    for (let index = 0; index < events.length; index++) {
      const event = events[index]
      if (event === undefined) continue
      const violation = judge(view, event)
      if (violation !== undefined) return violation
      // What follows in the batch is judged on a copy that has taken the event.
      if (view === undefined || index === events.length - 1 || isDelta(event) || isUnknown(event)) continue
      if (view === agent) view = fork(view)
      apply(view, event)
    }
    return undefined
  }

  /** Takes a batch that `refuses` had no objection to. What an unlawful one would do is not defined. */
  advance(path: AgentPath, events: ReadonlyArray<Event>): void {
    const agent = this.#find(path)
    if (agent === undefined) return
    for (const event of events) this.#take(agent, event)
  }

  #take(agent: Agent, event: Event): void {
    if (isDelta(event) || isUnknown(event)) return
    apply(agent, event)
    // Opens or closes a path: what was found before may be another agent now.
    if (event.type === "tool-agent") this.#path = undefined
  }

  /** Takes the whole batch, or nothing of it and says why. */
  accept(path: AgentPath, events: ReadonlyArray<Event>): Violation | undefined {
    const [only] = events
    // Nearly all batches are of one event: no copy to try it on, and the agent is looked for once.
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
   * Where the events of a refused batch are told, one after the other, when those that are refused are news whose place has closed:
   * each by its agent, by the nearest agent above that may still speak, or not at all. `undefined` where one of them is not late:
   * then the batch is a fault. Asking changes nothing.
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

  /** True after the last event of a run, good or bad: nothing more may come. */
  get ended(): boolean {
    return this.root.run.phase === "ended"
  }

  /** Ids of the agent's calls that have no result, in the order of their announcement. */
  openCalls(path: AgentPath): ReadonlyArray<string> {
    return [...(this.#find(path)?.calls.keys() ?? [])]
  }

  /** Ids of the run's approvals that have no decision, in the order in which they were raised. */
  get pendingApprovals(): ReadonlyArray<string> {
    return [...this.root.run.pending.keys()]
  }

  /** The last `phaseIndex` of an open call; -1 when it made no progress or is not open. */
  phaseOf(path: AgentPath, callId: string): number {
    return this.#find(path)?.calls.get(callId)?.progress ?? -1
  }

  /**
   * The agent's step is done, whatever it announced: it can no longer be retracted, and text needs a new `step-start`. For
   * folding a stored log, where a mark tells what the events alone do not.
   */
  closeStep(path: AgentPath): void {
    const agent = this.#find(path)
    if (agent !== undefined) closeStep(agent)
  }

  /** An automaton of its own in the same state. Costs what is open and the ids that were used. */
  clone(): Automaton {
    const copy = new Automaton()
    copy.root = clone(this.root)
    return copy
  }

  /** What it remembers, as JSON. Of an automaton for whole logs. Costs what `clone` does. */
  snapshot(): Json {
    return Snapshot.save(this.root)
  }

  /** The automaton that a snapshot was taken of; nothing where it is none of this version: then the log is to be read. */
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
