/**
 * A whole log, read once: its calls, results, approvals and decisions, and what the checker's sentences ask of them.
 */
import { AgentPath, Approval } from "@reins/protocol"
import type { Envelope, Event, EventType, Events } from "@reins/protocol"

export type Log = ReadonlyArray<Envelope.Envelope>

/** An event of a type, with its place in the log and its agent. */
export interface Said<E extends Event = Event> {
  readonly at: number
  readonly key: string
  readonly path: AgentPath.AgentPath
  readonly event: E
}

export class Reading {
  readonly log: Log
  readonly said: ReadonlyArray<Said>
  readonly calls: ReadonlyArray<Said<Events.ToolCall | Events.AgentCall>>
  readonly results: ReadonlyArray<Said<Events.ToolResult | Events.AgentResult>>
  readonly required: ReadonlyArray<Said<Events.ApprovalRequired>>
  readonly decisions: ReadonlyArray<Said<Events.ApprovalDecision>>
  readonly receipts: ReadonlyArray<Said<Events.ToolResult>>
  readonly late: ReadonlyArray<Said<Events.LateResult>>

  constructor(log: Log) {
    this.log = log
    this.said = log.map(({ agentPath, event }, at) => ({ at, key: AgentPath.key(agentPath), path: agentPath, event }))
    const both = this.of("tool-invocation", "tool-agent")
    this.calls = both.flatMap(({ event, ...place }) => (event.state === "call" ? [{ ...place, event }] : []))
    this.results = both.flatMap(({ event, ...place }) => (event.state === "result" ? [{ ...place, event }] : []))
    this.required = this.of("approval-required")
    this.decisions = this.of("approval-decision")
    this.receipts = this.results.flatMap(({ event, ...place }) =>
      event.type === "tool-invocation" && event.later !== undefined ? [{ ...place, event }] : []
    )
    this.late = this.of("late-result")
  }
  of<T extends EventType>(...types: ReadonlyArray<T>): ReadonlyArray<Said<Extract<Event, { type: T }>>> {
    return this.said.flatMap(({ event, ...place }) => {
      const narrowed = narrow(event, types)
      return narrowed === undefined ? [] : [{ ...place, event: narrowed }]
    })
  }
}

const narrow = <T extends EventType>(
  event: Event,
  types: ReadonlyArray<T>
): Extract<Event, { type: T }> | undefined => {
  const isOne = (one: Event): one is Extract<Event, { type: T }> => types.some((type) => type === one.type)
  return isOne(event) ? event : undefined
}

export const nameOf = (event: Events.ToolCall | Events.AgentCall | Events.ToolResult | Events.AgentResult): string =>
  event.type === "tool-agent" ? `specialist ${event.agentName}` : `tool ${event.toolName}`

export const before =
  (end: { readonly at: number }) =>
  (one: { readonly at: number }): boolean =>
    one.at < end.at

/** The index of the call's result, or one after the end of the log. */
export const endOf = (log: Reading, call: Said<Events.ToolCall | Events.AgentCall>): number =>
  log.results.find(
    ({ at, event, key }) => at > call.at && key === call.key && event.toolInvocationId === call.event.toolInvocationId
  )?.at ?? Infinity

/** The calls of the agent at `key` that are open when the event at `at` is said. */
export const openAt = (log: Reading, at: number, key: string) =>
  log.calls.filter((call) => call.key === key && call.at < at && endOf(log, call) >= at)

/** The receipts of the agent at `key` before a place that have no late result before it. */
export const receiptsAt = (log: Reading, at: number, key: string) =>
  log.receipts.filter(
    (receipt) =>
      receipt.at < at &&
      receipt.key === key &&
      !log.late.some(
        (one) =>
          one.at > receipt.at &&
          one.at < at &&
          one.key === key &&
          one.event.toolInvocationId === receipt.event.toolInvocationId
      )
  )

/** The call's approvals: where each was asked, where it was answered and whether the call may run. */
export const gatesOf = (log: Reading, call: Said<Events.ToolCall | Events.AgentCall>) =>
  log.required
    .filter(
      ({ at, event, key }) =>
        at > call.at &&
        at <= endOf(log, call) &&
        key === call.key &&
        event.data.kind === "tool" &&
        event.data.toolInvocationId === call.event.toolInvocationId
    )
    .map((asked) => {
      const answer = log.decisions.find(({ at, event }) => at > asked.at && event.data.id === asked.event.data.id)
      return {
        asked: asked.at,
        answered: answer?.at ?? Infinity,
        allowed: answer !== undefined && Approval.allows(answer.event.data.outcome),
        superseded: answer?.event.data.outcome.outcome === "superseded"
      }
    })

/** The questions that the call asks itself: where each was asked, and where it ended. */
export const questionsOf = (log: Reading, call: Said<Events.ToolCall | Events.AgentCall>) =>
  log.required
    .filter(
      ({ at, event, key }) =>
        at > call.at &&
        at <= endOf(log, call) &&
        key === call.key &&
        event.data.kind === "question" &&
        event.data.toolInvocationId === call.event.toolInvocationId
    )
    .map((asked) => ({
      asked: asked.at,
      ended:
        log.decisions.find(({ at, event }) => at > asked.at && event.data.id === asked.event.data.id)?.at ?? Infinity
    }))

export const asksAt = (log: Reading, call: Said<Events.ToolCall | Events.AgentCall>, at: number): boolean =>
  questionsOf(log, call).some((question) => question.asked < at && at < question.ended)

export const waitsAt = (log: Reading, call: Said<Events.ToolCall | Events.AgentCall>, at: number): boolean =>
  gatesOf(log, call).some((gate) => gate.asked < at && at < gate.answered)

/** For good. */
export const deniedAt = (log: Reading, call: Said<Events.ToolCall | Events.AgentCall>, at: number): boolean =>
  gatesOf(log, call).some((gate) => !gate.allowed && !gate.superseded && gate.answered < at)

/** For good, or until it is asked about once more. */
export const refusedAt = (log: Reading, call: Said<Events.ToolCall | Events.AgentCall>, at: number): boolean =>
  deniedAt(log, call, at) || (gatesOf(log, call).findLast((gate) => gate.answered < at)?.superseded ?? false)

export const bracketsOf = (call: Said<Events.ToolCall | Events.AgentCall>): string =>
  call.event.type === "tool-agent"
    ? AgentPath.key(AgentPath.child(call.path, call.event.agentName, call.event.toolInvocationId))
    : "no path"

/** Everything that is heard of a call after its announcement, but its approval's decision. */
export const newsOf = (log: Reading, call: Said<Events.ToolCall | Events.AgentCall>): ReadonlyArray<number> => {
  const id = call.event.toolInvocationId
  return log.said
    .filter(({ at, event, key }) => {
      if (at <= call.at) return false
      if (call.event.type === "tool-agent" && key === bracketsOf(call)) return true
      if (key !== call.key) return false
      if (event.type === "tool-progress") return event.toolCallId === id
      if (event.type === "data-tool-agent") return event.data.toolInvocationId === id
      if (event.type === "tool-invocation" || event.type === "tool-agent") {
        return event.state === "result" && event.toolInvocationId === id
      }
      return event.type === "approval-required" && isOfCall(event.data.kind) && event.data.toolInvocationId === id
    })
    .map(({ at }) => at)
}

/** Kinds of approvals that name a call. */
export const isOfCall = (kind: Approval.Kind): boolean => kind === "tool" || kind === "question"

/** News of some call of the agent, though it may not say of which. */
export const isNewsOfCalls = (said: Said, key: string): boolean =>
  (said.key !== key && said.key.startsWith(key)) ||
  (said.key === key &&
    (said.event.type === "tool-progress" ||
      said.event.type === "data-tool-agent" ||
      ((said.event.type === "tool-invocation" || said.event.type === "tool-agent") && said.event.state === "result") ||
      (said.event.type === "approval-required" && isOfCall(said.event.data.kind))))

export const distinct = <A>(items: ReadonlyArray<A>): boolean => new Set(items).size === items.length

/**
 * The last of the agent's own `step-start`, `step-retracted`, `message-received`, `late-result` and calls before a place,
 * or nothing.
 */
export const stepAt = (log: Reading, { at, key }: Said): string | undefined =>
  log.said.findLast(
    (one) =>
      one.at < at &&
      one.key === key &&
      (one.event.type === "step-start" ||
        one.event.type === "step-retracted" ||
        one.event.type === "message-received" ||
        one.event.type === "late-result" ||
        ((one.event.type === "tool-invocation" || one.event.type === "tool-agent") && one.event.state === "call"))
  )?.event.type
