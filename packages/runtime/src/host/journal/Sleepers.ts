/**
 * Runs that wait so long that nothing of them is kept but their ids, and when the clock ends their waits. An answer, a cancel or
 * that time opens them again from the journal.
 */
export class Sleepers {
  private readonly due = new Map<string, number>()

  /** `wakesAt` in epoch milliseconds; `Infinity` where the clock ends none of its waits. */
  add(runId: string, wakesAt: number): void {
    this.due.set(runId, wakesAt)
  }

  delete(runId: string): void {
    this.due.delete(runId)
  }

  has(runId: string): boolean {
    return this.due.has(runId)
  }

  /** Forgets all but these. */
  keep(isOurs: (runId: string) => boolean): void {
    for (const runId of this.due.keys()) if (!isOurs(runId)) this.due.delete(runId)
  }

  /** Takes out those whose time has come. */
  ripe(now: number): ReadonlyArray<string> {
    const ripe: Array<string> = []
    for (const [runId, wakesAt] of this.due) if (wakesAt <= now) ripe.push(runId)
    for (const runId of ripe) this.due.delete(runId)
    return ripe
  }

  /** The next time that the clock ends a wait; `Infinity` where there is none. */
  get next(): number {
    let next = Number.POSITIVE_INFINITY
    for (const wakesAt of this.due.values()) if (wakesAt < next) next = wakesAt
    return next
  }
}
