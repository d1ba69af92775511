/**
 * What contracts are made of: a promise in words, and an effect that dies with what was broken. Free of any test runner, so
 * that an adapter written elsewhere is held to them by whatever its author tests with.
 */
import * as Effect from "effect/Effect"

/** One promise about a `Subject`. */
export interface Clause<in Subject> {
  readonly name: string
  readonly check: (subject: Subject) => Effect.Effect<void>
}

/** A promise, kept when `check` completes. */
export const clause = <Subject>(name: string, check: (subject: Subject) => Effect.Effect<void>): Clause<Subject> => ({
  name,
  check
})

/** Dies with a sentence unless `found` is what was promised, compared as JSON. */
export const same = (found: unknown, promised: unknown, what: string): Effect.Effect<void> =>
  Effect.suspend(() => {
    const [is, should] = [JSON.stringify(found), JSON.stringify(promised)]
    return is === should ? Effect.void : Effect.die(new Error(`${what}: expected ${should}, found ${is}`))
  })
