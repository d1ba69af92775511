/**
 * Opening runs again whose store failed: sooner the first times, later where it goes on failing. It knows of each run how often that
 * was, and whether the run can be read at all.
 *
 * Of a run that cannot be read those who follow it are told at once; it goes on when its rows are put right, and is ended, without
 * being read, when somebody cancels it.
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
  /** The first pauses, in milliseconds. */
  readonly reopenMs: number
  readonly open: (runId: string) => Effect.Effect<void>
  /** Called when a run cannot be opened, because it cannot be read. */
  readonly damaged: (runId: string) => void
}

export class Reopening {
  /** How often a run's store failed since the run was last open. */
  private readonly failures = new Map<string, number>()
  /** Runs that are opened again in a while. */
  private readonly waiting = new Set<string>()
  /** Why runs cannot be read. */
  private readonly damage = new Map<string, StoreFailure>()
  private readonly options: ReopeningOptions

  constructor(options: ReopeningOptions) {
    this.options = options
  }

  /** Why a run cannot be read; `undefined` where it can, or is not known to be. */
  damageOf(runId: string): StoreFailure | undefined {
    return this.damage.get(runId)
  }

  /** The run is open, over, or another's. */
  forget(runId: string): void {
    this.failures.delete(runId)
    this.damage.delete(runId)
  }

  /** Opens the run again in a while. */
  later(runId: string, failure: StoreFailure): Effect.Effect<void> {
    if (failure.damaged === undefined) return this.wait(runId, failure)
    this.damage.set(runId, failure)
    this.options.damaged(runId)
    return Effect.flatMap(this.end(runId), (isOver) =>
      isOver ? Effect.sync(() => this.forget(runId)) : this.wait(runId, failure)
    )
  }

  /** Says what failed, and waits before it is asked again. */
  pause(failure: StoreFailure, runId?: string, times = 1): Effect.Effect<void> {
    const words = runId === undefined ? failure.message : `run ${runId}: ${failure.message}`
    return Effect.andThen(
      // A database's own words may quote rows.
      Effect.logWarning(failure.cause === undefined ? words : `${words} (${Outline.of(failure.cause)})`),
      Effect.sleep(this.options.reopenMs * times)
    )
  }

  /** Ends a run that cannot be read, where somebody has cancelled it; answers whether it did. */
  private end(runId: string): Effect.Effect<boolean> {
    const { clock, damaged, store } = this.options
    // A cancel that cannot be read is one, too.
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
