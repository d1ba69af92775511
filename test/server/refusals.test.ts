/**
 * Whatever is wrong with a request, the answer is an error of its dialect: status, body and headers. One table over all
 * dialects; a body is compared by its members and their types with what the dialect makes of such a refusal.
 */
import { assert, describe, it } from "@effect/vitest"
import type { Dialect } from "@reins/wire"
import { Refusal } from "@reins/wire"
import { dialect as native } from "@reins/wire/native"
import { Effect } from "effect"
import { connect } from "node:net"
import { Desk } from "./Scene.ts"
import * as Served from "./Served.ts"

const mounts = [{ dialect: native }, ...Served.dialects].map(
  ({
    dialect,
    path = `/${dialect.name}`
  }: {
    readonly dialect: Dialect.Dialect
    readonly path?: string | undefined
  }) => ({
    dialect,
    path
  })
)

/** A value with its words left out. */
const shape = (value: unknown): unknown => {
  if (Array.isArray(value)) return value.map(shape)
  if (typeof value !== "object" || value === null) return typeof value
  return Object.fromEntries(Object.entries(value).map(([name, member]) => [name, shape(member)]))
}

interface Told {
  readonly status: number
  readonly text: string
  readonly headers: Headers
  readonly json?: unknown
}

const isRefusal = (dialect: Dialect.Dialect, kind: Refusal.Kind, told: Told, what: string) => {
  const expected = dialect.encodeError(Refusal.make(kind, "Code", "words"))
  assert.strictEqual(told.status, expected.status, `${what}: ${told.text}`)
  if (expected.text !== undefined) return assert.isAbove(told.text.length, 0, what)
  assert.deepStrictEqual(shape(told.json), shape(expected.body), `${what}: ${told.text}`)
}

/** A path and method that the dialect reads a body for. */
const posted = ({ routes }: Dialect.Dialect) => {
  const route = routes.find(({ method, path }) => method === "POST" && !/cancel|stop/.test(path)) ?? { path: "/" }
  return route.path.replaceAll(/:\w+/g, "x")
}

const huge = JSON.stringify({ text: "x".repeat(2000) })

describe.each(mounts.map(({ dialect, path }) => [dialect.name, dialect, path] as const))(
  "the dialect %s",
  (_name, dialect, base) => {
    const unknown = [
      "",
      "/",
      "/nothing",
      "/nothing/at/all",
      "//",
      "/%00",
      "/..",
      "/nothing?x=1",
      "/\u00e9",
      "/v1/v1/v1"
    ]

    it.live("answers every unknown path in its own format", () =>
      Effect.gen(function* () {
        const served = yield* Served.serve()
        for (const below of unknown) {
          for (const method of ["GET", "POST", "PUT", "DELETE"]) {
            const told = yield* raw(served, method, `${base}${encodeURI(below).replaceAll("%2500", "%00")}`)
            isRefusal(dialect, "not-found", told, `${method} ${base}${below}`)
          }
        }
      })
    )

    it.live("answers a method that a path does not have in its own format, with those that it has", () =>
      Effect.gen(function* () {
        const served = yield* Served.serve()
        for (const { path } of dialect.routes) {
          const has = dialect.routes.filter((route) => route.path === path).map(({ method }) => method)
          for (const method of ["GET", "PUT", "PATCH", "DELETE", "POST"]) {
            if (dialect.routes.some((route) => route.method === method && overlaps(route.path, path))) continue
            const told = yield* served.ask(`${base}${path.replaceAll(/:\w+/g, "x")}`, { method })
            isRefusal(dialect, "method-not-allowed", told, `${method} ${path}`)
            for (const one of has) assert.include(told.headers.get("allow") ?? "", one)
          }
        }
      })
    )

    it.live("answers unacceptable requests in its own format", () =>
      Effect.gen(function* () {
        const served = yield* Served.serve({ maxBodyBytes: 1000, origins: ["https://app.example"] })
        const path = `${base}${posted(dialect)}`
        isRefusal(dialect, "too-large", yield* served.ask(path, { body: huge }), "too large")
        isRefusal(dialect, "bad-request", yield* served.ask(path, { body: '{"text": "x' }), "bad JSON")
        isRefusal(dialect, "bad-request", yield* served.ask(path, { body: "[".repeat(500) }), "too deep")
        isRefusal(dialect, "bad-request", yield* served.ask(path, { body: "7" }), "no object")
        isRefusal(dialect, "unauthorized", yield* served.ask(path, { key: "", body: {} }), "without a key")
        isRefusal(dialect, "unauthorized", yield* served.ask(path, { key: "wrong", body: {} }), "with a wrong key")
        for (const origin of [
          "https://evil.example",
          "http://app.example",
          "https://app.example:8443",
          "null",
          served.url
        ]) {
          isRefusal(dialect, "forbidden", yield* served.ask(path, { headers: { origin }, body: {} }), origin)
        }
      })
    )
  }
)

describe("an agent that is unknown", () => {
  it.live("is refused without the names of existing agents", () =>
    Effect.gen(function* () {
      const served = yield* Served.serve()
      const asks: ReadonlyArray<readonly [string, object]> = [
        ["/native/query", { prompt: "hello", agent: "nobody" }],
        ["/steerable/api/chats/c/send", { content: "hello", agentId: "nobody" }],
        [
          "/ag-ui/agents/nobody/run",
          { threadId: "t", runId: "r", messages: [{ id: "m", role: "user", content: "hello" }] }
        ]
      ]
      for (const [path, body] of asks) {
        const told = yield* served.ask(path, { body })
        assert.isAtLeast(told.status, 400, path)
        assert.notInclude(told.text, "desk", path)
      }
    })
  )
})

describe("an unusable number is a bad request", () => {
  /** Above what sums, times and amounts of money hold, and what is no amount. */
  const counts = [2 ** 53, 2 ** 53 - 1, 1e308, -1, 0.5]

  it.live("in a decision", () =>
    Effect.gen(function* () {
      const served = yield* Served.serve()
      yield* served.ask("/native/query", { body: { prompt: "gated", threadId: "t", stream: false } })
      const { json } = yield* served.ask("/native/approvals")
      const path = `/native/approvals/${json.approvals[0].id}`
      const wrong = [
        ...counts.map((expiresInMillis) => ({ expiresInMillis })),
        ...[2 ** 53, 1e308, -1, 0.5].map((uses) => ({ uses })),
        ...[1e308, 1e10, -1].map((maxCostUsd) => ({ maxCostUsd })),
        ...[2 ** 53, 1e308, -1].map((value) => ({ raise: { maxSteps: value } }))
      ]
      for (const fields of wrong) {
        const told = yield* served.ask(path, { body: { type: "approve", scope: "thread", ...fields } })
        isRefusal(native, "bad-request", told, JSON.stringify(fields))
      }
      assert.strictEqual((yield* served.ask("/native/approvals")).json.approvals.length, 1)
    })
  )

  it.live("in a raised budget", () =>
    Effect.gen(function* () {
      const served = yield* Served.serve()
      const { headers } = yield* served.ask("/native/query", {
        body: { prompt: "gated", threadId: "t", stream: false }
      })
      for (const value of [2 ** 53, 1e308, -1]) {
        const told = yield* served.ask(`/native/runs/${headers.get("x-run-id")}/budget`, {
          body: { limits: { maxSteps: value } }
        })
        isRefusal(native, "bad-request", told, String(value))
      }
    })
  )

  it.live("in a query string or a cursor", () =>
    Effect.gen(function* () {
      const served = yield* Served.serve()
      const { headers } = yield* served.ask("/native/query", {
        body: { prompt: "hello", threadId: "t", stream: false }
      })
      const id = headers.get("x-run-id")
      for (const value of [...counts, "NaN", "1e3", "Infinity", "0x10", ""]) {
        for (const path of [`/native/threads?limit=${value}`, `/kai/api/history?limit=${value}`]) {
          if (value === "1e3") continue
          const told = yield* served.ask(path)
          assert.strictEqual(told.status, 400, path)
        }
        if (value === -1 || value === "") continue
        for (const path of [
          `/native/runs/${id}/events?after=${value}`,
          `/openai-responses/v1/responses/resp_${id}?stream=true&starting_after=${value}`
        ]) {
          if (value === 2 ** 53 - 1) continue
          assert.strictEqual((yield* served.ask(path)).status, 400, path)
        }
      }
    })
  )
})

/** Whether a request could match both patterns. */
const overlaps = (one: string, other: string): boolean => {
  const [a, b] = [one.split("/"), other.split("/")]
  return (
    a.length === b.length &&
    a.every((part, index) => part === b[index] || part.startsWith(":") || b[index]?.startsWith(":") === true)
  )
}

/** A request whose path nothing normalizes. */
const raw = ({ url }: Served.Served, method: string, path: string): Effect.Effect<Told> =>
  Effect.promise(
    () =>
      new Promise((resolve, reject) => {
        const { hostname, port } = new URL(url)
        const socket = connect(Number(port), hostname)
        let text = ""
        socket.on("data", (chunk) => (text += String(chunk)))
        socket.on("error", reject)
        socket.on("end", () => {
          const [head = "", body = ""] = [
            text.slice(0, text.indexOf("\r\n\r\n")),
            text.slice(text.indexOf("\r\n\r\n") + 4)
          ]
          const json = /application.json/.test(head) && body !== "" ? JSON.parse(body) : undefined
          resolve({ status: Number(/^HTTP\/1.1 (\d+)/.exec(head)?.[1]), text: body, headers: new Headers(), json })
        })
        socket.end(
          `${method} ${path} HTTP/1.1\r\nhost: x\r\nauthorization: Bearer dev-key\r\nconnection: close\r\ncontent-length: 0\r\n\r\n`
        )
      })
  )

describe("an object that there will not be", () => {
  it.live.each([
    ["hello", 422, "The agent has no output schema. Give it one, or send a JSON Schema as schema"],
    ["client", 409, "The run waits for a person or for a tool of the client's. Answer by its thread"],
    ["error", 500, "scripted/scripted-1 rejected the request"]
  ] as const)("is refused as what the request or the run lacks: %s", ([prompt, status, message]) =>
    Effect.gen(function* () {
      const served = yield* Served.serve()
      const told = yield* served.ask("/ai-sdk/object?checked=true", { body: { prompt } })
      assert.deepStrictEqual([told.status, told.text], [status, message])
    })
  )
})

describe("HEAD", () => {
  it.live("is answered as GET, without a body", () =>
    Effect.gen(function* () {
      const served = yield* Served.serve()
      const paths = [
        "/health",
        "/ready",
        "/metrics",
        "/openapi.json",
        "/docs",
        "/native/threads",
        "/kai/ping",
        "/openai-chat/v1/models"
      ]
      for (const path of paths) {
        const { status, text } = yield* served.ask(path, { method: "HEAD" })
        assert.deepStrictEqual({ path, status, text }, { path, status: 200, text: "" })
      }
      assert.strictEqual((yield* served.ask("/native/query", { method: "HEAD" })).status, 405)
      const { json } = yield* served.ask("/openai-responses/v1/responses", { body: { input: "hello" } })
      const head = (path: string) => served.ask(path, { method: "HEAD" })
      assert.strictEqual((yield* head(`/openai-responses/v1/responses/${json.id}`)).status, 200)
      assert.strictEqual((yield* head("/openai-responses/v1/responses/resp_unknown")).status, 404)
      assert.strictEqual((yield* head("/ai-sdk/chat/unknown/stream")).status, 204)
      assert.strictEqual((yield* served.ask("/native/threads", { method: "HEAD", key: "" })).status, 401)
    })
  )
})

describe("a model's own address", () => {
  it.live("describes the agent, and refuses an unknown one in the protocol's format", () =>
    Effect.gen(function* () {
      const served = yield* Served.serve({ agents: [Desk] })
      const chat = yield* served.ask("/openai-chat/v1/models/desk")
      assert.deepInclude(chat.json, { id: "desk", object: "model" })
      const messages = yield* served.ask("/anthropic/v1/models/desk")
      assert.deepInclude(messages.json, { id: "desk", type: "model" })
      const [unknown, other] = [
        yield* served.ask("/openai-chat/v1/models/gpt"),
        yield* served.ask("/anthropic/v1/models/gpt")
      ]
      assert.strictEqual(unknown.status, 404)
      assert.include(unknown.json.error.message, 'Unknown model "gpt"')
      assert.strictEqual(other.status, 404)
      assert.deepInclude(other.json.error, { type: "not_found_error" })
    })
  )
})
