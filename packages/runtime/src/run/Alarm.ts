/**
 * The deadlines of one run over one timer. Each step and each call has a deadline, and nearly all are taken back long before
 * they are due; so taking one back touches no timer, and setting one does only when it is earlier than the timer's.
 */
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
  private readonly fork: (effect: Effect.Effect<void>) => Fiber.Fiber<void>
  private readonly now: () => number

  /** `fork` runs the timer, on the clock that `now` reads. */
  constructor(fork: (effect: Effect.Effect<void>) => Fiber.Fiber<void>, now: () => number) {
    this.fork = fork
    this.now = now
  }

  /** Calls `ring` in `ms` milliseconds, once, unless it is taken back by what is returned. */
  set(ms: number, ring: () => void): () => void {
    const deadline: Deadline = { at: this.now() + ms, ring }
    this.deadlines ??= new Set()
    this.deadlines.add(deadline)
    if (deadline.at < this.due) this.arm(deadline.at)
    return () => this.deadlines?.delete(deadline)
  }

  /** The run is over: nothing is due any more. */
  readonly close = (): void => {
    this.deadlines = undefined
    this.due = Number.NEGATIVE_INFINITY
    this.timer?.interruptUnsafe()
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
    if (this.due === Number.NEGATIVE_INFINITY) return
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
