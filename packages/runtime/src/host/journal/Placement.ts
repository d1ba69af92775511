/**
 * Where a run is that has not ended: which of several processes executes it, and whether it is in that process's
 * memory.
 *
 * A placement assigns shards to processes; a run belongs to one shard, by its id, and is executed by the process that
 * holds the shard. It stores nothing of a run: the journal does, and the epoch fences a late owner.
 *
 * Hibernation unloads runs that have only waited for some time from memory, and opens them again from the journal when
 * one of their waits reaches its deadline. Meanwhile it keeps only their ids and deadlines. An answer or a cancel opens
 * a hibernating run, too (`JournalHost`).
 */
import type * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import { countUnloaded } from "../../run/RunMetrics.ts"
import { monotonicMillis } from "../../kernel/RunClock.ts"

/**
 * What a host does when its shards change.
 *
 * @since 0.1.0
 * @category models
 */
export interface ShardListener {
  /** Shards were gained: opens the runs in them that have not ended. */
  readonly gained: Effect.Effect<void>
  /**
   * Shards were lost: releases the runs that are no longer ours, after their work in flight has ended or timed out.
   * Completes when none of them is executed here any more.
   */
  readonly lost: Effect.Effect<void>
}

/**
 * Places runs.
 *
 * @since 0.1.0
 * @category models
 */
export interface Placement {
  /** Whether this process currently owns a run. */
  readonly owns: (runId: string) => boolean
  /** Notifies the listener of gained and lost shards until the scope closes. `owns` changes before the notification. */
  readonly begin: (listener: ShardListener) => Effect.Effect<void, never, Scope.Scope>
}

/** Distinguishes a placement from the other values of `executes`. */
export const isPlacement = (value: unknown): value is Placement =>
  typeof value === "object" && value !== null && "owns" in value

/** A run that may hibernate. */
export interface Candidate {
  readonly runId: string
  /** How long it has only waited, in milliseconds; `undefined` while it does other work. */
  readonly idleMs: number | undefined
  /** The earliest deadline of its waits, in the run's time (epoch milliseconds); `Infinity` without one. */
  readonly wakesAt: number
  /** The run's time, in epoch milliseconds. */
  readonly now: () => number
}

/** What hibernation needs of the owner of runs. */
export interface Owner {
  readonly candidates: () => Iterable<Candidate>
  /** Stops executing a run and removes it from memory. False when that is not possible now. */
  readonly release: (runId: string) => boolean
  /** Opens a run, unless it is open or belongs to another process. */
  readonly open: (runId: string) => Effect.Effect<void>
}

interface Hibernating {
  /** The deadline of its next wait, in monotonic milliseconds; `Infinity` without one. */
  readonly due: number
  /** The run's time minus monotonic time, in milliseconds. */
  readonly offset: number
}

/** The shortest interval between two checks of the runs, in milliseconds. */
const shortestPauseMs = 10

/** Unloads runs that only wait, and opens them again; see the header of this file. */
export class Hibernation {
  private readonly asleep = new Map<string, Hibernating>()
  private readonly clock: Clock.Clock
  private readonly afterMs: number

  /** `afterMs`: how long a run only waits before it is unloaded, in milliseconds. `Infinity`: never. */
  constructor(clock: Clock.Clock, afterMs: number) {
    this.clock = clock
    this.afterMs = afterMs
  }

  has(runId: string): boolean {
    return this.asleep.has(runId)
  }

  /** Call when the run is open again, or belongs to another process. */
  forget(runId: string): void {
    this.asleep.delete(runId)
  }

  /** Removes all but these. */
  keep(isOurs: (runId: string) => boolean): void {
    for (const runId of this.asleep.keys()) if (!isOurs(runId)) this.asleep.delete(runId)
  }

  /** The current time of a hibernating run, in epoch milliseconds; 0 for any other. */
  timeOf(runId: string): number {
    const one = this.asleep.get(runId)
    return one === undefined ? 0 : Math.round(one.offset + monotonicMillis(this.clock))
  }

  /** Unloads the runs that have only waited for `afterMs`. Returns their number. */
  letGo(owner: Owner, idleMs: number): number {
    let count = 0
    if (this.afterMs === Number.POSITIVE_INFINITY) return count
    const now = monotonicMillis(this.clock)
    // Runs without a deadline whose times are the same to the millisecond have one object.
    const standing = new Map<number, Hibernating>()
    for (const run of owner.candidates()) {
      const offset = Math.round(run.now() - now)
      if (run.idleMs === undefined || run.idleMs < idleMs || !owner.release(run.runId)) continue
      const due = run.wakesAt - offset
      let one = standing.get(offset)
      if (one?.due !== due) standing.set(offset, (one = { due, offset }))
      this.asleep.set(run.runId, one)
      count++
    }
    return count
  }

  /** Unloads runs, and opens those whose deadline has come, until interrupted. */
  readonly run = (owner: Owner): Effect.Effect<void> =>
    this.afterMs === Number.POSITIVE_INFINITY ? Effect.void : Effect.forever(this.round(owner))

  private round(owner: Owner): Effect.Effect<void> {
    return Effect.suspend(() => {
      const unloaded = this.letGo(owner, this.afterMs)
      const now = monotonicMillis(this.clock)
      const ripe: Array<string> = []
      let next = Number.POSITIVE_INFINITY
      for (const [runId, { due, offset }] of this.asleep) {
        if (due <= now) {
          ripe.push(runId)
          // Opened once: the owner retries if that fails.
          this.asleep.set(runId, { due: Number.POSITIVE_INFINITY, offset })
        } else if (due < next) next = due
      }
      return Effect.andThen(
        Effect.andThen(countUnloaded(unloaded), Effect.forEach(ripe, owner.open, { discard: true })),
        Effect.sleep(Math.max(shortestPauseMs, Math.min(this.afterMs / 2, next - now)))
      )
    })
  }
}
