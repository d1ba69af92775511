/**
 * What a run has accepted from outside and its loop has not read when the run is ended by force: decisions on its
 * questions, results of client tools, late results and messages. Each counts: the log and the thread have it, and what
 * a late result has cost is on the bill. What has no answer by then is closed by the same write that looks for one, so
 * that nothing is accepted afterwards.
 *
 * No hook runs any more: a result that hooks would have seen first is withheld.
 */
import { AgentPath, type Approval, type Entry, type Envelope, type Json } from "@reins/protocol"
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import { Answer } from "../approval/Answer.ts"
import type { GrantStore } from "../approval/GrantStore.ts"
import { ClientAnswer } from "../call/CallSettlement.ts"
import type { Work } from "../engine/Engine.ts"
import type { InboxMessage } from "../engine/Inbox.ts"
import * as Ticket from "../engine/Ticket.ts"
import * as Names from "../run/Names.ts"
import * as ToolOutcome from "../tool/ToolOutcome.ts"

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

/** Nothing. */
export const nothing: Unread = {
  messages: [],
  decisions: new Map(),
  clients: new Map(),
  tickets: new Map(),
  rows: []
}

/** A wait for the result of a client tool. `key`: path and call. `isChecked`: hooks see the result first. */
export interface ClientWait {
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
export const undecided = (id: string): Approval.Resolution => ({ id, outcome: { outcome: "cancelled" } })

const readAnswer = Schema.decodeUnknownSync(Answer)
const writeAnswer = Schema.encodeSync(Answer)
const readClient = Schema.decodeUnknownSync(ClientAnswer)
const writeClient = Schema.encodeSync(ClientAnswer)

/**
 * Closes what is open in the run's log, `envelopes`, for answers, and returns what was accepted before. An accepted
 * decision leaves its grant.
 */
export const collect = Effect.fnUntraced(function* (
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
