/**
 * Hibernation of runs: unloads runs from memory that have only waited for a while, and opens them again from the
 * journal when the clock ends one of their waits. Meanwhile it keeps only their ids and times. An answer or a cancel
 * opens a hibernating run, too (`JournalHost`).
 */
import type * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import { monotonicMillis } from "../../kernel/RunClock.ts"

/** A run that may hibernate. */
export interface Candidate {
  readonly runId: string
  /** How long it has only waited, in milliseconds; `undefined` while it does more. */
  readonly idleMs: number | undefined
  /** When the clock ends one of its waits, in the run's time (epoch milliseconds); `Infinity` where it ends none. */
  readonly wakesAt: number
  /** The run's time, in epoch milliseconds. */
  readonly now: () => number
}

/** What hibernation asks of the owner of runs. */
export interface Owner {
  readonly candidates: () => Iterable<Candidate>
  /** Stops carrying a run and forgets it. False where that cannot be done now. */
  readonly release: (runId: string) => boolean
  /** Opens a run, unless it is open or another process's. */
  readonly open: (runId: string) => Effect.Effect<void>
}

interface Hibernating {
  /** When the clock ends its next wait, in monotonic milliseconds; `Infinity` where it ends none. */
  readonly due: number
  /** The run's time minus monotonic time, in milliseconds. */
  readonly offset: number
}

/** The shortest pause between two looks at the runs, in milliseconds. */
const shortestPauseMs = 10

export class Hibernation {
  private readonly asleep = new Map<string, Hibernating>()
  private readonly clock: Clock.Clock
  private readonly afterMs: number

  /** `afterMs`: how long a run may only wait before it is let go, in milliseconds. `Infinity`: none is. */
  constructor(clock: Clock.Clock, afterMs: number) {
    this.clock = clock
    this.afterMs = afterMs
  }

  has(runId: string): boolean {
    return this.asleep.has(runId)
  }

  /** The run is open again, or not this process's any more. */
  forget(runId: string): void {
    this.asleep.delete(runId)
  }

  /** Forgets all but these. */
  keep(isOurs: (runId: string) => boolean): void {
    for (const runId of this.asleep.keys()) if (!isOurs(runId)) this.asleep.delete(runId)
  }

  /** What time it is by now for a hibernating run, in epoch milliseconds; 0 for any other. */
  timeOf(runId: string): number {
    const one = this.asleep.get(runId)
    return one === undefined ? 0 : Math.round(one.offset + monotonicMillis(this.clock))
  }

  /** Lets go of what has only waited for so long. */
  letGo(owner: Owner, idleMs: number): void {
    if (this.afterMs === Number.POSITIVE_INFINITY) return
    const now = monotonicMillis(this.clock)
    for (const run of owner.candidates()) {
      const offset = run.now() - now
      if (run.idleMs === undefined || run.idleMs < idleMs || !owner.release(run.runId)) continue
      this.asleep.set(run.runId, { due: run.wakesAt - offset, offset })
    }
  }

  /** Lets runs go and opens those whose time has come, for ever. */
  readonly run = (owner: Owner): Effect.Effect<void> =>
    this.afterMs === Number.POSITIVE_INFINITY ? Effect.void : Effect.forever(this.round(owner))

  private round(owner: Owner): Effect.Effect<void> {
    return Effect.suspend(() => {
      this.letGo(owner, this.afterMs)
      const now = monotonicMillis(this.clock)
      const ripe: Array<string> = []
      let next = Number.POSITIVE_INFINITY
      for (const [runId, { due, offset }] of this.asleep) {
        if (due <= now) {
          ripe.push(runId)
          // Woken once: to try again where that fails is the owner's business.
          this.asleep.set(runId, { due: Number.POSITIVE_INFINITY, offset })
        } else if (due < next) next = due
      }
      return Effect.andThen(
        Effect.forEach(ripe, owner.open, { discard: true }),
        Effect.sleep(Math.max(shortestPauseMs, Math.min(this.afterMs / 2, next - now)))
      )
    })
  }
}
