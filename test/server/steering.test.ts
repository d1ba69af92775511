/** Messages to running runs over HTTP: the native route, and the queries of every dialect on a busy thread. */
import { assert, describe, it } from "@effect/vitest"
import { Transcript } from "@reins/protocol"
import { Effect } from "effect"
import * as Served from "./Served.ts"

/** A run of thread `t` that has said one word and is held. */
const held = Effect.fnUntraced(function* (served: Served.Served) {
  const response = yield* Effect.promise(() =>
    served.fetch("/native/query", { body: { prompt: "held", threadId: "t" } })
  )
  yield* served.scene.hold.reached
  const runId = response.headers.get("x-run-id") ?? ""
  return { runId, answer: Effect.promise(() => response.text()) }
})

/** What the thread holds: each message as its text. */
const thread = (served: Served.Served) =>
  Effect.map(served.runtime.threads.get("dev/t"), (messages) => {
    assert.isTrue(Transcript.isPairComplete(messages))
    return messages.map(
      ({ content, role }) => `${role}: ${content.map((part) => ("text" in part ? part.text : part.type)).join("")}`
    )
  })

/** Asks `question` until it holds. */
const until = (question: Effect.Effect<boolean>): Effect.Effect<void> =>
  Effect.flatMap(question, (isSo) =>
    isSo
      ? Effect.void
      : Effect.delay(
          Effect.suspend(() => until(question)),
          5
        )
  )

const user = (content: string) => [{ role: "user", content }]

interface Way {
  readonly path: string
  readonly body: (text: string) => object
}

/** How each dialect asks in thread `t`. */
const ways: { readonly [dialect: string]: Way } = {
  native: { path: "/native/query", body: (prompt) => ({ prompt, threadId: "t" }) },
  "native, unary": { path: "/native/query", body: (prompt) => ({ prompt, threadId: "t", stream: false }) },
  "ai-sdk": {
    path: "/ai-sdk/chat",
    body: (text) => ({ id: "t", messages: [{ role: "user", parts: [{ type: "text", text }] }] })
  },
  "ag-ui": {
    path: "/ag-ui/run",
    body: (content) => ({ threadId: "t", runId: "r", messages: [{ id: "m", role: "user", content }] })
  },
  kai: {
    path: "/kai/api/chat",
    body: (text) => ({ id: "t", message: { id: "m", role: "user", parts: [{ type: "text", text }] } })
  },
  karta: { path: "/karta/v1/sessions/t/messages", body: (text) => ({ text }) },
  steerable: { path: "/steerable/api/chats/t/send", body: (content) => ({ content }) },
  aap: { path: "/aap/sessions/t/turns", body: (text) => ({ messages: user(text), stream: "delta" }) },
  "openai-chat": {
    path: "/openai-chat/v1/chat/completions",
    body: (text) => ({ model: "desk", messages: user(text), stream: true, metadata: { thread_id: "t" } })
  },
  "openai-chat, unary": {
    path: "/openai-chat/v1/chat/completions",
    body: (text) => ({ model: "desk", messages: user(text), metadata: { thread_id: "t" } })
  },
  "openai-responses": {
    path: "/openai-responses/v1/responses",
    body: (input) => ({ model: "desk", input, stream: true, metadata: { thread_id: "t" } })
  },
  anthropic: {
    path: "/anthropic/v1/messages",
    body: (text) => ({
      model: "desk",
      max_tokens: 100,
      messages: user(text),
      stream: true,
      metadata: { thread_id: "t" }
    })
  }
}

describe("a query on a busy thread of a server that steers", () => {
  for (const [name, { body, path }] of Object.entries(ways)) {
    it.live(`becomes a message of the run, and is answered with what follows it: ${name}`, () =>
      Effect.gen(function* () {
        const served = yield* Served.serve({ onBusy: "steer" })
        const { answer, runId } = yield* held(served)
        const asking = served.fetch(path, { body: body("more") }).then(async (response) => ({
          status: response.status,
          text: await response.text()
        }))
        // The position of the next message says that the query was accepted.
        let sent = 0
        yield* until(
          Effect.map(Effect.orDie(served.runtime.steer(runId, "and then")), ({ position }) => position > ++sent)
        )
        yield* served.scene.hold.release
        const told = yield* Effect.promise(() => asking)
        assert.strictEqual(told.status, 200, told.text)
        assert.notInclude(told.text, "three")
        assert.match(told.text, /more|then/, told.text)
        assert.include(yield* answer, "three")
        const asked = (yield* thread(served)).filter((text) => text === "user: more")
        assert.lengthOf(asked, 1)
        assert.strictEqual(served.scene.model.requests.length, 2)
      })
    )
  }

  it.live("is answered once, however often it is sent, also after the run has ended", () =>
    Effect.gen(function* () {
      const served = yield* Served.serve({ onBusy: "steer" })
      const { runId } = yield* held(served)
      const ask = () => served.fetch("/native/query", { body: { prompt: "more", threadId: "t", requestId: "q" } })
      const both = [ask(), ask()]
      yield* Effect.promise(() => Promise.all(both))
      yield* served.scene.hold.release
      const texts = yield* Effect.promise(() => Promise.all(both.map((one) => one.then((response) => response.text()))))
      const later = yield* served.ask("/native/query", { body: { prompt: "more", threadId: "t", requestId: "q" } })
      assert.strictEqual(later.headers.get("x-run-id"), runId)
      for (const text of [...texts, later.text]) {
        assert.notInclude(text, "three")
        assert.include(text, "data-latency-summary")
      }
      assert.deepStrictEqual(yield* thread(served), [
        "user: held",
        "assistant: one two three four five",
        "user: more",
        "assistant: more"
      ])
    })
  )

  it.live("withdraws the question that its writer did not answer", () =>
    Effect.gen(function* () {
      const served = yield* Served.serve({ onBusy: "steer" })
      const { path, body } = ways["ai-sdk"] ?? assert.fail()
      const first = yield* served.ask(path, { body: body("gated") })
      assert.include(first.text, "tool-approval-request")
      const second = yield* served.ask(path, { body: body("never mind") })
      const chunks = second.frames.flatMap(({ data }) => (data === "[DONE]" ? [] : [JSON.parse(data)]))
      assert.match(chunks[0].messageId, /^msg_/)
      assert.notStrictEqual(chunks[0].messageId, JSON.parse(first.frames[0]?.data ?? "").messageId)
      assert.include(second.text, "mind")
      assert.deepStrictEqual(yield* served.runtime.pendingApprovals({ resourceId: "dev" }), [])
    })
  )

  it.live("is limited to its tenant's own threads", () =>
    Effect.gen(function* () {
      const served = yield* Served.serve({ onBusy: "steer", threadIds: "shared" })
      const { runId } = yield* held(served)
      const other = yield* served.ask("/native/query", { key: "other-key", body: { prompt: "more", threadId: "t" } })
      assert.strictEqual(other.status, 404)
      yield* served.scene.hold.release
      yield* until(Effect.map(served.runtime.status(runId), (status) => status?.state === "ended"))
      assert.strictEqual(served.scene.model.requests.length, 1)
    })
  )
})

describe("POST /runs/:runId/messages", () => {
  it.live("sends a message that enters once, and refuses what the run cannot accept", () =>
    Effect.gen(function* () {
      const served = yield* Served.serve()
      const { answer, runId } = yield* held(served)
      const send = (body: object | string, key?: string, id = runId) =>
        served.ask(`/native/runs/${id}/messages`, { body, key })
      const first = yield* send({ message: "more", messageId: "m1" })
      assert.deepStrictEqual(
        [first.status, first.json.messageId, first.json.position, typeof first.json.after],
        [202, "m1", 1, "number"]
      )
      assert.strictEqual((yield* send({ message: "more", messageId: "m1" })).json.position, 1)
      const told = [
        yield* send({ message: "other", messageId: "m1" }),
        yield* send({ message: " " }),
        yield* send({ message: 5 }),
        yield* send({ message: "x", messageId: "" }),
        yield* send({ message: "x", questions: "forget" }),
        yield* send({ message: "x" }, "other-key"),
        yield* send({ message: "x" }, undefined, "nobody")
      ]
      assert.deepStrictEqual(
        told.map(({ status }) => status),
        [409, 400, 400, 400, 400, 404, 404]
      )
      yield* served.scene.hold.release
      const text = yield* answer
      assert.include(text, '"type":"message-received","data":{"messageId":"m1","position":1')
      assert.deepStrictEqual(yield* thread(served), [
        "user: held",
        "assistant: one two three four five",
        "user: more",
        "assistant: more"
      ])
      const late = yield* send({ message: "late" })
      assert.deepStrictEqual([late.status, late.json.error.code], [409, "RunEnding"])
    })
  )
})
