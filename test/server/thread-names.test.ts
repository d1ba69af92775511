/** Names of threads: what a program or a terminal has begun is found over HTTP by the name that its users know. */
import { assert, describe, it } from "@effect/vitest"
import { MemoryJournal, journalHost } from "@reins/runtime/journal"
import { Deployment } from "@reins/runtime"
import { Authenticator } from "@reins/server"
import { Effect, Layer } from "effect"
import { TestClock } from "effect/testing"
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

/** Counts how often a server looks for threads under their plain names, which only asks what a name means. */
const countPlain = ({ runtime: { threads } }: Served.Served) => {
  const counts = new Map<string, number>()
  const { info } = threads
  Object.assign(threads, {
    info: (...given: Parameters<typeof info>) => {
      const [threadId] = given
      if (!threadId.startsWith("dev/")) counts.set(threadId, (counts.get(threadId) ?? 0) + 1)
      return info(...given)
    }
  })
  return (name: string): number => counts.get(name) ?? 0
}

describe("what a name means", () => {
  it.live("is not asked for a thread that the server has made itself", () =>
    Effect.gen(function* () {
      const served = yield* serve(stored)
      const asked = countPlain(served)
      const query = (body: object) =>
        Effect.map(served.ask("/native/query", { body: { prompt: "hello", stream: false, ...body } }), ({ headers }) =>
          decodeURIComponent(headers.get("x-thread-id") ?? "")
        )
      const made = yield* query({})
      assert.strictEqual(yield* query({ threadId: made }), made)
      assert.lengthOf(yield* prompts(served, made), 2)
      const { json } = yield* served.ask(`/native/threads/${made}/fork`, { body: {} })
      assert.lengthOf(yield* prompts(served, json.threadId), 2)
      assert.deepStrictEqual([asked(made), asked(json.threadId)], [0, 0])
      yield* query({ threadId: "mine" })
      assert.strictEqual(asked("mine"), 1)
    })
  )

  it.effect("is remembered for the last 1,000 names", () =>
    Effect.gen(function* () {
      const served = yield* serve(stored)
      const asked = countPlain(served)
      const read = (index: number) => prompts(served, `t${index}`)
      for (let index = 0; index < 1000; index++) assert.strictEqual(yield* read(index), 404)
      yield* read(0)
      assert.deepStrictEqual([asked("t0"), asked("t999")], [1, 1])
      yield* read(1000)
      yield* read(1)
      yield* read(0)
      assert.deepStrictEqual([asked("t0"), asked("t1")], [2, 1])
      yield* read(2)
      yield* read(1)
      assert.deepStrictEqual([asked("t1"), asked("t2")], [2, 1])
    })
  )

  it.effect("is asked again two seconds after no thread had it, as one may have begun at a terminal", () =>
    Effect.gen(function* () {
      const served = yield* serve(stored)
      assert.strictEqual(yield* prompts(served, "chat"), 404)
      yield* served.runtime.complete("at a terminal", { threadId: "chat", resourceId: "dev" })
      yield* TestClock.adjust("1999 millis")
      assert.strictEqual(yield* prompts(served, "chat"), 404)
      yield* TestClock.adjust("1 milli")
      assert.deepStrictEqual(yield* prompts(served, "chat"), ["at a terminal"])
    })
  )
})
