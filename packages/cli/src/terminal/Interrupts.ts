/** The receiver of Ctrl-C where the terminal sends it as a signal: a command that handles it, or else the process. */
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"

let taker: (() => void) | undefined

/** Passes it to the command that takes it; false if none does. */
export const tell = (): boolean => {
  if (taker === undefined) return false
  taker()
  return true
}

/** Takes Ctrl-C until the scope closes. */
export const take = (told: () => void): Effect.Effect<void, never, Scope.Scope> =>
  Effect.acquireRelease(
    Effect.sync(() => {
      taker = told
    }),
    () =>
      Effect.sync(() => {
        taker = undefined
      })
  )
