/**
 * Checks a log by the rules alone, without the automaton's shortcut for obviously valid events, and compares the two:
 * for the property test of the shortcut.
 */
import type { Envelope } from "../event/Envelope.ts"
import type { Json } from "../Json.ts"
import { apply } from "../ordering/OrderingChange.ts"
import { type Violation, find, make } from "../ordering/OrderingState.ts"
import { isUnknown, judgeByRules, isPlain } from "../ordering/OrderingRules.ts"
import { save } from "../ordering/OrderingSnapshot.ts"

/**
 * An event that the shortcut accepts and the rules reject.
 *
 * @since 0.1.0
 * @category models
 */
export interface Slip {
  /** How many valid events of the log came before. */
  readonly after: number
  readonly envelope: Envelope
  readonly violation: Violation
}

/**
 * The result of an audit.
 *
 * @since 0.1.0
 * @category models
 */
export interface Audit {
  /**
   * The violation of each envelope, in the log's order; `undefined` where there is none. Invalid events are skipped.
   */
  readonly violations: ReadonlyArray<Violation | undefined>
  /** How many events the shortcut accepted. */
  readonly plain: number
  readonly slips: ReadonlyArray<Slip>
  /** As `Automaton.snapshot` after the last event. */
  readonly state: Json
}

/**
 * Audits a log. `others` are checked, but not applied, before each of its events.
 *
 * @since 0.1.0
 * @category operations
 */
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
