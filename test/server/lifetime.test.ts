import { assert, describe, it } from "@effect/vitest"
import { Authenticator, Server } from "@reins/server"
import { Agent, Model, Runtime } from "@reins/runtime"
import { ScriptedModel } from "@reins/runtime/testing"
import { Context, Effect, Layer, ManagedRuntime, Stream } from "effect"
import { HttpRouter, HttpServer, HttpServerResponse } from "effect/http"
import { TestClock } from "effect/testing"
import { connect } from "node:net"
import * as RunTap from "./RunTap.ts"
import * as Scene from "./Scene.ts"
import * as Served from "./Served.ts"

/** One more service of an app. */
class Region extends Context.Service<Region, number>()("test/Region") {}

/** Starts a held run, and disconnects after its first text. */
const leave = Effect.fnUntraced(function* (served: Served.Served) {
  const gone = new AbortController()
  const response = yield* Effect.promise(() =>
    served.fetch("/native/query", { body: { prompt: "held" }, signal: gone.signal })
  )
  yield* served.scene.hold.reached
  gone.abort()
  return response.headers.get("x-run-id") ?? ""
})

const stateOf = (served: Served.Served, runId: string) =>
  Effect.map(served.runtime.status(runId), (status) => status?.state)

/** Completes when the run has ended. */
const ended = (served: Served.Served, runId: string) => Stream.runDrain(served.runtime.watch(runId))

describe("a run whose reader disconnected", () => {
  it.live("continues", () =>
    Effect.gen(function* () {
      const served = yield* Served.serve()
      const runId = yield* leave(served)
      yield* served.scene.tap.isUnread
      assert.strictEqual(yield* stateOf(served, runId), "running")
      yield* served.scene.hold.release
      assert.include((yield* served.ask(`/native/runs/${runId}/events`)).text, "five")
    })
  )

  it.live("is cancelled if the policy says so", () =>
    Effect.gen(function* () {
      const served = yield* Served.serve({ onDisconnect: "cancel" })
      const runId = yield* leave(served)
      yield* ended(served, runId)
      assert.include((yield* served.ask(`/native/runs/${runId}/events`)).text, '"finishReason":"cancelled"')
    })
  )

  for (const [path, body] of [
    [
      "/openai-chat/v1/chat/completions",
      { model: "desk", stream: true, messages: [{ role: "user", content: "held" }] }
    ],
    ["/openai-responses/v1/responses", { stream: true, input: "held" }],
    ["/ai-sdk/object", { prompt: "held" }],
    ["/anthropic/v1/messages", { model: "desk", max_tokens: 9, messages: [{ role: "user", content: "held" }] }]
  ] as const) {
    it.live(`is cancelled if the protocol has no other way to stop it: ${path}`, () =>
      Effect.gen(function* () {
        const served = yield* Served.serve()
        const gone = new AbortController()
        const answer = served.fetch(path, { body, signal: gone.signal }).catch(() => undefined)
        const runId = yield* served.scene.tap.firstRun
        yield* served.scene.hold.reached
        gone.abort()
        yield* Effect.promise(() => answer)
        yield* ended(served, runId)
        assert.include((yield* served.ask(`/native/runs/${runId}/events`)).text, '"finishReason":"cancelled"')
      })
    )
  }

  it.effect("is cancelled after a delay, unless somebody watches it again", () =>
    Effect.gen(function* () {
      const served = yield* Served.serve({ onDisconnect: { cancelAfter: "1 second" } })
      const runId = yield* leave(served)
      yield* served.scene.tap.isUnread
      const back = yield* Effect.promise(() => served.fetch(`/native/runs/${runId}/events`))
      yield* served.scene.tap.isRead
      yield* TestClock.adjust("2 seconds")
      assert.strictEqual(yield* stateOf(served, runId), "running")
      yield* Effect.promise(async () => await back.body?.cancel())
      yield* served.scene.tap.isUnread
      yield* TestClock.adjust("1 second")
      yield* ended(served, runId)
    })
  )

  it.live("is not cancelled when its answer ended at a question", () =>
    Effect.gen(function* () {
      const served = yield* Served.serve({ onDisconnect: "cancel" })
      yield* served.ask("/ai-sdk/chat", {
        body: { id: "t", messages: [{ role: "user", parts: [{ type: "text", text: "gated" }] }] }
      })
      yield* served.scene.tap.isUnread
      assert.lengthOf((yield* served.ask("/native/approvals")).json.approvals, 1)
    })
  )
})

describe("an answer that a middleware of the program replaces", () => {
  it.live("has lost its reader, also where its text has begun", () =>
    Effect.gen(function* () {
      const hold = yield* ScriptedModel.hold
      const tap = yield* RunTap.make
      const model = ScriptedModel.make({
        respond: () => ({ ...ScriptedModel.words('{ "a" : 1 }'), hold, heldAfter: 2 })
      })
      const runtime = Layer.provide(Runtime.layer({ agents: [Agent.make("desk", {})] }), Layer.succeed(Model, model))
      const replaced = HttpRouter.middleware((app) => Effect.as(app, HttpServerResponse.empty({ status: 503 })), {
        global: true
      })
      const app = Layer.merge(Server.layer({ dialects: Served.dialects }), replaced).pipe(
        Layer.provide([tap.layer(runtime), Served.keys, HttpServer.layerServices])
      )
      const { dispose, handler } = HttpRouter.toWebHandler(app, { disableLogger: true })
      const headers = { authorization: "Bearer dev-key", "content-type": "application/json" }
      const body = JSON.stringify({ prompt: "a", schema: { type: "object" } })
      const request = new Request("http://app.example/ai-sdk/object", { method: "POST", headers, body })
      assert.strictEqual((yield* Effect.promise(() => handler(request))).status, 503)
      yield* tap.isUnread
      yield* Effect.promise(dispose)
    }).pipe(Effect.scoped)
  )
})

describe("a stream", () => {
  it.live("is kept alive when idle, and is not buffered by proxies", () =>
    Effect.gen(function* () {
      const served = yield* Served.serve({ keepAlive: "20 millis" })
      const gone = new AbortController()
      const response = yield* Effect.promise(() =>
        served.fetch("/native/query", { body: { prompt: "held" }, signal: gone.signal })
      )
      const text = yield* Effect.promise(async () => {
        let seen = ""
        for await (const chunk of response.body ?? []) {
          seen += new TextDecoder().decode(chunk)
          if (seen.split(": keep-alive\n\n").length > 2) break
        }
        return seen
      })
      assert.include(text, "one ")
      assert.match(response.headers.get("cache-control") ?? "", /no-cache/)
      assert.strictEqual(response.headers.get("x-accel-buffering"), "no")
    })
  )

  it.live("is sent in texts of bounded length, so that one whose reader stops holds one of them", () =>
    Effect.gen(function* () {
      const served = yield* Served.serve()
      const prompt = Array.from({ length: 200 }, () => "w".repeat(32 * 1024)).join(" ")
      const { runId } = yield* served.runtime.start(prompt, { resourceId: "dev" })
      yield* Served.drained(served.runtime.watch(runId))
      const told = yield* Effect.promise(
        () =>
          new Promise<string>((resolve) => {
            const socket = connect(Number(new URL(served.url).port), "127.0.0.1")
            const all: Array<Buffer> = []
            socket.on("data", (chunk) => all.push(chunk))
            socket.on("end", () => resolve(Buffer.concat(all).toString("latin1")))
            socket.write(
              `GET /native/runs/${runId}/events HTTP/1.1\r\nhost: x\r\nconnection: close\r\nauthorization: Bearer dev-key\r\n\r\n`
            )
          })
      )
      // The lengths of the response's chunks, each of which the server wrote at once.
      const lengths = Array.from(told.matchAll(/\r\n([0-9a-f]+)\r\n/g), ([, hex]) => Number.parseInt(hex ?? "", 16))
      assert.isAbove(told.length, 200 * 32 * 1024)
      assert.isAtMost(Math.max(...lengths), 128 * 1024)
    })
  )

  it.live("closes its connection where the client asked for that", () =>
    Effect.gen(function* () {
      const served = yield* Served.serve()
      const body = JSON.stringify({ prompt: "hello" })
      const told = yield* Effect.promise(
        () =>
          new Promise<string>((resolve) => {
            const socket = connect(Number(new URL(served.url).port), "127.0.0.1")
            let text = ""
            socket.on("data", (chunk) => (text += chunk.toString()))
            socket.on("end", () => resolve(text))
            socket.write(
              `POST /native/query HTTP/1.1\r\nhost: x\r\nconnection: close\r\nauthorization: Bearer dev-key\r\ncontent-length: ${body.length}\r\n\r\n${body}`
            )
          })
      )
      assert.match(told, /^connection: close\r$/im)
      assert.include(told, "data-latency-summary")
    })
  )

  it.live("that nobody reads blocks neither the run nor other readers", () =>
    Effect.gen(function* () {
      const served = yield* Served.serve()
      const prompt = Array.from({ length: 20_000 }, (_, index) => `word${index}`).join(" ")
      const body = JSON.stringify({ prompt, threadId: "t" })
      const socket = connect(Number(new URL(served.url).port), "127.0.0.1")
      socket.on("error", () => {})
      socket.pause()
      socket.write(
        `POST /native/query HTTP/1.1\r\nhost: x\r\nauthorization: Bearer dev-key\r\ncontent-length: ${body.length}\r\n\r\n${body}`
      )
      const runId = yield* served.scene.tap.firstRun
      const other = yield* served.ask(`/native/runs/${runId}/events`)
      assert.lengthOf(
        other.frames.filter(({ data }) => JSON.parse(data).type === "text"),
        20_000
      )
      socket.destroy()
    })
  )
})

describe("a server that closes", () => {
  it.live("ends streams between two frames, without the frames that end a run", () =>
    Effect.gen(function* () {
      const served = yield* Served.serve()
      const open = [
        served.fetch("/native/query", { body: { prompt: "held" } }),
        served.fetch("/openai-chat/v1/chat/completions", {
          body: { model: "x", stream: true, messages: [{ role: "user", content: "held" }] }
        })
      ]
      const responses = yield* Effect.promise(() => Promise.all(open))
      yield* served.scene.hold.reached
      yield* Effect.forkChild(served.close)
      const texts = yield* Effect.promise(() => Promise.all(responses.map((response) => response.text())))
      for (const text of texts) {
        assert.isTrue(text.endsWith("\n\n"))
        assert.notInclude(text, "[DONE]")
        assert.notInclude(text, '"finish"')
      }
      assert.isDefined(Served.framesOf(texts[0] ?? "").at(-1)?.id)
    })
  )
})

describe("embedded in another app", () => {
  it.live("a server is a function from a request to a response", () =>
    Effect.gen(function* () {
      const scene = yield* Scene.make
      const services = Layer.merge(Authenticator.layerKeys({ "dev-key": "dev" }), scene.layer)
      const app = Server.toWebHandler({ prefix: "/api/ai", dialects: Served.dialects }, services)
      const ask = (path: string, key: string, body?: unknown) =>
        Effect.promise(async () => {
          const response = await app.handler(
            new Request(`https://app.example${path}`, {
              headers: { authorization: `Bearer ${key}` },
              ...(body === undefined ? {} : { method: "POST", body: JSON.stringify(body) })
            })
          )
          return { status: response.status, text: await response.text() }
        })
      const told = yield* ask("/api/ai/native/query", "dev-key", { prompt: "hello" })
      assert.include(told.text, '{"type":"text","text":"hello"}')
      assert.strictEqual((yield* ask("/api/ai/native/query", "none", { prompt: "hello" })).status, 401)
      assert.strictEqual((yield* ask("/api/ai/health", "")).text, '{"status":"ok"}')
      assert.include((yield* ask("/api/ai/openapi.json", "")).text, "/api/ai/native/query")
      assert.strictEqual((yield* ask("/native/query", "dev-key", { prompt: "hello" })).status, 404)
      yield* Effect.promise(() => app.dispose())
    })
  )

  it.live("builds nothing twice: it serves a managed runtime, or shares its memo map, and leaves it open", () =>
    Effect.gen(function* () {
      let built = 0
      const runtime = Layer.effectDiscard(Effect.sync(() => built++)).pipe(
        Layer.provideMerge((yield* Scene.make).layer)
      )
      const services = Layer.mergeAll(Authenticator.layerOpen(), runtime, Layer.succeed(Region, 1))
      const managed = ManagedRuntime.make(services)
      yield* Effect.promise(() => managed.runPromise(Runtime))
      const ask = (app: Server.WebHandler) =>
        Effect.promise(async () => {
          const body = JSON.stringify({ prompt: "hello" })
          const response = await app.handler(new Request("https://app.example/native/query", { method: "POST", body }))
          const text = await response.text()
          await app.dispose()
          return text
        })
      assert.include(yield* ask(Server.toWebHandler({}, managed)), '"text":"hello"')
      assert.include(yield* ask(Server.toWebHandler({}, services, { memoMap: managed.memoMap })), '"text":"hello"')
      const all = yield* Effect.promise(() =>
        managed.runPromise(Effect.flatMap(Runtime, (service) => service.threads.list()))
      )
      assert.strictEqual(all.length, 2)
      assert.strictEqual(built, 1)
      yield* managed.disposeEffect
    })
  )

  it.live("tells what was said of a thread, and when, also where another server was told", () =>
    Effect.gen(function* () {
      const managed = ManagedRuntime.make(Layer.merge(Authenticator.layerOpen(), (yield* Scene.make).layer))
      const ask = (app: Server.WebHandler, path: string, method = "GET", body?: unknown) =>
        Effect.promise(async () => {
          const init = { method, ...(body === undefined ? {} : { body: JSON.stringify(body) }) }
          return (await app.handler(new Request(`https://app.example${path}`, init))).text()
        })
      const first = Server.toWebHandler({ dialects: Served.dialects }, managed)
      yield* ask(first, "/native/query", "POST", { prompt: "hello there", threadId: "t", stream: false })
      yield* ask(first, "/kai/api/vote", "PATCH", { chatId: "t", messageId: "m", type: "up" })
      yield* Effect.promise(() => first.dispose())
      const second = Server.toWebHandler({ dialects: Served.dialects }, managed)
      const { threads } = JSON.parse(yield* ask(second, "/native/threads"))
      assert.deepInclude(threads[0], { threadId: "t", title: "hello there" })
      assert.isAbove(threads[0].createdAt, 0)
      assert.isAtLeast(threads[0].updatedAt, threads[0].createdAt)
      const { votes } = JSON.parse(yield* ask(second, "/kai/api/vote?chatId=t"))
      assert.deepStrictEqual(votes, [{ chatId: "t", messageId: "m", type: "up" }])
      yield* Effect.promise(() => second.dispose())
      yield* managed.disposeEffect
    })
  )
})

describe("a server with an invalid time", () => {
  const invalid: ReadonlyArray<readonly [object, string]> = [
    [{ keepAlive: 0 }, 'Invalid option keepAlive: 0. Use milliseconds above 0, or text such as "2 seconds"'],
    [{ bodyTimeout: "soon" }, 'Invalid option bodyTimeout: "soon". Use milliseconds, or text such as "2 seconds"'],
    [{ webhooks: { retryFor: -1 } }, "Invalid option webhooks.retryFor: -1"],
    [{ onDisconnect: { cancelAfter: NaN } }, "Invalid option onDisconnect.cancelAfter: NaN"]
  ]
  it.effect.each(invalid)("is refused when it is built: %o", ([options, said]) =>
    Effect.gen(function* () {
      const served = Server.context(options).pipe(
        Effect.provide(Runtime.layer({ agents: [Agent.make("solo", {})] })),
        Effect.provideService(Model, ScriptedModel.make({ respond: () => ScriptedModel.text("hi") })),
        Effect.scoped
      )
      assert.include(String(yield* Effect.exit(served)), said)
    })
  )
})
