/**
 * The memory engine: executes one run in this process and stores nothing. The verbs are cheap: an activity is its
 * effect, an emit is a push, a wait is a deferred answer. It is the only writer of the run's log: it checks the order,
 * assigns the next number and appends, all synchronously, so that parallel branches interleave in a valid order. An
 * invalid event is a defect of the loop and stops the run.
 */
import {
  AgentPath,
  type Approval as Question,
  type Audit,
  Entry,
  Envelope,
  type Event,
  type Json,
  Ordering
} from "@reins/protocol"
import type * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import type * as Schema from "effect/Schema"
import * as Erased from "../../kernel/Erased.ts"
import * as Quorum from "../../approval/Quorum.ts"
import type { BudgetTree } from "../../budget/BudgetTree.ts"
import * as Lease from "../../budget/Lease.ts"
import { EventLog } from "../../engine/EventLog.ts"
import {
  type Engine,
  type OpenStep,
  type Readings,
  type RunInfo,
  type Settled,
  type Work,
  reminding,
  type WaitEnd,
  type WaitRow,
  MemoryKept
} from "../../engine/Engine.ts"
import type { Accepted, InboxMessage } from "../../engine/Inbox.ts"
import type { Answered } from "../../engine/RunHost.ts"
import { type Cost, Spending } from "../../engine/Spending.ts"
import type { Alarm } from "../../kernel/Alarm.ts"
import { Signal } from "../../kernel/Signal.ts"
import { trimmed } from "../../kernel/PlainJson.ts"
import { Approval, MemoryInbox, type Waited } from "./Incoming.ts"
import { RunClock } from "../../kernel/RunClock.ts"
import * as Names from "../../run/Names.ts"
import * as Task from "../../kernel/Task.ts"

/** Callbacks to the owner of runs. */
export interface MemoryRunOwner {
  readonly asked: (run: MemoryRun, request: Question.Request, path: AgentPath.AgentPath, at: number) => void
  readonly decided: (id: string, outcome: Question.Outcome) => void
  readonly acted: (acts: ReadonlyArray<Audit.Act>) => void
  /** Called with the last event, before any reader sees it. */
  readonly ended: (run: MemoryRun) => void
}

export class MemoryRun implements Engine, Work {
  readonly runId: string
  readonly threadId: string
  readonly resourceId: string
  readonly startedAt: number
  readonly log = new EventLog()
  readonly cancel = new Signal()
  readonly begin: undefined
  readonly tree: BudgetTree
  readonly order = new Ordering.Automaton()
  readonly spending = new Spending()
  /** The ids of its questions. */
  asked: Array<string> | undefined
  /** The open client calls, by path and id. */
  private clientCalls: Set<string> | undefined
  private readonly owner: MemoryRunOwner
  private readonly clock: RunClock
  private readonly alarm: Alarm
  /** The waits and answers; absent while there are none; usually one. */
  approvals: Array<Approval> | undefined
  /** The accepted messages; absent before the first and before the run's end. */
  private inbox: MemoryInbox | undefined
  /** The stored votes. Absent without any. */
  private ballots: Map<string, Json> | undefined
  private values: MemoryKept | undefined
  /** The time of its last event. */
  private writtenAt: number

  constructor(
    info: RunInfo,
    options: {
      readonly clock: Clock.Clock
      /** The timer of its waits' deadlines. */
      readonly alarm: Alarm
      readonly tree: BudgetTree
      readonly owner: MemoryRunOwner
    }
  ) {
    this.runId = info.runId
    this.threadId = info.threadId
    this.resourceId = info.resourceId
    this.startedAt = this.writtenAt = info.startedAt
    this.tree = options.tree
    this.owner = options.owner
    this.alarm = options.alarm
    this.clock = new RunClock(options.clock, info.startedAt)
  }

  activity<A>(
    _name: string,
    _schema: Schema.Codec<A, Json>,
    effect: (work: Work) => Effect.Effect<Settled<A>>
  ): Effect.Effect<A> {
    return Effect.suspend(() => {
      this.clock.beginWork()
      return Effect.map(effect(this), (settled) => this.settle(settled))
    })
  }

  private settle<A>(settled: Settled<A>): A {
    this.clock.endWork()
    this.spending.settle(settled.spent, settled.by)
    if (settled.events.length > 0) this.push(settled.path, settled.events, settled.at)
    return settled.value
  }

  emit(
    _name: string,
    path: AgentPath.AgentPath,
    events: (readings: Readings) => ReadonlyArray<Event>,
    acts?: (readings: Readings) => ReadonlyArray<Audit.Act>
  ): Effect.Effect<void> {
    return Task.suspend(() => {
      this.push(path, events(this))
      if (acts !== undefined) this.act(acts(this))
      return Exit.void
    })
  }

  report(cost: Cost): Effect.Effect<void> {
    this.spending.report(cost)
    return Exit.void
  }

  get kept(): MemoryKept {
    return (this.values ??= new MemoryKept())
  }

  /** Adds acts to the audit record. */
  act(acts: ReadonlyArray<Audit.Act>): void {
    this.owner.acted(acts)
  }

  direct<A>(effect: (work: Work, now: number) => Effect.Effect<Settled<A>>): Effect.Effect<A> {
    return Task.map(effect(this, this.clock.beginWork()), (settled) => this.settle(settled))
  }

  wait<A>(
    name: string,
    _schema: Schema.Codec<A, Json>,
    end: WaitEnd<A>,
    row: WaitRow
  ): Effect.Effect<{ readonly value: A; readonly waitedMs: number }> {
    // Without a fiber: a run may be parked for days.
    const waited = Task.make<Waited, never>((_caller, ended) => {
      const approval = Approval.of((this.approvals ??= []), this, name)
      if (approval.value === undefined) this.park(approval, end, row)
      return approval.listen(ended, () => this.leave(approval))
    })
    const answered = Erased.as<Effect.Effect<{ readonly value: A; readonly waitedMs: number }>>(waited)
    return Lease.parked(this.tree.lease, reminding(this, end, answered), () => this.now())
  }

  /** Begins a wait, or another for what a handler that was abandoned still waits for. */
  private park(approval: Approval, end: WaitEnd<unknown>, row: WaitRow): void {
    if (approval.isWaited) this.alarm.clear(approval.deadline)
    else this.clock.beginWait()
    const expiresIn = approval.wait(end, row)
    if (expiresIn <= 0) return approval.ring()
    if (end.expires !== undefined) approval.deadline = this.alarm.set(expiresIn, approval)
    this.cancel.add(approval)
    const isThere = (one: string) => this.kept.get(one) !== undefined || this.inbox?.has(one) === true
    if (end.any?.names.some(isThere) === true) this.answer(approval.name, Erased.as<Json>(end.any.value))
    // It may be parked for long: growing arrays keep spare capacity.
    this.log.trim()
    this.spending.entries = trimmed(this.spending.entries)
  }

  /** Nobody waits for it any more: removes it from deadline and cancel. */
  private leave(approval: Approval): void {
    if (!approval.isWaited) return
    approval.isWaited = false
    this.clock.endWait()
    this.cancel.remove(approval)
    this.alarm.clear(approval.deadline)
  }

  /** Whether the call of that key, its path and id, is an open client call; without a key, whether any is. */
  hasClientCall(key?: string): boolean {
    return key === undefined ? (this.clientCalls?.size ?? 0) > 0 : this.clientCalls?.has(key) === true
  }

  /** Answers a wait by name, also before it began. The first answer is kept. */
  answer(name: string, value: Json): Answered {
    if (Names.isTicketEnd(name)) return this.endTicket(name, value)
    const approval = Approval.of((this.approvals ??= []), this, name)
    if (approval.value !== undefined) return { _tag: "Resolved", value: approval.value }
    const { row, startedAt } = approval
    let waitedMs = 0
    if (row !== undefined) {
      this.leave(approval)
      const endedAt = this.now()
      waitedMs = endedAt - startedAt
      this.spending.entries.push(Entry.wait(row, startedAt, endedAt))
    }
    approval.complete(value, waitedMs)
    return { _tag: "Taken" }
  }

  private endTicket(name: string, value: Json): Answered {
    const first = this.kept.first(name, value)
    if (first !== undefined) return { _tag: "Resolved", value: first }
    Approval.came(this.approvals, name)
    return { _tag: "Taken" }
  }

  /** Accepts a message, unless the run is ending or was cancelled. */
  accept(message: InboxMessage): Accepted {
    const accepted = this.messages.accept(message, this.cancel.requested || this.order.ended, () => this.now())
    if (accepted._tag === "Accepted") Approval.came(this.approvals, Names.inbox(accepted.position))
    return accepted
  }

  receive(taken: number): Effect.Effect<number> | undefined {
    const { inbox } = this
    if (inbox === undefined || inbox.known <= taken) return undefined
    return Effect.sync(() => {
      this.push(AgentPath.root, inbox.take(taken))
      return inbox.known
    })
  }

  message(position: number): InboxMessage {
    return this.messages.get(position, this.runId)
  }

  closeInbox(position: number): Effect.Effect<InboxMessage | undefined> {
    return Exit.succeed(this.messages.close(position))
  }

  /** Closes the inbox, and returns its messages after the first `taken`. */
  unread(taken: number): ReadonlyArray<InboxMessage> {
    return this.messages.unread(taken)
  }

  private get messages(): MemoryInbox {
    return (this.inbox ??= new MemoryInbox())
  }

  /** The answers with names that begin with `prefix`. */
  answers(prefix: string): ReadonlyMap<string, Json> {
    const found = new Map<string, Json>()
    for (const { name, value } of this.approvals ?? []) {
      if (value !== undefined && name.startsWith(prefix)) found.set(name, value)
    }
    for (const [name, value] of this.ballots ?? []) if (name.startsWith(prefix)) found.set(name, value)
    for (const [name, value] of this.values?.under(prefix) ?? []) found.set(name, value)
    return found
  }

  /** Takes a vote; see `RunHost.vote`. The wait judges it, and the result is stored at once. */
  vote(vote: Quorum.Vote, isJudged: boolean): Effect.Effect<Quorum.Voted> {
    const { voting } = Approval.of((this.approvals ??= []), this, vote.name).end ?? {}
    const judged = isJudged ? (voting?.judge(vote) ?? Effect.succeed(false)) : Effect.succeed(true)
    return Effect.flatMap(judged, (isAllowed): Effect.Effect<Quorum.Voted> => {
      if (this.log.ended) return Effect.succeed({ _tag: "Unknown" })
      const { acts, puts, value } = Quorum.cast(this.answers(vote.name), vote, isAllowed)
      this.act(acts)
      for (const [name, stored] of puts) {
        if (name === vote.name) this.answer(name, stored)
        else (this.ballots ??= new Map()).set(name, stored)
      }
      const isNew = value._tag === "Counted" && puts.length > 0
      return isNew && voting !== undefined ? Effect.as(voting.counted(vote, value.given), value) : Effect.succeed(value)
    })
  }

  push(path: AgentPath.AgentPath, events: ReadonlyArray<Event>, read?: number): boolean {
    const violation = this.order.accept(path, events)
    if (violation !== undefined) return this.pushLate(path, events, violation)
    // Another branch may have written since it was read.
    const at = (this.writtenAt = read === undefined || read < this.writtenAt ? this.clock.now() : read)
    const { envelopes } = this.log
    for (const event of events) {
      const envelope = Envelope.make(envelopes.length + 1, at, this.runId, this.threadId, path, event)
      envelopes.push(envelope)
      if (event.type === "approval-required") {
        // Frozen, because callers that list questions get the same object.
        Envelope.toReader(envelope)
        if (this.asked === undefined) this.asked = [event.data.id]
        else this.asked.push(event.data.id)
        this.owner.asked(this, event.data, path, at)
      }
      if (event.type === "tool-invocation" && event.execution === "client") {
        const key = AgentPath.callKey(path, event.toolInvocationId)
        if (event.state === "call" && event.asks !== true) (this.clientCalls ??= new Set()).add(key)
        else this.clientCalls?.delete(key)
      }
      if (event.type === "approval-decision") this.owner.decided(event.data.id, event.data.outcome)
    }
    if (this.order.ended) {
      // A defect may have ended the run while it waited.
      for (const approval of this.approvals ?? []) this.leave(approval)
      this.owner.ended(this)
      this.log.end()
    } else {
      this.log.wake()
    }
    return this.log.full
  }

  /** Pushes a rejected event at another position if it only arrived too late for its own. */
  private pushLate(path: AgentPath.AgentPath, events: ReadonlyArray<Event>, violation: Ordering.Violation): boolean {
    const placed = this.order.late(path, events)
    if (placed === undefined) {
      throw new Error(`Run ${this.runId}: an invalid event was rejected (${violation.rule}: ${violation.message})`)
    }
    for (const { event, path } of placed) this.push(path, [event])
    return this.log.full
  }

  room(): Promise<void> {
    return this.log.room()
  }

  open(_path: AgentPath.AgentPath): OpenStep | undefined {
    return undefined
  }

  now(): number {
    return this.clock.now()
  }

  elapsed(now?: number): number {
    return this.clock.elapsed(now)
  }

  downMs(): number {
    return this.clock.downMs
  }

  ledger(): ReadonlyArray<Entry.Entry> {
    return this.spending.entries
  }

  observed(): ReadonlyArray<Entry.Entry> {
    return this.spending.entries
  }

  get limits(): BudgetTree {
    return this.tree
  }
}
