/** Memories and grants for programs without Effect: as in `RuntimeShape`, with promises. */
import type * as Effect from "effect/Effect"
import type { RuntimeShape } from "../runtime/RuntimeShape.ts"
import type { PromiseRuntime } from "./PromiseShape.ts"

/** Runs an effect with the runtime. */
type Promised = <A, E>(effect: (runtime: RuntimeShape) => Effect.Effect<A, E>) => Promise<A>

export const memoryOf = (promise: Promised): PromiseRuntime["memory"] => ({
  remember: (text, options) => promise(({ memory }) => memory.remember(text, options)),
  recall: (query, options) => promise(({ memory }) => memory.recall(query, options)),
  list: (options) => promise(({ memory }) => memory.list(options)),
  forget: (id, options) => promise(({ memory }) => memory.forget(id, options))
})

export const grantsOf = (promise: Promised): PromiseRuntime["grants"] => ({
  give: (options) => promise(({ grants }) => grants.give(options)),
  list: (options) => promise(({ grants }) => grants.list(options)),
  revoke: (id, options) => promise(({ grants }) => grants.revoke(id, options))
})
