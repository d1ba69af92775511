import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import * as Served from "./Served.ts"

const other = { key: "other-key" }

/** Status and body, without ids that the request itself named. */
const seen = ({ status, text }: { readonly status: number; readonly text: string }, ...named: ReadonlyArray<string>) =>
  named.reduce((told, name) => told.replaceAll(name, "ID"), `${status} ${text}`)

describe("a route without a key", () => {
  it.live("exists in the protocol, and shows nothing of a tenant", () =>
    Effect.gen(function* () {
      const served = yield* Served.serve()
      const answers = yield* Effect.forEach(["/kai/ping", "/kai/api", "/aap/meta", "/aap-v2/meta"], (path) =>
        served.ask(path, { key: "" })
      )
      assert.deepStrictEqual(
        answers.map(({ status }) => status),
        [200, 200, 200, 200]
      )
      const closed = yield* Effect.forEach(["/kai/api/history", "/aap/sessions", "/ai-sdk/chat"], (path) =>
        served.ask(path, { key: "" })
      )
      assert.deepStrictEqual(
        closed.map(({ status }) => status),
        [401, 401, 401]
      )
    })
  )
})

describe("a request", () => {
  const refused: ReadonlyArray<readonly [string, Served.Ask]> = [
    ["without a key", { key: "" }],
    ["with a wrong key", { key: "dev-keys" }],
    ["with another kind of authorization", { key: "", headers: { authorization: "Basic dev-key" } }],
    ["with an empty key", { key: "", headers: { authorization: "Bearer " } }]
  ]
  it.live.each(refused)("with %s is refused in every dialect, whatever the path", ([, asked]) =>
    Effect.gen(function* () {
      const served = yield* Served.serve()
      for (const { dialect, path = `/${dialect.name}` } of Served.dialects) {
        const known = dialect.routes[0]?.path ?? "/"
        for (const below of [known, "/no/such/path", ""]) {
          const { headers, status } = yield* served.ask(`${path}${below}`, { ...asked, body: {} })
          assert.strictEqual(status, 401, `${path}${below}`)
          assert.strictEqual(headers.get("www-authenticate"), "Bearer")
        }
      }
    })
  )

  it.live("may send its key in the headers of other protocols", () =>
    Effect.gen(function* () {
      const served = yield* Served.serve()
      for (const name of ["x-api-key", "x-storageapi-token"]) {
        const { status } = yield* served.ask("/native/threads", { key: "", headers: { [name]: "dev-key" } })
        assert.strictEqual(status, 200)
      }
    })
  )
})

describe("another tenant", () => {
  it.live("gets the same response for another tenant's run as for a missing one", () =>
    Effect.gen(function* () {
      const served = yield* Served.serve()
      const started = yield* Effect.promise(() =>
        served.fetch("/native/query", { body: { prompt: "client", threadId: "mine" } })
      )
      const runId = started.headers.get("x-run-id") ?? ""
      const requests = (id: string) => [
        served.ask(`/native/runs/${id}`, other),
        served.ask(`/native/runs/${id}/events`, other),
        served.ask(`/native/runs/${id}/cancel`, { ...other, method: "POST" }),
        served.ask(`/native/runs/${id}/results/${runId}-desk-0`, { ...other, body: { result: { got: "x" } } }),
        served.ask(`/openai-responses/v1/responses/resp_${id}`, other),
        served.ask("/openai-responses/v1/responses", {
          ...other,
          body: { model: "desk", input: "hello", previous_response_id: `resp_${id}` }
        })
      ]
      const there = yield* Effect.all(requests(runId))
      const nowhere = yield* Effect.all(requests("run_00000000000000000000"))
      assert.deepStrictEqual(
        there.map((one) => seen(one, runId)),
        nowhere.map((one) => seen(one, "run_00000000000000000000"))
      )
      assert.deepStrictEqual(
        there.map(({ status }) => status),
        [404, 404, 404, 404, 404, 404]
      )
      const { json } = yield* served.ask(`/native/runs/${runId}`)
      assert.strictEqual(json.state, "waiting")
    })
  )

  it.live("gets the same response for another tenant's thread as for a missing one, and may use its name", () =>
    Effect.gen(function* () {
      const served = yield* Served.serve()
      yield* served.ask("/native/query", { body: { prompt: "the secret", threadId: "t" } })
      const requests = (id: string) => [
        served.ask(`/native/threads/${id}`, other),
        served.ask(`/native/threads/${id}`, { ...other, method: "DELETE" }),
        served.ask(`/karta/v1/sessions/${id}`, other),
        served.ask(`/karta/v1/sessions/${id}/messages`, { ...other, body: { text: "hello" } }),
        served.ask(`/aap/sessions/${id}`, other),
        served.ask(`/aap/sessions/${id}/history?type=full`, other),
        served.ask(`/kai/api/chat/${id}`, other),
        served.ask(`/ai-sdk/chat/${id}/stream`, other),
        served.ask(`/ag-ui/threads/${id}/events`, other)
      ]
      const there = yield* Effect.all(requests("t"))
      const nowhere = yield* Effect.all(requests("u"))
      assert.deepStrictEqual(
        there.map((one) => seen(one)),
        nowhere.map((one) => seen(one))
      )
      assert.deepStrictEqual((yield* served.ask("/native/threads", other)).json.threads, [])
      assert.deepStrictEqual((yield* served.ask("/kai/api/history", other)).json.chats, [])
      const own = yield* served.ask("/native/query", { ...other, body: { prompt: "hello", threadId: "t" } })
      assert.strictEqual(own.status, 200)
      const { text } = yield* served.ask("/native/threads/t", other)
      assert.notInclude(text, "secret")
      assert.include((yield* served.ask("/native/threads/t")).text, "secret")
    })
  )

  it.live("neither sees nor answers an approval", () =>
    Effect.gen(function* () {
      const served = yield* Served.serve()
      yield* served.ask("/ai-sdk/chat", {
        body: { id: "t", messages: [{ role: "user", parts: [{ type: "text", text: "gated" }] }] }
      })
      const [approval] = (yield* served.ask("/native/approvals")).json.approvals
      assert.deepStrictEqual((yield* served.ask("/native/approvals", other)).json.approvals, [])
      assert.deepStrictEqual((yield* served.ask("/native/approvals?threadId=t", other)).json.approvals, [])
      const answers = (id: string) => [
        served.ask(`/native/approvals/${id}`, { ...other, body: { type: "approve" } }),
        served.ask(`/kai/api/chat/t/approve/${id}`, { ...other, method: "POST" }),
        served.ask(`/karta/v1/sessions/t/inputs/${id}`, {
          ...other,
          method: "PUT",
          body: { decision: "approve_once" }
        }),
        served.ask("/openai-responses/v1/responses", {
          ...other,
          body: { input: [{ type: "mcp_approval_response", approval_request_id: id, approve: true }] }
        })
      ]
      const there = yield* Effect.all(answers(approval.id))
      const nowhere = yield* Effect.all(answers("apr_0"))
      assert.deepStrictEqual(
        there.map((one) => seen(one, approval.id)),
        nowhere.map((one) => seen(one, "apr_0"))
      )
      assert.isTrue(there.every(({ status }) => status === 404))
      assert.lengthOf((yield* served.ask("/native/approvals")).json.approvals, 1)
    })
  )

  it.live("has its own run for the same request id", () =>
    Effect.gen(function* () {
      const served = yield* Served.serve()
      const body = { prompt: "the secret", threadId: "t", requestId: "same" }
      const mine = yield* served.ask("/native/query", { body })
      const again = yield* served.ask("/native/query", { body })
      const theirs = yield* served.ask("/native/query", { ...other, body: { ...body, prompt: "hello" } })
      assert.strictEqual(again.headers.get("x-run-id"), mine.headers.get("x-run-id"))
      assert.deepStrictEqual(again.frames, mine.frames)
      assert.notStrictEqual(theirs.headers.get("x-run-id"), mine.headers.get("x-run-id"))
      assert.notInclude(theirs.text, "secret")
    })
  )
})

describe("with shared thread ids", () => {
  it.live("a thread of another tenant is reported as unknown", () =>
    Effect.gen(function* () {
      const served = yield* Served.serve({ threadIds: "shared" })
      yield* served.ask("/native/query", { body: { prompt: "hello", threadId: "t" } })
      const { status } = yield* served.ask("/native/query", { ...other, body: { prompt: "hello", threadId: "t" } })
      assert.strictEqual(status, 404)
      assert.lengthOf(yield* served.runtime.threads.get("t"), 2)
    })
  )
})
