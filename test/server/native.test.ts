import { assert, describe, it } from "@effect/vitest"
import { Deployment } from "@reins/runtime"
import { journalHost, MemoryJournal } from "@reins/runtime/journal"
import { Api, Authenticator, Server } from "@reins/server"
import { Effect } from "effect"
import { FetchHttpClient, HttpClient, HttpClientRequest } from "effect/http"
import { HttpApiClient, OpenApi } from "effect/http-api"
import * as Served from "./Served.ts"

const keys = Authenticator.layerKeys({ "dev-key": "dev" })

describe("the native interface", () => {
  it.live("refuses fields that a change does not have, and makes none", () =>
    Effect.gen(function* () {
      const journal = MemoryJournal.make()
      const stored = Deployment.layerStore("memory", Effect.succeed(journalHost(journal)))
      const served = yield* Served.serve({ webhooks: { allow: () => true } }, stored, keys)
      const { headers } = yield* served.ask("/native/query", {
        body: { prompt: "error", threadId: "t", stream: false }
      })
      const run = `/native/runs/${headers.get("x-run-id")}`
      const state = Effect.all([
        served.ask("/native/threads"),
        served.ask("/native/threads/t"),
        served.ask("/native/webhooks"),
        served.ask(`${run}/estimates`)
      ]).pipe(Effect.map((all) => all.map(({ text }) => text)))
      const before = yield* state
      for (const [path, body] of [
        [`${run}/corrections`, { step: 1, usage: { promptTokens: 5 } }],
        [`${run}/corrections`, { step: 1, usage: { inputUncached: 5 }, costUSD: 1 }],
        [`${run}/replay`, { agents: "desk" }],
        [`${run}/fork`, { at: 1 }],
        [`${run}/budget`, { limits: { maxSteps: 9 }, reason: "more" }],
        ["/native/threads/t/rewind", { to: 0, branch: "b" }],
        ["/native/threads/t/fork", { to: 1 }],
        ["/native/results/run.tkt_1", { value: 1, cost: 1 }],
        ["/native/webhooks", { url: "https://receiver.example", event: ["run.ended"] }]
      ] as const) {
        const { json, status } = yield* served.ask(path, { body })
        assert.deepStrictEqual([status, json.error.code], [400, "BadRequest"], path)
        assert.match(json.error.message, /field|nothing else/, path)
      }
      assert.deepStrictEqual(yield* state, before)
      const real = { step: 1, usage: { inputUncached: 5 } }
      assert.strictEqual((yield* served.ask(`${run}/corrections`, { body: real })).status, 200)
    })
  )

  it.live("matches its contract, for a typed client", () =>
    Effect.gen(function* () {
      const served = yield* Served.serve()
      const client = yield* HttpApiClient.make(Api.make(), {
        baseUrl: served.url,
        transformClient: HttpClient.mapRequest(HttpClientRequest.bearerToken("dev-key"))
      })
      yield* served.ask("/ai-sdk/chat", {
        body: { id: "t", messages: [{ role: "user", parts: [{ type: "text", text: "gated" }] }] }
      })
      const { approvals } = yield* client.approvals.list({ query: { threadId: "t" } })
      assert.lengthOf(approvals, 1)
      const { threads } = yield* client.threads.listThreads({ query: {} })
      const runId = threads[0]?.runId ?? ""
      assert.strictEqual((yield* client.runs.status({ params: { runId } })).state, "waiting")
      yield* client.approvals.answer({
        params: { approvalId: approvals[0]?.id ?? "" },
        payload: { type: "approve", scope: "thread" }
      })
      yield* served.ask(`/native/runs/${runId}/events`)
      assert.strictEqual((yield* client.runs.status({ params: { runId } })).state, "ended")
      const { grants } = yield* client.grants.listGrants({})
      assert.deepStrictEqual(
        grants.map(({ threadId, toolName }) => [threadId, toolName]),
        [["t", "gated"]]
      )
      yield* client.grants.revokeGrant({ params: { grantId: grants[0]?.id ?? "" } })
      assert.lengthOf((yield* client.grants.listGrants({})).grants, 0)
      assert.isFalse((yield* client.runs.cancel({ params: { runId } })).running)
      assert.lengthOf((yield* client.threads.getThread({ params: { threadId: "t" } })).messages, 4)
      yield* client.threads.deleteThread({ params: { threadId: "t" } })
      const gone = yield* Effect.result(client.threads.getThread({ params: { threadId: "t" } }))
      assert.strictEqual(gone._tag, "Failure")
    }).pipe(Effect.provide(FetchHttpClient.layer))
  )

  it.live("rewinds a thread, shows what was replaced, forks it and returns to it, by its contract", () =>
    Effect.gen(function* () {
      const served = yield* Served.serve()
      const client = yield* HttpApiClient.make(Api.make(), {
        baseUrl: served.url,
        transformClient: HttpClient.mapRequest(HttpClientRequest.bearerToken("dev-key"))
      })
      const query = (body: object) => served.ask("/native/query", { body: { prompt: "tool", stream: false, ...body } })
      const runId = (yield* query({ threadId: "t" })).json.runId
      const params = { threadId: "t" }
      const cut = yield* client.threads.rewindThread({ params, payload: { to: runId } })
      assert.deepStrictEqual([cut.threadId, cut.version], ["t", 0])
      const { branches } = yield* client.threads.branches({ params })
      assert.deepStrictEqual(branches, [
        {
          branchId: cut.branchId ?? "",
          from: 0,
          version: 4,
          replacedAt: branches[0]?.replacedAt ?? 0,
          runs: [{ runId, before: 0 }]
        }
      ])
      const branch = { ...params, branchId: cut.branchId ?? "" }
      assert.lengthOf((yield* client.threads.branch({ params: branch })).messages, 4)
      const forked = yield* client.threads.forkThread({ params, payload: { branch: branch.branchId, at: 1 } })
      assert.lengthOf((yield* client.threads.getThread({ params: forked })).messages, 1)
      assert.deepStrictEqual(yield* client.threads.returnToBranch({ params: branch }), { threadId: "t", version: 4 })
      const refused = (path: string, body?: object) =>
        Effect.map(served.ask(`/native/threads/${path}`, body === undefined ? {} : { body }), ({ json, status }) => [
          status,
          json.error.code
        ])
      assert.deepStrictEqual(yield* refused("t/rewind", { to: "gone" }), [409, "PlaceNotFound"])
      assert.deepStrictEqual(yield* refused("t/rewind", { to: -1 }), [400, "BadRequest"])
      assert.deepStrictEqual(yield* refused("u/rewind", { to: 0 }), [404, "ThreadNotFound"])
      assert.deepStrictEqual(yield* refused(`t/branches/${branch.branchId}`), [404, "BranchNotFound"])
      assert.deepStrictEqual(yield* refused("t/branches/none/return", {}), [404, "BranchNotFound"])
      assert.strictEqual((yield* query({ replaces: 0 })).status, 400)
      assert.strictEqual((yield* query({ replaces: "gone", threadId: "t" })).status, 409)
      assert.strictEqual((yield* query({ replaces: runId, threadId: "t" })).status, 200)
      assert.lengthOf((yield* client.threads.branches({ params })).branches, 1)
    }).pipe(Effect.provide(FetchHttpClient.layer))
  )

  it("describes exactly its routes", () => {
    const { paths } = OpenApi.fromApi(Api.make())
    const described = Object.entries(paths).flatMap(([path, methods]) =>
      Object.keys(methods).map((method) => `${method.toUpperCase()} ${path.replaceAll(/\{(\w+)\}/g, ":$1")}`)
    )
    const routes = Server.places({})[0]?.mount.dialect.routes ?? []
    const served = routes.map(({ method, path }) => `${method} /native${path}`)
    assert.sameMembers(described, served)
  })

  it.live("returns a whole answer without a stream, and starts one run per request id", () =>
    Effect.gen(function* () {
      const served = yield* Served.serve()
      const body = { prompt: "hello there", stream: false, requestId: "once" }
      const one = yield* served.ask("/native/query", { body })
      const two = yield* served.ask("/native/query", { body })
      assert.strictEqual(one.json.text, "hello there")
      assert.strictEqual(two.json.runId, one.json.runId)
      assert.lengthOf(served.scene.model.requests, 1)
    })
  )

  it.live("lists threads in pages, newest first, without gaps", () =>
    Effect.gen(function* () {
      const served = yield* Served.serve()
      const names = Array.from({ length: 7 }, (_, index) => `t${index}`)
      for (const threadId of names) yield* served.ask("/native/query", { body: { prompt: "hello", threadId } })
      const seen: Array<string> = []
      let after = ""
      for (let page = 0; page < 4; page += 1) {
        const { json } = yield* served.ask(`/native/threads?limit=3${after}`)
        seen.push(...json.threads.map(({ threadId }: { readonly threadId: string }) => threadId))
        if (json.next === undefined) break
        after = `&after=${json.next}`
      }
      assert.deepStrictEqual([...seen].sort(), names)
    })
  )

  it.live("refuses to delete a thread with an active run", () =>
    Effect.gen(function* () {
      const served = yield* Served.serve()
      yield* Effect.promise(() => served.fetch("/native/query", { body: { prompt: "held", threadId: "t" } }))
      assert.strictEqual((yield* served.ask("/native/threads/t", { method: "DELETE" })).status, 409)
      assert.strictEqual((yield* served.ask("/native/query", { body: { prompt: "x", threadId: "t" } })).status, 409)
    })
  )

  it.live("ends a cancelled run once", () =>
    Effect.gen(function* () {
      const served = yield* Served.serve()
      const stream = yield* Effect.promise(() => served.fetch("/native/query", { body: { prompt: "held" } }))
      const cancel = `/native/runs/${stream.headers.get("x-run-id")}/cancel`
      const first = yield* served.ask(cancel, { method: "POST" })
      assert.deepStrictEqual([first.status, first.json], [202, { running: true }])
      assert.include(yield* Effect.promise(() => stream.text()), '"finishReason":"cancelled"')
      assert.deepStrictEqual((yield* served.ask(cancel, { method: "POST" })).json, { running: false })
    })
  )
})
