/**
 * The parts of a contract test: a requirement as a sentence, and an effect that dies when it is violated. Independent
 * of any test runner, so that authors of adapters can run contracts with their own.
 */
import * as Effect from "effect/Effect"
import * as Equal from "effect/Equal"

/**
 * One requirement of a `Subject`.
 *
 * @since 0.1.0
 * @category models
 */
export interface Clause<in Subject> {
  readonly name: string
  readonly check: (subject: Subject) => Effect.Effect<void>
}

/**
 * A requirement that is met when `check` completes.
 *
 * @since 0.1.0
 * @category operations
 */
export const clause = <Subject>(name: string, check: (subject: Subject) => Effect.Effect<void>): Clause<Subject> => ({
  name,
  check
})

/**
 * Dies, naming `what`, unless `actual` equals `expected` by structure.
 *
 * @since 0.1.0
 * @category operations
 */
export const same = (actual: unknown, expected: unknown, what: string): Effect.Effect<void> =>
  Effect.suspend(() =>
    Equal.equals(actual, expected)
      ? Effect.void
      : Effect.die(new Error(`${what}: expected ${JSON.stringify(expected)}, found ${JSON.stringify(actual)}`))
  )
