/**
 * The memory host: runs live in this process and end with it. The default deployment, for tests, scripts and services
 * that can afford to lose a run; `@reins/store` has durable hosts. The latest `keptRuns` ended runs stay readable, so
 * that a late watcher sees the end.
 */
import {
  AgentPath,
  type Approval,
  type Audit,
  type Envelope,
  type Json,
  type Message,
  QueryRejections
} from "@reins/protocol"
import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import * as Tracer from "effect/Tracer"
import { BudgetTree, BudgetProbe } from "../../budget/BudgetTree.ts"
import * as Lease from "../../budget/Lease.ts"
import { correctBooks, MemoryCosts, MemoryReconciliations } from "../../budget/CostStore.ts"
import { MemoryQuotas } from "../../budget/QuotaStore.ts"
import { Alarms } from "../../kernel/Alarm.ts"
import {
  type Answered,
  type Drive,
  nodeAbove,
  type StartRefusal,
  type RunHost,
  type RunHostFactory,
  type RunRecord
} from "../../engine/RunHost.ts"
import type { Accepted, InboxMessage } from "../../engine/Inbox.ts"
import * as RunList from "../../engine/RunList.ts"
import { MemoryWebhooks } from "../../engine/WebhookStore.ts"
import * as Names from "../../run/Names.ts"
import { keptOf } from "../../loop/Drive.ts"
import * as RunFailure from "../../loop/RunFailure.ts"
import { Approval as Wait, Questions } from "./Incoming.ts"
import * as MemoryErasure from "./MemoryErasure.ts"
import { MemoryRun, type MemoryRunOwner } from "./MemoryRun.ts"
import { MemoryAudit } from "../../approval/AuditStore.ts"
import type { Vote, Voted } from "../../approval/Quorum.ts"
import { MemoryGrants } from "../../approval/GrantStore.ts"
import { EventLog, follow, RootReading } from "../../engine/EventLog.ts"
import { MemoryMemories } from "../../memory/MemoryStore.ts"
import { MemoryFiles } from "../../thread/FileStore.ts"
import type { StartChange } from "../../thread/ThreadChange.ts"
import { MemoryThreads } from "../../thread/MemoryThreads.ts"

export interface MemoryHostOptions {
  /** How many ended runs stay readable, at least the latest one. Default 256. */
  readonly keptRuns?: number | undefined
  /**
   * How many threads without a run are kept; those that are longest without a run are deleted first, with their
   * messages. Default 10,000.
   */
  readonly keptThreads?: number | undefined
  /** How many bytes of files that tools stored are kept; the oldest are deleted first. Default 256 MiB. */
  readonly keptFileBytes?: number | undefined
  /** How many acts the audit record keeps; the oldest are deleted first. Default 10,000. */
  readonly keptActs?: number | undefined
  /** Of how many ended runs the cost ledger keeps lines; the oldest are deleted first. Default 10,000. */
  readonly keptCosts?: number | undefined
  /** How long running runs may take to end, once cancelled, when the host's scope closes. Default 5 seconds. */
  readonly shutdownMs?: number | undefined
}

/**
 * Makes memory hosts.
 *
 * @since 0.1.0
 * @category operations
 */
export const memoryHost = (options: MemoryHostOptions = {}): RunHostFactory => ({
  make: (drive) =>
    Effect.gen(function* () {
      const host = new Host(drive, yield* Effect.context<never>(), options)
      yield* Scope.addFinalizer(yield* Effect.scope, host.shutdown)
      return host
    })
})

interface Carried {
  readonly record: RunRecord
  readonly run: MemoryRun
  fiber: Fiber.Fiber<void> | undefined
}

/** The log of a run that was deleted. */
const over = new EventLog()
over.end()

class Host implements RunHost, MemoryRunOwner {
  readonly threads: MemoryThreads
  readonly quotas = new MemoryQuotas()
  readonly audit: MemoryAudit
  readonly costs: MemoryCosts
  readonly reconciliations: MemoryReconciliations
  readonly grants: MemoryGrants
  readonly files: MemoryFiles
  readonly webhooks = new MemoryWebhooks()
  readonly memories = new MemoryMemories()
  private readonly runs = new Map<string, Carried>()
  private readonly done: Array<string> = []
  private readonly questions = new Questions()
  private readonly alarms = new Alarms()
  private readonly contexts = new WeakMap<Clock.Clock, Context.Context<never>>()
  private readonly drive: Drive
  private readonly context: Context.Context<never>
  private readonly options: MemoryHostOptions
  private closed = false

  constructor(drive: Drive, context: Context.Context<never>, options: MemoryHostOptions) {
    this.drive = drive
    this.context = context
    this.options = options
    this.audit = new MemoryAudit(options.keptActs ?? 10_000)
    this.costs = new MemoryCosts(options.keptCosts ?? 10_000)
    this.reconciliations = new MemoryReconciliations(this.costs)
    this.grants = new MemoryGrants(this.audit)
    this.files = new MemoryFiles(options.keptFileBytes)
    this.threads = new MemoryThreads(options.keptThreads ?? 10_000, (threadId) => {
      this.grants.forgetThread(threadId)
      this.files.forgetThread(threadId)
    })
  }

  readonly start = (input: Omit<RunRecord, "historyVersion">, change?: StartChange) =>
    Effect.withFiber<void, StartRefusal>((caller) => {
      const { quotas, runId, startedAt, threadId } = input
      if (this.closed) return Effect.fail(new QueryRejections.StoreUnavailable({ operation: "start" }))
      if (this.runs.has(runId)) return Effect.fail(new QueryRejections.RunExists({ runId }))
      const exhausted = quotas === undefined ? undefined : this.quotas.refusal(quotas, startedAt)
      if (exhausted !== undefined) return Effect.fail(exhausted)
      const leased = input.isolated ? undefined : this.threads.lease(input, change)
      if (leased !== undefined) return Effect.fail(leased)
      if (quotas !== undefined) this.quotas.take(runId, quotas, startedAt)
      const history = input.isolated ? [] : this.threads.history(threadId)
      const standing = input.isolated ? {} : this.threads.standing(threadId)
      const record: RunRecord = { ...input, historyVersion: history.length, ...standing }
      this.launch(record, history, caller)
      return Effect.void
    })

  private launch(
    record: RunRecord,
    history: ReadonlyArray<Message.Message>,
    caller: Fiber.Fiber<unknown, unknown>
  ): void {
    const clock = caller.getRef(Clock.Clock)
    const look = Context.get(this.context, BudgetProbe)
    const run = new MemoryRun(record, {
      clock,
      alarm: this.alarms.on(clock),
      tree: new BudgetTree(record.budget ?? {}, [], look, nodeAbove(record), Lease.make(record, this.quotas)),
      owner: this
    })
    const carried: Carried = { record, run, fiber: undefined }
    this.runs.set(record.runId, carried)
    // The run is forked in the host's scope, with the caller's clock and trace.
    const context = this.contextFor(clock, caller.context)
    const fiber = Effect.runForkWith(context)(this.drive(record, history, run, this))
    if (fiber.pollUnsafe() === undefined) carried.fiber = fiber
    fiber.addObserver((exit) => this.settle(carried, exit))
  }

  asked({ runId }: MemoryRun, request: Approval.Request, agentPath: AgentPath.AgentPath, askedAt: number): void {
    this.questions.ask(runId, request, agentPath, askedAt)
    this.webhooks.asked(this.runs.get(runId)?.record, request, agentPath, askedAt)
  }

  decided(id: string, outcome: Approval.Outcome): void {
    this.questions.decide(id, outcome)
  }

  acted(acts: ReadonlyArray<Audit.Act>): void {
    this.audit.add(acts)
  }

  readonly watch = (
    runId: string,
    options: { readonly after: number; readonly bounded: boolean }
  ): Stream.Stream<Envelope.Envelope> => {
    const carried = this.runs.get(runId)
    return carried === undefined ? Stream.empty : follow(carried.run.log, { ...options, select: (all) => all })
  }

  readonly readRootView: NonNullable<RunHost["readRootView"]> = (runId, options) =>
    new RootReading(this.runs.get(runId)?.run.log ?? over, options)

  readonly status = (runId: string) =>
    Effect.sync(() => {
      const { record, run } = this.runs.get(runId) ?? {}
      if (record === undefined || run === undefined) return undefined
      return {
        runId,
        threadId: record.threadId,
        resourceId: record.resourceId,
        agent: record.agent,
        state: run.log.ended ? ("ended" as const) : ("running" as const),
        lastSeq: run.log.envelopes.length
      }
    })

  private readonly listed = Effect.sync(() =>
    Array.from(this.runs.values(), ({ record, run }) => this.questions.listed(record, run))
  )
  readonly list = (query: RunList.RunQuery) => Effect.map(this.listed, (runs) => RunList.select(runs, query))
  readonly waiting = Effect.map(this.listed, RunList.waitingAmong)

  readonly answer = (
    runId: string,
    name: string,
    value: Json,
    acts: ReadonlyArray<Audit.Act> = []
  ): Effect.Effect<Answered> =>
    Effect.sync(() => {
      const carried = this.runs.get(runId)
      if (carried === undefined || carried.run.log.ended) return { _tag: "Unknown" }
      const answered = carried.run.answer(name, value)
      if (answered._tag === "Taken") this.audit.add(acts)
      return answered
    })

  readonly accept = (runId: string, message: InboxMessage): Effect.Effect<Accepted> =>
    Effect.sync(() => this.runs.get(runId)?.run.accept(message) ?? { _tag: "Unknown" })

  readonly vote = (runId: string, vote: Vote, isJudged: boolean): Effect.Effect<Voted> =>
    Effect.suspend(() => {
      const carried = this.runs.get(runId)
      return carried === undefined || carried.run.log.ended
        ? Effect.succeed<Voted>({ _tag: "Unknown" })
        : carried.run.vote(vote, isJudged)
    })

  readonly bill: RunHost["bill"] = (runId) =>
    Effect.sync(() => {
      const { record, run } = this.runs.get(runId) ?? {}
      if (record === undefined || run === undefined) return undefined
      const corrected = this.costs.corrections(runId).map(({ place }) => place)
      return { record, entries: run.observed(), isOver: run.log.ended, corrected }
    })
  readonly correct: RunHost["correct"] = (correction) => Effect.sync(() => correctBooks(this, correction))

  readonly answers = (runId: string, prefix: string) =>
    Effect.sync((): ReadonlyMap<string, Json> => this.runs.get(runId)?.run.answers(prefix) ?? new Map())

  readonly hasClientCall = (runId: string, path: AgentPath.AgentPath, callId: string) =>
    Effect.sync(() => this.runs.get(runId)?.run.hasClientCall(AgentPath.callKey(path, callId)) === true)

  readonly cancel = (runId: string) =>
    Effect.sync(() => {
      const carried = this.runs.get(runId)
      if (carried?.run.log.ended !== false) return false
      carried.run.cancel.request()
      return true
    })

  readonly pending = (resourceId: string) => Effect.sync(() => this.questions.pending(resourceId))

  readonly approval = (id: string) => Effect.sync(() => this.questions.get(id))

  readonly erase: RunHost["erase"] = (erasing) =>
    Effect.sync(() => {
      const runs = Array.from(this.runs.values(), ({ record, run }) => ({ record, isOver: run.log.ended }))
      return MemoryErasure.erase(this, runs, erasing, { forget: (runId) => this.forget(runId), keepsIds: false })
    })

  /** Cancels all runs, waits for a grace time, then interrupts them. */
  readonly shutdown: Effect.Effect<void> = Effect.suspend(() => {
    this.closed = true
    const fibers = Array.from(this.runs.values(), (carried) => {
      carried.run.cancel.request()
      return carried.fiber
    }).filter((fiber) => fiber !== undefined)
    return Effect.forEach(fibers, (fiber) => Fiber.await(fiber), { concurrency: "unbounded", discard: true }).pipe(
      Effect.timeoutOption(this.options.shutdownMs ?? 5000),
      Effect.andThen(Effect.forEach(fibers, (fiber) => Fiber.interrupt(fiber), { discard: true }))
    )
  })

  ended({ log, runId, threadId, tree }: MemoryRun): void {
    const record = this.runs.get(runId)?.record
    const last = log.envelopes.slice(-3)
    if (record?.isolated === false) this.threads.release(threadId, runId)
    if (record?.quotas !== undefined) this.quotas.settle(runId, record.quotas, tree.lease?.ended(last) ?? [])
    this.costs.addLast(last, record)
    this.webhooks.ended(record, last)
    this.done.push(runId)
    // The caller of the latest one has yet to read it.
    while (this.done.length > Math.max(1, this.options.keptRuns ?? 256)) this.forget(this.done.shift())
  }

  /** Returns whether there was such a run. */
  private forget(runId: string | undefined): boolean {
    const carried = this.runs.get(runId ?? "")
    if (carried === undefined) return false
    this.runs.delete(carried.record.runId)
    this.grants.forgetRun(carried.record.runId)
    if (carried.record.isolated) this.files.forgetThread(carried.record.threadId)
    this.questions.forget(carried.run.asked)
    return true
  }

  /** A run whose loop ended without a last event failed with a defect: its log is closed validly. */
  private settle(carried: Carried, exit: Exit.Exit<void>): void {
    carried.fiber = undefined
    const { run } = carried
    if (run.log.ended) return
    const { record } = carried
    for (const { callId, grantId, nanoUsd, path } of run.spending.reported) {
      if (grantId !== undefined)
        this.grants.charge(Names.grantUse(run.runId, path, callId), grantId, nanoUsd, run.now())
    }
    this.grants.giveBack(run.runId, run.now())
    run.spending.strike(run.now())
    const { envelopes } = run.log
    const messages = run.unread(RunFailure.receivedIn(envelopes))
    // All of it is in memory.
    const unread = Effect.runSync(
      RunFailure.collectUnread(run, Wait.stored(run.approvals, run.kept), this.grants, envelopes, messages)
    )
    run.spending.settle(unread.rows)
    const said = RunFailure.said(record, envelopes, unread)
    this.threads.leave(record.threadId, record.runId, said, keptOf(record, run), run.now())
    RunFailure.force(run, envelopes, unread)
    if (Exit.isFailure(exit)) {
      const logged = RunFailure.logged(run.runId, exit.cause)
      Effect.runForkWith(this.context)(Effect.andThen(logged, RunFailure.observed(record, run)))
    }
  }

  /**
   * The host's context with the caller's clock and trace. Runs without a trace share one, because a context is a large
   * part of a small run's memory.
   */
  private contextFor(clock: Clock.Clock, caller: Context.Context<never>): Context.Context<never> {
    let context = this.contexts.get(clock)
    if (context === undefined) this.contexts.set(clock, (context = Context.add(this.context, Clock.Clock, clock)))
    const span = Context.getOption(caller, Tracer.ParentSpan)
    return span._tag === "None" ? context : Context.add(context, Tracer.ParentSpan, span.value)
  }
}
