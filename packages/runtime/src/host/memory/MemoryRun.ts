/**
 * The memory engine: carries one run in this process, remembers nothing beyond it. The verbs cost next to nothing: an
 * activity is its effect, an emit is a push, a wait is a callback.
 *
 * It is the one owner of the run's log: it checks the order, takes the next number and appends, all synchronously, so that
 * parallel branches interleave lawfully by construction. An unlawful event is a defect of the loop and stops the run.
 */
import { AgentPath, type Approval, type Entry, type Envelope, type Event, type Json, Ordering } from "@reins/protocol"
import type * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import type * as Schema from "effect/Schema"
import * as Erased from "../../kernel/Erased.ts"
import type { BudgetTree } from "../../budget/BudgetTree.ts"
import { EventLog } from "../../engine/EventLog.ts"
import type { Engine, OpenStep, Readings, RunInfo, Settled, Work } from "../../engine/Engine.ts"
import { reminding, type WaitEnd, type WaitRow } from "../../engine/Wait.ts"
import type { Answered } from "../../engine/RunHost.ts"
import { Signal } from "../../kernel/Signal.ts"
import { RunClock } from "../../kernel/RunClock.ts"

/** What the owner of runs is told. */
export interface MemoryRunOwner {
  readonly asked: (run: MemoryRun, request: Approval.Request, path: AgentPath.AgentPath, at: number) => void
  readonly decided: (id: string, outcome: Approval.Outcome) => void
  /** Called with the last event, before any reader sees it. */
  readonly ended: (run: MemoryRun) => void
}

interface Waiting {
  readonly name: string
  readonly resume: (value: Json) => void
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
  private readonly entries: Array<Entry.Entry> = []
  /** Absent while nothing waits; nearly always of one. */
  private waiting: Array<Waiting> | undefined
  private answers: Map<string, Json> | undefined

  constructor(
    info: RunInfo,
    options: {
      readonly clock: Clock.Clock
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
    this.clock = new RunClock(options.clock, info.startedAt)
  }

  readonly activity = <A>(
    _name: string,
    _schema: Schema.Codec<A, Json>,
    effect: (work: Work) => Effect.Effect<Settled<A>>
  ): Effect.Effect<A> =>
    Effect.suspend(() => {
      this.clock.beginWork()
      return Effect.map(effect(this), this.settle)
    })

  private readonly settle = <A>(settled: Settled<A>): A => {
    this.clock.endWork()
    for (const entry of settled.spent) this.entries.push(entry)
    if (settled.events.length > 0) this.push(settled.path, settled.events)
    return settled.value
  }

  readonly emit = (_name: string, path: AgentPath.AgentPath, events: (readings: Readings) => ReadonlyArray<Event>) =>
    Effect.sync(() => {
      this.push(path, events(this))
    })

  readonly wait = <A>(
    name: string,
    _schema: Schema.Codec<A, Json>,
    end: WaitEnd<A>,
    row: WaitRow
  ): Effect.Effect<{ readonly value: A; readonly waitedMs: number }> =>
    reminding(this.now, end, this.waited(name, end, row))

  private waited<A>(
    name: string,
    end: WaitEnd<A>,
    row: WaitRow
  ): Effect.Effect<{ readonly value: A; readonly waitedMs: number }> {
    return Effect.withFiber((parent) =>
      Effect.callback((resume) => {
        const startedAt = this.now()
        const early = this.answers?.get(name)
        if (early !== undefined) {
          resume(Effect.succeed({ value: Erased.as<A>(early), waitedMs: 0 }))
          return
        }
        this.clock.beginWait()
        const settle = (value: A) => {
          this.leave(name)
          off()
          timer?.interruptUnsafe()
          this.clock.endWait()
          const endedAt = this.now()
          this.entries.push({ kind: "wait", ...row, startedAt, endedAt })
          resume(Effect.succeed({ value, waitedMs: endedAt - startedAt }))
        }
        const one: Waiting = { name, resume: (value) => settle(Erased.as<A>(value)) }
        if (this.waiting === undefined) this.waiting = [one]
        else this.waiting.push(one)
        let off = () => {}
        const timer =
          end.expires === undefined
            ? undefined
            : Effect.runForkWith(parent.context)(Effect.sleep(Math.max(0, end.expires.at - startedAt)))
        const expired = end.expires?.value
        timer?.addObserver((exit) => {
          if (exit._tag === "Success") this.answer(name, Erased.as<Json>(expired))
        })
        off = this.cancel.on(() => {
          this.answer(name, Erased.as<Json>(end.cancelled))
        })
        return Effect.sync(() => {
          this.leave(name)
          off()
          timer?.interruptUnsafe()
        })
      })
    )
  }

  private leave(name: string): void {
    const index = this.waiting?.findIndex((one) => one.name === name) ?? -1
    if (index >= 0) this.waiting?.splice(index, 1)
    if (this.waiting?.length === 0) this.waiting = undefined
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
    this.waiting?.find((one) => one.name === name)?.resume(value)
    return { _tag: "Taken" }
  }

  readonly push = (path: AgentPath.AgentPath, events: ReadonlyArray<Event>): boolean => {
    const violation = this.order.accept(path, events)
    if (violation !== undefined) {
      throw new Error(`run ${this.runId}: an unlawful event was refused (${violation.rule}: ${violation.message})`)
    }
    const at = this.now()
    const { envelopes } = this.log
    for (const event of events) {
      const envelope: Envelope.Envelope = {
        seq: envelopes.length + 1,
        at,
        runId: this.runId,
        threadId: this.threadId,
        agentPath: path,
        event
      }
      envelopes.push(envelope)
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

  readonly room = (): Promise<void> => this.log.room()
  readonly open = (_path: AgentPath.AgentPath): OpenStep | undefined => undefined
  readonly phase = (path: AgentPath.AgentPath, callId: string): number => this.order.phaseOf(path, callId)
  readonly now = (): number => this.clock.now()
  readonly elapsed = (): number => this.clock.elapsed()
  readonly downMs = (): number => this.clock.downMs
  readonly ledger = (): ReadonlyArray<Entry.Entry> => this.entries
  readonly observed = this.ledger

  get limits(): BudgetTree {
    return this.tree
  }
}
