/**
 * Reads a web stream into arrays: what one turn of the event loop brought goes on together, and nothing is delayed for it.
 *
 * Reading runs ahead of the taker by at most one array; a taker that hands back a promise holds the source until it is kept.
 */
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import type { SchedulerDispatcher } from "effect/Scheduler"

/** The most parts that wait for the taker. */
const most = 512

export interface PumpOptions<A, E> {
  readonly take: (parts: ReadonlyArray<A>) => void | Promise<void>
  /** What follows from a source that failed: a failure, or an end like any other. */
  readonly onError: (error: unknown) => Effect.Effect<void, E>
  /** The longest silence of the source, in milliseconds. */
  readonly idleMs: number
  /** What follows from a silence that was too long. */
  readonly onIdle: Effect.Effect<void, E>
}

/**
 * Carries a stream to its end. Completes when it has ended and all of it was taken; when interrupted, lets go of the source
 * without waiting for it.
 */
export const pump = <A, E>(source: ReadableStream<A>, options: PumpOptions<A, E>): Effect.Effect<void, E> =>
  Effect.withFiber((fiber) => {
    const clock = fiber.getRef(Clock.Clock)
    const intake = new Intake(source.getReader(), fiber.currentDispatcher)
    intake.read()
    const whole = carry(intake, clock, options)
    const held = Number.isFinite(options.idleMs) ? Effect.raceFirst(whole, watch(intake, clock, options)) : whole
    return Effect.ensuring(
      held,
      Effect.sync(() => intake.leave())
    )
  })

const carry = Effect.fnUntraced(function* <A, E>(intake: Intake<A>, clock: Clock.Clock, options: PumpOptions<A, E>) {
  for (;;) {
    intake.emptySince = clock.currentTimeMillisUnsafe()
    yield* intake.gathered
    intake.emptySince = undefined
    const parts = intake.take()
    if (parts.length > 0) {
      const room = options.take(parts)
      if (room !== undefined) yield* Effect.promise(() => room)
    } else if (intake.end !== undefined) {
      if (intake.end._tag === "Failed") yield* options.onError(intake.end.error)
      return
    }
  }
})

/** Fails when the source has been silent for too long. One timer for a whole stream: it looks again when it was too early. */
const watch = Effect.fnUntraced(function* <A, E>(intake: Intake<A>, clock: Clock.Clock, options: PumpOptions<A, E>) {
  for (;;) {
    const now = clock.currentTimeMillisUnsafe()
    const left = (intake.emptySince ?? now) + options.idleMs - now
    if (left <= 0) return yield* options.onIdle
    yield* Effect.sleep(left)
  }
})

type End = { readonly _tag: "Done" } | { readonly _tag: "Failed"; readonly error: unknown }

class Intake<A> {
  end: End | undefined
  /** When the taker began to wait, in epoch milliseconds; absent while it has something to do. */
  emptySince: number | undefined
  private batch: Array<A> = []
  private wake: (() => void) | undefined
  private paused = false
  private left = false
  private readonly reader: ReadableStreamDefaultReader<A>
  private readonly dispatcher: SchedulerDispatcher

  constructor(reader: ReadableStreamDefaultReader<A>, dispatcher: SchedulerDispatcher) {
    this.reader = reader
    this.dispatcher = dispatcher
  }

  get isEmpty(): boolean {
    return this.batch.length === 0 && this.end === undefined
  }

  /** Completes when something has come, or the end, and the turn of the event loop has brought whatever comes with it. */
  readonly gathered: Effect.Effect<void> = Effect.callback((resume) => {
    const gather = () => this.dispatcher.scheduleTask(() => resume(Effect.void), 0)
    if (!this.isEmpty) return gather()
    this.wake = gather
    return Effect.sync(() => {
      this.wake = undefined
    })
  })

  readonly read = (): void => {
    this.reader.read().then(this.took, this.failed)
  }

  take(): ReadonlyArray<A> {
    const parts = this.batch
    this.batch = []
    if (this.paused) {
      this.paused = false
      this.read()
    }
    return parts
  }

  /** Lets go of the source; harmless when it has ended. */
  leave(): void {
    this.left = true
    if (this.end === undefined) this.reader.cancel().then(ignore, ignore)
  }

  private readonly took = (result: ReadableStreamReadResult<A>): void => {
    if (this.left) return
    if (result.done) {
      this.end = { _tag: "Done" }
    } else {
      this.batch.push(result.value)
      if (this.batch.length < most) this.read()
      else this.paused = true
    }
    this.ring()
  }

  private readonly failed = (error: unknown): void => {
    this.end = { _tag: "Failed", error }
    this.ring()
  }

  private ring(): void {
    const { wake } = this
    this.wake = undefined
    wake?.()
  }
}

const ignore = () => {}
