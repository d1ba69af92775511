/**
 * The durable engine: executes one run over a journal, so that another owner can continue it after a crash. It stores
 * the value of every finished activity, emit and wait, and returns the stored value of what a previous owner has done.
 * An activity's last events, its value and what it spent go into one commit: the events are pushed and the mark is made
 * in the same tick, and only then is the commit awaited. The engine is the only writer of the run's log and assigns
 * order and numbers synchronously.
 */
import { AgentPath, type Audit, Entry, Envelope, type Event, type Json, type Ordering } from "@reins/protocol"
import type * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Latch from "effect/Latch"
import * as Schema from "effect/Schema"
import * as Names from "../../run/Names.ts"
import { BudgetTree, BudgetProbe } from "../../budget/BudgetTree.ts"
import * as Lease from "../../budget/Lease.ts"
import { type Engine, type Left, type OpenStep, type Work, reminding } from "../../engine/Engine.ts"
import { nodeAbove, type RunRecord } from "../../engine/RunHost.ts"
import { Cost, type Spender, Spending } from "../../engine/Spending.ts"
import { Signal } from "../../kernel/Signal.ts"
import * as StoredForm from "../../kernel/StoredForm.ts"
import { RunClock } from "../../kernel/RunClock.ts"
import { JournalInbox, JournalKept } from "./AnswerDelivery.ts"
import type { JournalStore, Mark, Opened, StoredAnswer } from "./JournalStore.ts"
import { JournalWriter } from "./JournalWriter.ts"
import * as RunPast from "./RunPast.ts"
import { Waits } from "./Waits.ts"

/** The stored value of a wait whose answer hooks see first. */
export const checked = "checked"

export interface JournalRunOptions {
  readonly store: JournalStore
  readonly clock: Clock.Clock
  /** A time that the run has reached, in epoch milliseconds. */
  readonly notBefore: number
  readonly context: Context.Context<never>
  readonly gatherMs: number
  /** How often a wait polls for answers from other processes, in milliseconds. */
  readonly pollMs: number
  /** The pause between two attempts to store something while the store fails, in milliseconds. */
  readonly reopenMs: number
  /** The minimum number of events between two snapshots. */
  readonly snapshotEvery: number
  readonly committed: (envelopes: ReadonlyArray<Envelope.Envelope>) => void
  /** Called once, when a commit has failed and nothing more will be written. */
  readonly retired: () => void
  /** Called when a vote has been judged, by the name of its judgement. */
  readonly judged: (name: string) => void
}

export class JournalRun implements Engine, Work {
  readonly runId: string
  readonly threadId: string
  readonly resourceId: string
  readonly startedAt: number
  readonly record: RunRecord
  readonly storesThread = true
  readonly cancel = new Signal()
  readonly tree: BudgetTree
  readonly writer: JournalWriter
  readonly spending: Spending
  readonly past: RunPast.Past
  private readonly options: JournalRunOptions
  private readonly clock: RunClock
  private readonly answers: Map<string, StoredAnswer>
  private readonly waits: Waits
  /** The waits that have ended here, by name. */
  private readonly waited = new Set<string>()
  readonly inbox: JournalInbox
  readonly kept: JournalKept
  private seq: number
  /** The number of the last event in a snapshot. */
  private reminded: number
  private inFlight = 0
  /** What it adds to its thread with its last events. */
  private left: Left | undefined
  /** Opened when no work is in flight. While present, no new work is started. */
  private quiet: Latch.Latch | undefined
  readonly order: Ordering.Automaton

  constructor(opened: Opened, options: JournalRunOptions) {
    const { answers, epoch, record } = opened
    this.runId = record.runId
    this.threadId = record.threadId
    this.resourceId = record.resourceId
    this.startedAt = record.startedAt
    this.options = options
    this.past = RunPast.fold(opened.envelopes, opened.marks)
    this.seq = this.past.seq
    this.reminded = this.seq - opened.envelopes.length
    this.answers = new Map(answers)
    this.clock = new RunClock(options.clock, record.startedAt, Math.max(opened.lastAt, options.notBefore))
    const now = this.now()
    const downMs = RunPast.downUntil(this.past, answers, opened.lastAt, now)
    this.clock.resume(RunPast.waitedUntil(this.past, answers, record.startedAt, now), downMs)
    this.record = record
    this.order = this.past.order
    const lease = Lease.make(record, options.store.quotas, this.past.entries)
    this.spending = new Spending(this.past.entries, this.past.costs.values())
    this.tree = new BudgetTree(
      record.budget ?? {},
      this.past.entries,
      Context.get(options.context, BudgetProbe),
      nodeAbove(record),
      lease,
      this.spending.reported
    )
    this.writer = new JournalWriter({
      ...options,
      runId: record.runId,
      epoch,
      ending: (last) =>
        last.length > 0 && this.ended
          ? { used: lease?.ended(last), left: this.left, closes: this.inbox.closing }
          : undefined
    })
    if (downMs !== this.past.downMs) this.mark("note", Names.down, [], downMs, [])
    if (answers.has(Names.cancel)) this.cancel.request()
    this.waits = new Waits(options.pollMs, this.clock, this.cancel, this.answers)
    this.inbox = new JournalInbox(options.store, record.runId, this.answers)
    this.kept = new JournalKept(this, this.answers, options)
  }

  /** True when the last event is out. */
  get ended(): boolean {
    return this.past.order.ended
  }

  /**
   * How long it has only waited, in milliseconds; `undefined` while it does other work, or looks whether a wait is over.
   */
  get idleMs(): number | undefined {
    return this.writer.isEmpty && !this.waits.isLooking ? this.clock.idleMs : undefined
  }

  /** The earliest deadline of its waits, in the run's time (epoch milliseconds); `Infinity` without one. */
  get wakesAt(): number {
    return this.waits.wakesAt
  }

  readonly activity: Engine["activity"] = (name, schema, effect, begins = false) =>
    Effect.suspend(() => {
      const remembered = this.past.results.get(name)
      if (remembered !== undefined) return StoredForm.decode(schema, remembered)
      if (this.quiet !== undefined) return Effect.never
      this.clock.beginWork()
      this.inFlight++
      const done = Effect.suspend(() => effect(this))
      return Effect.flatMap(
        // Nothing acts on what may still be lost.
        begins || this.writer.isWritten ? done : Effect.andThen(this.writer.flush, done),
        (settled) => {
          this.clock.endWork()
          const kept = Effect.flatMap(Effect.orDie(Schema.encodeEffect(schema)(settled.value)), (value) =>
            Effect.suspend(() => {
              this.left = settled.left
              return Effect.as(
                this.settle("result", name, settled.path, value, settled.events, settled.spent, settled.by),
                settled.value
              )
            })
          )
          // It was spent, even if it cannot be stored.
          return Effect.onError(kept, () =>
            Effect.sync(() => {
              if (!this.past.results.has(name)) this.spending.settleStruck(settled.spent, settled.by)
            })
          )
        }
      ).pipe(Effect.ensuring(this.landed))
    })

  private readonly landed = Effect.sync(() => {
    if (--this.inFlight === 0) this.quiet?.openUnsafe()
  })

  /** Starts no new work; completes when work in flight has ended and is stored. Then only waits are left. */
  readonly quiesce: Effect.Effect<void> = Effect.suspend(() => {
    this.quiet ??= Latch.makeUnsafe(this.inFlight === 0)
    return Effect.andThen(this.quiet.await, Effect.ignoreCause(this.writer.flush))
  })

  readonly emit: Engine["emit"] = (name, path, events, acts) =>
    Effect.suspend(() => {
      if (this.past.emits.has(name)) return Effect.void
      if (acts !== undefined) this.act(acts(this))
      return this.settle("emit", name, path, null, events(this), [])
    })

  /** Adds acts to the audit record, with the next commit. */
  readonly act = (acts: ReadonlyArray<Audit.Act>): void => this.writer.act(acts)

  readonly begin = (name: string, path: AgentPath.AgentPath): Effect.Effect<number> =>
    Effect.suspend(() => {
      const before = this.past.begins.get(name) ?? 0
      return Effect.as(this.settle("begin", name, path, before + 1, [], []), before)
    })

  readonly stored: Effect.Effect<void> = Effect.suspend(() => (this.writer.isWritten ? Effect.void : this.writer.flush))

  readonly identify: NonNullable<Work["identify"]> = (path, { ids, step }) => {
    this.mark("note", Names.responses(AgentPath.key(path)), path, { step, ids: [...ids] }, [])
    this.writer.soon()
  }

  readonly report = (cost: Cost): Effect.Effect<void> =>
    Effect.suspend(() => {
      // Nothing is written after the run's end.
      if (this.ended || this.spending.struck !== undefined) return Effect.void
      this.spending.report(cost)
      const stored = Effect.flatMap(Effect.orDie(Schema.encodeEffect(Cost)(cost)), (value) =>
        this.settle("note", Names.costOf(cost), cost.path, value, [], [])
      )
      // A retired owner's call is stopped. A handler that does not wait for this must not see it fail.
      return Effect.catchCause(stored, (cause) =>
        this.writer.loss === undefined ? Effect.failCause(cause) : Effect.never
      )
    })

  /** Stores a note, with rows of the ledger that no work settles any more. */
  readonly note = (name: string, rows: ReadonlyArray<Entry.Entry>): Effect.Effect<void> =>
    Effect.suspend(() => {
      this.mark("note", name, [], null, rows)
      return this.writer.flush
    })

  readonly wait: Engine["wait"] = (name, schema, end, row) =>
    Effect.suspend(() => {
      const seen = row.isChecked === true ? checked : null
      const asked = this.past.asks.has(name) ? Effect.void : this.settle("ask", name, row.path, seen, [], [])
      const { lease } = this.tree
      // What is given back of its quotas is work in a store: no run is unloaded meanwhile.
      const parked = lease === undefined ? asked : this.waits.during(Lease.parked(lease, asked, this.now))
      return Effect.flatMap(parked, () => {
        const startedAt = this.past.asks.get(name)?.at ?? this.now()
        this.clock.beginWait()
        const awaited = this.waits.awaited(this.options, this, name, schema, end)
        // A running call no longer waits for what it asked. A run that is unloaded has no call running.
        const answered = this.waits.leaving(name, awaited, () => this.inFlight > 0)
        return Effect.flatMap(reminding(this, end, answered), ({ at, value }) => {
          this.waits.over(name)
          const endedAt = Math.max(startedAt, at)
          // A call that is attempted again has waited for it before.
          if (!this.waited.has(name)) this.spending.entries.push(Entry.wait(row, startedAt, endedAt))
          this.waited.add(name)
          const decoded = Effect.orDie(Schema.decodeUnknownEffect(schema)(value))
          return Effect.map(decoded, (value) => ({ value, waitedMs: endedAt - startedAt }))
        })
      })
    })

  /** Call when something for a wait was stored in this process. */
  readonly nudge = (name: string): void => this.waits.nudge(name)

  /** Call when an answer was stored in this process. */
  notify(name: string, answer: StoredAnswer): void {
    if (name === Names.cancel) return this.cancel.request()
    this.answers.set(name, answer)
    this.inbox.count()
    this.nudge(name)
  }

  /** Call when another process may have stored something: looks for a cancel, wakes every wait. */
  readonly look: Effect.Effect<void> = Effect.suspend(() =>
    this.waits.during(
      Effect.flatMap(Effect.option(this.options.store.find(this.runId, Names.cancel)), (found) => {
        if (found._tag === "Some" && found.value !== undefined) this.cancel.request()
        this.waits.wake()
        return this.inbox.look
      })
    )
  )

  readonly receive: Engine["receive"] = (taken, names) => {
    if (this.inbox.known <= taken) return undefined
    const { name, step } = names()
    const remembered = this.past.results.get(name)
    if (remembered !== undefined) return Effect.succeed(Number(remembered))
    // A request of a previous owner is repeated unchanged.
    if (RunPast.hasBegun(this.past, step)) return undefined
    const taking = this.inbox.take(taken, (known, events) => this.settle("result", name, [], known, events, []))
    return Effect.suspend(() => (this.quiet === undefined ? taking : Effect.never))
  }

  readonly message: Engine["message"] = (position) => this.inbox.message(position)
  readonly closeInbox: Engine["closeInbox"] = (position, now = false) => {
    const close = this.inbox.close(position, this.now(), now)
    // The result that closes it is stored first: after a crash the run may otherwise go on, and accept no messages.
    return now && !this.writer.isWritten ? Effect.andThen(this.writer.flush, close) : close
  }

  readonly push = (path: AgentPath.AgentPath, events: ReadonlyArray<Event>): boolean => {
    this.append(path, events)
    this.writer.soon()
    return this.writer.full
  }

  readonly room = (): Promise<void> => this.writer.room()

  readonly open = (path: AgentPath.AgentPath): OpenStep | undefined => {
    const key = AgentPath.key(path)
    const step = this.past.openSteps.get(key)
    this.past.openSteps.delete(key)
    return step
  }

  readonly now = (): number => this.clock.now()
  readonly elapsed = (): number => this.clock.elapsed()
  readonly downMs = (): number => this.clock.downMs
  readonly ledger = (): ReadonlyArray<Entry.Entry> =>
    RunPast.withWaits(this.spending.entries, this.past, this.answers, this.waited)
  readonly observed = this.ledger

  get limits(): BudgetTree {
    return this.tree
  }

  private append(path: AgentPath.AgentPath, events: ReadonlyArray<Event>): void {
    const violation = this.past.order.accept(path, events)
    if (violation !== undefined) {
      const placed = this.past.order.late(path, events)
      if (placed === undefined) {
        throw new Error(`Run ${this.runId}: an invalid event was rejected (${violation.rule}: ${violation.message})`)
      }
      // The event only arrived too late for its position.
      for (const { event, path } of placed) this.append(path, [event])
      return
    }
    const at = this.now()
    for (const event of events) {
      this.writer.stream(Envelope.make(++this.seq, at, this.runId, this.threadId, path, event))
    }
  }

  /**
   * Pushes the events and makes the mark in one tick, for one commit. What only the loop depends on is written with its
   * next work, or in the next turn; anything else, and the run's end, is written when this completes.
   */
  private settle(
    kind: Mark["kind"],
    name: string,
    path: AgentPath.AgentPath,
    value: Json,
    events: ReadonlyArray<Event>,
    spent: ReadonlyArray<Entry.Entry>,
    by?: Spender
  ): Effect.Effect<void> {
    return Effect.suspend(() => {
      if (events.length > 0) this.append(path, events)
      const mark = this.mark(kind, name, path, value, spent)
      this.spending.settle(spent, by)
      if (RunPast.isModelResult(mark)) {
        this.past.order.closeStep(path)
        if (path.length === 0) this.remind()
      }
      const isAwaited = (kind !== "result" && kind !== "emit") || this.ended
      return isAwaited ? this.writer.flush : this.writer.next
    })
  }

  /** Makes a mark, to be committed with the events before it. */
  private mark(kind: Mark["kind"], name: string, path: AgentPath.AgentPath, value: Json, spent: Mark["spent"]): Mark {
    const mark: Mark = { kind, name, path, seq: this.seq, at: this.clock.move(), value, spent }
    this.writer.mark(mark)
    RunPast.remember(this.past, mark)
    return mark
  }

  /**
   * Makes a snapshot if there are many events since the last one. The root's step has just closed, so no other is open.
   */
  private remind(): void {
    if (this.seq - this.reminded < this.options.snapshotEvery) return
    this.reminded = this.seq
    this.mark("snapshot", "", [], this.past.order.snapshot(), [])
  }
}
