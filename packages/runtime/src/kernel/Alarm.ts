/**
 * The deadlines of all runs of a runtime over one timer. Each step and each call has a deadline, and nearly all are taken back long
 * before they are due; so taking one back touches no timer, and setting one does only when it is earlier than the timer's. When no
 * run is under way any more there is no timer.
 */
import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import type * as Fiber from "effect/Fiber"

interface Deadline {
  readonly at: number
  readonly ring: () => void
}

export class Alarm {
  private deadlines: Set<Deadline> | undefined
  private timer: Fiber.Fiber<void> | undefined
  /** When the timer goes off, in epoch milliseconds. */
  private due = Number.POSITIVE_INFINITY
  private runs = 0
  private readonly clock: Clock.Clock
  private readonly fork: (effect: Effect.Effect<void>) => Fiber.Fiber<void>

  constructor(clock: Clock.Clock) {
    this.clock = clock
    this.fork = Effect.runForkWith(Context.make(Clock.Clock, clock))
  }

  /** Carries `run`, which may set deadlines until it ends. */
  during<A>(run: Effect.Effect<A>): Effect.Effect<A> {
    return Effect.suspend(() => {
      this.runs++
      return Effect.onExit(run, () => this.left)
    })
  }

  private readonly left = Effect.sync(() => {
    if (--this.runs > 0) return
    this.deadlines = undefined
    this.due = Number.POSITIVE_INFINITY
    const { timer } = this
    this.timer = undefined
    timer?.interruptUnsafe()
  })

  private now(): number {
    return this.clock.currentTimeMillisUnsafe()
  }

  /** Calls `ring` in `ms` milliseconds, once, unless it is taken back by what is returned. */
  set(ms: number, ring: () => void): () => void {
    const deadline: Deadline = { at: this.now() + ms, ring }
    this.deadlines ??= new Set()
    this.deadlines.add(deadline)
    if (deadline.at < this.due) this.arm(deadline.at)
    return () => this.deadlines?.delete(deadline)
  }

  private arm(at: number): void {
    const before = this.timer
    const timer = this.fork(Effect.sleep(Math.max(0, Math.ceil(at - this.now()))))
    this.timer = timer
    this.due = at
    before?.interruptUnsafe()
    timer.addObserver(() => {
      if (this.timer === timer) this.ring()
    })
  }

  private ring(): void {
    this.timer = undefined
    this.due = Number.POSITIVE_INFINITY
    const now = this.now()
    const { deadlines = [] } = this
    for (const deadline of deadlines) {
      if (deadline.at <= now && this.deadlines?.delete(deadline) === true) deadline.ring()
    }
    let next = Number.POSITIVE_INFINITY
    for (const { at } of deadlines) next = Math.min(next, at)
    if (next < this.due) this.arm(next)
  }
}

/** The alarms of a runtime: one for each clock that its runs are on, which is one but in tests. */
export class Alarms {
  private readonly alarms = new WeakMap<Clock.Clock, Alarm>()

  /** The alarm on this clock. */
  on(clock: Clock.Clock): Alarm {
    let alarm = this.alarms.get(clock)
    if (alarm === undefined) this.alarms.set(clock, (alarm = new Alarm(clock)))
    return alarm
  }
}
