import { assert, describe, it } from "@effect/vitest"
import { Quota } from "@reins/runtime"
import { Authenticator, Server } from "@reins/server"
import { Config, ConfigProvider, Effect, Layer } from "effect"
import { HttpRouter, HttpServer } from "effect/http"
import { gzipSync } from "node:zlib"
import * as Scene from "./Scene.ts"
import * as Served from "./Served.ts"

describe("a tenant", () => {
  it.live("that exceeds its request rate is told when to retry, and affects no other tenant", () =>
    Effect.gen(function* () {
      const served = yield* Served.serve({ limits: { requests: { perSecond: 0.001, burst: 3 } } })
      const statuses = []
      for (let count = 0; count < 5; count += 1) statuses.push((yield* served.ask("/native/threads")).status)
      assert.deepStrictEqual(statuses, [200, 200, 200, 429, 429])
      const refused = yield* served.ask("/openai-chat/v1/models")
      assert.strictEqual(refused.status, 429)
      assert.isAbove(Number(refused.headers.get("retry-after")), 0)
      assert.isObject(refused.json.error)
      assert.strictEqual((yield* served.ask("/native/threads", { key: "other-key" })).status, 200)
    })
  )

  it.live("has a limited number of concurrent runs, and gets a slot back when one has ended", () =>
    Effect.gen(function* () {
      const served = yield* Served.serve({ limits: { concurrentRuns: 1 } })
      const held = served.fetch("/native/query", { body: { prompt: "held" } })
      yield* served.scene.hold.reached
      const refused = yield* served.ask("/native/query", { body: { prompt: "hello" } })
      assert.strictEqual(refused.status, 429)
      assert.isNotNull(refused.headers.get("retry-after"))
      const other = yield* served.ask("/native/query", { key: "other-key", body: { prompt: "hello" } })
      assert.strictEqual(other.status, 200)
      yield* served.scene.hold.release
      yield* Effect.promise(async () => (await held).text())
      let status = 429
      while (status === 429) status = (yield* served.ask("/native/query", { body: { prompt: "hello" } })).status
      assert.strictEqual(status, 200)
    })
  )

  it.live("gets its slot back when a run is refused", () =>
    Effect.gen(function* () {
      const served = yield* Served.serve({ limits: { concurrentRuns: 1 } })
      for (let count = 0; count < 3; count += 1) {
        assert.strictEqual((yield* served.ask("/native/query", { body: { prompt: " " } })).status, 400)
      }
      assert.strictEqual((yield* served.ask("/native/query", { body: { prompt: "hello" } })).status, 200)
    })
  )
})

describe("a body", () => {
  it.live("that is too large is refused, with or without a content-length", () =>
    Effect.gen(function* () {
      const served = yield* Served.serve({ maxBodyBytes: 1000 })
      const prompt = "x".repeat(2000)
      assert.strictEqual((yield* served.ask("/native/query", { body: { prompt } })).status, 413)
      const chunked = yield* Effect.promise(() =>
        fetch(`${served.url}/native/query`, {
          method: "POST",
          headers: { authorization: "Bearer dev-key" },
          duplex: "half",
          body: new Blob([JSON.stringify({ prompt })]).stream()
        } as RequestInit)
      )
      assert.strictEqual(chunked.status, 413)
    })
  )

  it.live.each([
    [
      "compressed",
      gzipSync('{"prompt":"hello"}'),
      { "content-encoding": "gzip" },
      /content-encoding.*without compression/
    ],
    ["not UTF-8", Buffer.from('{"prompt":"caf\u00e9"}', "latin1"), {}, /not valid UTF-8/],
    ["in UTF-16", Buffer.from('{"prompt":"hello"}', "utf16le"), {}, /not valid JSON/]
  ] as const)("that is %s is refused, and the refusal says what to send", ([, body, headers, cure]) =>
    Effect.gen(function* () {
      const served = yield* Served.serve()
      const response = yield* Effect.promise(() =>
        fetch(`${served.url}/native/query`, {
          method: "POST",
          headers: { authorization: "Bearer dev-key", ...headers },
          body: new Uint8Array(body)
        })
      )
      assert.strictEqual(response.status, 400)
      assert.match(yield* Effect.promise(() => response.text()), cure)
    })
  )

  it.live("that never ends is refused after the timeout", () =>
    Effect.gen(function* () {
      const served = yield* Served.serve({ bodyTimeout: "30 millis" })
      const gone = new AbortController()
      const response = yield* Effect.promise(() =>
        fetch(`${served.url}/native/query`, {
          method: "POST",
          headers: { authorization: "Bearer dev-key" },
          duplex: "half",
          signal: gone.signal,
          body: new ReadableStream({ start: (sink) => sink.enqueue(new TextEncoder().encode('{"prompt":')) })
        } as RequestInit)
      )
      assert.strictEqual(response.status, 400)
      gone.abort()
    })
  )
})

describe("a browser page", () => {
  const ask = (served: Served.Served, origin: string, method = "GET") =>
    served.ask("/native/threads", {
      method,
      headers: { origin, ...(method === "OPTIONS" ? { "access-control-request-headers": "authorization" } : {}) }
    })

  it.live("of a listed origin is allowed, with CORS headers", () =>
    Effect.gen(function* () {
      const served = yield* Served.serve({ origins: ["https://app.example", "null"] })
      for (const origin of ["https://app.example", "null"]) {
        const before = yield* ask(served, origin, "OPTIONS")
        assert.strictEqual(before.status, 204)
        assert.strictEqual(before.headers.get("access-control-allow-origin"), origin)
        assert.strictEqual(before.headers.get("access-control-allow-headers"), "authorization")
        const { headers, status } = yield* ask(served, origin)
        assert.deepStrictEqual([status, headers.get("access-control-allow-origin")], [200, origin])
      }
    })
  )

  it.live("of this server's own address is refused unless it is listed: a page can choose its Host header", () =>
    Effect.gen(function* () {
      const served = yield* Served.serve({ origins: ["https://APP.example:443"] })
      assert.strictEqual((yield* ask(served, served.url)).status, 403)
      assert.strictEqual((yield* ask(served, "https://app.example")).status, 200)
    })
  )

  it.live.each(["https://evil.example", "https://app.example.evil.example", "http://app.example", "null"])(
    "of %s is refused",
    (origin) =>
      Effect.gen(function* () {
        const served = yield* Served.serve({ origins: ["https://app.example"] })
        const before = yield* ask(served, origin, "OPTIONS")
        const { headers, status } = yield* ask(served, origin)
        assert.isNull(before.headers.get("access-control-allow-origin"))
        assert.deepStrictEqual([status, headers.get("access-control-allow-origin")], [403, null])
      })
  )
})

describe("a quota", () => {
  const quotas = [Quota.make({ per: "tenant", window: "month", maxRuns: 1 })]
  const keys = Authenticator.layerKeys({
    "dev-key": { tenant: "dev", name: "dora", quotas },
    "other-key": { tenant: "other", quotas },
    "bad-key": { tenant: "bad", quotas: [Quota.make({ per: "tenant", window: "day", maxRuns: -1 })] }
  })

  it.live("of a key refuses a query when it is exhausted, in each protocol's format, and says until when", () =>
    Effect.gen(function* () {
      const served = yield* Served.serve({}, undefined, keys)
      assert.strictEqual((yield* served.ask("/native/query", { body: { prompt: "hello" } })).status, 200)
      const refused = yield* served.ask("/native/query", { body: { prompt: "hello" } })
      assert.strictEqual(refused.status, 429)
      const seconds = Number(refused.headers.get("retry-after"))
      assert.isTrue(seconds > 0 && seconds <= 31 * 24 * 3600, `${seconds}`)
      const chat = yield* served.ask("/openai-chat/v1/chat/completions", {
        body: { model: "any", messages: [{ role: "user", content: "hello" }] }
      })
      assert.deepStrictEqual([chat.status, chat.json.error.type], [429, "rate_limit_error"])
      assert.isNotNull(chat.headers.get("retry-after"))
      const messages = yield* served.ask("/anthropic/v1/messages", {
        body: { model: "any", max_tokens: 10, messages: [{ role: "user", content: "hello" }] }
      })
      assert.deepStrictEqual([messages.status, messages.json.error.type], [429, "rate_limit_error"])
      const responses = yield* served.ask("/openai-responses/v1/responses", { body: { model: "any", input: "hello" } })
      assert.strictEqual(responses.status, 429)
      for (const path of ["/ag-ui/run", "/ai-sdk/chat"]) {
        const body =
          path === "/ag-ui/run"
            ? {
                threadId: "t",
                runId: "r",
                state: {},
                tools: [],
                context: [],
                forwardedProps: {},
                messages: [{ id: "m", role: "user", content: "hello" }]
              }
            : { id: "t", messages: [{ id: "m", role: "user", parts: [{ type: "text", text: "hello" }] }] }
        const answer = yield* served.ask(path, { body })
        assert.strictEqual(answer.status, 429, path)
        assert.isNotNull(answer.headers.get("retry-after"), path)
      }
      const other = yield* served.ask("/native/query", { key: "other-key", body: { prompt: "hello" } })
      assert.strictEqual(other.status, 200)
    })
  )

  it.live("shows each key the use and the rest of its own tenant", () =>
    Effect.gen(function* () {
      const served = yield* Served.serve({}, undefined, keys)
      yield* served.ask("/native/query", { body: { prompt: "hello" } })
      const used = yield* served.ask("/native/quotas")
      assert.strictEqual(used.status, 200)
      const [quota] = used.json.quotas
      assert.deepInclude(quota, { name: "tenant.month", per: "tenant", window: "month" })
      assert.deepStrictEqual(quota.runs, { used: 1, reserved: 0, limit: 1 })
      assert.isAbove(quota.resetsAt, 0)
      const other = yield* served.ask("/native/quotas", { key: "other-key" })
      assert.strictEqual(other.json.quotas[0].runs.used, 0)
    })
  )

  it.live("that is invalid refuses every query of its key", () =>
    Effect.gen(function* () {
      const served = yield* Served.serve({}, undefined, keys)
      const answer = yield* served.ask("/native/query", { key: "bad-key", body: { prompt: "hello" } })
      assert.strictEqual(answer.status, 500)
    })
  )
})

describe("settings from the configuration", () => {
  it.live("hold for the server's routes", () =>
    Effect.gen(function* () {
      const scene = yield* Scene.make
      const served = Server.layerConfig({ prefix: "/ai" }, { maxBodyBytes: Config.Int("MAX_BODY_BYTES") }).pipe(
        Layer.provide([
          Authenticator.layerOpen(),
          scene.layer,
          ConfigProvider.layer(ConfigProvider.fromUnknown({ MAX_BODY_BYTES: "10" }))
        ])
      )
      const app = HttpRouter.toWebHandler(Layer.provide(served, HttpServer.layerServices), { disableLogger: true })
      const request = new Request("http://app.example/ai/native/query", { method: "POST", body: "[1, 2, 3, 4, 5]" })
      assert.strictEqual((yield* Effect.promise(() => app.handler(request))).status, 413)
      yield* Effect.promise(() => app.dispose())
    })
  )
})
