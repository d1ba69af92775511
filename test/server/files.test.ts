import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import * as Served from "./Served.ts"

const made = Effect.fnUntraced(function* (served: Served.Served) {
  const { json } = yield* served.ask("/native/query", { body: { prompt: "file", threadId: "t", stream: false } })
  const { files } = (yield* served.ask("/native/threads/t/files")).json
  return { run: json, files, path: `/native/files/${files[0].fileId}` }
})

describe("a file that a tool made", () => {
  it.live("is downloaded by its tenant, and never executed", () =>
    Effect.gen(function* () {
      const served = yield* Served.serve()
      const { files, path, run } = yield* made(served)
      assert.lengthOf(files, 1)
      assert.deepInclude(files[0], { filename: 'a "b".html', mediaType: "text/html", runId: run.runId })
      const { headers, status, text } = yield* served.ask(path)
      assert.strictEqual(status, 200)
      assert.strictEqual(text, "<script>alert(1)</script> \u{1f422}")
      assert.strictEqual(files[0].sizeBytes, new TextEncoder().encode(text).length)
      assert.strictEqual(headers.get("content-type"), "text/html")
      assert.strictEqual(
        headers.get("content-disposition"),
        `attachment; filename="a _b_.html"; filename*=UTF-8''a%20%22b%22.html`
      )
      assert.strictEqual(headers.get("x-content-type-options"), "nosniff")
      assert.include(headers.get("content-security-policy"), "sandbox")
    })
  )

  it.live("is unknown to another tenant", () =>
    Effect.gen(function* () {
      const served = yield* Served.serve()
      const { path } = yield* made(served)
      const others = yield* Effect.all([
        served.ask(path, { key: "other-key" }),
        served.ask("/native/files/nobody", { key: "other-key" }),
        served.ask("/native/threads/t/files", { key: "other-key" })
      ])
      assert.deepStrictEqual(
        others.map(({ status }) => status),
        [404, 404, 404]
      )
      assert.deepStrictEqual(others[0].json, others[1].json)
    })
  )

  it.live("is deleted with its thread", () =>
    Effect.gen(function* () {
      const served = yield* Served.serve()
      const { path } = yield* made(served)
      yield* served.ask("/native/threads/t", { method: "DELETE" })
      assert.strictEqual((yield* served.ask(path)).status, 404)
    })
  )
})
