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
import * as Predicate from "effect/Predicate"
import * as Result from "effect/Result"
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
  /**
   * Whether `next` never throws, and returns promises of the language that resolve to objects, as generators and readers
   * of the platform do: each part costs less then. Absent: no.
   */
  readonly isNative?: boolean | undefined
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
  if (idle === undefined) return new Pumping(open, options)
  return Effect.withFiber((fiber) => {
    let intake: Intake<A, E> | undefined
    const read = Effect.callback<void, E>((resume) => {
      // What the source's failure becomes is part of this effect: who interrupts it waits for its end.
      const goOn = (then: () => Effect.Effect<void, E>) => resume(Effect.suspend(then))
      intake = new Intake(open(), options, fiber, fiber.getRef(Clock.Clock), resume, goOn)
      intake.begin()
      return Effect.sync(() => intake?.stop())
    })
    const silent = Effect.suspend(() =>
      intake === undefined ? Effect.never : watch(intake, fiber.getRef(Clock.Clock), idle)
    )
    return Effect.ensuring(
      Effect.raceFirst(read, silent),
      Effect.sync(() => intake?.leave())
    )
  })
}

/** The reading of one source, without a limit on its silence. */
class Pumping<A, E> extends Task.Task<void, E> {
  private readonly open: () => Source<A>
  private readonly options: PumpOptions<A, E>

  constructor(open: () => Source<A>, options: PumpOptions<A, E>) {
    super("work", Pumping.prototype.begin, undefined)
    this.open = open
    this.options = options
  }

  private begin(caller: Fiber.Fiber<unknown, unknown>, ended: (exit: Exit.Exit<void, E>) => void): () => void {
    let quit: (() => void) | undefined
    const goOn = (then: () => Effect.Effect<void, E>) => {
      quit = Task.begin(Task.suspend(then), caller, ended)
    }
    const intake = new Intake(this.open(), this.options, caller, undefined, ended, goOn)
    intake.begin()
    return () => {
      quit?.()
      intake.stop()
    }
  }
}

/**
 * Ends when the source has been silent for too long. One timer per source, which is set again if it fired too early.
 */
const watch = Effect.fnUntraced(function* <A, E>(
  intake: Intake<A, E>,
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
  intake: { readonly turned: () => void } | undefined

  constructor(intake: { readonly turned: () => void }) {
    this.intake = intake
  }

  readonly run = (): void => this.intake?.turned()
}

class Intake<A, E> {
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
  private readonly ended: (exit: Exit.Exit<void, E>) => void
  private readonly goOn: (then: () => Effect.Effect<void, E>) => void
  private readonly source: Source<A>
  private readonly options: PumpOptions<A, E>
  private readonly caller: Fiber.Fiber<unknown, unknown>
  private readonly clock: Clock.Clock | undefined

  /**
   * `clock`: of the limit on its silence; absent: there is none. `ended` is called with the end, or `goOn` with the effect
   * whose end it is, for a source that failed.
   */
  constructor(
    source: Source<A>,
    options: PumpOptions<A, E>,
    caller: Fiber.Fiber<unknown, unknown>,
    clock: Clock.Clock | undefined,
    ended: (exit: Exit.Exit<void, E>) => void,
    goOn: (then: () => Effect.Effect<void, E>) => void
  ) {
    this.source = source
    this.options = options
    this.caller = caller
    this.clock = clock
    this.ended = ended
    this.goOn = goOn
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

  private over(exit: Exit.Exit<void, E>): void {
    this.next.intake = undefined
    this.ended(exit)
  }

  /** Closes the source; does nothing when it has ended. */
  leave(): void {
    if (this.isLeft) return
    this.isLeft = true
    if (this.end !== undefined) return
    const left = Result.try(() => this.source.leave())
    if (Result.isSuccess(left)) Promise.resolve(left.success).then(ignore, ignore)
  }

  private read(): void {
    if (this.source.isNative === true) this.source.next().then(this.took, this.failed)
    else this.tryRead()
  }

  private tryRead(): void {
    const next = Result.try(this.ask)
    if (Result.isFailure(next)) return this.failed(next.failure)
    Promise.resolve(next.success).then(this.took, this.failed)
  }

  private readonly ask = () => this.source.next()

  private readonly took = (next: Awaited<ReturnType<Source<A>["next"]>>): void => {
    if (this.isLeft) return
    if (this.source.isNative !== true && !Predicate.isObject(next))
      return this.failed(new TypeError("The source's next() returned no object"))
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
    this.caller.currentDispatcher.scheduleTask(this.next.run, 0)
  }

  /** Passes on the parts of the turn of the event loop that is over. */
  turned(): void {
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
    const taken = Result.try(() => this.options.take(parts))
    if (Result.isFailure(taken)) return this.crash(taken.failure)
    if (taken.success === undefined) return this.wait()
    this.isHeld = true
    taken.success.then(
      () => this.letGo(),
      (defect) => this.crash(defect)
    )
  }

  private letGo(): void {
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
    const { end } = this
    if (end._tag === "Done") return this.over(Exit.void)
    this.next.intake = undefined
    this.goOn(() => this.options.onError(end.error))
  }

  private crash(defect: unknown): void {
    if (this.isLeft) return
    this.leave()
    this.over(Exit.die(defect))
  }
}

const ignore = (): void => {}
