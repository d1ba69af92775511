/**
 * Runs that wait so long that nothing of them is kept but their ids, and when the clock ends their waits. An answer, a cancel or
 * that time opens them again from the journal.
 */

/** A run's time, as its owner left it. */
export interface Sleeper {
  /** When the clock ends its next wait, in the run's time (epoch milliseconds); `Infinity` where it ends none. */
  readonly wakesAt: number
  /** The run's time minus monotonic time, in milliseconds. */
  readonly offset: number
}

export class Sleepers {
  private readonly sleepers = new Map<string, Sleeper>()

  add(runId: string, sleeper: Sleeper): void {
    this.sleepers.set(runId, sleeper)
  }

  delete(runId: string): void {
    this.sleepers.delete(runId)
  }

  has(runId: string): boolean {
    return this.sleepers.has(runId)
  }

  /** What time it is for the run, at this monotonic time; 0 where that is not known. */
  reached(runId: string, now: number): number {
    const sleeper = this.sleepers.get(runId)
    return sleeper === undefined ? 0 : Math.round(sleeper.offset + now)
  }

  /** Forgets all but these. */
  keep(isOurs: (runId: string) => boolean): void {
    for (const runId of this.sleepers.keys()) if (!isOurs(runId)) this.sleepers.delete(runId)
  }

  /** Those whose time has come, at this monotonic time. */
  ripe(now: number): ReadonlyArray<string> {
    const ripe: Array<string> = []
    for (const [runId, { offset, wakesAt }] of this.sleepers) if (wakesAt - offset <= now) ripe.push(runId)
    return ripe
  }

  /** The next time that the clock ends a wait, in monotonic milliseconds; `Infinity` where there is none. */
  get next(): number {
    let next = Number.POSITIVE_INFINITY
    for (const { offset, wakesAt } of this.sleepers.values()) next = Math.min(next, wakesAt - offset)
    return next
  }
}
