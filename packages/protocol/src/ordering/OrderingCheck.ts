/**
 * Checks a stored log, or a consumed stream, from end to end, and goes on after each fault so that one pass tells them all.
 */
import type { Envelope } from "../event/Envelope.ts"
import type { Event } from "../event/Event.ts"
import * as AgentPath from "../AgentPath.ts"
import { Automaton } from "./OrderingAutomaton.ts"
import type { Violation } from "./OrderingRule.ts"
import type { RuleText } from "./OrderingRules.ts"

/** A violation and where it stands: `index` counts from 0 in what was checked. */
export interface EventFault {
  readonly index: number
  readonly violation: Violation
}

/** A violation in a log; `seq` is the offending envelope's own. */
export interface Fault extends EventFault {
  readonly seq: number
}

/** What an envelope must keep beside the order of its event. */
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

/** Where a check begins. */
export interface CheckOptions {
  /** The `seq` before the first envelope. Absent: 0, the log is read from its beginning. */
  readonly after?: number | undefined
  /** What the run has said up to `after`; not changed. Absent: nothing. */
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
      // A repeat is dropped. Before a gap something is missing, which is no fault of the event behind it.
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
