/**
 * Judges a log by the rules alone, without the shortcut that a run's automaton takes for plainly lawful events: for the property test
 * that holds the shortcut to the rules.
 */
import type { Envelope } from "../event/Envelope.ts"
import type { Json } from "../Json.ts"
import { apply } from "../ordering/OrderingChange.ts"
import type { Violation } from "../ordering/OrderingRule.ts"
import { isUnknown, judgeByRules } from "../ordering/OrderingRules.ts"
import { save } from "../ordering/OrderingSnapshot.ts"
import { find, make } from "../ordering/OrderingState.ts"
import { isPlain } from "../ordering/OrderingUsual.ts"

/** An event that the shortcut would let through and the rules would not. */
export interface Slip {
  /** How much of the log, faults left out, came before. */
  readonly after: number
  readonly envelope: Envelope
  readonly violation: Violation
}

/** What a log amounts to by the rules alone. */
export interface Audit {
  /** The first broken rule of each envelope, in the log's order; `undefined` where there is none. An offending event is left out. */
  readonly violations: ReadonlyArray<Violation | undefined>
  /** How many events the shortcut let through. */
  readonly plain: number
  readonly slips: ReadonlyArray<Slip>
  /** As `Automaton.snapshot` after the last event. */
  readonly state: Json
}

/** Audits a log; `others` are tried, and left out, before each of its events. */
export const audit = (log: ReadonlyArray<Envelope>, others: ReadonlyArray<Envelope> = []): Audit => {
  const root = make("log")
  const slips: Array<Slip> = []
  let plain = 0
  const ask = (envelope: Envelope, after: number): Violation | undefined => {
    const agent = find(root, envelope.agentPath)
    const violation = judgeByRules(agent, envelope.event)
    if (agent === undefined || !isPlain(agent, envelope.event)) return violation
    plain += 1
    if (violation !== undefined) slips.push({ after, envelope, violation })
    return violation
  }
  let taken = 0
  const violations = log.map((envelope) => {
    for (const other of others) ask(other, taken)
    const violation = ask(envelope, taken)
    if (violation !== undefined) return violation
    const agent = find(root, envelope.agentPath)
    if (agent !== undefined && !isUnknown(envelope.event)) apply(agent, envelope.event)
    taken += 1
    return undefined
  })
  return { violations, plain, slips, state: save(root) }
}
