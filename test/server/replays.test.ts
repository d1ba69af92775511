/** Replays of logged runs and threads that go on from one of their events, over HTTP: for whom, and what they tell. */
import { assert, describe, it } from "@effect/vitest"
import { MemoryJournal, journalHost } from "@reins/runtime/journal"
import { Deployment } from "@reins/runtime"
import { Api, Authenticator } from "@reins/server"
import { Effect } from "effect"
import { FetchHttpClient, HttpClient, HttpClientRequest } from "effect/http"
import { HttpApiClient } from "effect/http-api"
import * as Served from "./Served.ts"

const keys = Authenticator.layerKeys({
  "dev-key": "dev",
  "dora-key": { tenant: "dev", name: "dora" },
  "dan-key": { tenant: "dev", name: "dan" },
  "olga-key": { tenant: "dev", name: "olga", roles: ["operator"] },
  "aldo-key": { tenant: "dev", name: "aldo", roles: ["auditor"] },
  "other-key": { tenant: "other", name: "otto", roles: ["operator"] }
})

const stored = () => Deployment.layerStore("memory", Effect.succeed(journalHost(MemoryJournal.make())))

const serve = (deployment = stored()) => Served.serve({}, deployment, keys)

const query = (served: Served.Served, prompt: string, key = "dora-key", more: object = {}) =>
  Effect.map(served.ask("/native/query", { key, body: { prompt, stream: false, ...more } }), ({ headers }) => ({
    runId: headers.get("x-run-id") ?? "",
    threadId: headers.get("x-thread-id") ?? ""
  }))

const clientOf = ({ url }: Served.Served, key: string) =>
  HttpApiClient.make(Api.make(), {
    baseUrl: url,
    transformClient: HttpClient.mapRequest(HttpClientRequest.bearerToken(key))
  }).pipe(Effect.provide(FetchHttpClient.layer))

const codeOf = (served: Served.Served, path: string, key: string, body: object = {}) =>
  Effect.map(served.ask(path, { key, body }), ({ json, status }) => [status, json.error?.code])

describe("a replay over HTTP", () => {
  it.live("says that a run goes the same way, and with another agent where it differs first", () =>
    Effect.gen(function* () {
      const served = yield* serve()
      const { runId } = yield* query(served, "tool")
      const client = yield* clientOf(served, "olga-key")
      const params = { runId }
      const same = yield* client.operator.replayRun({ params, payload: {} })
      const { json: run } = yield* served.ask(`/native/runs/${runId}`, { key: "olga-key" })
      assert.deepStrictEqual(same, { runId, agent: "desk", events: run.lastSeq, identical: true, undigested: 0 })
      const other = yield* client.operator.replayRun({ params, payload: { agent: "vault" } })
      assert.strictEqual(other.agent, "vault")
      assert.isFalse(other.identical)
      assert.strictEqual(other.divergence?.seq, 1)
      assert.strictEqual(other.divergence?.type, "step-start")
      assert.strictEqual(other.divergence?.field, "tool theirs")
      assert.isDefined(other.divergence?.recorded)
      assert.strictEqual(served.scene.model.requests.length, 2, "a replay asks no model")
    })
  )

  it.live("reads the exported run once, also for another agent", () =>
    Effect.gen(function* () {
      const served = yield* serve()
      const { runId } = yield* query(served, "tool")
      const { replay } = served.runtime
      const handed: Array<boolean> = []
      Object.assign(served.runtime, {
        replay: (exported: Parameters<typeof replay>[0]) => {
          handed.push(typeof exported !== "string" && "record" in exported)
          return replay(exported)
        }
      })
      for (const body of [{}, { agent: "vault" }]) {
        const { status } = yield* served.ask(`/native/runs/${runId}/replay`, { key: "olga-key", body })
        assert.strictEqual(status, 200)
      }
      assert.deepStrictEqual(handed, [true, true], "lines were read a second time")
    })
  )

  it.live(
    "tells the role auditor the place and no content, and refuses principals without a role and other tenants",
    () =>
      Effect.gen(function* () {
        const served = yield* serve()
        const { runId } = yield* query(served, "tool")
        const path = `/native/runs/${runId}/replay`
        const { json, status } = yield* served.ask(path, { key: "aldo-key", body: { agent: "vault" } })
        assert.strictEqual(status, 200)
        const { seq, type } = json.divergence
        assert.deepStrictEqual([seq, type], [1, "step-start"])
        assert.notProperty(json.divergence, "recorded")
        assert.notProperty(json.divergence, "replayed")
        assert.deepStrictEqual(yield* codeOf(served, path, "dora-key"), [403, "RoleForbidden"])
        assert.deepStrictEqual(yield* codeOf(served, path, "other-key"), [404, "RunNotFound"])
        assert.deepStrictEqual(yield* codeOf(served, path, "olga-key", { agent: 1 }), [400, "BadRequest"])
      })
  )

  it.live("refuses a run that has not ended, an unknown agent, and a run that is kept in memory", () =>
    Effect.gen(function* () {
      const served = yield* serve()
      const { runId } = yield* query(served, "gated")
      const path = `/native/runs/${runId}/replay`
      assert.deepStrictEqual(yield* codeOf(served, path, "olga-key"), [409, "NotReplayed"])
      const done = yield* query(served, "hello")
      const { json, status } = yield* served.ask(`/native/runs/${done.runId}/replay`, {
        key: "olga-key",
        body: { agent: "nobody" }
      })
      assert.strictEqual(status, 400)
      assert.include(json.error.message, "desk")
      const inMemory = yield* Served.serve({}, undefined, keys)
      const gone = yield* query(inMemory, "hello")
      const { json: none } = yield* inMemory.ask(`/native/runs/${gone.runId}/replay`, { key: "olga-key", body: {} })
      assert.strictEqual(none.error.code, "NotExported")
      assert.include(none.error.message, "in memory")
    })
  )
})

describe("a fork of a run over HTTP", () => {
  it.live("is a thread of the run's conversation up to an event, with the prompt that it had yet to answer", () =>
    Effect.gen(function* () {
      const served = yield* serve()
      const { runId, threadId } = yield* query(served, "hello")
      const next = yield* query(served, "tool", "dora-key", { threadId })
      const client = yield* clientOf(served, "olga-key")
      const messages = (id: string) =>
        Effect.map(client.threads.getThread({ params: { threadId: id } }), (thread) => thread.messages)
      const params = { runId: next.runId }
      const before = yield* client.operator.forkRun({ params, payload: { seq: 0 } })
      assert.deepStrictEqual([before.agent, before.seq], ["desk", 0])
      assert.deepStrictEqual(before.prompt, [{ type: "text", text: "tool" }])
      assert.lengthOf(yield* messages(before.threadId), 2)
      const all = yield* client.operator.forkRun({ params, payload: { threadId: "elsewhere" } })
      assert.strictEqual(all.threadId, "elsewhere")
      assert.isUndefined(all.prompt)
      assert.deepStrictEqual(yield* messages("elsewhere"), yield* messages(threadId))
      yield* query(served, "and on", "dora-key", { threadId: "elsewhere" })
      assert.lengthOf(yield* messages("elsewhere"), 8)
      assert.lengthOf(yield* messages(threadId), 6)
      const empty = yield* client.operator.forkRun({ params: { runId }, payload: { seq: 0 } })
      assert.lengthOf(yield* messages(empty.threadId), 0)
    })
  )

  it.live("is for those who may read the run, in a new thread and at an event that there is", () =>
    Effect.gen(function* () {
      const served = yield* serve()
      const { runId, threadId } = yield* query(served, "hello")
      const path = `/native/runs/${runId}/fork`
      const forked = yield* served.ask(path, { key: "dora-key", body: {} })
      assert.strictEqual(forked.status, 200)
      assert.deepStrictEqual(yield* codeOf(served, path, "dan-key"), [404, "RunNotFound"])
      assert.deepStrictEqual(yield* codeOf(served, path, "aldo-key"), [403, "RoleForbidden"])
      assert.deepStrictEqual(yield* codeOf(served, path, "other-key"), [404, "RunNotFound"])
      assert.deepStrictEqual(yield* codeOf(served, path, "olga-key", { threadId }), [409, "ThreadExists"])
      assert.deepStrictEqual(yield* codeOf(served, path, "olga-key", { threadId: "" }), [400, "BadRequest"])
      const { json } = yield* served.ask(path, { key: "olga-key", body: { seq: 1000 } })
      assert.include(json.error.message, "Invalid seq")
    })
  )
})
