/**
 * The durable host: runs are stored in a journal, and this process executes those it owns. It connects the four parts
 * that do the work: ownership (`RunOwnership`), hibernation (`Placement`), watching (`RunWatch`) and answers
 * (`AnswerDelivery`).
 */
import { type AgentPath, type Audit, type Json, QueryRejections } from "@reins/protocol"
import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Option from "effect/Option"
import * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import type { Erasing, Outcome } from "../../engine/Erasure.ts"
import type { Answered, Bill, Drive, RunHost, RunHostFactory, RunRecord } from "../../engine/RunHost.ts"
import type { Corrected, Correction } from "../../budget/CostStore.ts"
import type { Accepted, InboxMessage } from "../../engine/Inbox.ts"
import type { StartChange } from "../../thread/ThreadChange.ts"
import type { RunQuery } from "../../engine/RunList.ts"
import * as AnswerDelivery from "./AnswerDelivery.ts"
import * as Names from "../../run/Names.ts"
import { type JournalStore, measured } from "./JournalStore.ts"
import { Hibernation, isPlacement, type Placement } from "./Placement.ts"
import { Measuring } from "../../run/RunMetrics.ts"
import { RunOwnership } from "./RunOwnership.ts"
import { RunWatch } from "./RunWatch.ts"
import { MemoryAudit } from "../../approval/AuditStore.ts"
import * as Quorum from "../../approval/Quorum.ts"
import { MemoryGrants } from "../../approval/GrantStore.ts"
import { MemoryMemories } from "../../memory/MemoryStore.ts"
import { MemoryFiles } from "../../thread/FileStore.ts"

/**
 * Options of a durable host; times in milliseconds.
 *
 * @since 0.1.0
 * @category models
 */
export interface JournalHostOptions {
  /** How long streamed text may be buffered before it is committed. Default 25 ms; 0 commits at the next turn. */
  readonly gatherMs?: number | undefined
  /**
   * How often waits and watchers poll for changes by other processes. Default 250 ms; `Infinity` with a single process.
   */
  readonly pollMs?: number | undefined
  /** How long to wait before a run that stopped because its store failed is opened again. Default 1 second. */
  readonly reopenMs?: number | undefined
  /**
   * The minimum number of events between two snapshots of a run: a new owner reads the events after the last one.
   * Default 1,000; `Infinity` makes none.
   */
  readonly snapshotEvery?: number | undefined
  /**
   * How long a run only waits before it is unloaded from memory; an answer, a cancel or a deadline opens it again.
   * Default 1 minute; `Infinity` keeps all runs.
   */
  readonly hibernateMs?: number | undefined
  /**
   * Whether this process executes runs. False: it only starts, watches, answers and cancels them. An effect: it
   * executes runs after the effect has completed. A placement: it executes those in its shards. Default true.
   */
  readonly carries?: boolean | Effect.Effect<void> | Placement | undefined
  /**
   * Whether some process executes runs of the store, this one or another; `/ready` of a server asks. Absent: not asked.
   */
  readonly isCarried?: Effect.Effect<boolean> | undefined
  /**
   * How long steps and calls in flight may take to end when their run is released to another process or because this
   * one ends; then they are interrupted, and repeated by the next owner. Default 0.
   */
  readonly drainMs?: number | undefined
}

/** How often a host with a placement looks for runs of its shards that it was not notified of, in milliseconds. */
const patrolMs = 5000

/**
 * How long an answer waits until the process that executes its run has judged it, in milliseconds: longer than a
 * predicate may take.
 */
const judgementMs = 15_000

const unknown: Quorum.Voted = { _tag: "Unknown" }

/**
 * Makes hosts over a store.
 *
 * @since 0.1.0
 * @category models
 */
export interface JournalHostFactory extends RunHostFactory {
  readonly store: JournalStore
}

/**
 * Makes hosts over `store`.
 *
 * @since 0.1.0
 * @category operations
 */
export const journalHost = (store: JournalStore, options: JournalHostOptions = {}): JournalHostFactory => ({
  store,
  make: (drive) =>
    Effect.gen(function* () {
      // Closed last, so that work in flight can end.
      const scope = yield* Scope.fork(yield* Effect.scope)
      const used = (yield* Measuring) ? measured(store) : store
      const host = new Host(drive, yield* Effect.context<never>(), scope, used, options)
      const { hibernation, ownership } = host
      const { carries = true } = options
      if (carries === true) yield* ownership.begin
      else if (isPlacement(carries)) {
        const { gained } = ownership.listener
        yield* carries.begin(ownership.listener)
        yield* Effect.forkScoped(Effect.forever(Effect.andThen(Effect.sleep(patrolMs), gained)))
      } else if (carries !== false) yield* Effect.forkScoped(Effect.andThen(carries, ownership.begin))
      // Runs first when the scope closes: no run is opened any more, and all are released together.
      yield* Effect.addFinalizer(() => ownership.end)
      yield* Effect.forkScoped(Stream.runForEach(store.wakes, host.look))
      yield* Effect.forkScoped(hibernation.run(ownership))
      return host
    })
})

class Host implements RunHost {
  readonly threads
  readonly grants
  readonly files
  readonly memories
  readonly quotas
  readonly audit
  readonly costs
  readonly webhooks
  readonly reconciliations
  readonly isCarried
  readonly hibernation: Hibernation
  readonly ownership: RunOwnership
  private readonly watching: RunWatch
  private readonly clock: Clock.Clock
  private readonly store: JournalStore
  private readonly reopenMs: number
  private readonly pollMs: number
  /** The waiters for judgements in this process, by name. */
  private readonly judging = new Map<string, Deferred.Deferred<void>>()

  constructor(
    drive: Drive,
    context: Context.Context<never>,
    scope: Scope.Scope,
    store: JournalStore,
    options: JournalHostOptions
  ) {
    const { carries, drainMs = 0, gatherMs = 25, hibernateMs = 60_000, pollMs = 250 } = options
    const { reopenMs = 1000, snapshotEvery = 1000 } = options
    this.store = store
    this.reopenMs = reopenMs
    this.pollMs = pollMs
    this.audit = store.audit
    this.clock = Context.get(context, Clock.Clock)
    this.threads = store.threads
    this.quotas = store.quotas
    this.costs = store.costs
    this.webhooks = store.webhooks
    this.reconciliations = store.reconciliations
    this.isCarried = options.isCarried
    this.grants = store.grants ?? new MemoryGrants(new MemoryAudit(0))
    this.files = store.files ?? new MemoryFiles()
    this.memories = store.memories ?? new MemoryMemories()
    this.hibernation = new Hibernation(this.clock, hibernateMs)
    this.watching = new RunWatch(store, pollMs, {
      logOf: (runId) => this.ownership.logOf(runId),
      damageOf: (runId) => this.ownership.damageOf(runId)
    })
    this.ownership = new RunOwnership({
      drive,
      stores: this,
      store,
      clock: this.clock,
      context,
      scope,
      settings: { drainMs, gatherMs, pollMs, reopenMs, snapshotEvery },
      placement: isPlacement(carries) ? carries : undefined,
      hibernation: this.hibernation,
      // Its followers poll again.
      opened: (runId) => this.watching.wake(runId),
      damaged: (runId) => this.watching.wake(runId),
      judged: (name) => {
        const told = this.judging.get(name)
        if (told !== undefined) Deferred.doneUnsafe(told, Exit.void)
      }
    })
  }

  /** Uninterruptible: a stored run without an owner would lease its thread forever. */
  readonly start = (record: Omit<RunRecord, "historyVersion">, change?: StartChange) =>
    this.ownership.start(record, change).pipe(
      Effect.catchTag("StoreFailure", ({ damaged }) =>
        Effect.fail(
          damaged === undefined
            ? new QueryRejections.StoreUnavailable({ operation: "start" })
            : new QueryRejections.ThreadDamaged({ threadId: record.threadId, table: damaged })
        )
      ),
      Effect.uninterruptible
    )

  get watch() {
    return this.watching.stream
  }

  readonly answer = (
    runId: string,
    name: string,
    value: Json,
    acts?: ReadonlyArray<Audit.Act>
  ): Effect.Effect<Answered> =>
    Effect.suspend(() => {
      const at = this.nowOf(runId)
      const taken = Effect.suspend(() => {
        this.ownership.runOf(runId)?.notify(name, { value, at })
        return this.ownership.wake(runId)
      })
      return AnswerDelivery.deliver(this.store, runId, name, { value, at }, { retryMs: this.reopenMs, taken, acts })
    })

  readonly accept = (runId: string, message: InboxMessage): Effect.Effect<Accepted> =>
    Effect.suspend(() => {
      const at = this.nowOf(runId)
      return AnswerDelivery.accept(this.store, runId, message, {
        at,
        retryMs: this.reopenMs,
        taken: (name, value) =>
          Effect.suspend(() => {
            this.ownership.runOf(runId)?.notify(name, { value, at })
            return this.ownership.wake(runId)
          })
      })
    })

  /** The time of a run that is executed here. */
  private nowOf(runId: string): number {
    return this.ownership.runOf(runId)?.now() ?? this.clock.currentTimeMillisUnsafe()
  }

  readonly vote = (runId: string, vote: Quorum.Vote, isJudged: boolean): Effect.Effect<Quorum.Voted> =>
    Effect.suspend(() => {
      const at = this.nowOf(runId)
      const stored = Effect.suspend(() => {
        this.ownership.runOf(runId)?.nudge(vote.name)
        return this.ownership.wake(runId)
      })
      if (!isJudged) {
        const counted = this.store.amend(runId, vote.name, at, (answers) => Quorum.cast(answers, vote, true))
        const whole = Effect.uninterruptible(Effect.tap(counted, stored))
        return Effect.map(AnswerDelivery.persist(whole, this.reopenMs), (voted) => voted ?? unknown)
      }
      const tried = { value: Quorum.toJson(vote), at }
      const options = { retryMs: this.reopenMs, taken: stored }
      return Effect.flatMap(AnswerDelivery.deliver(this.store, runId, vote.tried, tried, options), (answered) =>
        answered._tag === "Unknown" ? Effect.succeed(unknown) : this.judgement(runId, vote)
      )
    })

  /** The judgement of a stored vote, by this process or another. */
  private judgement(runId: string, vote: Quorum.Vote): Effect.Effect<Quorum.Voted> {
    const told = Deferred.makeUnsafe<void>()
    const look: Effect.Effect<Quorum.Voted> = Effect.flatMap(
      Effect.orDie(this.store.answers(runId, vote.name)),
      (answers) => {
        const judged = Quorum.judgement(answers.get(vote.judged))
        if (judged !== undefined) return Effect.succeed(judged)
        const final = answers.get(vote.name)
        if (final !== undefined) return Effect.succeed<Quorum.Voted>({ _tag: "Resolved", value: final })
        const wait = Deferred.await(told)
        const polled =
          this.pollMs === Number.POSITIVE_INFINITY ? wait : Effect.raceFirst(wait, Effect.sleep(this.pollMs))
        return Effect.andThen(polled, look)
      }
    )
    return Effect.suspend(() => {
      this.judging.set(vote.judged, told)
      return Effect.timeoutOption(look, judgementMs)
    }).pipe(
      Effect.map(Option.getOrElse((): Quorum.Voted => ({ _tag: "Unjudged" }))),
      Effect.ensuring(Effect.sync(() => this.judging.delete(vote.judged)))
    )
  }

  readonly answers = (runId: string, prefix: string) => Effect.orDie(this.store.answers(runId, prefix))

  readonly cancel = (runId: string) =>
    Effect.map(this.answer(runId, Names.cancel, true), (answered) => answered._tag !== "Unknown")

  readonly status = (runId: string) => Effect.orDie(this.store.status(runId))
  readonly exported = (runId: string) =>
    this.store.exported === undefined ? Effect.succeed([]) : Effect.orDie(this.store.exported(runId))
  readonly bill = (runId: string): Effect.Effect<Bill | undefined> =>
    this.store.bill === undefined ? Effect.succeed(undefined) : Effect.orDie(this.store.bill(runId))

  readonly correct = (correction: Correction): Effect.Effect<Corrected> =>
    this.store.correct === undefined ? Effect.succeed("unbooked") : Effect.orDie(this.store.correct(correction))

  readonly erase = (erasing: Erasing): Effect.Effect<Outcome> =>
    Effect.flatMap(Effect.orDie(this.store.erase(erasing)), (outcome) =>
      outcome._tag === "Busy" || this.store.compact === undefined
        ? Effect.succeed(outcome)
        : Effect.match(this.store.compact, {
            onFailure: () => ({ ...outcome, kept: { ...outcome.kept, bytes: true } }),
            onSuccess: () => outcome
          })
    )

  readonly list = (query: RunQuery) => Effect.orDie(this.store.list(query))
  readonly waiting = Effect.suspend(() => Effect.orDie(this.store.waiting))
  readonly pending = (resourceId: string) => Effect.orDie(this.store.pending(resourceId))
  readonly approval = (id: string) => Effect.orDie(this.store.approval(id))
  readonly hasClientCall = (runId: string, path: AgentPath.AgentPath, callId: string) =>
    Effect.orDie(this.store.hasClientCall(runId, path, callId))

  /** Call when another process may have changed a run: answers, events, or the run itself. */
  readonly look = (runId: string): Effect.Effect<void> =>
    Effect.suspend(() => {
      this.watching.wake(runId)
      return this.ownership.look(runId)
    })
}
