/** The pages for operators: they need no key, show no tenant, and tell a store that does not answer. */
import { assert, describe, it } from "@effect/vitest"
import { Runtime } from "@reins/runtime"
import { Authenticator, Server } from "@reins/server"
import { Context, Effect, Fiber, Layer, Stream } from "effect"
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
      const unknown = yield* served.ask("/", { key: "" })
      assert.strictEqual(unknown.status, 404)
      assert.strictEqual(unknown.json.error.message, "No route matches this path. /docs lists the routes")
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
      const fails = () => Effect.die(new Error("no connection"))
      const failing = { ...runtime, runs: { ...runtime.runs, list: fails, waiting: fails } }
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

  it.live("count web hooks and waiting runs in the store, and read none of them", () =>
    Effect.gen(function* () {
      const { layer } = yield* Scene.make
      const runtime = Context.get(yield* Layer.build(layer), Runtime)
      const read = () => Effect.die(new Error("Rows were read"))
      const counting = {
        ...runtime,
        runs: { ...runtime.runs, list: read },
        webhooks: { ...runtime.webhooks, list: read, ofRuns: read }
      }
      const app = Layer.merge(Layer.succeed(Runtime, counting), Authenticator.layerOpen())
      const { dispose, handler } = Server.toWebHandler({}, app)
      const common = { url: "https://receiver.example", content: false, createdAt: 1 }
      const push = { id: "theirs", dialect: "a2a", token: "t" }
      const ofRun = { ...common, runId: "run", events: [], source: "protocol", secrets: [], push } as const
      yield* runtime.webhooks.add({ url: "https://receiver.example", events: ["run.ended"] })
      for (let n = 0; n < 3; n++) yield* runtime.webhooks.outbox.put({ id: `whk_${n}`, resourceId: "dev", ...ofRun })
      const { runId } = yield* runtime.start("text", { resourceId: "dev" })
      yield* Served.drained(runtime.watch(runId))
      const metrics = yield* Effect.promise(() => handler(new Request("http://app.example/metrics")))
      const text = yield* Effect.promise(() => metrics.text())
      const count = (name: string) => new RegExp(`^${name} (.*)$`, "m").exec(text)?.[1]
      assert.deepStrictEqual(
        [
          "reins_runs_waiting",
          "reins_notices_waiting",
          "reins_webhooks_failing",
          "reins_run_webhooks",
          "reins_run_webhooks_failing"
        ].map(count),
        ["0", "1", "0", "3", "0"]
      )
      yield* Effect.promise(dispose)
    }).pipe(Effect.scoped)
  )

  it.live("are not ready while no process executes runs", () =>
    Effect.gen(function* () {
      const { layer } = yield* Scene.make
      const runtime = Context.get(yield* Layer.build(layer), Runtime)
      const ownerless = { ...runtime, isCarried: Effect.succeed(false) }
      const app = Layer.merge(Layer.succeed(Runtime, ownerless), Authenticator.layerOpen())
      const { dispose, handler } = Server.toWebHandler({}, app)
      const ready = yield* Effect.promise(() => handler(new Request("http://app.example/ready")))
      assert.deepStrictEqual([ready.status, yield* Effect.promise(() => ready.json())], [503, { status: "no owner" }])
      yield* Effect.promise(dispose)
    }).pipe(Effect.scoped)
  )

  it.live("are asked of the store once for many requests at the same time", () =>
    Effect.gen(function* () {
      const { layer } = yield* Scene.make
      const runtime = Context.get(yield* Layer.build(layer), Runtime)
      let asked = 0
      const slowly = <A>(answer: Effect.Effect<A>) =>
        Effect.suspend(() => {
          asked++
          return Effect.delay(answer, "20 millis")
        })
      const list: typeof runtime.runs.list = (filter) => slowly(runtime.runs.list(filter))
      const waiting = () => slowly(runtime.runs.waiting())
      const app = Layer.merge(
        Layer.succeed(Runtime, { ...runtime, runs: { ...runtime.runs, list, waiting } }),
        Authenticator.layerOpen()
      )
      const { dispose, handler } = Server.toWebHandler({}, app)
      // The one whose request asks the store leaves at once: the others are still answered.
      const leaving = new AbortController()
      const ask = (path: string, signal?: AbortSignal) =>
        Effect.promise(() =>
          handler(new Request(`http://app.example${path}`, signal === undefined ? {} : { signal })).catch(
            () => undefined
          )
        )
      for (const path of ["/ready", "/metrics"]) {
        asked = 0
        const first = yield* Effect.forkChild(ask(path, leaving.signal))
        const others = yield* Effect.forkChild(
          Effect.all(
            Array.from({ length: 50 }, () => ask(path)),
            { concurrency: "unbounded" }
          )
        )
        yield* Effect.sync(() => leaving.abort())
        yield* Fiber.join(first)
        for (const response of yield* Fiber.join(others)) assert.strictEqual(response?.status, 200)
        assert.strictEqual(asked, 1, path)
      }
      yield* Effect.promise(dispose)
    }).pipe(Effect.scoped)
  )

  it.live("of the inspector are read by GET and HEAD, and nothing else is below its path", () =>
    Effect.gen(function* () {
      const { layer } = yield* Scene.make
      const file = (text: string) => ({ type: "text/html", body: new TextEncoder().encode(text), isImmutable: false })
      const files = new Map([
        ["index.html", file("page")],
        ["assets/a.js", file("script")]
      ])
      // A folder that cannot be read at first is read again by the next request.
      let asked = 0
      const inspector = Effect.suspend(() => (asked++ === 0 ? Effect.die("no folder") : Effect.succeed(files)))
      const app = Layer.merge(layer, Authenticator.layerKeys({ key: "dev" }))
      const { dispose, handler } = Server.toWebHandler({ inspector }, app)
      const ask = (method: string, path: string) =>
        Effect.promise(async () => {
          const response = await handler(new Request(`http://app.example/inspector${path}`, { method }))
          return [response.status, await response.text()] as const
        })
      assert.strictEqual((yield* ask("GET", "/"))[0], 500)
      for (const [path, text] of [
        ["/", "page"],
        ["/index.html?native=/other", "page"],
        ["/assets/a.js", "script"]
      ] as const) {
        assert.deepStrictEqual(yield* ask("GET", path), [200, text])
        assert.deepStrictEqual(yield* ask("HEAD", path), [200, ""])
        assert.strictEqual((yield* ask("POST", path))[0], 404)
      }
      for (const path of [
        "/..%2f..%2fetc/passwd",
        "/%00",
        "/%",
        "/constructor",
        "//index.html",
        `/${"a/".repeat(9999)}`
      ]) {
        assert.strictEqual((yield* ask("GET", path))[0], 404, path.slice(0, 30))
      }
      yield* Effect.promise(dispose)
    }).pipe(Effect.scoped)
  )
})
