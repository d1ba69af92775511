/**
 * The lawful order of a run's events: which event may come next, and whether a log, or a stream, kept to it.
 *
 * The owner of a log refuses what `Automaton` refuses, and users check their own streams with `check` and `checkEvents`.
 * `@reins/protocol/testing` draws random lawful logs from the same rules. `docs/ordering.md` draws the order and lists `rules`.
 * What the events add up to is `Transcript`.
 */
import * as Result from "effect/Result"
import type * as AgentPath from "../AgentPath.ts"
import type { Envelope } from "../event/Envelope.ts"
import type { Event } from "../event/Event.ts"
import { Automaton } from "./OrderingAutomaton.ts"
import * as Check from "./OrderingCheck.ts"
import type { Violation } from "./OrderingRule.ts"
import { isDelta, ruleTexts } from "./OrderingRules.ts"
import type { RuleText } from "./OrderingRules.ts"

export { Automaton } from "./OrderingAutomaton.ts"
export type { Placed } from "./OrderingAutomaton.ts"
export type { CheckOptions, EventFault, Fault } from "./OrderingCheck.ts"
export type { Violation } from "./OrderingRule.ts"
export type { RuleText } from "./OrderingRules.ts"

/** What the past of a run allows to come next; a value, so that any state can be stepped from again. */
export class State {
  readonly #automaton: Automaton

  constructor(automaton: Automaton) {
    this.#automaton = automaton.clone()
  }

  /** See `step`. */
  next(path: AgentPath.AgentPath, event: Event): Result.Result<State, Violation> {
    if (isDelta(event)) {
      const violation = this.#automaton.refuses(path, [event])
      return violation === undefined ? Result.succeed(this) : Result.fail(violation)
    }
    const next = new State(this.#automaton)
    const violation = next.#automaton.accept(path, [event])
    return violation === undefined ? Result.succeed(next) : Result.fail(violation)
  }

  /** See `isComplete`. */
  get ended(): boolean {
    return this.#automaton.ended
  }

  /** A mutable automaton that goes on from here. */
  toAutomaton(): Automaton {
    return this.#automaton.clone()
  }
}

/** The state of a run that has said nothing yet. */
export const initial: State = new State(new Automaton())

/**
 * The state after `event`, or why it may not come next. Costs what the run has open and the ids it has used, but nothing
 * for text and reasoning; the owner of a long log holds an `Automaton` instead.
 */
export const step = (
  state: State,
  input: { readonly agentPath: AgentPath.AgentPath; readonly event: Event }
): Result.Result<State, Violation> => state.next(input.agentPath, input.event)

/** True when the run has ended lawfully: after its last event. */
export const isComplete = (state: State): boolean => state.ended

/**
 * Every fault of a log, in its order; none means that it is lawful so far (whether it has ended is `isComplete` of its
 * fold, or `Automaton.ended`).
 *
 * **Details**
 * - An offending event is left out and the check goes on behind it, so later faults may follow from an earlier one.
 * - Beside the order of events: `seq` dense from `after + 1`, one run and one thread, approvals of that thread.
 */
export const check = (envelopes: Iterable<Envelope>, options?: Check.CheckOptions): ReadonlyArray<Check.Fault> =>
  Check.check(envelopes, options)

/**
 * Every fault of a stream of bare events as `Runtime.query` shows it: the root agent's, and approvals raised anywhere. Of
 * an approval raised below the root only the pairing with its decision is judged, since the agent's own events are not
 * there.
 */
export const checkEvents = (events: Iterable<Event>): ReadonlyArray<Check.EventFault> => Check.checkEvents(events)

/** The law in words: each rule's id, its sentence, and the events that must keep it. */
export const rules: ReadonlyArray<RuleText> = [...ruleTexts, ...Check.envelopeTexts]
