/**
 * Reads a source that yields its parts one by one, and passes them on in arrays: all parts of one turn of the event
 * loop in one array, without delay. For adapters of models; it does not interpret parts.
 *
 * Plain callbacks under one effect for the whole source, because every delta passes here. Reading is at most one array
 * ahead of the taker; a promise returned by the taker pauses the source until it resolves.
 */
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import type * as Fiber from "effect/Fiber"
import * as Result from "effect/Result"
import type { SchedulerDispatcher } from "effect/Scheduler"
import * as Task from "../kernel/Task.ts"
import { monotonicMillis } from "../kernel/RunClock.ts"

/**
 * Where parts come from: the reader of a web stream, or an async iterator.
 *
 * @since 0.1.0
 * @category models
 */
export interface Source<A> {
  readonly next: () => Promise<
    { readonly done?: false | undefined; readonly value: A } | { readonly done: true; readonly value?: unknown }
  >
  /** Closes the source. Not called when it has ended. */
  readonly leave: () => Promise<unknown> | undefined
}

/**
 * Where the parts of a source go, and what a failure of it means.
 *
 * @since 0.1.0
 * @category models
 */
export interface PumpOptions<A, E> {
  readonly take: (parts: ReadonlyArray<A>) => void | Promise<void>
  /** The result of a source that failed: a failure, or a normal end. */
  readonly onError: (error: unknown) => Effect.Effect<void, E>
  /** The longest silence of the source in milliseconds, and its result. Absent: no limit. */
  readonly idle?: { readonly afterMs: number; readonly end: Effect.Effect<void, E> } | undefined
}

/**
 * Reads a source to its end. Completes when it has ended and everything was taken; when interrupted, closes the source
 * without waiting for it.
 *
 * @since 0.1.0
 * @category operations
 */
export const pump = <A, E>(source: Source<A>, options: PumpOptions<A, E>): Effect.Effect<void, E> =>
  pumpFrom(() => source, options)

/**
 * As `pump`, for a source that is opened when reading starts. A throw of `open` is a defect.
 *
 * @since 0.1.0
 * @category operations
 */
export const pumpFrom = <A, E>(open: () => Source<A>, options: PumpOptions<A, E>): Effect.Effect<void, E> => {
  const { idle } = options
  if (idle === undefined) {
    const read = Task.make<End, never>((caller, ended) => {
      const intake = new Intake(open(), options.take, caller, undefined, ended)
      intake.begin()
      return () => intake.stop()
    })
    return Task.andThen(read, (exit) =>
      Exit.isSuccess(exit) ? after(exit.value, options) : Exit.failCause(exit.cause)
    )
  }
  return Effect.withFiber((fiber) => {
    let intake: Intake<A> | undefined
    const read = Effect.callback<End>((resume) => {
      intake = new Intake(open(), options.take, fiber, fiber.getRef(Clock.Clock), resume)
      intake.begin()
    })
    const silent = Effect.suspend(() =>
      intake === undefined ? Effect.never : watch(intake, fiber.getRef(Clock.Clock), idle)
    )
    return Effect.ensuring(
      Effect.raceFirst(
        Effect.flatMap(read, (end) => after(end, options)),
        silent
      ),
      Effect.sync(() => intake?.leave())
    )
  })
}

const after = <E>(end: End, options: Pick<PumpOptions<never, E>, "onError">): Effect.Effect<void, E> =>
  end._tag === "Failed" ? options.onError(end.error) : Exit.void

/**
 * Ends when the source has been silent for too long. One timer per source, which is set again if it fired too early.
 */
const watch = Effect.fnUntraced(function* <A, E>(
  intake: Intake<A>,
  clock: Clock.Clock,
  { afterMs, end }: NonNullable<PumpOptions<A, E>["idle"]>
) {
  for (;;) {
    const now = monotonicMillis(clock)
    const left = (intake.emptySince ?? now) + afterMs - now
    if (left <= 0) return yield* end
    yield* Effect.sleep(left)
  }
})

type End = { readonly _tag: "Done" } | { readonly _tag: "Failed"; readonly error: unknown }

const done: End = { _tag: "Done" }

/** The most parts that wait for the taker. */
const most = 512

/** The task of an intake for the next turn. It leaves the intake when that has ended: the turn may be long in coming. */
class Turn {
  declare intake: { readonly turned: () => void } | undefined
  declare readonly run: () => void

  constructor(intake: { readonly turned: () => void }) {
    this.intake = intake
    this.run = () => this.intake?.turned()
  }
}

class Intake<A> {
  /** When the taker began to wait, in monotonic milliseconds; absent while it is busy. */
  emptySince: number | undefined
  private end: End | undefined
  private batch: Array<A> = []
  private isPaused = false
  private isTurning = false
  private isHeld = false
  private isLeft = false
  private isOver = false
  private readonly next = new Turn(this)
  private readonly ended: (exit: Exit.Exit<End>) => void
  private readonly source: Source<A>
  private readonly taker: (parts: ReadonlyArray<A>) => void | Promise<void>
  private readonly dispatcher: SchedulerDispatcher
  private readonly clock: Clock.Clock | undefined

  /** `clock`: of the limit on its silence; absent: there is none. */
  constructor(
    source: Source<A>,
    taker: (parts: ReadonlyArray<A>) => void | Promise<void>,
    caller: Fiber.Fiber<unknown, unknown>,
    clock: Clock.Clock | undefined,
    ended: (exit: Exit.Exit<End>) => void
  ) {
    this.source = source
    this.taker = taker
    this.dispatcher = caller.currentDispatcher
    this.clock = clock
    this.ended = ended
  }

  /** Reads until the source has ended and everything was taken. */
  begin(): void {
    if (this.clock !== undefined) this.emptySince = monotonicMillis(this.clock)
    this.read()
  }

  /** Closes the source and ends; does nothing once it has ended. */
  stop(): void {
    if (this.isLeft || this.isOver) return
    this.leave()
    this.over(Exit.interrupt())
  }

  private over(exit: Exit.Exit<End>): void {
    this.next.intake = undefined
    this.ended(exit)
  }

  /** Closes the source; does nothing when it has ended. */
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
      this.end = done
      // Nothing more can come in this turn.
      if (!this.isHeld) this.turn()
      return
    }
    this.batch.push(next.value)
    if (this.batch.length < most) this.read()
    else this.isPaused = true
    this.awaitTurn()
  }

  private readonly failed = (error: unknown): void => {
    this.end = { _tag: "Failed", error }
    this.awaitTurn()
  }

  private awaitTurn(): void {
    if (this.isTurning || this.isHeld) return
    this.isTurning = true
    this.dispatcher.scheduleTask(this.next.run, 0)
  }

  /** Passes on the parts of the turn of the event loop that is over. */
  readonly turned = (): void => {
    if (this.isTurning) this.turn()
  }

  private turn(): void {
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
    const taken = Result.try(() => this.taker(parts))
    if (Result.isFailure(taken)) return this.crash(taken.failure)
    if (taken.success === undefined) return this.wait()
    this.isHeld = true
    taken.success.then(this.letGo, this.crash)
  }

  private readonly letGo = (): void => {
    this.isHeld = false
    if (!this.isLeft) this.wait()
  }

  private wait(): void {
    if (this.batch.length > 0) return this.awaitTurn()
    if (this.end !== undefined) return Task.soon(this.finish)
    if (this.clock !== undefined) this.emptySince = monotonicMillis(this.clock)
  }

  /** Readers of what was just taken, which are notified in a microtask as well, come before all that follows the end. */
  private readonly finish = (): void => {
    if (this.isLeft || this.isOver || this.end === undefined) return
    this.isOver = true
    this.over(Exit.succeed(this.end))
  }

  private readonly crash = (defect: unknown): void => {
    if (this.isLeft) return
    this.leave()
    this.over(Exit.die(defect))
  }
}

const ignore = (): void => {}
