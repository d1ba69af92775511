import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { request } from "node:http"
import * as Served from "./Served.ts"

/** What no answer may contain: a key, a position in our code, the server's own paths. */
const leak = /dev-key|other-key|node_modules|\bat \S+ \(|\.ts:\d+|\/work\//

const paths = Served.dialects.flatMap(({ dialect, path = `/${dialect.name}` }) =>
  dialect.routes.map((route) => ({ method: route.method, path: path + route.path, name: dialect.name }))
)

/** A raw request: no client normalizes its path. */
const raw = (served: Served.Served, method: string, path: string, body: string | undefined, extra: object = {}) =>
  Effect.promise(
    () =>
      new Promise<{ readonly status: number; readonly text: string }>((resolve, reject) => {
        const asked = request(
          served.url,
          {
            method,
            path,
            headers: {
              authorization: "Bearer dev-key",
              ...(body === undefined ? {} : { "content-length": Buffer.byteLength(body) }),
              ...extra
            },
            timeout: 5000
          },
          (response) => {
            let text = ""
            response.on("data", (chunk) => {
              text += chunk
              if (response.headers["content-type"]?.startsWith("text/event-stream")) response.destroy()
            })
            response.on("close", () => resolve({ status: response.statusCode ?? 0, text }))
          }
        )
        asked.on("error", reject)
        asked.end(body)
      })
  )

/** The same for GET, with what the response allows a page of an origin. */
const get = (served: Served.Served, path: string, headers: { readonly [name: string]: string }) =>
  new Promise<{ readonly status: number; readonly text: string; readonly allowed: string | undefined }>((resolve) => {
    request(served.url, { path, headers: { authorization: "Bearer dev-key", ...headers } }, (response) => {
      let text = ""
      response.on("data", (chunk) => (text += chunk))
      response.on("end", () => {
        resolve({ status: response.statusCode ?? 0, text, allowed: response.headers["access-control-allow-origin"] })
      })
    }).end()
  })

const refuses = ({ status, text }: { readonly status: number; readonly text: string }, what: string) => {
  assert.isAtLeast(status, 400, what)
  assert.isBelow(status, 500, `${what}: ${text}`)
  assert.notMatch(text, leak, what)
  assert.isBelow(text.length, 2000, what)
}

/** Replaces every parameter by `id`; a long one is split among them, so that the request line stays short enough. */
const fill = (path: string, id: string) =>
  path.replaceAll(/:\w+/g, id.length > 1000 ? id.slice(0, 10_000 / (path.split(":").length - 1)) : id)

describe("every route of every dialect", () => {
  const bodies: ReadonlyArray<readonly [string, string]> = [
    ["malformed JSON", '{"prompt": "dev-key'],
    ["no object", "7"],
    ["null", "null"],
    ["an array", "[]"],
    ["wrong types", JSON.stringify({ prompt: 7, messages: "x", text: [], id: {}, input: 1, content: 2, threadId: 3 })],
    ["a deep nest", "[".repeat(100_000)],
    ["a deep nest within", `{"prompt":${"[".repeat(50_000)}${"]".repeat(50_000)}}`],
    ["no UTF-8", Buffer.from([0x7b, 0xff, 0xfe, 0x7d]).toString("latin1")]
  ]

  it.live.each(bodies)("refuses %s in its own format", ([what, body]) =>
    Effect.gen(function* () {
      const served = yield* Served.serve()
      const isOptional = /karta.*sessions$|sessions$|conversations$|cancel$|stop$|approve|reject/
      for (const { method, path } of paths) {
        if (method === "GET" || method === "DELETE") continue
        const told = yield* raw(served, method, fill(path, "x"), body)
        if (isOptional.test(path) && told.status < 400) continue
        refuses(told, `${what}: ${method} ${path}`)
      }
    })
  )

  const ids = [
    "..",
    "%2e%2e",
    "%2e%2e%2f%2e%2e%2fetc%2fpasswd",
    "%00",
    "a%0d%0ax-evil:1",
    "%",
    "%zz",
    "%ff",
    "x".repeat(10_000),
    "__proto__",
    "constructor",
    "%F0%9F%92%A9"
  ]

  it.live("finds nothing for invalid ids", () =>
    Effect.gen(function* () {
      const served = yield* Served.serve()
      for (const { method, path } of paths.filter(({ path: one }) => one.includes(":"))) {
        for (const id of ids) {
          const told = yield* raw(served, method, fill(path, id), method === "GET" ? undefined : "{}")
          const what = `${method} ${fill(path, id.slice(0, 50))}`
          assert.isBelow(told.status, 500, `${what}: ${told.text}`)
          assert.notMatch(told.text, leak)
          if (told.status >= 400) assert.notStrictEqual(told.text, "", what)
        }
      }
    })
  )

  it.live("lists its methods", () =>
    Effect.gen(function* () {
      const served = yield* Served.serve()
      for (const { path } of paths) {
        for (const method of ["PATCH", "PROPFIND", "HEAD"]) {
          if (paths.some((one) => one.method === (method === "HEAD" ? "GET" : method) && one.path === path)) continue
          const told = yield* raw(served, method, fill(path, "x"), undefined)
          assert.include([404, 405], told.status, `${method} ${path}`)
        }
      }
    })
  )
})

describe("the native interface", () => {
  it.live("rejects path traversal", () =>
    Effect.gen(function* () {
      const served = yield* Served.serve()
      for (const path of [
        "/native/../native/threads",
        "/native//threads",
        "/native/./threads",
        "/native/threads/",
        "/native/%74hreads",
        "//native/threads",
        "/native/threads;x=1",
        "/NATIVE/threads",
        "/nativethreads"
      ]) {
        const { status } = yield* raw(served, "GET", path, undefined)
        assert.strictEqual(status, 404, path)
      }
    })
  )

  it.live.each(["%", "%zz", "%ff", "a%E0%A4b"])("refuses the id %s, which cannot be decoded, in its own format", (id) =>
    Effect.gen(function* () {
      const served = yield* Served.serve({ origins: ["https://app.example"] })
      const headers = { origin: "https://app.example" }
      const told = yield* Effect.promise(() => get(served, `/native/runs/${id}`, headers))
      assert.strictEqual(told.status, 400)
      assert.deepStrictEqual(JSON.parse(told.text).error, { code: "BadRequest", message: "Invalid id in path" })
      assert.strictEqual(told.allowed, "https://app.example")
      assert.strictEqual((yield* raw(served, "GET", `/${id}`, undefined)).status, 404)
      const keyless = yield* raw(served, "GET", `/native/runs/${id}`, undefined, { authorization: "" })
      assert.strictEqual(keyless.status, 401)
    })
  )

  it.live("puts no unsafe text into headers", () =>
    Effect.gen(function* () {
      const served = yield* Served.serve()
      const threadId = "a\r\nx-evil: 1\r\n\r\n\u{1f4a9}"
      const { headers, status } = yield* served.ask("/native/query", { body: { prompt: "hello", threadId } })
      assert.strictEqual(status, 400)
      assert.isNull(headers.get("x-evil"))
    })
  )

  it.live("accepts a tool name of a megabyte", () =>
    Effect.gen(function* () {
      const served = yield* Served.serve()
      const name = "n".repeat(1_000_000)
      const told = yield* served.ask("/openai-chat/v1/chat/completions", {
        body: {
          model: "x",
          messages: [{ role: "user", content: "hello" }],
          tools: [{ type: "function", function: { name, parameters: {} } }]
        }
      })
      assert.isBelow(told.status, 500)
      assert.isBelow(told.text.length, 10_000)
    })
  )

  it.live("maps any thread name to one thread", () =>
    Effect.gen(function* () {
      const served = yield* Served.serve()
      for (const threadId of ["__proto__", "constructor", "toString", "a/b", "..", "%2e", " ", "ü"]) {
        const started = yield* served.ask("/native/query", { body: { prompt: "hello", threadId } })
        assert.strictEqual(started.status, 200, threadId)
        const path = `/native/threads/${threadId === ".." ? "%2e%2e" : encodeURIComponent(threadId)}`
        const { json } = yield* Effect.map(raw(served, "GET", path, undefined), ({ text }) => ({
          json: JSON.parse(text)
        }))
        assert.strictEqual(json.threadId, threadId)
      }
    })
  )
})
