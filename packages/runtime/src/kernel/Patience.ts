/**
 * How long one request to a model may take: without a word, and in all. Plain state that is asked, not a timer; what happens when
 * it is over is the attempt's business.
 *
 * Silence is the model's only while we listen: the time in which the log's reader holds the answer back does not count.
 */

/** Limits in milliseconds; `Infinity` where there is none. */
export interface PatienceLimits {
  readonly idleMs: number
  readonly totalMs: number
}

/** The patience with one request. */
export class Patience {
  private readonly limits: PatienceLimits
  private readonly now: () => number
  private readonly startedAt: number
  private heardAt: number
  private held = 0

  constructor(limits: PatienceLimits, now: () => number) {
    this.limits = limits
    this.now = now
    this.startedAt = now()
    this.heardAt = this.startedAt
  }

  /** The model has said something. */
  heard(): void {
    this.heardAt = this.now()
  }

  /** The model is held back until `room` resolves. */
  hold(room: Promise<void>): Promise<void> {
    this.held++
    return room.then(() => {
      this.held--
      this.heard()
    })
  }

  /** Milliseconds that are left, at the least: ask again when they are over. */
  readonly remaining = (): number => {
    const { idleMs, totalMs } = this.limits
    const now = this.now()
    const silent = this.held > 0 ? 0 : now - this.heardAt
    return Math.min(idleMs - silent, totalMs - (now - this.startedAt))
  }

  /** The limit that is over, in milliseconds; `undefined` while there is time. */
  get over(): number | undefined {
    if (this.remaining() > 0) return undefined
    const { idleMs, totalMs } = this.limits
    return Math.ceil(this.now() - this.startedAt >= totalMs ? totalMs : idleMs)
  }
}
