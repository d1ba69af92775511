/**
 * The memory engine: carries one run in this process, remembers nothing beyond it. The verbs cost next to nothing: an
 * activity is its effect, an emit is a push, a wait is a callback.
 *
 * It is the one owner of the run's log: it checks the order, takes the next number and appends, all synchronously, so that
 * parallel branches interleave lawfully by construction. An unlawful event is a defect of the loop and stops the run.
 */
import { AgentPath, type Approval, type Entry, Envelope, type Event, type Json, Ordering } from "@reins/protocol"
import type * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import type * as Schema from "effect/Schema"
import * as Erased from "../../kernel/Erased.ts"
import type { BudgetTree } from "../../budget/BudgetTree.ts"
import { EventLog } from "../../engine/EventLog.ts"
import type { Engine, OpenStep, Readings, RunInfo, Settled, Work } from "../../engine/Engine.ts"
import { reminding, type WaitEnd, type WaitRow } from "../../engine/Wait.ts"
import type { Answered } from "../../engine/RunHost.ts"
import type { Alarm, AlarmListener, Deadline } from "../../kernel/Alarm.ts"
import { Signal, type SignalListener } from "../../kernel/Signal.ts"
import { RunClock } from "../../kernel/RunClock.ts"

/** What the owner of runs is told. */
export interface MemoryRunOwner {
  readonly asked: (run: MemoryRun, request: Approval.Request, path: AgentPath.AgentPath, at: number) => void
  readonly decided: (id: string, outcome: Approval.Outcome) => void
  /** Called with the last event, before any reader sees it. */
  readonly ended: (run: MemoryRun) => void
}

/** An open wait, from when it began until it is answered or interrupted. One object, because many runs are parked for long. */
class OpenWait implements SignalListener, AlarmListener {
  /** Set where the clock ends it. */
  deadline: Deadline | undefined
  readonly name: string
  readonly startedAt: number
  readonly row: WaitRow
  private readonly run: MemoryRun
  private readonly end: WaitEnd<unknown>
  private readonly resume: (waited: Effect.Effect<Waited>) => void

  constructor(
    run: MemoryRun,
    name: string,
    end: WaitEnd<unknown>,
    row: WaitRow,
    resume: (waited: Effect.Effect<Waited>) => void
  ) {
    this.run = run
    this.name = name
    this.end = end
    this.row = row
    this.resume = resume
    this.startedAt = run.now()
  }

  signalled(): void {
    this.run.answer(this.name, Erased.as<Json>(this.end.cancelled))
  }

  ring(): void {
    this.run.answer(this.name, Erased.as<Json>(this.end.expires?.value))
  }

  answered(value: Json, endedAt: number): void {
    this.resume(Effect.succeed({ value, waitedMs: endedAt - this.startedAt }))
  }
}

/** What a wait came to. In memory its value is not encoded: it is what the wait is declared to answer. */
interface Waited {
  readonly value: Json
  readonly waitedMs: number
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
  /** The ids of its questions. */
  asked: Array<string> | undefined
  /** The open calls that the caller must run, by path and id. */
  private clientCalls: Set<string> | undefined
  private readonly owner: MemoryRunOwner
  private readonly clock: RunClock
  private entries: Array<Entry.Entry> = []
  private readonly alarm: Alarm
  /** Absent while nothing waits; nearly always of one. */
  private waiting: Array<OpenWait> | undefined
  private answers: Map<string, Json> | undefined

  constructor(
    info: RunInfo,
    options: {
      readonly clock: Clock.Clock
      /** Where its waits set their deadlines. */
      readonly alarm: Alarm
      readonly tree: BudgetTree
      readonly owner: MemoryRunOwner
    }
  ) {
    this.runId = info.runId
    this.threadId = info.threadId
    this.resourceId = info.resourceId
    this.startedAt = info.startedAt
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
    for (const entry of settled.spent) this.entries.push(entry)
    if (settled.events.length > 0) this.push(settled.path, settled.events)
    return settled.value
  }

  emit(
    _name: string,
    path: AgentPath.AgentPath,
    events: (readings: Readings) => ReadonlyArray<Event>
  ): Effect.Effect<void> {
    return Effect.sync(() => {
      this.push(path, events(this))
    })
  }

  wait<A>(
    name: string,
    _schema: Schema.Codec<A, Json>,
    end: WaitEnd<A>,
    row: WaitRow
  ): Effect.Effect<{ readonly value: A; readonly waitedMs: number }> {
    return reminding(this, end, Erased.as<Effect.Effect<{ value: A; waitedMs: number }>>(this.waited(name, end, row)))
  }

  private waited(name: string, end: WaitEnd<unknown>, row: WaitRow): Effect.Effect<Waited> {
    return Effect.callback((resume) => {
      const early = this.answers?.get(name)
      if (early !== undefined) return resume(Effect.succeed({ value: early, waitedMs: 0 }))
      const wait = new OpenWait(this, name, end, row, resume)
      if (this.waiting === undefined) this.waiting = [wait]
      else this.waiting.push(wait)
      this.clock.beginWait()
      if (end.expires !== undefined) wait.deadline = this.alarm.set(end.expires.at - wait.startedAt, wait)
      this.cancel.add(wait)
      // It may be parked for long: arrays that grow keep room for more.
      this.log.trim()
      this.entries = this.entries.slice()
      return Effect.sync(() => this.leave(wait))
    })
  }

  /** The wait is over: nothing of it is kept. */
  private leave(wait: OpenWait): void {
    this.cancel.remove(wait)
    this.alarm.clear(wait.deadline)
    const left = this.waiting?.filter((one) => one !== wait)
    this.waiting = left?.length === 0 ? undefined : left
  }

  /** Whether the call of that key, its path and id, is open and the caller's to run. */
  hasClientCall(key: string): boolean {
    return this.clientCalls?.has(key) === true
  }

  /** Answers a wait by name, also before it began. The first answer stays. */
  answer(name: string, value: Json): Answered {
    const first = this.answers?.get(name)
    if (first !== undefined) return { _tag: "Resolved", value: first }
    this.answers ??= new Map()
    this.answers.set(name, value)
    const wait = this.waiting?.find((one) => one.name === name)
    if (wait !== undefined) this.end(wait, value)
    return { _tag: "Taken" }
  }

  private end(wait: OpenWait, value: Json): void {
    this.leave(wait)
    this.clock.endWait()
    const endedAt = this.now()
    this.entries.push({ kind: "wait", ...wait.row, startedAt: wait.startedAt, endedAt })
    wait.answered(value, endedAt)
  }

  push(path: AgentPath.AgentPath, events: ReadonlyArray<Event>): boolean {
    const violation = this.order.accept(path, events)
    if (violation !== undefined) {
      throw new Error(`run ${this.runId}: an unlawful event was refused (${violation.rule}: ${violation.message})`)
    }
    const at = this.now()
    const { envelopes } = this.log
    for (const event of events) {
      envelopes.push(Envelope.make(envelopes.length + 1, at, this.runId, this.threadId, path, event))
      if (event.type === "approval-required") {
        if (this.asked === undefined) this.asked = [event.data.id]
        else this.asked.push(event.data.id)
        this.owner.asked(this, event.data, path, at)
      }
      if (event.type === "tool-invocation" && event.execution === "client") {
        const key = AgentPath.callKey(path, event.toolInvocationId)
        if (event.state === "call") (this.clientCalls ??= new Set()).add(key)
        else this.clientCalls?.delete(key)
      }
      if (event.type === "approval-decision") this.owner.decided(event.data.id, event.data.outcome)
    }
    if (this.order.ended) {
      this.owner.ended(this)
      this.log.end()
    } else {
      this.log.wake()
    }
    return this.log.full
  }

  room(): Promise<void> {
    return this.log.room()
  }

  open(_path: AgentPath.AgentPath): OpenStep | undefined {
    return undefined
  }

  phase(path: AgentPath.AgentPath, callId: string): number {
    return this.order.phaseOf(path, callId)
  }

  now(): number {
    return this.clock.now()
  }

  elapsed(): number {
    return this.clock.elapsed()
  }

  downMs(): number {
    return this.clock.downMs
  }

  ledger(): ReadonlyArray<Entry.Entry> {
    return this.entries
  }

  observed(): ReadonlyArray<Entry.Entry> {
    return this.entries
  }

  get limits(): BudgetTree {
    return this.tree
  }
}
