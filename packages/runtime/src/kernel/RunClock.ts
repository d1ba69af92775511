/**
 * The time of one run in one process: the current time for the run, how long it has been worked on, and what is left to a
 * request to a model (`Patience`). `monotonicMillis` is the monotonic time that intervals and deadlines are measured with.
 *
 * A run's time is Unix time, because it is stored and shown; but it advances with the monotonic clock, so that no
 * interval in it is negative and setting the wall clock ends nothing early or late. Where the wall clock is more than a
 * second ahead (it was set, or the machine was suspended), the run catches up when nothing is being measured: between
 * two pieces of work. It never goes back. The summary at the end is folded from the ledger; `elapsed` is for limits
 * that must be enforced before the end.
 */
import * as Clock from "effect/Clock"
import * as Context from "effect/Context"

/** How far the wall clock must be ahead before the run catches up, in milliseconds: less is rounding and drift. */
const toleranceMs = 1000

export class RunClock {
  /** Time in which no process executed the run, or the machine was suspended, in milliseconds. */
  downMs = 0
  private working = 0
  private waiting = 0
  private idleSince = 0
  private idleTotal = 0
  private movedAt = 0
  /** Run time minus monotonic time, in milliseconds. */
  private offset: number
  /** The wall clock's millisecond in which the run last compared it with its own time. */
  private comparedAt = Number.NaN
  private readonly clock: Clock.Clock
  private readonly isPlatform: boolean
  private readonly startedAt: number

  /** `startedAt` and `notBefore`, a time that the run has already seen, are Unix times in milliseconds. */
  constructor(clock: Clock.Clock, startedAt: number, notBefore = startedAt) {
    this.clock = clock
    this.isPlatform = isPlatformClock(clock)
    this.startedAt = startedAt
    this.offset = Math.max(clock.currentTimeMillisUnsafe(), startedAt, notBefore) - monotonicMillis(clock)
  }

  /**
   * Adds what earlier owners of the run have counted, in milliseconds: human waiting time, and time without an owner.
   */
  resume(idleMs: number, downMs: number): void {
    this.idleTotal = idleMs
    this.downMs = downMs
  }

  /** The time for the run: Unix time in whole milliseconds. */
  now(): number {
    return Math.round(this.offset + (this.isPlatform ? platform.now() : monotonicMillis(this.clock)))
  }

  /**
   * When it will be `at` for the run, in monotonic milliseconds: a deadline that no later change of the wall clock
   * moves.
   */
  due(at: number): number {
    return at - this.offset
  }

  /** How long until that moment, in milliseconds; not positive when it is over. */
  left(due: number): number {
    return due - monotonicMillis(this.clock)
  }

  /** Returns the time. */
  beginWork(): number {
    const before = this.now()
    if (this.working++ > 0) return before
    const missed = this.catchUp(before)
    const now = before + missed
    if (this.waiting > 0) this.idleTotal += now - this.idleSince
    else this.downMs += missed
    return now
  }

  endWork(): void {
    if (--this.working === 0 && this.waiting > 0) this.idleSince = this.now()
  }

  beginWait(): void {
    if (this.waiting++ === 0 && this.working === 0) this.idleSince = this.now()
  }

  endWait(): void {
    const now = this.move()
    if (--this.waiting === 0 && this.working === 0) this.idleTotal += now - this.idleSince
  }

  /** Call when the run has gone on, other than by work. Returns the time. */
  move(): number {
    return (this.movedAt = this.now())
  }

  /**
   * How long it has only waited, in milliseconds; `undefined` while it does other work. Counted anew after a wait has
   * ended, and when the run goes on in another way: other waits may last, and its code takes its own time.
   */
  get idleMs(): number | undefined {
    return this.waiting > 0 && this.working === 0 ? this.now() - Math.max(this.idleSince, this.movedAt) : undefined
  }

  /**
   * Machine time since the start, in milliseconds: without human waiting time and without `downMs`. `now`: the time, if it
   * was just read.
   */
  elapsed(now = this.now()): number {
    const isIdle = this.waiting > 0 && this.working === 0
    const idleMs = isIdle ? Math.max(0, now - this.idleSince) : 0
    return Math.max(0, now - this.startedAt - this.idleTotal - idleMs - this.downMs)
  }

  /** Catches up with the wall clock. Returns by how much, in milliseconds. */
  private catchUp(now: number): number {
    const wall = this.clock.currentTimeMillisUnsafe()
    // Within the same millisecond the run's time can only have come closer.
    if (wall === this.comparedAt) return 0
    this.comparedAt = wall
    const missed = wall - now
    if (missed <= toleranceMs) return 0
    this.offset += missed
    return missed
  }
}

const defaultClock = Context.get(Context.empty(), Clock.Clock)

/** Whether a clock is the platform's own, and no test's. */
export const isPlatformClock = (clock: Clock.Clock): boolean => clock === defaultClock

// Looked up once, because the global is a getter. It is the source of the default clock, without a BigInt per reading.
// oxlint-disable-next-line no-restricted-globals -- it is only read on the platform's own clock
const platform = performance

/**
 * Milliseconds from an arbitrary origin, with fractions. Only differences of readings of the same clock mean something.
 */
export const monotonicMillis = (clock: Clock.Clock): number =>
  isPlatformClock(clock) ? platform.now() : Number(clock.monotonicTimeNanosUnsafe()) / 1e6

/** Limits in milliseconds; `Infinity` where there is none. */
export interface PatienceLimits {
  readonly idleMs: number
  readonly totalMs: number
}

/** Where the time comes from: milliseconds that never go back. */
interface Time {
  readonly now: () => number
}

/**
 * The time limits of one request to a model: silence, and total time. Plain state that is queried, not a timer; `Attempt`
 * decides what happens when a limit is over. Time in which a slow reader of the log blocks the answer does not count as
 * the model's silence.
 */
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
