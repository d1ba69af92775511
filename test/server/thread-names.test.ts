/** Names of threads: what a program or a terminal has begun is found over HTTP by the name that its users know. */
import { assert, describe, it } from "@effect/vitest"
import { MemoryJournal, journalHost } from "@reins/runtime/journal"
import { Deployment } from "@reins/runtime"
import { Authenticator } from "@reins/server"
import { Effect, Layer } from "effect"
import * as Served from "./Served.ts"

const keys = Authenticator.layerKeys({ "dev-key": "dev", "other-key": "other" })

const stored = Deployment.layerStore("memory", Effect.succeed(journalHost(MemoryJournal.make())))

const serve = (deployment: Layer.Layer<never>) => Served.serve({}, deployment, keys)

const prompts = (served: Served.Served, path: string, key?: string) =>
  Effect.map(served.ask(`/native/threads/${path}`, { key }), ({ json, status }) =>
    status === 200
      ? json.messages
          .filter(({ role }: { readonly role: string }) => role === "user")
          .map(({ content }: { readonly content: ReadonlyArray<{ readonly text: string }> }) => content[0]?.text)
      : status
  )

const listed = (served: Served.Served, key?: string) =>
  Effect.map(served.ask("/native/threads", { key }), ({ json }) =>
    json.threads.map(({ threadId }: { readonly threadId: string }) => threadId)
  )

for (const [where, deployment] of [
  ["in memory", Layer.empty],
  ["over a store", stored]
] as const) {
  describe(`a thread that was not begun over HTTP, ${where}`, () => {
    it.live("is listed, read, continued, forked and deleted by its plain name, by its tenant only", () =>
      Effect.gen(function* () {
        const served = yield* serve(deployment)
        const { runtime } = served
        yield* runtime.complete("first", { threadId: "chat-1", resourceId: "dev" })
        assert.deepStrictEqual(yield* listed(served), ["chat-1"])
        assert.deepStrictEqual(yield* prompts(served, "chat-1"), ["first"])
        const { json } = yield* served.ask("/native/runs?threadId=chat-1")
        assert.strictEqual(json.runs[0]?.threadId, "chat-1")
        const next = { prompt: "second", threadId: "chat-1", stream: false }
        const answered = yield* served.ask("/native/query", { body: next })
        assert.strictEqual(answered.headers.get("x-thread-id"), "chat-1")
        assert.deepStrictEqual(yield* prompts(served, "chat-1"), ["first", "second"])
        assert.strictEqual((yield* runtime.threads.info("chat-1"))?.version, 4)
        assert.strictEqual(yield* runtime.threads.info("dev/chat-1"), undefined)
        assert.deepStrictEqual(yield* listed(served, "other-key"), [])
        assert.strictEqual(yield* prompts(served, "chat-1", "other-key"), 404)
        // Another tenant's own thread of that name.
        yield* served.ask("/native/query", { key: "other-key", body: { ...next, prompt: "theirs" } })
        assert.deepStrictEqual(yield* prompts(served, "chat-1", "other-key"), ["theirs"])
        assert.deepStrictEqual(yield* prompts(served, "chat-1"), ["first", "second"])
        assert.strictEqual((yield* served.ask("/native/threads/chat-1/fork", { body: {} })).status, 200)
        assert.strictEqual((yield* served.ask("/native/threads/chat-1", { method: "DELETE" })).status, 204)
        assert.strictEqual(yield* prompts(served, "chat-1"), 404)
      })
    )
  })
}

describe("a thread of a server", () => {
  it.live("is also found by its stored name, as lines of earlier releases had it, and goes before a plain one", () =>
    Effect.gen(function* () {
      const served = yield* serve(stored)
      yield* served.ask("/native/query", { body: { prompt: "over HTTP", threadId: "web", stream: false } })
      assert.deepStrictEqual(yield* prompts(served, "dev%2Fweb"), ["over HTTP"])
      yield* served.runtime.complete("at a terminal", { threadId: "web", resourceId: "dev" })
      assert.deepStrictEqual(yield* prompts(served, "web"), ["over HTTP"])
      const shown = yield* listed(served)
      assert.lengthOf(
        shown.filter((threadId: string) => threadId === "web"),
        1
      )
    })
  )
})
