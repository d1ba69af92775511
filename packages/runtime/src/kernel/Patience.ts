/**
 * The time limits of one request to a model: silence, and total time. Plain state that is queried, not a timer;
 * `Attempt` decides what happens when a limit is over.
 *
 * Time in which a slow reader of the log blocks the answer does not count as the model's silence.
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

/** The time limits of one request. */
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

  /** The model sent something. */
  heard(): void {
    this.heardAt = this.time.now()
  }

  /** The model is blocked until `room` resolves. */
  hold(room: Promise<void>): Promise<void> {
    this.held++
    return room.then(() => {
      this.held--
      this.heard()
    })
  }

  /** A lower bound of the milliseconds that are left: query again when they are over. */
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
