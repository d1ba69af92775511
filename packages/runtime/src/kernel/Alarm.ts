/**
 * Deadlines of all runs of a runtime over one timer, on monotonic time. Each step and each call sets a deadline, and
 * nearly all are cleared long before they are due. So clearing one cancels no timer, and setting one starts a timer
 * only if it is due before the current one. A timer without deadlines is stopped a moment later, so that it does not
 * keep the process alive.
 */
import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import { isPlatformClock, monotonicMillis } from "./RunClock.ts"

/** Called when a deadline is due. */
export interface AlarmListener {
  readonly ring: () => void
}

/** A deadline that was set. */
export class Deadline {
  /** Monotonic milliseconds. */
  declare readonly at: number
  declare readonly listener: AlarmListener
  /** Its place among the deadlines that are set; -1 once it has fired or was cleared. */
  declare place: number

  constructor(at: number, listener: AlarmListener, place: number) {
    this.at = at
    this.listener = listener
    this.place = place
  }
}

/** A timer that fires once. */
interface Timer {
  readonly stop: () => void
}

/** Starts a timer of `ms` milliseconds. */
type StartTimer = (ms: number, ring: () => void) => Timer

/** How long the platform's timer is kept for the next deadline after the last one was cleared, in milliseconds. */
const lingerMs = 20

export class Alarm {
  /** In no order. */
  private readonly deadlines: Array<Deadline> = []
  private timer: Timer | undefined
  /** When the timer fires, in monotonic milliseconds. */
  private due = Number.POSITIVE_INFINITY
  private isLingering = false
  private readonly clock: Clock.Clock
  private readonly isDefault: boolean
  private readonly start: StartTimer

  constructor(clock: Clock.Clock) {
    this.clock = clock
    this.isDefault = isPlatformClock(clock)
    this.start = this.isDefault ? startPlatformTimer : fiberTimers(clock)
  }

  /** Calls `listener` in `ms` milliseconds, once, unless the deadline is cleared before. */
  set(ms: number, listener: AlarmListener): Deadline {
    const deadline = new Deadline(monotonicMillis(this.clock) + ms, listener, this.deadlines.length)
    this.deadlines.push(deadline)
    if (deadline.at < this.due) this.arm(deadline.at)
    return deadline
  }

  /** Clears a deadline; does nothing if it has fired. */
  clear(deadline: Deadline | undefined): void {
    if (deadline === undefined || !this.remove(deadline) || this.deadlines.length > 0) return
    if (this.isDefault) this.linger()
    else this.disarm()
  }

  /** Takes a deadline out and puts the last in its place. False where it was out already. */
  private remove(deadline: Deadline): boolean {
    const { deadlines } = this
    const { place } = deadline
    if (place < 0) return false
    deadline.place = -1
    const last = deadlines.pop()
    if (last !== undefined && last !== deadline) {
      last.place = place
      deadlines[place] = last
    }
    return true
  }

  /** Keeps the timer for a deadline that is set soon, as by the next step of a run, and stops it otherwise. */
  private linger(): void {
    if (this.isLingering) return
    this.isLingering = true
    startPlatformTimer(lingerMs, () => {
      this.isLingering = false
      if (this.deadlines.length === 0) this.disarm()
    })
  }

  private disarm(): void {
    this.timer?.stop()
    this.timer = undefined
    this.due = Number.POSITIVE_INFINITY
  }

  private arm(at: number): void {
    this.timer?.stop()
    this.due = at
    this.timer = this.start(Math.max(0, Math.ceil(at - monotonicMillis(this.clock))), () => this.ring())
  }

  private ring(): void {
    this.timer = undefined
    this.due = Number.POSITIVE_INFINITY
    const now = monotonicMillis(this.clock)
    // A listener may set and clear others.
    for (const deadline of this.deadlines.filter(({ at }) => at <= now)) {
      if (this.remove(deadline)) deadline.listener.ring()
    }
    let next = Number.POSITIVE_INFINITY
    for (const { at } of this.deadlines) if (at < next) next = at
    if (next < this.due) this.arm(next)
  }
}

/** The alarms of a runtime: one for each clock that its runs are on, which is one except in tests. */
export class Alarms {
  private readonly alarms = new WeakMap<Clock.Clock, Alarm>()

  /** The alarm on this clock. */
  on(clock: Clock.Clock): Alarm {
    let alarm = this.alarms.get(clock)
    if (alarm === undefined) this.alarms.set(clock, (alarm = new Alarm(clock)))
    return alarm
  }
}

/** The longest time that the platform's timers take, in milliseconds; the rest is waited for again. */
const longestMs = 2 ** 31 - 1

/** For the default clock: a tenth of the cost of a fiber that sleeps. */
class PlatformTimer implements Timer {
  private readonly handle: number

  constructor(ms: number, ring: () => void) {
    // oxlint-disable-next-line no-restricted-globals -- the default clock is the platform's; on every other clock a fiber sleeps
    this.handle = setTimeout(ring, Math.min(ms, longestMs))
  }

  stop(): void {
    clearTimeout(this.handle)
  }
}

const startPlatformTimer: StartTimer = (ms, ring) => new PlatformTimer(ms, ring)

/** For clocks that tests move. */
const fiberTimers = (clock: Clock.Clock): StartTimer => {
  const fork = Effect.runForkWith(Context.make(Clock.Clock, clock))
  return (ms, ring) => {
    const fiber = fork(Effect.sleep(ms))
    let isStopped = false
    fiber.addObserver(() => {
      if (!isStopped) ring()
    })
    return {
      stop: () => {
        isStopped = true
        fiber.interruptUnsafe()
      }
    }
  }
}
