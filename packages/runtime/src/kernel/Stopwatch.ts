/**
 * Measures a run's time while it runs, without the time in which it only waited for people. The summary at the end is folded
 * from the ledger; this is for limits that must bite before the end.
 */
export class Stopwatch {
  private working = 0
  private waiting = 0
  private idleSince = 0
  private idleMs: number
  private readonly now: () => number
  private readonly startedAt: number

  /** `idleMs`: human waiting time of earlier lives of the run. */
  constructor(now: () => number, startedAt: number, idleMs = 0) {
    this.now = now
    this.startedAt = startedAt
    this.idleMs = idleMs
  }

  beginWork(): void {
    if (this.working++ === 0 && this.waiting > 0) this.idleMs += this.now() - this.idleSince
  }

  endWork(): void {
    if (--this.working === 0 && this.waiting > 0) this.idleSince = this.now()
  }

  beginWait(): void {
    if (this.waiting++ === 0 && this.working === 0) this.idleSince = this.now()
  }

  endWait(): void {
    if (--this.waiting === 0 && this.working === 0) this.idleMs += this.now() - this.idleSince
  }

  /** Since when it has only waited, in epoch milliseconds; `undefined` while it does not. */
  get idleFrom(): number | undefined {
    return this.waiting > 0 && this.working === 0 ? this.idleSince : undefined
  }

  /** Machine time since the start, in milliseconds; `downMs` is time in which no process carried the run. */
  elapsed(downMs: number): number {
    const now = this.now()
    const idle = this.idleMs + (this.waiting > 0 && this.working === 0 ? now - this.idleSince : 0)
    return Math.max(0, now - this.startedAt - idle - downMs)
  }
}
