/** The pages for operators: they need no key, show no tenant, and tell a store that does not answer. */
import { assert, describe, it } from "@effect/vitest"
import { Runtime } from "@reins/runtime"
import { Authenticator, Server } from "@reins/server"
import { Context, Effect, Layer, Stream } from "effect"
import * as Scene from "./Scene.ts"
import * as Served from "./Served.ts"

describe("the public pages", () => {
  it.live("show health, readiness, metrics and the interface without a key", () =>
    Effect.gen(function* () {
      const served = yield* Served.serve()
      assert.deepStrictEqual((yield* served.ask("/health", { key: "" })).json, { status: "ok" })
      assert.deepStrictEqual((yield* served.ask("/ready", { key: "" })).json, { status: "ready" })
      assert.match((yield* served.ask("/metrics", { key: "" })).text, /^reins_runs_running 0$/m)
      assert.strictEqual((yield* served.ask("/openapi.json", { key: "" })).json.openapi, "3.1.0")
      assert.match((yield* served.ask("/docs", { key: "" })).text, /^<!doctype html>/i)
      assert.strictEqual((yield* served.ask("/nothing", { key: "" })).status, 404)
    })
  )

  it.live("count the runs of all tenants that wait, and no name of any", () =>
    Effect.gen(function* () {
      const served = yield* Served.serve()
      for (const resourceId of ["dev", "other"]) {
        const { runId } = yield* served.runtime.start("gated", { resourceId })
        const events = served.runtime.watch(runId)
        yield* Stream.runHead(Stream.filter(events, ({ event }) => event.type === "approval-required"))
      }
      const { text } = yield* served.ask("/metrics", { key: "" })
      assert.match(text, /^reins_runs_waiting 2$/m)
      assert.match(text, /^reins_runs_waiting_oldest_seconds [\d.e-]+$/m)
      assert.notMatch(text, /dev|other/)
    })
  )

  it.live("are healthy and not ready while the store fails, and leave out what it would tell", () =>
    Effect.gen(function* () {
      const { layer } = yield* Scene.make
      const runtime = Context.get(yield* Layer.build(layer), Runtime)
      const failing = { ...runtime, runs: { ...runtime.runs, list: () => Effect.die(new Error("no connection")) } }
      const app = Layer.merge(Layer.succeed(Runtime, failing), Authenticator.layerOpen())
      const { dispose, handler } = Server.toWebHandler({}, app)
      const ask = (path: string) => Effect.promise(() => handler(new Request(`http://app.example${path}`)))
      assert.strictEqual((yield* ask("/health")).status, 200)
      const ready = yield* ask("/ready")
      assert.deepStrictEqual(
        [ready.status, yield* Effect.promise(() => ready.json())],
        [503, { status: "store unavailable" }]
      )
      const metrics = yield* ask("/metrics")
      assert.strictEqual(metrics.status, 200)
      assert.notInclude(yield* Effect.promise(() => metrics.text()), "reins_runs_waiting")
      yield* Effect.promise(dispose)
    }).pipe(Effect.scoped)
  )
})
