/**
 * What runs of a memory host get from outside: answers to what they wait for, the messages of their inboxes, and what
 * the answers are for, their open questions.
 */
import { AgentPath, type Approval as Question, type Event, type Json, ListedRun } from "@reins/protocol"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import type { MemoryKept, WaitEnd, WaitRow } from "../../engine/Engine.ts"
import type { EventLog } from "../../engine/EventLog.ts"
import { type Accepted, type InboxMessage, isSame, received } from "../../engine/Inbox.ts"
import type { PendingApproval, RunRecord } from "../../engine/RunHost.ts"
import type { AlarmListener, Deadline } from "../../kernel/Alarm.ts"
import * as Erased from "../../kernel/Erased.ts"
import type { SignalListener } from "../../kernel/Signal.ts"
import type * as RunFailure from "../../loop/RunFailure.ts"
import * as Names from "../../run/Names.ts"

/** The run that waits. */
interface Waiting {
  readonly now: () => number
  readonly answer: (name: string, value: Json) => unknown
}

/**
 * A wait for an answer to an approval or the result of a client tool: completed once, by the
 * first of a person, the deadline and a cancel, possibly before the run waits for it. It is its own listener for
 * deadline and cancel, to save memory in parked runs.
 */
export class Approval implements SignalListener, AlarmListener {
  readonly name: string
  /** What it was completed with. */
  value: Json | undefined
  private exit: Exit.Exit<Waited> | undefined
  /** Those who wait for it. */
  private listeners: ReadonlyArray<(exit: Exit.Exit<Waited>) => void> | undefined
  /** Set when the wait has a deadline. */
  deadline: Deadline | undefined
  row: WaitRow | undefined
  startedAt = 0
  /** Whether the run waits for it now. */
  isWaited = false
  end: WaitEnd<unknown> | undefined
  private readonly run: Waiting

  constructor(run: Waiting, name: string) {
    this.run = run
    this.name = name
  }

  /** The approval of that name among all of a run, made by the first wait or answer. */
  static of(all: Array<Approval>, run: Waiting, name: string): Approval {
    const known = all.find((one) => one.name === name)
    if (known !== undefined) return known
    const made = new Approval(run, name)
    all.push(made)
    return made
  }

  /** An answer of that name has come: ends the waits that any of several answers ends. */
  static came(all: ReadonlyArray<Approval> | undefined, name: string): void {
    for (const { end, name: waiting, run, value } of all ?? []) {
      if (value === undefined && end?.any?.names.includes(name) === true)
        run.answer(waiting, Erased.as<Json>(end.any.value))
    }
  }

  /** The stored answers of a run that is ended by force. */
  static stored(all: ReadonlyArray<Approval> = [], kept: MemoryKept): RunFailure.Stored {
    return {
      put: (name, value) =>
        Effect.sync(() =>
          Names.isTicketEnd(name)
            ? (kept.first(name, value) ?? value)
            : (all.find((one) => one.name === name)?.value ?? value)
        ),
      tickets: kept.under(Names.tickets),
      clientWaits: all.flatMap(({ name, row }) =>
        row?.reason === "client-tool"
          ? [{ name, key: AgentPath.callKey(row.path, row.id), isChecked: row.isChecked === true }]
          : []
      )
    }
  }

  /** The state of an open run in lists, and what it waits for: open waits, a question, a client call. */
  static standing(
    run: { readonly approvals?: ReadonlyArray<Approval> | undefined; readonly hasClientCall: () => boolean },
    isAsking: boolean
  ): ReturnType<typeof ListedRun.waiting> {
    return ListedRun.waiting([
      ...(isAsking ? (["approval"] as const) : []),
      ...(run.hasClientCall() ? (["client-tool"] as const) : []),
      ...(run.approvals ?? []).flatMap(({ row, value }) =>
        row !== undefined && value === undefined ? [row.reason] : []
      )
    ])
  }

  /** Starts the run's wait, or goes on with one that was left. Returns how long it may take, in milliseconds. */
  wait(end: WaitEnd<unknown>, row: WaitRow): number {
    const now = this.run.now()
    if (this.row === undefined) this.startedAt = now
    this.isWaited = true
    this.end = end
    this.row = row
    return (end.expires?.at ?? Number.POSITIVE_INFINITY) - now
  }

  /** Completes it. */
  complete(value: Json, waitedMs: number): void {
    const exit = Exit.succeed({ value, waitedMs })
    const { listeners = [] } = this
    this.value = value
    this.exit = exit
    this.listeners = undefined
    for (const ended of listeners) ended(exit)
  }

  /**
   * Calls back when it is completed. Returns how to stop: the call that asked was interrupted, and may wait again.
   * `left`: called when nobody waits any more.
   */
  listen(ended: (exit: Exit.Exit<Waited>) => void, left: () => void): () => void {
    if (this.exit === undefined) this.listeners = [...(this.listeners ?? []), ended]
    else ended(this.exit)
    return () => {
      this.listeners = this.listeners?.filter((one) => one !== ended)
      if (this.value === undefined && (this.listeners ?? []).length === 0) left()
    }
  }

  signalled(): void {
    this.run.answer(this.name, Erased.as<Json>(this.end?.cancelled))
  }

  ring(): void {
    this.run.answer(this.name, Erased.as<Json>(this.end?.expires?.value))
  }
}

/** The result of a wait. In memory an answer is not encoded: its value has the wait's declared type. */
export interface Waited {
  readonly value: Json
  readonly waitedMs: number
}

/** The inbox of a run of the memory engine. */
export class MemoryInbox {
  private readonly messages: Array<InboxMessage & { readonly at: number }> = []
  private isClosed = false

  /** The number of its messages. */
  get known(): number {
    return this.messages.length
  }

  /** The message at `position`, which counts from 1. */
  at(position: number): InboxMessage | undefined {
    return this.messages[position - 1]
  }

  /** The same, of a run that has taken it. */
  get(position: number, runId: string): InboxMessage {
    const message = this.at(position)
    if (message === undefined) throw new Error(`Run ${runId}: no message at position ${position} of the inbox`)
    return message
  }

  /** Whether the slot of that name has a message. */
  has(name: string): boolean {
    return this.messages.some((_, index) => Names.inbox(index + 1) === name)
  }

  /** Accepts a message at a time, unless the run is ending; the same message twice is accepted once. */
  accept(message: InboxMessage, isEnding: boolean, at: () => number): Accepted {
    const index = this.messages.findIndex(({ messageId }) => messageId === message.messageId)
    const known = this.messages[index]
    if (known !== undefined) {
      return isSame(known, message) ? { _tag: "Accepted", position: index + 1, at: known.at } : { _tag: "Clash" }
    }
    if (this.isClosed || isEnding) return { _tag: "Closed" }
    const now = at()
    return { _tag: "Accepted", position: this.messages.push({ ...message, at: now }), at: now }
  }

  /** The events of the messages after the first `taken`. */
  take(taken: number): ReadonlyArray<Event> {
    return this.messages.slice(taken).map((message, index) => received(message, taken + index + 1))
  }

  /** Closes it at `position`, unless a message is there, which it returns. */
  close(position: number): InboxMessage | undefined {
    const message = this.at(position)
    this.isClosed ||= message === undefined
    return message
  }

  /** Closes it, and returns its messages after the first `taken`. */
  unread(taken: number): ReadonlyArray<InboxMessage> {
    this.isClosed = true
    return this.messages.slice(taken)
  }
}

/** A question, and its outcome once it has one. */
interface Asked {
  readonly asked: PendingApproval
  outcome: Question.Outcome | undefined
}

/** A run, as lists tell of it. */
interface Listed {
  readonly log: EventLog
  readonly asked?: ReadonlyArray<string> | undefined
  readonly approvals?: ReadonlyArray<Approval> | undefined
  readonly hasClientCall: () => boolean
}

/** The questions of a memory host's runs, with their outcomes: those of the runs that it still keeps. */
export class Questions {
  private readonly all = new Map<string, Asked>()

  /** A run asks. */
  ask(runId: string, request: Question.Request, agentPath: AgentPath.AgentPath, askedAt: number): void {
    // Frozen, as the request in it is: callers that list it must not change it.
    this.all.set(request.id, { asked: Object.freeze({ runId, request, agentPath, askedAt }), outcome: undefined })
  }

  decide(id: string, outcome: Question.Outcome): void {
    const asked = this.all.get(id)
    if (asked !== undefined) asked.outcome = outcome
  }

  get(id: string): Asked | undefined {
    return this.all.get(id)
  }

  /** Whether one of these is open. */
  isOpen(ids: ReadonlyArray<string> | undefined): boolean {
    return ids?.some((id) => this.all.get(id)?.outcome === undefined) === true
  }

  /** The open ones of a tenant, in the order in which they were asked. */
  pending(resourceId: string): ReadonlyArray<PendingApproval> {
    return Array.from(this.all.values())
      .filter((each) => each.outcome === undefined && each.asked.request.resourceId === resourceId)
      .map((each) => each.asked)
  }

  forget(ids: ReadonlyArray<string> | undefined): void {
    for (const id of ids ?? []) this.all.delete(id)
  }

  /** A run as lists have it: with what it waits for. */
  listed(record: RunRecord, run: Listed): ListedRun.ListedRun {
    const { agent, principal, resourceId, runId, startedAt, threadId } = record
    const { envelopes } = run.log
    return {
      runId,
      threadId,
      resourceId,
      agent,
      ...(principal === undefined ? {} : { principal }),
      ...(run.log.ended ? { state: "ended" } : Approval.standing(run, this.isOpen(run.asked))),
      startedAt,
      lastAt: envelopes.at(-1)?.at ?? startedAt,
      lastSeq: envelopes.length,
      ...(run.log.ended ? ListedRun.endOf(envelopes.slice(-3)) : undefined)
    }
  }
}
