/**
 * Effects that need no fiber to be continued: one that has nothing left to do (an `Exit`) is continued by a plain call, and a `Task`
 * stays one. Only for code whose turn has come, inside an effect that runs: the continuation may be called at once.
 */
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Task from "./Task.ts"

/** Whether an effect has nothing left to do, and did well. */
export const isDone = <A, E, R>(effect: Effect.Effect<A, E, R>): effect is Exit.Success<A, E> =>
  Exit.isExit(effect) && Exit.isSuccess(effect)

/** As `Effect.map`. */
export const map = <A, B, E, R>(effect: Effect.Effect<A, E, R>, next: (value: A) => B): Effect.Effect<B, E, R> => {
  if (isDone(effect)) return Exit.succeed(next(effect.value))
  return Task.is(effect)
    ? Task.andThen(effect, (exit) =>
        Exit.isSuccess(exit) ? Exit.succeed(next(exit.value)) : Exit.failCause(exit.cause)
      )
    : Effect.map(effect, next)
}

/** As `Effect.flatMap`. */
export const flatMap = <A, B, E, E2>(
  effect: Effect.Effect<A, E>,
  next: (value: A) => Effect.Effect<B, E2>
): Effect.Effect<B, E | E2> => {
  if (isDone(effect)) return next(effect.value)
  return Task.is(effect)
    ? Task.andThen(effect, (exit): Effect.Effect<B, E | E2> =>
        Exit.isSuccess(exit) ? next(exit.value) : Exit.failCause(exit.cause)
      )
    : Effect.flatMap(effect, next)
}
