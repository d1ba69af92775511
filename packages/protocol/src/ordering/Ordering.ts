/**
 * The order of a run's events: which event may come next, and whether a log or a stream is valid.
 *
 * The owner of a log rejects what `Automaton` rejects; users check their own streams with `check` and `checkEvents`.
 * `@reins/protocol/testing` generates random valid logs from the same rules. `docs/ordering.md` shows the order and
 * lists `rules`. `Transcript` folds the events.
 */
import * as Result from "effect/Result"
import * as AgentPath from "../AgentPath.ts"
import type { Envelope } from "../event/Envelope.ts"
import type { Event } from "../event/Event.ts"
import { Automaton } from "./OrderingAutomaton.ts"
import { isDelta, ruleTexts, type RuleText } from "./OrderingRules.ts"
import type { Violation } from "./OrderingState.ts"

export { Automaton } from "./OrderingAutomaton.ts"
export type { Placed } from "./OrderingAutomaton.ts"
export type { Violation } from "./OrderingState.ts"
export type { RuleText } from "./OrderingRules.ts"

/**
 * The state of a run's order: which events may come next. Immutable: several steps can start from one state.
 *
 * @since 0.1.0
 * @category models
 */
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

/**
 * The state of a run without events.
 *
 * @since 0.1.0
 * @category constants
 */
export const initial: State = new State(new Automaton())

/**
 * The state after `event`, or the violation. The cost grows with the open calls and the used ids of the run, except for
 * text, reasoning, input and sources, which are free; the owner of a long log uses an `Automaton` instead.
 *
 * @since 0.1.0
 * @category operations
 */
export const step = (
  state: State,
  input: { readonly agentPath: AgentPath.AgentPath; readonly event: Event }
): Result.Result<State, Violation> => state.next(input.agentPath, input.event)

/**
 * True when the run has ended: after its last event.
 *
 * @since 0.1.0
 * @category guards
 */
export const isComplete = (state: State): boolean => state.ended

/**
 * A violation and its position: `index` counts from 0 in what was checked.
 *
 * @since 0.1.0
 * @category models
 */
export interface EventFault {
  readonly index: number
  readonly violation: Violation
}

/**
 * A violation in a log; `seq` is that of the envelope.
 *
 * @since 0.1.0
 * @category models
 */
export interface Fault extends EventFault {
  readonly seq: number
}

/** The rules for envelopes, beside the order of events. */
const envelopeTexts: ReadonlyArray<RuleText> = [
  {
    id: "one-run",
    says: "Every envelope of a log carries the same `runId` and the same `threadId`.",
    events: "every envelope"
  },
  { id: "seq-dense", says: "`seq` counts from 1 without a gap or a repeat.", events: "every envelope" },
  {
    id: "approval-own-thread",
    says: "An approval's `data.threadId` is its envelope's `threadId`.",
    events: "`approval-required`"
  }
]

/**
 * Where a check starts.
 *
 * @since 0.1.0
 * @category models
 */
export interface CheckOptions {
  /** The `seq` before the first envelope. Absent: 0, the beginning of the log. */
  readonly after?: number | undefined
  /** The state of the run at `after`; not changed. Absent: no events yet. */
  readonly from?: Automaton | undefined
}

const misplaced = (envelope: Envelope, first: Pick<Envelope, "runId" | "threadId">): Violation | undefined => {
  if (envelope.runId !== first.runId) return { rule: "one-run", message: "the envelope is of another run" }
  if (envelope.threadId !== first.threadId) return { rule: "one-run", message: "the envelope is of another thread" }
  return undefined
}

const misaddressed = ({ event, threadId }: Envelope): Violation | undefined =>
  event.type === "approval-required" && event.data.threadId !== threadId
    ? { rule: "approval-own-thread", message: "the approval names another thread than its envelope" }
    : undefined

/**
 * A check of a log that is still being read. Mutable; owned by one reader.
 *
 * @since 0.1.0
 * @category models
 */
export interface Checking {
  /** The faults of the next envelope. */
  readonly take: (envelope: Envelope) => ReadonlyArray<Fault>
  /** True after the last event of the run. */
  readonly ended: boolean
}

/**
 * Begins a check of a log, envelope by envelope, as `check` does it. The envelopes are not kept.
 *
 * @since 0.1.0
 * @category constructors
 */
export const checking = (options: CheckOptions = {}): Checking => {
  const automaton = options.from?.clone() ?? new Automaton()
  let first: Pick<Envelope, "runId" | "threadId"> | undefined
  let last = options.after ?? 0
  let index = -1
  return {
    take: (envelope) => {
      index += 1
      const { agentPath, event, runId, seq, threadId } = envelope
      first = first ?? { runId, threadId }
      const faults: Array<Fault> = []
      const fault = (violation: Violation | undefined): boolean => {
        if (violation !== undefined) faults.push({ index, seq, violation })
        return violation !== undefined
      }
      if (fault(misplaced(envelope, first))) return faults
      if (seq !== last + 1) {
        fault({ rule: "seq-dense", message: `seq ${seq} after ${last}` })
        // A repeated event is skipped. At a gap an event is missing, which is not the fault of the next one.
        if (seq <= last) return faults
      }
      last = seq
      if (!fault(misaddressed(envelope))) fault(automaton.accept(agentPath, [event]))
      return faults
    },
    get ended() {
      return automaton.ended
    }
  }
}

/**
 * All faults of a log, in its order; an empty result means that the log is valid so far (`isComplete` and
 * `Automaton.ended` tell whether it has ended).
 *
 * **Details**
 * - An invalid event is skipped and the check continues after it, so one fault may cause later ones.
 * - Also checked: `seq` without gaps from `after + 1`, one run and one thread, approvals of that thread.
 *
 * @since 0.1.0
 * @category operations
 */
export const check = (envelopes: Iterable<Envelope>, options: CheckOptions = {}): ReadonlyArray<Fault> => {
  const { take } = checking(options)
  const faults: Array<Fault> = []
  for (const envelope of envelopes) for (const fault of take(envelope)) faults.push(fault)
  return faults
}

/**
 * All faults of a stream of events without envelopes, as `Runtime.query` emits it: the root agent's events, and the
 * approvals of all agents. For an approval below the root only the pairing with its decision is checked, since that
 * agent's other events are not in the stream.
 *
 * @since 0.1.0
 * @category operations
 */
export const checkEvents = (events: Iterable<Event>): ReadonlyArray<EventFault> => {
  const automaton = new Automaton("root")
  const faults: Array<EventFault> = []
  let index = -1
  for (const event of events) {
    index += 1
    const violation = automaton.accept(AgentPath.root, [event])
    if (violation !== undefined) faults.push({ index, violation })
  }
  return faults
}

/**
 * All rules: each with its id, its sentence, and the events to which it applies.
 *
 * @since 0.1.0
 * @category constants
 */
export const rules: ReadonlyArray<RuleText> = [...ruleTexts, ...envelopeTexts]
