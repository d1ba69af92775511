/**
 * A `Task` is an effect that can also be started by a plain call: it reports its end to a callback and can be stopped,
 * so that code which only waits for its end needs no fiber for it. Run, wrapped or interrupted as an effect it behaves
 * like any other.
 *
 * `map` and `flatMap` avoid fibers too: they continue a finished effect (an `Exit`) by a plain call, at once, and keep
 * a `Task` a `Task`. Use them only inside a running effect.
 */
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import type * as Fiber from "effect/Fiber"
import * as Predicate from "effect/Predicate"
import * as Result from "effect/Result"

const TypeId = "~@reins/runtime/Task"

/**
 * Starts the work on behalf of `caller`, with its clock, scheduler and context; returns a function that asks it to
 * stop. `ended` is called once it has ended, for whatever reason: possibly before this returns, or never, if the work
 * ignores the stop.
 */
export type Begin<A, E> = (caller: Fiber.Fiber<unknown, unknown>, ended: (exit: Exit.Exit<A, E>) => void) => () => void

export interface Task<A, E> extends Effect.Effect<A, E> {
  readonly [TypeId]: Begin<A, E>
}

/** Whether an effect can be started by a plain call. */
export const is = <A, E, R>(effect: Effect.Effect<A, E, R>): effect is Effect.Effect<A, E, R> & Task<A, E> =>
  Predicate.hasProperty(effect, TypeId)

/** A task. `begin` may throw: that is a defect of the work. */
export const make = <A, E>(begin: Begin<A, E>): Task<A, E> =>
  Object.assign(
    Effect.withFiber<A, E>((fiber) =>
      Effect.callback<A, E>((resume) => {
        const stop = begin(fiber, resume)
        return Effect.sync(stop)
      })
    ),
    { [TypeId]: begin } as const
  )

/** Begins a task; a throw ends it as a defect. */
export const begin = <A, E>(
  task: Task<A, E>,
  caller: Fiber.Fiber<unknown, unknown>,
  ended: (exit: Exit.Exit<A, E>) => void
): (() => void) => {
  const begun = Result.try(() => task[TypeId](caller, ended))
  if (Result.isSuccess(begun)) return begun.success
  ended(Exit.die(begun.failure))
  return nothing
}

const nothing = (): void => {}

/** The task, continued by its exit; needs no fiber if the continuation completes at once. */
export const andThen = <A, E, B, E2>(
  task: Task<A, E>,
  next: (exit: Exit.Exit<A, E>) => Effect.Effect<B, E2>
): Task<B, E2> =>
  make((caller, ended) => {
    let stop = nothing
    const first = begin(task, caller, (exit) => {
      const following = Result.try(() => next(exit))
      stop = Result.isFailure(following)
        ? settle(Exit.die(following.failure), caller, ended)
        : settle(following.success, caller, ended)
    })
    // Its end may have come already.
    if (stop === nothing) stop = first
    return () => stop()
  })

const settle = <A, E>(
  effect: Effect.Effect<A, E>,
  caller: Fiber.Fiber<unknown, unknown>,
  ended: (exit: Exit.Exit<A, E>) => void
): (() => void) => {
  if (isExit(effect)) {
    ended(effect)
    return nothing
  }
  const fiber = Effect.runForkWith(caller.context)(effect)
  fiber.addObserver(ended)
  return () => fiber.interruptUnsafe()
}

/** Whether an effect has ended, with success or failure. */
export const isExit = <A, E>(effect: Effect.Effect<A, E>): effect is Exit.Exit<A, E> => Exit.isExit(effect)

/** Runs all tasks in parallel; ends with the last, or with the first that fails, and then stops the others. */
export const together = <E>(tasks: ReadonlyArray<Task<void, E>>): Task<void, E> =>
  make((caller, ended) => {
    let left = tasks.length
    let isOver = left === 0
    const stops: Array<() => void> = []
    const stop = () => {
      isOver = true
      for (const one of stops) one()
    }
    if (isOver) ended(Exit.void)
    for (const task of tasks) {
      if (isOver) break
      const one = begin(task, caller, (exit) => {
        if (isOver) return
        left--
        if (Exit.isSuccess(exit) && left > 0) return
        stop()
        ended(exit)
      })
      stops.push(one)
    }
    return stop
  })

/** A promise that exists already. It cannot be stopped. */
export const ofPromise = <A, E>(promise: PromiseLike<A>, failure: (error: unknown) => E): Task<A, E> =>
  make((_caller, ended) => {
    promise.then(
      (value) => ended(Exit.succeed(value)),
      (error) => ended(Exit.fail(failure(error)))
    )
    return nothing
  })

/** Whether an effect has ended with success. */
export const isDone = <A, E, R>(effect: Effect.Effect<A, E, R>): effect is Exit.Success<A, E> =>
  Exit.isExit(effect) && Exit.isSuccess(effect)

/** As `Effect.map`. */
export const map = <A, B, E, R>(effect: Effect.Effect<A, E, R>, next: (value: A) => B): Effect.Effect<B, E, R> => {
  if (isDone(effect)) return Exit.succeed(next(effect.value))
  return is(effect)
    ? andThen(effect, (exit) => (Exit.isSuccess(exit) ? Exit.succeed(next(exit.value)) : Exit.failCause(exit.cause)))
    : Effect.map(effect, next)
}

/** As `Effect.flatMap`. */
export const flatMap = <A, B, E, E2>(
  effect: Effect.Effect<A, E>,
  next: (value: A) => Effect.Effect<B, E2>
): Effect.Effect<B, E | E2> => {
  if (isDone(effect)) return next(effect.value)
  return is(effect)
    ? andThen(effect, (exit): Effect.Effect<B, E | E2> =>
        Exit.isSuccess(exit) ? next(exit.value) : Exit.failCause(exit.cause)
      )
    : Effect.flatMap(effect, next)
}
