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

/** Where the time comes from: milliseconds that never go back. */
interface Time {
  readonly now: () => number
}

/** The patience with one request. */
export class Patience {
  private readonly limits: PatienceLimits
  private readonly time: Time
  private readonly startedAt: number
  private heardAt: number
  private held = 0

  constructor(limits: PatienceLimits, time: Time) {
    this.limits = limits
    this.time = time
    this.startedAt = time.now()
    this.heardAt = this.startedAt
  }

  /** The model has said something. */
  heard(): void {
    this.heardAt = this.time.now()
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
    const now = this.time.now()
    const silent = this.held > 0 ? 0 : now - this.heardAt
    return Math.min(idleMs - silent, totalMs - (now - this.startedAt))
  }

  /** The limit that is over, in milliseconds; `undefined` while there is time. */
  get over(): number | undefined {
    if (this.remaining() > 0) return undefined
    const { idleMs, totalMs } = this.limits
    return Math.ceil(this.time.now() - this.startedAt >= totalMs ? totalMs : idleMs)
  }
}
