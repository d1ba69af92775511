/**
 * Checks a stored log or a stream from beginning to end, and continues after each fault, so that one pass finds all of
 * them.
 */
import type { Envelope } from "../event/Envelope.ts"
import type { Event } from "../event/Event.ts"
import * as AgentPath from "../AgentPath.ts"
import { Automaton } from "./OrderingAutomaton.ts"
import type { RuleText } from "./OrderingRules.ts"
import type { Violation } from "./OrderingState.ts"

/** A violation and its position: `index` counts from 0 in what was checked. */
export interface EventFault {
  readonly index: number
  readonly violation: Violation
}

/** A violation in a log; `seq` is that of the envelope. */
export interface Fault extends EventFault {
  readonly seq: number
}

/** The rules for envelopes, beside the order of events. */
export const envelopeTexts: ReadonlyArray<RuleText> = [
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

/** Where a check starts. */
export interface CheckOptions {
  /** The `seq` before the first envelope. Absent: 0, the beginning of the log. */
  readonly after?: number | undefined
  /** The state of the run at `after`; not changed. Absent: no events yet. */
  readonly from?: Automaton | undefined
}

const misplaced = (envelope: Envelope, first: Envelope): Violation | undefined => {
  if (envelope.runId !== first.runId) return { rule: "one-run", message: "the envelope is of another run" }
  if (envelope.threadId !== first.threadId) return { rule: "one-run", message: "the envelope is of another thread" }
  return undefined
}

const misaddressed = ({ event, threadId }: Envelope): Violation | undefined =>
  event.type === "approval-required" && event.data.threadId !== threadId
    ? { rule: "approval-own-thread", message: "the approval names another thread than its envelope" }
    : undefined

/** See `Ordering.check`. */
export const check = (envelopes: Iterable<Envelope>, options: CheckOptions = {}): ReadonlyArray<Fault> => {
  const automaton = options.from?.clone() ?? new Automaton()
  const faults: Array<Fault> = []
  let first: Envelope | undefined
  let last = options.after ?? 0
  let index = -1
  for (const envelope of envelopes) {
    index += 1
    first = first ?? envelope
    const { agentPath, event, seq } = envelope
    const fault = (violation: Violation | undefined): boolean => {
      if (violation !== undefined) faults.push({ index, seq, violation })
      return violation !== undefined
    }
    if (fault(misplaced(envelope, first))) continue
    if (seq !== last + 1) {
      fault({ rule: "seq-dense", message: `seq ${seq} after ${last}` })
      // A repeated event is skipped. At a gap an event is missing, which is not the fault of the next one.
      if (seq <= last) continue
    }
    last = seq
    if (!fault(misaddressed(envelope))) fault(automaton.accept(agentPath, [event]))
  }
  return faults
}

/** See `Ordering.checkEvents`. */
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
