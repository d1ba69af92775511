/**
 * Ends a run whose loop failed with a defect, with a valid log: every open question gets a decision, every open call a
 * result, and the log its summaries and its error. Readers do not wait forever, and everything spent is in the summary.
 *
 * What the run has accepted from outside and its loop has not read counts (`Unread`): decisions on its questions,
 * results of client tools, late results and messages. The log and the thread have it, and what a late result has cost
 * is on the bill. What has no answer by then is closed by the same write that looks for one, so that nothing is
 * accepted afterwards. No hook runs any more: a result that hooks would have seen first is withheld.
 */
import {
  AgentPath,
  type Approval,
  type Audit,
  type Envelope,
  Event,
  Message,
  RunErrors,
  Usage,
  type Entry,
  type Json,
  Transcript
} from "@reins/protocol"
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as AuditStore from "../approval/AuditStore.ts"
import type { Work } from "../engine/Engine.ts"
import { received, type InboxMessage } from "../engine/Inbox.ts"
import * as Ticket from "../engine/Ticket.ts"
import { promptOf, type RunRecord } from "../engine/RunHost.ts"
import type { ThreadStore } from "../thread/ThreadStore.ts"
import * as Outline from "../kernel/Outline.ts"
import { Observer } from "../run/Observer.ts"
import * as ToolOutcome from "../tool/ToolOutcome.ts"
import { closing, keptOf } from "./Drive.ts"
import * as Schema from "effect/Schema"
import { Answer } from "../approval/Quorum.ts"
import type { GrantStore } from "../approval/GrantStore.ts"
import { ClientAnswer } from "../call/CallSettlement.ts"
import * as Names from "../run/Names.ts"

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
  unread: Unread
): void => {
  const before = receivedIn(envelopes)
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
  unread: Unread
): ReadonlyArray<Message.Message> => {
  const closing = open(envelopes, unread).flatMap(({ events, path }) =>
    events.map((event) => ({ agentPath: path, event }))
  )
  return messagesOf(record, [...envelopes, ...closing], unread.messages)
}

/**
 * The messages of a run that is ended by force, from its log and the events that close it: its prompt, its answers so
 * far, its calls with their results, and its unread messages.
 */
const messagesOf = (
  { isolated, prompt }: RunRecord,
  log: ReadonlyArray<Pick<Envelope.Envelope, "agentPath" | "event">>,
  unread: ReadonlyArray<InboxMessage>
): ReadonlyArray<Message.Message> =>
  isolated
    ? []
    : [
        ...Transcript.messages(Transcript.fold(log, promptOf({ prompt }))),
        ...unread.map(({ content }) => Message.fromPrompt(content))
      ]

/** The number of user messages that a run has received, from its log. */
export const receivedIn = (envelopes: ReadonlyArray<Envelope.Envelope>): number =>
  envelopes.reduce((count, { event }) => (event.type === "message-received" ? count + 1 : count), 0)

/** Stores the messages and usage of a run that is ended by force. The run ends even if that fails. */
export const save = (
  threads: ThreadStore,
  record: RunRecord,
  readings: Pick<Work, "elapsed" | "ledger">,
  messages: ReadonlyArray<Message.Message>
): Effect.Effect<unknown> =>
  Effect.suspend(() =>
    record.isolated
      ? Effect.void
      : Effect.exit(threads.append(record.threadId, record.runId, messages, keptOf(record, readings)))
  )

const struck = ToolOutcome.fault("Cancelled", "the run failed before this call could end", "cancelled")

/** The events that close everything that is open, deepest agents first. Pure. */
const open = (envelopes: ReadonlyArray<Envelope.Envelope>, unread: Unread): ReadonlyArray<Batch> => {
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
    const resolution = unread.decisions.get(id) ?? undecided(id)
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

/** What was accepted and not read. */
export interface Unread {
  readonly messages: ReadonlyArray<InboxMessage>
  /** By the question's id. */
  readonly decisions: ReadonlyMap<string, Approval.Resolution>
  /** The results of client tools, by path and call. */
  readonly clients: ReadonlyMap<string, ToolOutcome.ToolOutcome>
  /** How the tickets of the run ended, by path and call. */
  readonly tickets: ReadonlyMap<string, Ticket.End>
  /** What late results have cost that the ledger has no row of. */
  readonly rows: ReadonlyArray<Entry.Entry>
}

/** A wait for the result of a client tool. `key`: path and call. `isChecked`: hooks see the result first. */
interface ClientWait {
  readonly name: string
  readonly key: string
  readonly isChecked: boolean
}

/** The stored answers of a run that is ended by force. */
export interface Stored {
  /** Stores a value under a name, unless it has one, and returns the stored value. */
  readonly put: (name: string, value: Json) => Effect.Effect<Json>
  /** Its tickets, by name. */
  readonly tickets: ReadonlyArray<readonly [name: string, about: Json]>
  readonly clientWaits: ReadonlyArray<ClientWait>
}

/** The decision where nobody has decided. */
const undecided = (id: string): Approval.Resolution => ({ id, outcome: { outcome: "cancelled" } })

const readAnswer = Schema.decodeUnknownSync(Answer)
const writeAnswer = Schema.encodeSync(Answer)
const readClient = Schema.decodeUnknownSync(ClientAnswer)
const writeClient = Schema.encodeSync(ClientAnswer)

/**
 * Closes what is open in the run's log, `envelopes`, for answers, and returns what was accepted before. An accepted
 * decision leaves its grant.
 */
export const collectUnread = Effect.fnUntraced(function* (
  run: Pick<Work, "ledger" | "now" | "tree">,
  stored: Stored,
  grants: Pick<GrantStore, "add">,
  envelopes: ReadonlyArray<Envelope.Envelope>,
  messages: ReadonlyArray<InboxMessage>
) {
  const decisions = new Map<string, Approval.Resolution>()
  for (const id of openQuestions(envelopes)) {
    const json = yield* stored.put(Names.approval(id), writeAnswer({ resolution: undecided(id) }))
    const { grant, resolution } = readAnswer(json)
    if (grant !== undefined) yield* grants.add(grant)
    decisions.set(id, resolution)
  }
  const clients = new Map<string, ToolOutcome.ToolOutcome>()
  for (const { isChecked, key, name } of stored.clientWaits) {
    const { content, result, status } = readClient(yield* stored.put(name, writeClient(unanswered)))
    const isGiven = status !== "cancelled"
    if (isGiven) clients.set(key, isChecked ? ToolOutcome.fault("Withheld", unchecked) : { result, status, content })
  }
  const tickets = new Map<string, Ticket.End>()
  const rows: Array<Entry.Entry> = []
  for (const [name, json] of stored.tickets) {
    const about = Ticket.readAbout(json)
    const key = AgentPath.callKey(about.path, about.callId)
    const end = Ticket.read(yield* stored.put(Names.endOfTicket(name), Ticket.write(Ticket.closed)))
    tickets.set(key, about.isChecked === true && end.by === "delivery" ? withheld : end)
    // A new owner of a run that a defect has stopped opens no agent below the root.
    const path = run.tree.openAt(about.path)
    const row = Ticket.rowOf(about, end, run.now(), run.tree.moneyLeft(path))
    if (row === undefined || Ticket.isBooked(run.ledger(), row)) continue
    run.tree.charge(path, { nanoUsd: row.costNanoUsd ?? 0 })
    rows.push(row)
  }
  return { messages, decisions, clients, tickets, rows } satisfies Unread
})

const unchecked = "The run failed before the hooks ran that see this result first"
const withheld: Ticket.End = { by: "delivery", ...ToolOutcome.fault("Withheld", unchecked), status: "failed" }
const unanswered: typeof ClientAnswer.Type = { result: ToolOutcome.cancelled.result, status: "cancelled" }

const openQuestions = (envelopes: ReadonlyArray<Envelope.Envelope>): ReadonlySet<string> => {
  const open = new Set<string>()
  for (const { event } of envelopes) {
    if (event.type === "approval-required") open.add(event.data.id)
    else if (event.type === "approval-decision") open.delete(event.data.id)
  }
  return open
}
