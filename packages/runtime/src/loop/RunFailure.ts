/**
 * Ends a run whose loop failed with a defect, with a valid log: every open question gets a decision, every open call a
 * result, and the log its summaries and its error. Readers do not wait forever, and everything spent is in the summary.
 */
import {
  AgentPath,
  type Approval,
  type Audit,
  type Envelope,
  Event,
  type Message,
  RunErrors,
  Usage
} from "@reins/protocol"
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as AuditStore from "../approval/AuditStore.ts"
import type { Work } from "../engine/Engine.ts"
import { received } from "../engine/Inbox.ts"
import * as Ticket from "../engine/Ticket.ts"
import type { RunRecord } from "../engine/RunHost.ts"
import * as Outline from "../kernel/Outline.ts"
import { Observer } from "../run/Observer.ts"
import * as ThreadUpdate from "./ThreadUpdate.ts"
import * as ToolOutcome from "../tool/ToolOutcome.ts"
import * as Unread from "./Unread.ts"
import { closing } from "./Drive.ts"

interface Batch {
  readonly path: AgentPath.AgentPath
  readonly events: ReadonlyArray<Event>
  /** The question that the events close, and how. */
  readonly decided?: { readonly request: Approval.Request; readonly resolution: Approval.Resolution } | undefined
}

/** Closes what is open in the run's log, `envelopes`, with what it has not read, and fails the run. */
export const force = (
  run: Pick<Work, "push" | "ledger" | "now" | "startedAt" | "downMs" | "runId"> & {
    readonly act: (acts: ReadonlyArray<Audit.Act>) => void
  },
  envelopes: ReadonlyArray<Envelope.Envelope>,
  unread: Unread.Unread
): void => {
  const before = ThreadUpdate.receivedIn(envelopes)
  for (const { decided, events, path } of open(envelopes, unread)) {
    run.push(path, events)
    if (decided === undefined) continue
    const question = { runId: run.runId, agentPath: path, request: decided.request }
    run.act([AuditStore.decided(question, decided.resolution, run.now())])
  }
  const { messages } = unread
  if (messages.length > 0)
    run.push(
      [],
      messages.map((message, index) => received(message, before + index + 1))
    )
  run.push([], closing(run.startedAt, run, { reason: "failed", usage: Usage.empty, failure: undefined }))
}

/** Logs that a defect has stopped a run, with its kind and place: its message may quote prompts or keys. */
export const logged = (runId: string, cause: Cause.Cause<unknown>): Effect.Effect<void> =>
  Effect.logError(`Run ${runId} failed: ${Outline.of(Cause.squash(cause))}`)

/** Reports the end of a run that a defect has stopped to the observer, if there is one. */
export const observed = (
  { agent, resourceId, runId, startedAt, threadId }: RunRecord,
  readings: Pick<Work, "ledger" | "now">
): Effect.Effect<void> =>
  Effect.flatMap(Observer, (observer) => {
    if (observer === undefined) return Effect.void
    const error = RunErrors.code(new RunErrors.InternalFailure({}))
    const facts = { runId, threadId, resourceId, agent, reason: "failed", error } as const
    return observer.ended({ ...facts, entries: readings.ledger(), startedAt, endedAt: readings.now() })
  })

/** What the run has said once all that is open in its log is closed, and what it has not read. */
export const said = (
  record: RunRecord,
  envelopes: ReadonlyArray<Envelope.Envelope>,
  unread: Unread.Unread
): ReadonlyArray<Message.Message> => {
  const closing = open(envelopes, unread).flatMap(({ events, path }) =>
    events.map((event) => ({ agentPath: path, event }))
  )
  return ThreadUpdate.messagesOf(record, [...envelopes, ...closing], unread.messages)
}

const struck = ToolOutcome.fault("Cancelled", "the run failed before this call could end", "cancelled")

/** The events that close everything that is open, deepest agents first. Pure. */
export const open = (envelopes: ReadonlyArray<Envelope.Envelope>, unread: Unread.Unread): ReadonlyArray<Batch> => {
  const calls = new Map<string, { readonly path: AgentPath.AgentPath; readonly events: () => ReadonlyArray<Event> }>()
  const receipts = new Map<string, Batch>()
  const questions = new Map<string, { readonly path: AgentPath.AgentPath; readonly request: Approval.Request }>()
  const bracketed = new Set<string>()
  for (const { agentPath, event } of envelopes) {
    if (event.type === "approval-required") questions.set(event.data.id, { path: agentPath, request: event.data })
    else if (event.type === "approval-decision") questions.delete(event.data.id)
    else if (event.type === "late-result") receipts.delete(AgentPath.callKey(agentPath, event.toolInvocationId))
    else if (event.type === "data-tool-agent") {
      const { toolInvocationId } = event.data
      if (toolInvocationId !== undefined) bracketed.add(AgentPath.callKey(agentPath, toolInvocationId))
    } else if (event.type === "tool-invocation" || event.type === "tool-agent") {
      const key = AgentPath.callKey(agentPath, event.toolInvocationId)
      if (event.type === "tool-invocation" && event.state === "result" && event.later !== undefined) {
        const { toolInvocationId: id, toolName: name } = event
        const end = unread.tickets.get(key) ?? Ticket.closed
        receipts.set(key, { path: agentPath, events: [Event.lateResult({ id, name }, end)] })
      }
      if (event.state === "result") calls.delete(key)
      else calls.set(key, { path: agentPath, events: () => closed(event, bracketed.has(key), unread.clients.get(key)) })
    }
  }
  const decisions = Array.from(questions, ([id, { path, request }]): Batch => {
    const resolution = unread.decisions.get(id) ?? Unread.undecided(id)
    return { path, events: [{ type: "approval-decision", data: resolution }], decided: { request, resolution } }
  })
  const results = Array.from(calls.values(), ({ events, path }): Batch => ({ path, events: events() }))
  // An agent's receipts after its calls, and before the call that it answers.
  const last = [...results, ...receipts.values()]
  return [...decisions, ...last.toSorted((a, b) => b.path.length - a.path.length)]
}

const closed = (
  event: Extract<Event, { readonly type: "tool-invocation" | "tool-agent" }>,
  hasUsage: boolean,
  answer: ToolOutcome.ToolOutcome = struck
): ReadonlyArray<Event> => {
  const id = event.toolInvocationId
  if (event.type === "tool-invocation") {
    return [Event.toolResult({ id, name: event.toolName }, event.args, answer, event.execution)]
  }
  const call = { id, name: event.agentName }
  const ending = Event.agentResult(call, struck)
  return hasUsage ? [ending] : [Event.agentUsage(call, "unknown", Usage.toTotals(Usage.empty)), ending]
}
