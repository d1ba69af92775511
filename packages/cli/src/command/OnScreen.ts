/** Runs a command on the terminal as its flags want it, with its code loaded when it runs and not before. */
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import { Screen } from "../terminal/Screen.ts"
import * as Flags from "./Flags.ts"

/** Loads a command's code and runs it: the first output must not wait for what it does not need. */
export const onScreen = <M, A, E, R>(load: () => Promise<M>, run: (module: M) => Effect.Effect<A, E, R>) =>
  Effect.flatMap(Flags.Plain, (plain) =>
    Effect.provide(Effect.flatMap(Effect.promise(load), run), Screen.layer(plain))
  ).pipe(
    // The sentence is for everybody; where it comes from, for who asks.
    Effect.tapCause((cause) => (Cause.hasInterruptsOnly(cause) ? Effect.void : Effect.logDebug(cause)))
  )
