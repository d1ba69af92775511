/**
 * Opens runs again after their store failed, with growing delays. It counts the failures of each run, and knows which
 * runs cannot be read. Followers of an unreadable run are notified at once; the run continues when its rows are
 * repaired, and is abandoned when it is cancelled.
 */
import type * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import * as Outline from "../../kernel/Outline.ts"
import * as Names from "../../run/Names.ts"
import type { JournalStore, StoreFailure } from "./JournalStore.ts"

export interface ReopeningOptions {
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
