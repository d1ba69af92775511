/**
 * Reads a source that gives its parts one by one, and hands them on in arrays: what one turn of the event loop brought goes
 * together, and nothing is delayed for it. For adapters of models; it knows nothing of what a part is.
 *
 * Plain callbacks under one effect for the whole source, because every delta passes here. Reading runs ahead of the taker by at
 * most one array; a taker that hands back a promise holds the source until it is kept.
 */
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import type { SchedulerDispatcher } from "effect/Scheduler"
import * as Monotonic from "../kernel/Monotonic.ts"

/** Where parts come from: the reader of a web stream, or an async iterator. */
export interface Source<A> {
  readonly next: () => Promise<
    { readonly done?: false | undefined; readonly value: A } | { readonly done: true; readonly value?: unknown }
  >
  /** Lets go of the source. Not called when it has ended. */
  readonly leave: () => Promise<unknown> | undefined
}

export interface PumpOptions<A, E> {
  readonly take: (parts: ReadonlyArray<A>) => void | Promise<void>
  /** What follows from a source that failed: a failure, or an end like any other. */
  readonly onError: (error: unknown) => Effect.Effect<void, E>
  /** The longest silence of the source in milliseconds, and what follows from it. Absent: it may be silent for ever. */
  readonly idle?: { readonly afterMs: number; readonly end: Effect.Effect<void, E> } | undefined
}

/**
 * Carries a source to its end. Completes when it has ended and all of it was taken; when interrupted, lets go of the source
 * without waiting for it.
 */
export const pump = <A, E>(source: Source<A>, options: PumpOptions<A, E>): Effect.Effect<void, E> =>
  Effect.withFiber((fiber) => {
    const clock = fiber.getRef(Clock.Clock)
    const intake = new Intake(source, options.take, fiber.currentDispatcher, clock)
    const whole = Effect.flatMap(intake.whole, (end) =>
      end._tag === "Failed" ? options.onError(end.error) : Effect.void
    )
    const held = options.idle === undefined ? whole : Effect.raceFirst(whole, watch(intake, clock, options.idle))
    return Effect.ensuring(
      held,
      Effect.sync(() => intake.leave())
    )
  })

/** Ends when the source has been silent for too long. One timer for a whole source: it looks again when it was too early. */
const watch = Effect.fnUntraced(function* <A, E>(
  intake: Intake<A>,
  clock: Clock.Clock,
  { afterMs, end }: NonNullable<PumpOptions<A, E>["idle"]>
) {
  for (;;) {
    const now = Monotonic.millis(clock)
    const left = (intake.emptySince ?? now) + afterMs - now
    if (left <= 0) return yield* end
    yield* Effect.sleep(left)
  }
})

type End = { readonly _tag: "Done" } | { readonly _tag: "Failed"; readonly error: unknown }

/** The most parts that wait for the taker. */
const most = 512

class Intake<A> {
  /** When the taker began to wait, in monotonic milliseconds; absent while it has something to do. */
  emptySince: number | undefined
  private end: End | undefined
  private batch: Array<A> = []
  private isPaused = false
  private isTurning = false
  private isHeld = false
  private isLeft = false
  private finish: ((end: Effect.Effect<End>) => void) | undefined
  private readonly source: Source<A>
  private readonly taker: (parts: ReadonlyArray<A>) => void | Promise<void>
  private readonly dispatcher: SchedulerDispatcher
  private readonly clock: Clock.Clock

  constructor(
    source: Source<A>,
    taker: (parts: ReadonlyArray<A>) => void | Promise<void>,
    dispatcher: SchedulerDispatcher,
    clock: Clock.Clock
  ) {
    this.source = source
    this.taker = taker
    this.dispatcher = dispatcher
    this.clock = clock
  }

  /** Reads until the source has ended and everything was taken. */
  readonly whole: Effect.Effect<End> = Effect.callback((resume) => {
    this.finish = resume
    this.emptySince = Monotonic.millis(this.clock)
    this.read()
  })

  /** Lets go of the source; harmless when it has ended. */
  leave(): void {
    this.isLeft = true
    if (this.end === undefined) this.source.leave()?.then(ignore, ignore)
  }

  private readonly read = (): void => {
    this.source.next().then(this.took, this.failed)
  }

  private readonly took = (next: Awaited<ReturnType<Source<A>["next"]>>): void => {
    if (this.isLeft) return
    if (next.done === true) {
      this.end = { _tag: "Done" }
    } else {
      this.batch.push(next.value)
      if (this.batch.length < most) this.read()
      else this.isPaused = true
    }
    this.awaitTurn()
  }

  private readonly failed = (error: unknown): void => {
    this.end = { _tag: "Failed", error }
    this.awaitTurn()
  }

  private awaitTurn(): void {
    if (this.isTurning || this.isHeld) return
    this.isTurning = true
    this.dispatcher.scheduleTask(this.turned, 0)
  }

  /** The turn of the event loop is over: what it brought goes on. */
  private readonly turned = (): void => {
    this.isTurning = false
    if (this.isLeft) return
    const parts = this.batch
    if (parts.length === 0) return this.wait()
    this.batch = []
    this.emptySince = undefined
    if (this.isPaused) {
      this.isPaused = false
      this.read()
    }
    this.isHeld = true
    Promise.resolve(parts).then(this.taker).then(this.letGo, this.crash)
  }

  private readonly letGo = (): void => {
    this.isHeld = false
    this.wait()
  }

  private wait(): void {
    if (this.batch.length > 0) return this.awaitTurn()
    if (this.end !== undefined) return this.finish?.(Effect.succeed(this.end))
    this.emptySince = Monotonic.millis(this.clock)
  }

  private readonly crash = (defect: unknown): void => this.finish?.(Effect.die(defect))
}

const ignore = (): void => {}
