/**
 * Negative tests of the order of events: small random damage to valid logs, as a bug might cause it, and the audit of a log
 * by the rules alone, without the automaton's shortcut for obviously valid events, which it compares with them.
 */
import type * as Approval from "../approval/Approval.ts"
import type { Envelope } from "../event/Envelope.ts"
import type * as Events from "../event/Event.ts"
import type { Event } from "../event/Event.ts"
import { pick, type Random } from "./OrderingSample.ts"
import type { Json } from "../Json.ts"
import { apply } from "../ordering/OrderingChange.ts"
import { type Violation, find, make } from "../ordering/OrderingState.ts"
import { isUnknown, judgeByRules, isPlain } from "../ordering/OrderingRules.ts"
import { save } from "../ordering/OrderingSnapshot.ts"

/**
 * A changed log; `index` is where it was changed.
 *
 * @since 0.1.0
 * @category models
 */
export interface Mutant {
  readonly kind: "drop" | "double" | "move" | "alter" | "readdress"
  readonly index: number
  readonly log: ReadonlyArray<Envelope>
}

const withoutStatus = <E extends { readonly status?: unknown }>({ status: _, ...event }: E): Omit<E, "status"> => event

const withoutReceipt = ({ later: _, ...event }: Events.ToolResult): Events.ToolResult => event

const callOf = (event: Event): string | undefined => {
  switch (event.type) {
    case "tool-invocation":
    case "tool-agent":
    case "tool-input-delta":
    case "late-result":
      return event.toolInvocationId
    case "tool-progress":
      return event.toolCallId
    case "data-tool-agent":
    case "approval-required":
      return event.data.toolInvocationId
    default:
      return undefined
  }
}

/** The event with one field changed; `other` is an event of the same log, to borrow from. */
const alter = (random: Random, event: Event, other: Event): Event => {
  const id = callOf(other) ?? "call-999"
  switch (event.type) {
    case "text":
    case "reasoning":
    case "source":
      return pick<Event>(random, { type: "step-start" }, { type: "step-retracted", reason: "crash" })
    case "tool-input-delta":
      return pick<Event>(random, { type: "step-start" }, { ...event, toolInvocationId: id })
    case "step-start":
    case "step-retracted":
      return { type: "text", text: "so " }
    case "message-received":
      return { ...event, data: { ...event.data, position: event.data.position + pick(random, -1, 1) } }
    case "tool-invocation":
      return pick<Event>(
        random,
        { ...event, toolInvocationId: id },
        { ...event, toolName: pick(random, "look", "write", "refund") },
        event.state === "result"
          ? pick<Event>(random, withoutStatus(event), withoutReceipt(event), { ...event, later: { ticketId: "tkt" } })
          : { ...event, state: "result", result: null }
      )
    case "late-result":
      return pick<Event>(
        random,
        { ...event, toolInvocationId: id },
        { ...event, toolName: pick(random, "look", "write", "refund") }
      )
    case "tool-agent":
      return pick<Event>(
        random,
        { ...event, toolInvocationId: id },
        { ...event, agentName: pick(random, "planner", "researcher", "look") },
        event.state === "result"
          ? { ...withoutStatus(event) }
          : { type: "tool-agent", toolInvocationId: id, agentName: event.agentName, state: "result", result: null }
      )
    case "tool-progress":
      return pick<Event>(
        random,
        { ...event, toolCallId: id },
        { ...event, phaseIndex: Math.max(event.phaseIndex - 1, 0) },
        { ...event, phaseIndex: event.phaseIndex + 2 },
        { ...event, toolName: pick(random, "look", "write", "refund") }
      )
    case "data-tool-agent":
      return { ...event, data: { ...event.data, ...pick(random, { toolInvocationId: id }, { agentName: "planner" }) } }
    case "approval-required":
      return {
        ...event,
        data: {
          ...event.data,
          ...pick<object>(
            random,
            { id: other.type === "approval-required" ? other.data.id : "approval-999" },
            { toolInvocationId: id },
            { begunBefore: event.data.begunBefore === undefined ? 1 : undefined },
            { kind: pick(random, "tool", "plan", "budget", "question") },
            { agentPath: ["planner#call-1"] },
            { threadId: "thread-999" }
          )
        }
      }
    case "approval-decision":
      return {
        ...event,
        data:
          other.type === "approval-decision"
            ? other.data
            : {
                ...event.data,
                outcome: pick<Approval.Outcome>(
                  random,
                  { outcome: "expired" },
                  { outcome: "answer", value: 1 },
                  { outcome: "approve" }
                )
              }
      }
    case "plan-status-change":
      return {
        ...event,
        data: { ...event.data, ...pick(random, { from: "draft" }, { to: "executing" }, { to: "approved" }) }
      }
    case "budget_exhausted":
      return { ...event, data: { ...event.data, limit: pick(random, "max_steps", "max_cost_usd") } }
    case "finish":
      return pick<Event>(random, other, { ...event, finishReason: "cancelled" }, { ...event, output: 1 })
    default:
      return other
  }
}

/**
 * Where to move an event to. Short moves, and moves past other events of the same call, are likelier bugs and easier to
 * miss.
 */
const targetOf = (random: Random, log: ReadonlyArray<Envelope>, index: number, other: number): number => {
  const id = log[index] === undefined ? undefined : callOf(log[index].event)
  const related = log.flatMap(({ event }, at) => (id !== undefined && at !== index && callOf(event) === id ? [at] : []))
  return pick(random, index + 1, other, pick(random, other, ...related))
}

/**
 * The log with one random change that a bug might make: an event dropped, doubled, moved, or altered in one field.
 * `seq` is made dense again, so that only the order of the events is in question. Most mutants are invalid, but not
 * all.
 *
 * @since 0.1.0
 * @category operations
 */
export const mutate = (random: Random, log: ReadonlyArray<Envelope>): Mutant => {
  const index = Math.floor(random() * log.length)
  const other = Math.floor(random() * log.length)
  const kind = pick(random, "drop", "double", "move", "alter", "readdress")
  const mutated = [...log]
  const here = log[index]
  const there = log[other]
  if (here !== undefined && there !== undefined) {
    if (kind === "drop") mutated.splice(index, 1)
    if (kind === "double") mutated.splice(other, 0, here)
    if (kind === "move") {
      mutated.splice(index, 1)
      mutated.splice(targetOf(random, log, index, other), 0, here)
    }
    if (kind === "alter") mutated[index] = { ...here, event: alter(random, here.event, there.event) }
    if (kind === "readdress") mutated[index] = { ...here, agentPath: there.agentPath }
  }
  return { kind, index, log: mutated.map((envelope, at) => ({ ...envelope, seq: at + 1 })) }
}

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
