/**
 * Groups of methods of the runtime without Effect that are those of the runtime itself, as functions that return
 * promises.
 */
import type * as Effect from "effect/Effect"
import type { RuntimeShape } from "../runtime/RuntimeShape.ts"
import type { PromiseRuntime } from "./PromiseShape.ts"

/** Makes a function that returns a promise of a method. */
export type Method = <Args extends ReadonlyArray<unknown>, A, E>(
  pick: (runtime: RuntimeShape) => (...args: Args) => Effect.Effect<A, E>
) => (...args: Args) => Promise<A>

export const costs = (method: Method): PromiseRuntime["costs"] => ({
  by: method((runtime) => runtime.costs.by),
  estimates: method((runtime) => runtime.costs.estimates),
  correct: method((runtime) => runtime.costs.correct)
})

export const webhooks = (method: Method): PromiseRuntime["webhooks"] => ({
  add: method((runtime) => runtime.webhooks.add),
  list: method((runtime) => runtime.webhooks.list),
  rotate: method((runtime) => runtime.webhooks.rotate),
  remove: method((runtime) => runtime.webhooks.remove),
  ofRuns: method((runtime) => runtime.webhooks.ofRuns),
  waiting: method((runtime) => runtime.webhooks.waiting),
  retry: method((runtime) => runtime.webhooks.retry)
})

export const memory = (method: Method): PromiseRuntime["memory"] => ({
  remember: method((runtime) => runtime.memory.remember),
  recall: method((runtime) => runtime.memory.recall),
  list: method((runtime) => runtime.memory.list),
  forget: method((runtime) => runtime.memory.forget)
})

export const grants = (method: Method): PromiseRuntime["grants"] => ({
  give: method((runtime) => runtime.grants.give),
  list: method((runtime) => runtime.grants.list),
  revoke: method((runtime) => runtime.grants.revoke)
})
