/** A server that is started again over the same store: its clients go on as if it had never stopped. */
import { assert, describe, it } from "@effect/vitest"
import { Sqlite } from "@reins/store/sqlite"
import { Effect, Layer } from "effect"
import { mkdtempSync, readFileSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import * as Served from "./Served.ts"
import { givenTo } from "./Stateless.ts"

const file = Effect.map(
  Effect.acquireRelease(
    Effect.sync(() => mkdtempSync(join(tmpdir(), "reins-restart-"))),
    (path) => Effect.sync(() => rmSync(path, { recursive: true, force: true }))
  ),
  (path) => join(path, "runs.db")
)

const start = (filename: string, options: Parameters<typeof Served.serve>[0] = {}) =>
  Served.serve(options, Layer.orDie(Layer.fresh(Sqlite.layer({ filename, gatherMs: 0 }))))

const responses = "/openai-responses/v1"

describe("a server that is started again", () => {
  it.live("finds every answer of a run by its id, with what its request said, and goes on from any of them", () =>
    Effect.gen(function* () {
      const filename = yield* file
      const before = yield* start(filename)
      const ask = (served: Served.Served, body: object) => served.ask(`${responses}/responses`, { body })
      const first = (yield* ask(before, { model: "gpt-x", instructions: "obey", input: "client" })).json
      const [call] = first.output.filter((item: { readonly type: string }) => item.type === "function_call")
      const output = { type: "function_call_output", call_id: call.call_id, output: '{"got":"red"}' }
      const second = (yield* ask(before, { model: "gpt-y", input: [output], previous_response_id: first.id })).json
      const third = (yield* ask(before, { input: "more", previous_response_id: second.id })).json
      yield* before.close
      const after = yield* start(filename)
      const found = (id: string) => Effect.map(after.ask(`${responses}/responses/${id}`), ({ json }) => json)
      for (const made of [first, second, third]) assert.deepStrictEqual(yield* found(made.id), made)
      const branch = yield* ask(after, { input: "else", previous_response_id: second.id })
      assert.strictEqual(branch.status, 200, branch.text)
      const given = givenTo(after.scene.model.requests.at(-1)?.messages ?? [])
      assert.deepStrictEqual(given, [
        "user: client",
        "tool-call",
        '{"got":"red"}',
        "assistant: all is done",
        "user: else"
      ])
      const again = yield* ask(after, { model: "gpt-y", input: [output], previous_response_id: first.id })
      assert.strictEqual(again.json.id, second.id, again.text)
      assert.lengthOf(after.scene.model.requests, 1)
    })
  )

  it.live("keeps threads that nothing was said in, with their titles, times, settings and deletion", () =>
    Effect.gen(function* () {
      const filename = yield* file
      const before = yield* start(filename)
      const made = (yield* before.ask(`${responses}/conversations`, { body: { metadata: { topic: "tides" } } })).json
      const gone = (yield* before.ask(`${responses}/conversations`, { body: {} })).json
      yield* before.ask(`${responses}/conversations/${gone.id}`, { method: "DELETE" })
      yield* before.ask("/native/query", { body: { prompt: "a title", threadId: "t" } })
      const listed = (yield* before.ask("/native/threads")).json
      yield* before.close
      const after = yield* start(filename)
      const again = (yield* after.ask(`${responses}/conversations/${made.id}`)).json
      assert.deepStrictEqual(again, made)
      assert.strictEqual((yield* after.ask(`${responses}/conversations/${gone.id}`)).status, 404)
      assert.deepStrictEqual((yield* after.ask("/native/threads")).json, listed)
      assert.include(JSON.stringify(listed), "a title")
      const other = yield* after.ask(`${responses}/conversations/${made.id}`, { key: "other-key" })
      assert.strictEqual(other.status, 404)
    })
  )

  it.live("knows the ids that clients gave messages, so that an edit of the first one is an edit", () =>
    Effect.gen(function* () {
      const filename = yield* file
      const before = yield* start(filename)
      const user = (id: string, text: string) => ({ id, role: "user", parts: [{ type: "text", text }] })
      yield* before.ask("/kai/api/chat", { body: { id: "k", message: user("own-id", "hello") } })
      const ask = (served: Served.Served, runId: string, content: string) =>
        served.ask("/ag-ui/run", { body: { threadId: "a", runId, messages: [{ id: "m1", role: "user", content }] } })
      yield* ask(before, "r1", "one")
      const shown = yield* before.ask("/kai/api/chat/k")
      yield* before.close
      const after = yield* start(filename)
      assert.deepStrictEqual((yield* after.ask("/kai/api/chat/k")).json, shown.json)
      assert.include(shown.text, "own-id")
      yield* ask(after, "r2", "edited")
      assert.deepStrictEqual(givenTo(after.scene.model.requests.at(-1)?.messages ?? []), ["user: edited"])
    })
  )

  it.live("forgets options that may not be shown, which are not stored", () =>
    Effect.gen(function* () {
      const filename = yield* file
      const options = [
        { type: "secret", name: "token", default: "" },
        { type: "text", name: "tone", default: "calm" }
      ] as const
      const settings = { descriptions: { desk: { options } } }
      const before = yield* start(filename, settings)
      const agent = { name: "desk", options: { token: "hush-hush", tone: "warm" } }
      const { json } = yield* before.ask("/aap/sessions", { body: { agent } })
      const id = json.sessionId
      const turn = { body: { messages: [{ role: "user", content: "hello" }], stream: "none" } }
      yield* before.ask(`/aap/sessions/${id}/turns`, turn)
      const told = yield* before.ask(`/aap/sessions/${id}`)
      assert.include(told.text, "token")
      yield* before.close
      assert.notInclude(readFileSync(filename).toString("latin1"), "hush-hush")
      const after = yield* start(filename, settings)
      const kept = yield* after.ask(`/aap/sessions/${id}`)
      assert.include(kept.text, "warm")
      assert.notInclude(kept.text, "token")
    })
  )

  it.live("shares its threads with another server over the same store", () =>
    Effect.gen(function* () {
      const filename = yield* file
      const one = yield* start(filename)
      const other = yield* start(filename)
      const { id } = (yield* one.ask(`${responses}/conversations`, { body: {} })).json
      const say = (served: Served.Served, input: string) =>
        served.ask(`${responses}/responses`, { body: { conversation: id, input } })
      const first = yield* say(other, "one")
      const second = yield* say(one, "second")
      const third = yield* say(other, "three")
      assert.deepStrictEqual([first.status, second.status, third.status], [200, 200, 200])
      for (const made of [first, second, third]) {
        for (const served of [one, other]) {
          const found = yield* served.ask(`${responses}/responses/${made.json.id}`)
          assert.deepStrictEqual(found.json, made.json)
        }
      }
    })
  )
})
