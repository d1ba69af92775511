/**
 * Owns runs: opens the runs of this process, executes them, and releases them: to another process, because this one
 * ends, or because the store failed. It has the engines, logs and fibers of the runs that are open here.
 *
 * A fenced owner does nothing more to the run. After a failure of the store, the owner opens the run again later. A run
 * whose loop failed with a defect is ended by force. A release first lets steps and calls in flight end, so that
 * nothing is executed twice; what takes too long is interrupted, and repeated by the next owner.
 */
import { Ordering } from "@reins/protocol"
import * as Cause from "effect/Cause"
import type * as Clock from "effect/Clock"
import type * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import type * as Scope from "effect/Scope"
import { EventLog } from "../../engine/EventLog.ts"
import type { Drive, RunRecord, Stores } from "../../engine/RunHost.ts"
import type { StartChange } from "../../thread/ThreadChange.ts"
import { together } from "../../kernel/Together.ts"
import * as FailedRun from "./FailedRun.ts"
import { JournalRun } from "./JournalRun.ts"
import { type JournalStore, type Opened, StoreFailure } from "./JournalStore.ts"
import type { Hibernation, Owner, Placement, ShardListener } from "./Placement.ts"
import * as RunPast from "./RunPast.ts"

/** The options with defaults applied; times in milliseconds. See `JournalHostOptions`. */
export interface Settings {
  readonly gatherMs: number
  readonly pollMs: number
  readonly reopenMs: number
  readonly snapshotEvery: number
  readonly drainMs: number
}

export interface OwnershipOptions {
  readonly drive: Drive
  readonly stores: Stores
  readonly store: JournalStore
  readonly clock: Clock.Clock
  readonly context: Context.Context<never>
  /** Running work is interrupted when this closes. */
  readonly scope: Scope.Scope
  readonly settings: Settings
  /** Absent: once it owns runs, this process owns all of them. */
  readonly placement: Placement | undefined
  readonly hibernation: Hibernation
  /** Called when a run has been opened. */
  readonly opened: (runId: string) => void
  /** Called when a run cannot be opened because a row is damaged. */
  readonly damaged: (runId: string) => void
  /** Called when a vote has been judged, by the name of its judgement. */
  readonly judged: (name: string) => void
}

/** A run that this process executes. */
interface OwnedRun {
  readonly run: JournalRun
  readonly log: EventLog
  /** Absent before its start. */
  fiber: Fiber.Fiber<unknown> | undefined
}

/**
 * After how many opened runs those that only wait are unloaded, and for how many milliseconds they have to have waited.
 */
const openedAtOnce = 500
const shortIdleMs = 1000

/** From how many portions of streamed text on an ended run is packed. */
const seamsWorthPacking = 8

export class RunOwnership implements Owner {
  private readonly owned = new Map<string, OwnedRun>()
  private readonly opening = new Set<string>()
  /** Runs that another process, or a caller, told of while they were being opened. */
  private readonly missed = new Set<string>()
  /** Runs that another owner has taken from this one. */
  private readonly lost = new Set<string>()
  private readonly reopening: FailedRun.Reopening
  private isOwning: boolean
  private readonly options: OwnershipOptions

  constructor(options: OwnershipOptions) {
    this.options = options
    this.isOwning = options.placement !== undefined
    this.reopening = new FailedRun.Reopening({ ...options, reopenMs: options.settings.reopenMs, open: this.open })
  }

  /** Whether this process currently owns a run. */
  private mayOwn(runId: string): boolean {
    const { placement } = this.options
    return this.isOwning && (placement === undefined || placement.owns(runId))
  }

  runOf(runId: string): JournalRun | undefined {
    return this.owned.get(runId)?.run
  }

  logOf(runId: string): EventLog | undefined {
    return this.owned.get(runId)?.log
  }

  damageOf(runId: string): StoreFailure | undefined {
    return this.reopening.damageOf(runId)
  }

  *candidates(): Iterable<JournalRun> {
    for (const { run } of this.owned.values()) yield run
  }

  release(runId: string): boolean {
    const one = this.owned.get(runId)
    if (one?.fiber === undefined) return false
    this.owned.delete(runId)
    one.fiber.interruptUnsafe()
    return true
  }

  /** Starts to own runs, and opens those that have not ended. Retries while the store fails. */
  readonly begin: Effect.Effect<void> = Effect.suspend(() => {
    this.isOwning = true
    return Effect.matchEffect(this.options.store.unfinished, {
      onFailure: (failure) => Effect.andThen(this.reopening.pause(failure), this.begin),
      onSuccess: (unfinished) => Effect.forEach(unfinished, this.openNext, { discard: true })
    })
  })

  private readonly openNext = (runId: string, index: number): Effect.Effect<void> =>
    Effect.andThen(
      this.open(runId),
      // Not all waiting runs are in memory at once.
      Effect.sync(() => {
        if (index % openedAtOnce === openedAtOnce - 1) this.options.hibernation.letGo(this, shortIdleMs)
      })
    )

  /** Opens no more runs, and releases all. */
  readonly end: Effect.Effect<void> = Effect.suspend(() => {
    this.isOwning = false
    return this.giveUp(() => true)
  })

  /** Handles the notifications of a placement. */
  readonly listener: ShardListener = {
    gained: together(
      Effect.suspend(() => {
        for (const runId of this.lost) if (this.mayOwn(runId)) this.lost.delete(runId)
        const { hibernation, store } = this.options
        const isMissing = (runId: string) => this.mayOwn(runId) && !hibernation.has(runId)
        return Effect.matchEffect(store.unfinished, {
          onFailure: (failure) => this.reopening.pause(failure),
          onSuccess: (all) => Effect.forEach(all.filter(isMissing), this.open, { discard: true })
        })
      })
    ),
    lost: Effect.suspend(() => {
      this.options.hibernation.keep((runId) => this.mayOwn(runId))
      return this.giveUp((runId) => !this.mayOwn(runId))
    })
  }

  /** Stops executing these runs, concurrently. Completes when none of them is executed any more. */
  private giveUp(which: (runId: string) => boolean): Effect.Effect<void> {
    const { drainMs } = this.options.settings
    return Effect.forEach(
      Array.from(this.owned.values()).filter(({ run }) => which(run.runId)),
      (one) =>
        Effect.andThen(
          drainMs > 0 ? Effect.timeoutOption(one.run.quiesce, drainMs) : Effect.void,
          Effect.suspend(() => {
            this.forget(one)
            return one.fiber === undefined ? Effect.void : Fiber.interrupt(one.fiber)
          })
        ),
      { concurrency: "unbounded", discard: true }
    )
  }

  private forget(one: OwnedRun): void {
    if (this.owned.get(one.run.runId) === one) this.owned.delete(one.run.runId)
  }

  /** Stores a new run, and executes it in the host's scope if this process owns it. */
  start(
    record: Omit<RunRecord, "historyVersion">,
    change?: StartChange
  ): Effect.Effect<void, Effect.Error<ReturnType<JournalStore["create"]>>> {
    const { runId } = record
    return Effect.suspend(() => {
      if (!this.mayOwn(runId) || this.opening.has(runId)) {
        return Effect.andThen(this.options.store.create(record, change), this.open(runId))
      }
      this.opening.add(runId)
      return this.options.store.create(record, change, true).pipe(
        Effect.flatMap((opened) =>
          opened === undefined || !this.mayOwn(runId)
            ? Effect.succeed(false)
            : Effect.as(this.own(opened, this.missed.delete(runId)), true)
        ),
        // The run is there already: events of it that were announced meanwhile are read now.
        Effect.tapError(() =>
          this.missed.has(runId) ? Effect.andThen(this.opened(runId), this.open(runId)) : Effect.void
        ),
        Effect.ensuring(this.opened(runId)),
        Effect.flatMap((isOpen) => (isOpen ? Effect.void : this.open(runId)))
      )
    })
  }

  /** Call when the run is open, or could not be opened. */
  private readonly opened = (runId: string): Effect.Effect<void> =>
    Effect.sync(() => {
      this.opening.delete(runId)
      this.missed.delete(runId)
    })

  /** Opens a run and executes it in the host's scope. A run that cannot be read does not affect the others. */
  readonly open = (runId: string): Effect.Effect<void> =>
    Effect.suspend(() => {
      if (this.opening.has(runId)) this.missed.add(runId)
      if (this.owned.has(runId) || this.opening.has(runId)) return Effect.void
      if (!this.mayOwn(runId)) {
        this.reopening.forget(runId)
        this.options.hibernation.forget(runId)
        return Effect.void
      }
      this.opening.add(runId)
      const { clock, store } = this.options
      return store.open(runId, clock.currentTimeMillisUnsafe()).pipe(
        Effect.flatMap((opened) => (opened === undefined ? Effect.succeed(opened) : readable(store, opened))),
        Effect.flatMap((opened) =>
          opened === undefined
            ? Effect.sync(() => this.hasEnded(runId))
            : Effect.uninterruptible(this.own(opened, this.missed.delete(runId)))
        ),
        Effect.ensuring(this.opened(runId)),
        Effect.catch((failure) => this.reopening.later(runId, failure)),
        // Its rows can be read, but their content is invalid.
        Effect.catchDefect((cause) =>
          this.reopening.later(runId, new StoreFailure({ operation: "open", damaged: "its log", cause }))
        )
      )
    })

  /** Opens a run that may have been unloaded, unless another owner has it. */
  readonly wake = (runId: string): Effect.Effect<void> =>
    Effect.suspend(() => (this.mayOwn(runId) && !this.lost.has(runId) ? this.open(runId) : Effect.void))

  /** Call when another process may have changed a run: answers, or the run itself. */
  readonly look = (runId: string): Effect.Effect<void> =>
    Effect.suspend(() => {
      const run = this.runOf(runId)
      if (run !== undefined) return run.look
      if (this.opening.has(runId)) this.missed.add(runId)
      if (!this.mayOwn(runId)) return Effect.void
      return Effect.flatMap(Effect.option(this.options.store.status(runId)), (status) => {
        if (status._tag === "None") return Effect.void
        if (status.value?.state === "running") return this.wake(runId)
        return Effect.sync(() => this.hasEnded(runId))
      })
    })

  /** Drops everything that is held in memory of an ended run. */
  private hasEnded(runId: string): void {
    this.lost.delete(runId)
    this.reopening.forget(runId)
    this.options.hibernation.forget(runId)
  }

  /** Executes an opened run. `looks`: something may have been stored since it was read. */
  private own(opened: Opened, looks: boolean): Effect.Effect<void> {
    const { clock, context, drive, hibernation, scope, settings, store, stores } = this.options
    const { runId } = opened.record
    const log = new EventLog(RunPast.snapshotOf(opened.marks)?.seq ?? 0)
    for (const envelope of opened.envelopes) log.envelopes.push(envelope)
    const run = new JournalRun(opened, {
      ...settings,
      store,
      clock,
      context,
      notBefore: hibernation.timeOf(runId),
      committed: (envelopes) => {
        for (const envelope of envelopes) log.envelopes.push(envelope)
        if (run.ended && run.writer.isEmpty) log.end()
        else log.wake()
      },
      // Its remaining work would run concurrently with its successor's.
      retired: () => one.fiber?.interruptUnsafe(),
      judged: this.options.judged
    })
    const one: OwnedRun = { run, log, fiber: undefined }
    this.owned.set(runId, one)
    hibernation.forget(runId)
    this.lost.delete(runId)
    this.reopening.forget(runId)
    const carried = (run.past.isStruck ? Effect.die(struck) : drive(opened.record, opened.history, run, stores)).pipe(
      Effect.andThen(run.writer.flush),
      Effect.onExit((exit) => this.settle(one, exit)),
      Effect.exit
    )
    return Effect.forkIn(carried, scope, { startImmediately: true }).pipe(
      Effect.tap((fiber) =>
        Effect.sync(() => {
          one.fiber = fiber
          this.options.opened(runId)
        })
      ),
      Effect.andThen(looks ? Effect.forkIn(run.look, scope) : Effect.void),
      Effect.asVoid
    )
  }

  /**
   * The loop ended or was stopped: by a failed commit, by unloading or releasing the run, or by a defect (then the run
   * is ended by force).
   */
  private settle(one: OwnedRun, exit: Exit.Exit<void>): Effect.Effect<void> {
    return Effect.suspend(() => {
      this.forget(one)
      const { log, run } = one
      const { runId } = run
      const { store, stores } = this.options
      const loss = run.writer.loss ?? storeFailure(exit)
      if (loss !== undefined) {
        log.abandon()
        if (loss._tag === "StoreFailure") return this.reopening.later(runId, loss)
        // It goes on from its log, with the message. It may have got here while it was being opened.
        if (loss._tag === "Overtaken") {
          return Effect.asVoid(Effect.forkIn(Effect.andThen(Effect.yieldNow, this.open(runId)), this.options.scope))
        }
        return Effect.sync(() => this.lost.add(runId))
      }
      if (Exit.isSuccess(exit) || run.ended) return this.pack(run)
      // What it has done so far is done.
      if (Exit.hasInterrupts(exit)) {
        return Effect.andThen(
          Effect.ignoreCause(run.writer.flush),
          Effect.sync(() => log.abandon())
        )
      }
      return Effect.flatMap(FailedRun.end(store, stores, run, log, exit.cause), (closed) =>
        // Its next owner ends it.
        run.writer.loss === undefined && storeFailure(closed) === undefined ? Effect.void : this.settle(one, closed)
      )
    })
  }

  /** Asks the store to pack an ended run that was committed in many small portions. Failures are ignored. */
  private pack({ runId, writer }: JournalRun): Effect.Effect<void> {
    const { scope, store } = this.options
    if (store.pack === undefined || writer.seams < seamsWorthPacking) return Effect.void
    return Effect.asVoid(Effect.forkIn(Effect.ignore(store.pack(runId)), scope))
  }
}

const struck = new Error("a defect has stopped this run")

/** The store's failure in an operation other than a commit, which stopped the loop. */
const storeFailure = (exit: Exit.Exit<void>): StoreFailure | undefined => {
  if (Exit.isSuccess(exit)) return undefined
  // The cause may also have reasons of interrupted siblings.
  for (const reason of exit.cause.reasons) {
    if (Cause.isDieReason(reason) && reason.defect instanceof StoreFailure) return reason.defect
  }
  return undefined
}

/**
 * The run as this version can execute it: with all its events, if its snapshot was written by a version with another
 * format.
 */
const readable = (store: JournalStore, opened: Opened): Effect.Effect<Opened, StoreFailure> => {
  const snapshot = RunPast.snapshotOf(opened.marks)
  if (snapshot === undefined || Ordering.Automaton.restore(snapshot.value) !== undefined) return Effect.succeed(opened)
  return Effect.map(store.read(opened.record.runId, 0, snapshot.seq), (earlier) => ({
    ...opened,
    envelopes: [...earlier, ...opened.envelopes],
    marks: opened.marks.filter((mark) => mark !== snapshot)
  }))
}
