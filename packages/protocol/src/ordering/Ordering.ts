/**
 * The order of a run's events: which event may come next, and whether a log or a stream is valid.
 *
 * The owner of a log rejects what `Automaton` rejects; users check their own streams with `check` and `checkEvents`.
 * `@reins/protocol/testing` generates random valid logs from the same rules. `docs/ordering.md` shows the order and
 * lists `rules`. `Transcript` folds the events.
 */
import * as Result from "effect/Result"
import type * as AgentPath from "../AgentPath.ts"
import type { Envelope } from "../event/Envelope.ts"
import type { Event } from "../event/Event.ts"
import { Automaton } from "./OrderingAutomaton.ts"
import * as Check from "./OrderingCheck.ts"
import { isDelta, ruleTexts, type RuleText } from "./OrderingRules.ts"
import type { Violation } from "./OrderingState.ts"

export { Automaton } from "./OrderingAutomaton.ts"
export type { Placed } from "./OrderingAutomaton.ts"
export type { CheckOptions, EventFault, Fault } from "./OrderingCheck.ts"
export type { Violation } from "./OrderingState.ts"
export type { RuleText } from "./OrderingRules.ts"

/** The state of a run's order: which events may come next. Immutable: several steps can start from one state. */
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

  /** A mutable automaton in this state. */
  toAutomaton(): Automaton {
    return this.#automaton.clone()
  }
}

/** The state of a run without events. */
export const initial: State = new State(new Automaton())

/**
 * The state after `event`, or the violation. The cost grows with the open calls and the used ids of the run, except for
 * text and reasoning, which are free; the owner of a long log uses an `Automaton` instead.
 */
export const step = (
  state: State,
  input: { readonly agentPath: AgentPath.AgentPath; readonly event: Event }
): Result.Result<State, Violation> => state.next(input.agentPath, input.event)

/** True when the run has ended: after its last event. */
export const isComplete = (state: State): boolean => state.ended

/**
 * All faults of a log, in its order; an empty result means that the log is valid so far (`isComplete` and
 * `Automaton.ended` tell whether it has ended).
 *
 * **Details**
 * - An invalid event is skipped and the check continues after it, so one fault may cause later ones.
 * - Also checked: `seq` without gaps from `after + 1`, one run and one thread, approvals of that thread.
 */
export const check = (envelopes: Iterable<Envelope>, options?: Check.CheckOptions): ReadonlyArray<Check.Fault> =>
  Check.check(envelopes, options)

/**
 * All faults of a stream of events without envelopes, as `Runtime.query` emits it: the root agent's events, and the
 * approvals of all agents. For an approval below the root only the pairing with its decision is checked, since that
 * agent's other events are not in the stream.
 */
export const checkEvents = (events: Iterable<Event>): ReadonlyArray<Check.EventFault> => Check.checkEvents(events)

/** All rules: each with its id, its sentence, and the events to which it applies. */
export const rules: ReadonlyArray<RuleText> = [...ruleTexts, ...Check.envelopeTexts]
