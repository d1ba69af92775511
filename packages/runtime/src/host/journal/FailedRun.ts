/**
 * What a process does with a run that it cannot go on with.
 *
 * A run whose store failed is opened again, with growing delays: the failures of each run are counted. Followers of a
 * run that cannot be read are notified at once; it continues when its rows are repaired, and is abandoned when it is
 * cancelled.
 *
 * A run whose loop failed with a defect is ended: work in flight is charged, what was accepted and not read counts,
 * messages are added to the thread, grants release their holds, and the log gets its last events. The stop is stored
 * first, with the rows of the work in flight: if the process crashes meanwhile, the next owner continues ending the run
 * instead of executing it.
 */
import { AgentPath, type Envelope } from "@reins/protocol"
import type * as Cause from "effect/Cause"
import type * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import type * as Exit from "effect/Exit"
import type * as Scope from "effect/Scope"
import type { GrantStore } from "../../approval/GrantStore.ts"
import type { EventLog } from "../../engine/EventLog.ts"
import type { Cost } from "../../engine/Spending.ts"
import type { Stores } from "../../engine/RunHost.ts"
import * as Outline from "../../kernel/Outline.ts"
import * as RunFailure from "../../loop/RunFailure.ts"
import * as Names from "../../run/Names.ts"
import { checked, type JournalRun } from "./JournalRun.ts"
import type { JournalStore, StoreFailure } from "./JournalStore.ts"

interface ReopeningOptions {
  readonly store: Pick<JournalStore, "abandon" | "find">
  readonly clock: Clock.Clock
  readonly scope: Scope.Scope
  /** The first delays, in milliseconds. */
  readonly reopenMs: number
  readonly open: (runId: string) => Effect.Effect<void>
  /** Called when a run cannot be opened because a row is damaged. */
  readonly damaged: (runId: string) => void
}

export class Reopening {
  /** The number of failures since the run was last open, by run. */
  private readonly failures = new Map<string, number>()
  /** Runs that are scheduled to be opened again. */
  private readonly waiting = new Set<string>()
  /** Why runs cannot be read, by run. */
  private readonly damage = new Map<string, StoreFailure>()
  private readonly options: ReopeningOptions

  constructor(options: ReopeningOptions) {
    this.options = options
  }

  /** Why a run cannot be read; `undefined` when it can, or that is unknown. */
  damageOf(runId: string): StoreFailure | undefined {
    return this.damage.get(runId)
  }

  /** Call when the run is open, has ended, or belongs to another process. */
  forget(runId: string): void {
    this.failures.delete(runId)
    this.damage.delete(runId)
  }

  /** Schedules to open the run again. */
  later(runId: string, failure: StoreFailure): Effect.Effect<void> {
    if (failure.damaged === undefined) return this.wait(runId, failure)
    this.damage.set(runId, failure)
    this.options.damaged(runId)
    return Effect.flatMap(this.end(runId), (isOver) =>
      isOver ? Effect.sync(() => this.forget(runId)) : this.wait(runId, failure)
    )
  }

  /** Logs the failure and waits for the next attempt. */
  pause(failure: StoreFailure, runId?: string, times = 1): Effect.Effect<void> {
    const words = runId === undefined ? failure.message : `run ${runId}: ${failure.message}`
    return Effect.andThen(
      // A database's error messages may quote rows.
      Effect.logWarning(failure.cause === undefined ? words : `${words} (${Outline.of(failure.cause)})`),
      Effect.sleep(this.options.reopenMs * times)
    )
  }

  /** Abandons an unreadable run if it was cancelled; returns whether it did. */
  private end(runId: string): Effect.Effect<boolean> {
    const { clock, damaged, store } = this.options
    // A cancel with an unreadable row counts as well.
    const isCancelled = Effect.catch(
      Effect.map(store.find(runId, Names.cancel), (cancel) => cancel !== undefined),
      (failure) => Effect.succeed(failure.damaged !== undefined)
    )
    return Effect.flatMap(isCancelled, (isAsked) =>
      isAsked ? store.abandon(runId, clock.currentTimeMillisUnsafe()) : Effect.succeed(false)
    ).pipe(
      Effect.orElseSucceed(() => false),
      Effect.tap((isOver) => (isOver ? Effect.sync(() => damaged(runId)) : Effect.void))
    )
  }

  private wait(runId: string, failure: StoreFailure): Effect.Effect<void> {
    if (this.waiting.has(runId)) return Effect.void
    this.waiting.add(runId)
    const failed = this.failures.get(runId) ?? 0
    this.failures.set(runId, failed + 1)
    const again = Effect.andThen(
      this.pause(failure, runId, Math.min(2 ** Math.max(0, failed - 3), 30)),
      Effect.suspend(() => {
        this.waiting.delete(runId)
        return this.options.open(runId)
      })
    )
    return Effect.asVoid(Effect.forkIn(again, this.options.scope))
  }
}

/**
 * Ends `run`, whose `log` is open here. Its exit is a failure if the store failed; then the run continues. `cause`: of
 * the defect, which is logged where it has happened.
 */
export const end = (
  store: JournalStore,
  { grants, threads }: Stores,
  run: JournalRun,
  log: EventLog,
  cause: Cause.Cause<never>
): Effect.Effect<Exit.Exit<void>> =>
  Effect.gen(function* () {
    const { record, runId, writer } = run
    yield* run.past.isStruck ? Effect.logError(`Run ${runId} failed`) : RunFailure.logged(runId, cause)
    yield* writer.flush
    const envelopes = yield* Effect.orDie(wholeLog(store, runId, log))
    const { reported } = run.spending
    run.spending.strike(run.now())
    yield* charge(grants, run, reported)
    // No other life goes on with it.
    if (!run.past.isStruck) yield* run.note(Names.struck, run.spending.struck ?? [])
    yield* grants.release(runId, run.now())
    const messages = yield* run.inbox.unread(RunFailure.receivedIn(envelopes), run.now())
    const unread = yield* RunFailure.collectUnread(run, storedOf(run), grants, envelopes, messages)
    if (unread.rows.length > 0) {
      run.spending.settle(unread.rows)
      yield* run.note(Names.unreadCosts, unread.rows)
    }
    yield* RunFailure.save(threads, record, run, RunFailure.said(record, envelopes, unread))
    yield* Effect.sync(() => RunFailure.force(run, envelopes, unread))
    yield* writer.flush
    yield* RunFailure.observed(record, run)
  }).pipe(Effect.exit)

/** Its stored answers. */
const storedOf = ({ kept, past }: JournalRun): RunFailure.Stored => ({
  put: (name, value) => kept.put(name, value),
  tickets: kept.under(Names.tickets),
  clientWaits: Array.from(past.asks).flatMap(([name, { path, value }]) => {
    const prefix = AgentPath.key(path)
    if (!Names.isClient(prefix, name)) return []
    return [{ name, key: AgentPath.callKey(path, Names.callOf(prefix, name)), isChecked: value === checked }]
  })
})

/** Charges grants with the reported costs of unfinished calls. */
const charge = (grants: GrantStore, { now, runId }: JournalRun, reported: ReadonlyArray<Cost>): Effect.Effect<void> =>
  Effect.forEach(
    reported,
    ({ callId, grantId, nanoUsd, path }) =>
      grantId === undefined ? Effect.void : grants.settle(Names.grantUse(runId, path, callId), grantId, nanoUsd, now()),
    { discard: true }
  )

/** All events of a run that was opened from a snapshot, to find what is open in it. */
const wholeLog = (
  store: JournalStore,
  runId: string,
  log: EventLog
): Effect.Effect<ReadonlyArray<Envelope.Envelope>, StoreFailure> =>
  log.before === 0
    ? Effect.succeed(log.envelopes)
    : Effect.map(store.read(runId, 0, log.before), (earlier) => [...earlier, ...log.envelopes])
