/**
 * What a message does to a thread that is busy, in each dialect: what its own clients expect, unless the server says
 * otherwise.
 */
import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { chats } from "./Chats.ts"
import type { Tab } from "./Chat.ts"
import * as Served from "./Served.ts"

interface Way {
  readonly name: string
  readonly path: string
  readonly thread: string
  readonly body: (text: string) => object
}

const user = (content: string) => [{ role: "user", content }]
const metadata = { thread_id: "t" }

const stateless: ReadonlyArray<Way> = [
  {
    name: "openai-chat",
    path: "/openai-chat/v1/chat/completions",
    thread: "t",
    body: (text) => ({ model: "desk", messages: user(text), metadata, stream: true })
  },
  {
    name: "openai-responses",
    path: "/openai-responses/v1/responses",
    thread: "t",
    body: (input) => ({ model: "desk", input, metadata, stream: true })
  },
  {
    name: "anthropic",
    path: "/anthropic/v1/messages",
    thread: "t",
    body: (text) => ({ model: "desk", max_tokens: 100, messages: user(text), metadata, stream: true })
  }
]

const expected: { readonly [dialect: string]: string } = {
  "ai-sdk": "supersedes",
  "ag-ui": "supersedes",
  kai: "supersedes",
  karta: "supersedes",
  aap: "supersedes",
  "aap-v2": "supersedes",
  "aap-v1": "supersedes",
  a2a: "is refused",
  "openai-chat": "supersedes",
  anthropic: "supersedes",
  steerable: "steers",
  native: "is refused",
  "openai-responses": "is refused"
}

type Send = (text: string, id: string) => Promise<Response>

/** Sends a message during a run, and then lets that run continue. */
const outcome = (served: Served.Served, send: Send) =>
  Effect.gen(function* () {
    const first = yield* Effect.promise(() => send("held", "m1"))
    const frames = Served.frames(first)
    yield* Effect.promise(async () => {
      for (let next = await frames.next(); !next.done; next = await frames.next()) {
        if (next.value.data.includes("one")) return
      }
    })
    const second = yield* Effect.promise(() => send("more", "m2"))
    yield* served.scene.hold.release
    const text = yield* Effect.promise(() => second.text())
    let rest = ""
    yield* Effect.promise(async () => {
      for await (const { data } of frames) rest += data
    })
    const isStream = second.headers.get("content-type")?.includes("event-stream") === true
    // JSON-RPC says it in a response.
    if (second.status === 409 || (!isStream && text.includes("ThreadBusy"))) return "is refused"
    assert.strictEqual(second.status, 200)
    return rest.includes("five") ? "steers" : "supersedes"
  })

const limits = { concurrentRuns: 1 }

describe("a message on a busy thread", () => {
  for (const [chat, options] of chats.flatMap((chat) => [
    [chat, {}] as const,
    ...(expected[chat.dialect.name] === "is refused" ? [] : [[chat, { limits }] as const])
  ])) {
    const limited = "limits" in options ? ", at a limit of one run, too" : ""
    it.live(`${expected[chat.dialect.name]} in ${chat.dialect.name}${limited}`, () =>
      Effect.gen(function* () {
        const served = yield* Served.serve(options)
        const tab: Tab = { thread: "t", runId: "", messages: [] }
        if (chat.create !== undefined) {
          const { json } = yield* served.ask("/karta/v1/sessions", { body: { session_id: "t" } })
          assert.strictEqual(json.id, "t")
        }
        const send: Send = (text, id) => {
          const request = chat.say(tab, { id, text, hasPicture: false })
          return served.fetch(request.path, request)
        }
        assert.strictEqual(yield* outcome(served, send), expected[chat.dialect.name])
      })
    )
  }

  for (const { body, name, path } of stateless) {
    it.live(`${expected[name]} in ${name}, where requests name a thread`, () =>
      Effect.gen(function* () {
        const served = yield* Served.serve()
        assert.strictEqual(yield* outcome(served, (text) => served.fetch(path, { body: body(text) })), expected[name])
      })
    )
  }

  it.live("takes the place of the run that it ends, at a limit of one run, and nothing else takes it", () =>
    Effect.gen(function* () {
      const served = yield* Served.serve({ limits })
      const ask = (thread: string, id: string, text: string) =>
        served.fetch("/ai-sdk/chat", {
          body: { id: thread, messages: [{ id, role: "user", parts: [{ type: "text", text }] }] }
        })
      const told = (response: Promise<Response>) => Effect.promise(async () => (await response).status)
      assert.strictEqual(yield* told(ask("t", "m1", "held")), 200)
      assert.strictEqual(yield* told(ask("other", "m1", "hello")), 429)
      const next = yield* Effect.promise(() => ask("t", "m2", "held"))
      assert.strictEqual(next.status, 200)
      assert.strictEqual(yield* told(ask("other", "m1", "hello")), 429)
      const last = yield* Effect.promise(() => ask("t", "m3", "hello"))
      assert.include(yield* Effect.promise(() => last.text()), "hello")
      const ended = served.runtime.watch(last.headers.get("x-run-id") ?? "")
      yield* Effect.ignore(Served.drained(ended))
      yield* Effect.promise(() => next.text())
      // Its slot is free when its end was noted.
      let status = 429
      while (status === 429) status = yield* told(ask("other", "m1", "held"))
      assert.strictEqual(status, 200)
      assert.strictEqual(yield* told(ask("more", "m1", "hello")), 429)
    })
  )

  it.live("supersedes a run in AG-UI whose question it refuses, although a call of the client is open, too", () =>
    Effect.gen(function* () {
      const served = yield* Served.serve()
      const user = (id: string, content: string) => ({ id, role: "user", content })
      const first = user("m1", "calls theirs gated")
      const asked = yield* served.ask("/ag-ui/run", { body: { threadId: "t", runId: "r1", messages: [first] } })
      const id = /"id":"(apr_[^"]+)"/.exec(asked.text)?.[1] ?? assert.fail(asked.text)
      const body = {
        threadId: "t",
        runId: "r2",
        messages: [first, user("m2", "never mind")],
        resume: [{ interruptId: id, status: "cancelled" }]
      }
      const next = yield* served.ask("/ag-ui/run", { body })
      assert.include(next.text, '"delta":"never "')
      assert.strictEqual(served.scene.model.requests.length, 2)
    })
  )

  it.live("supersedes a run of Steerable that its reader has left", () =>
    Effect.gen(function* () {
      const served = yield* Served.serve()
      const path = "/steerable/api/chats/t/send"
      const controller = new AbortController()
      const first = yield* Effect.promise(() =>
        served.fetch(path, { body: { content: "held" }, signal: controller.signal })
      )
      yield* served.scene.tap.isRead
      controller.abort()
      yield* served.scene.tap.isUnread
      const second = yield* served.ask(path, { body: { content: "more" } })
      assert.include(second.text, "more")
      const status = yield* served.runtime.status(first.headers.get("x-run-id") ?? "")
      assert.strictEqual(status?.state, "ended")
    })
  )

  it.live("supersedes a run in Responses that waits for its client, whose person wrote on", () =>
    Effect.gen(function* () {
      const served = yield* Served.serve()
      const { json } = yield* served.ask("/openai-responses/v1/conversations", { body: {} })
      const ask = (input: string) =>
        served.ask("/openai-responses/v1/responses", { body: { model: "desk", conversation: json.id, input } })
      assert.strictEqual((yield* ask("client")).status, 200)
      const next = yield* ask("never mind")
      assert.strictEqual(next.status, 200, next.text)
      const given = served.scene.model.requests.at(-1)?.messages.map(({ role }) => role)
      assert.deepStrictEqual(given, ["user", "assistant", "tool", "user"])
    })
  )

  it.live("is what the server says, where it says something, and joins the run of a managed agent", () =>
    Effect.gen(function* () {
      const queueing = yield* Served.serve({ onBusy: "reject" })
      const ask = (id: string, text: string) =>
        queueing.fetch("/ai-sdk/chat", {
          body: { id: "t", messages: [{ id, role: "user", parts: [{ type: "text", text }] }] }
        })
      yield* Effect.promise(() => ask("m1", "held"))
      assert.strictEqual((yield* Effect.promise(() => ask("m2", "more"))).status, 409)
      const served = yield* Served.serve()
      const at = "/karta/v1/projects/p/managed-agents/sessions"
      const { json } = yield* served.ask(at, { method: "POST" })
      const say = (text: string) => served.ask(`${at}/${json.id}/events`, { body: { type: "user.message", text } })
      yield* say("held")
      yield* say("more")
      yield* served.scene.hold.release
      const runId = yield* served.scene.tap.firstRun
      yield* Effect.ignore(Served.drained(served.runtime.watch(runId)))
      assert.strictEqual(new Set(served.scene.model.requests.map(({ metadata }) => metadata.runId)).size, 1)
      assert.lengthOf(served.scene.model.requests, 2)
    })
  )
})
