/**
 * Detects a misplaced store: a composition of layers that builds a store, and a runtime that keeps its runs in memory
 * because it was not provided with one. Then the log has a warning.
 *
 * A composition is what shares a memo map: the layers of one `Effect.provide`, one `ManagedRuntime`, and those built
 * below them.
 */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"

/** The stores and runtimes of one composition so far, in the order in which they were built. */
class Composition extends Context.Service<
  Composition,
  { readonly stores: Array<string>; readonly inMemory: Array<string> }
>()("@reins/runtime/Composition") {
  static readonly layer = Layer.sync(Composition, () => ({ stores: [], inMemory: [] }))
}

/** The composition that a layer is being built in. A scope with its own memo map if it is built manually. */
const current = Effect.gen(function* () {
  const context = yield* Effect.context<never>()
  const memoMap = Context.getOrUndefined(context, Layer.CurrentMemoMap) ?? Layer.makeMemoMapUnsafe()
  return Context.get(yield* Layer.buildWithMemoMap(Composition.layer, memoMap, yield* Effect.scope), Composition)
})

/** The warning about a runtime without its store. Pure. */
export const warning = (agent: string, store: string): string =>
  `The runtime of agent ${JSON.stringify(agent)} keeps its runs in memory, so a restart loses them, although a ${store} store is built ` +
  "beside it. Provide the store to the runtime: Runtime.layer({ … }).pipe(Layer.provide(store)). " +
  "If memory is meant, provide Deployment.layerMemory() to it"

/** Records that a store is built. */
export const store = Effect.fnUntraced(function* (name: string) {
  const { inMemory, stores } = yield* current
  stores.push(name)
  for (const agent of inMemory) yield* Effect.logWarning(warning(agent, name))
})

/** Records that a runtime, identified by its first agent, keeps its runs in memory without a store. */
export const runtimeInMemory = Effect.fnUntraced(function* (agent: string) {
  const { inMemory, stores } = yield* current
  inMemory.push(agent)
  for (const name of stores) yield* Effect.logWarning(warning(agent, name))
})
