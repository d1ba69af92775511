/**
 * Effects that may have nothing left to do: one that is an `Exit` already is continued by a plain call, without an operation of a
 * fiber. Only for code whose turn has come, inside an effect that runs: the continuation is called at once.
 */
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"

/** Whether an effect has nothing left to do, and did well. */
export const isDone = <A, E, R>(effect: Effect.Effect<A, E, R>): effect is Exit.Success<A, E> =>
  Exit.isExit(effect) && Exit.isSuccess(effect)

/** As `Effect.map`. */
export const map = <A, B, E, R>(effect: Effect.Effect<A, E, R>, next: (value: A) => B): Effect.Effect<B, E, R> =>
  isDone(effect) ? Exit.succeed(next(effect.value)) : Effect.map(effect, next)

/** As `Effect.flatMap`. */
export const flatMap = <A, B, E, R, E2, R2>(
  effect: Effect.Effect<A, E, R>,
  next: (value: A) => Effect.Effect<B, E2, R2>
): Effect.Effect<B, E | E2, R | R2> => (isDone(effect) ? next(effect.value) : Effect.flatMap(effect, next))
