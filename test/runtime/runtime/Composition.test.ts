/** A store in the wrong place: what the log says of a runtime that keeps its runs in memory beside it. */
import { assert, describe, it } from "@effect/vitest"
import { Agent, Deployment, Model, Runtime } from "@reins/runtime"
import { ScriptedModel } from "@reins/runtime/testing"
import { Sqlite } from "@reins/store/sqlite"
import { Effect, Layer, Logger, ManagedRuntime } from "effect"

const model = Layer.sync(Model, () => ScriptedModel.make({ replies: [] }))
const runtime = () => Layer.provide(Runtime.layer({ agents: [Agent.make("desk", {})] }), model)
const store = Sqlite.layer({ filename: ":memory:" })

/** What the log says of stores while the layer is built. */
const told = <A, E>(layer: Layer.Layer<A, E>) =>
  Effect.gen(function* () {
    const said: Array<string> = []
    const logger = Logger.make(({ message }) => void said.push(String(message)))
    yield* Effect.scoped(Layer.build(layer)).pipe(Effect.provide(Logger.layer([logger])))
    return said.filter((line) => line.includes("store"))
  })

const lost =
  /^The runtime of agent "desk" keeps its runs in memory, so a restart loses them, although a SQLite store is built beside it\./

describe("a runtime beside a store that it was not given", () => {
  it.effect.each<readonly [string, () => Layer.Layer<Runtime, unknown>]>([
    ["merged with it", () => Layer.merge(runtime(), store)],
    ["merged with it, the other way round", () => Layer.merge(store, runtime())],
    [
      "whose model was given the store",
      () => Layer.provide(Runtime.layer({ agents: [Agent.make("desk", {})] }), Layer.provide(model, store))
    ],
    ["that is provided to the store", () => Layer.provideMerge(store, runtime())]
  ])("says so in the log: %s", ([, layer]) =>
    Effect.gen(function* () {
      const said = yield* told(layer())
      assert.strictEqual(said.length, 1)
      assert.match(said[0] ?? "", lost)
    })
  )

  it.effect("says so in a managed runtime, too", () =>
    Effect.gen(function* () {
      const said: Array<string> = []
      const logger = Logger.layer([Logger.make(({ message }) => void said.push(String(message)))])
      const managed = ManagedRuntime.make(Layer.merge(runtime(), store).pipe(Layer.provideMerge(logger)))
      yield* managed.contextEffect
      yield* managed.disposeEffect
      assert.match(said[0] ?? "", lost)
    })
  )
})

describe("a runtime", () => {
  it.effect.each<readonly [string, () => Layer.Layer<never, unknown> | Layer.Layer<Runtime, unknown>]>([
    ["with a store", () => Layer.provide(runtime(), store)],
    ["with a store that others have, too", () => Layer.provideMerge(runtime(), store)],
    ["with a store among its services", () => Layer.provide(runtime(), Layer.merge(store, Layer.empty))],
    ["without a store", () => runtime()],
    ["that is told to use memory", () => Layer.merge(Layer.provide(runtime(), Deployment.layerMemory()), store)]
  ])("says nothing of stores in the log: %s", ([, layer]) =>
    Effect.gen(function* () {
      assert.deepStrictEqual(yield* told(layer()), [])
    })
  )
})
