/** Protocols without conversations send the whole history each time: it is what the model is given. */
import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import * as Served from "./Served.ts"
import { givenTo, green, protocols } from "./Stateless.ts"
import type { Turn } from "./Stateless.ts"

const said = ["one", "two"]

const asks: ReadonlyArray<{ readonly name: string; readonly path: string; readonly body: unknown }> = [
  {
    name: "Chat Completions",
    path: "/openai-chat/v1/chat/completions",
    body: {
      model: "desk",
      messages: [
        { role: "user", content: "one" },
        { role: "assistant", content: "two" },
        { role: "user", content: "hello there" }
      ]
    }
  },
  {
    name: "Responses",
    path: "/openai-responses/v1/responses",
    body: {
      model: "desk",
      input: [
        { role: "user", content: "one" },
        { role: "assistant", content: "two" },
        { role: "user", content: "hello there" }
      ]
    }
  },
  {
    name: "Messages",
    path: "/anthropic/v1/messages",
    body: {
      model: "desk",
      max_tokens: 100,
      messages: [
        { role: "user", content: "one" },
        { role: "assistant", content: "two" },
        { role: "user", content: "hello there" }
      ]
    }
  }
]

describe("a history in a query", () => {
  for (const { body, name, path } of asks) {
    it.live(`starts a new thread: ${name}`, () =>
      Effect.gen(function* () {
        const served = yield* Served.serve()
        const answer = yield* served.ask(path, { body })
        assert.strictEqual(answer.status, 200)
        const threadId = answer.headers.get("x-thread-id") ?? ""
        const { text: thread } = yield* served.ask(`/native/threads/${threadId}`)
        for (const words of [...said, "hello there"]) assert.include(thread, words)
        assert.isBelow(thread.lastIndexOf("two"), thread.lastIndexOf("hello there"))
      })
    )
  }
})

const url = "data:image/png;base64,iVBORw0KGgo="
const looks: ReadonlyArray<{ readonly name: string; readonly path: string; readonly body: (id?: string) => object }> = [
  {
    name: "Chat Completions",
    path: "/openai-chat/v1/chat/completions",
    body: (id) => ({
      model: "desk",
      messages: [
        { role: "user", content: "client" },
        ...(id === undefined
          ? []
          : [
              { role: "assistant", tool_calls: [{ id, function: { name: "theirs", arguments: "{}" } }] },
              {
                role: "tool",
                tool_call_id: id,
                content: [
                  { type: "text", text: green },
                  { type: "image_url", image_url: { url } }
                ]
              }
            ])
      ]
    })
  },
  {
    name: "Responses",
    path: "/openai-responses/v1/responses",
    body: (call_id) => ({
      input: [
        { role: "user", content: "client" },
        ...(call_id === undefined
          ? []
          : [
              { type: "function_call", call_id, name: "theirs", arguments: "{}" },
              {
                type: "function_call_output",
                call_id,
                output: [
                  { type: "input_text", text: green },
                  { type: "input_image", image_url: url }
                ]
              }
            ])
      ]
    })
  },
  {
    name: "Messages",
    path: "/anthropic/v1/messages",
    body: (id) => ({
      model: "desk",
      max_tokens: 100,
      messages: [
        { role: "user", content: "client" },
        ...(id === undefined
          ? []
          : [
              { role: "assistant", content: [{ type: "tool_use", id, name: "theirs", input: {} }] },
              {
                role: "user",
                content: [
                  {
                    type: "tool_result",
                    tool_use_id: id,
                    content: [
                      { type: "text", text: green },
                      { type: "image", source: { type: "base64", media_type: "image/png", data: "iVBORw0KGgo=" } }
                    ]
                  }
                ]
              }
            ])
      ]
    })
  },
  {
    name: "AG-UI",
    path: "/ag-ui/run",
    body: (id) => ({
      threadId: "t",
      runId: `r${id}`,
      messages: [
        { role: "user", id: "m", content: "client" },
        ...(id === undefined
          ? []
          : [
              { role: "assistant", id: "a", toolCalls: [{ id, function: { name: "theirs", arguments: "{}" } }] },
              {
                role: "tool",
                id: "b",
                toolCallId: id,
                content: [
                  { type: "text", text: green },
                  { type: "image", source: { type: "url", value: url } }
                ]
              }
            ])
      ]
    })
  }
]

describe("a result with a picture, for a run that waits", () => {
  it.live.each(looks)("is what the model sees: $name", ({ body, path }) =>
    Effect.gen(function* () {
      const served = yield* Served.serve()
      yield* served.ask(path, { body: body() })
      const id = `${served.scene.model.requests[0]?.metadata.runId}-desk-0`
      const { status, text } = yield* served.ask(path, { body: body(id) })
      assert.strictEqual(status, 200, text)
      const results = served.scene.model.requests
        .at(-1)
        ?.messages.flatMap(({ content, role }) =>
          role === "tool"
            ? content.map((part) => [part.result, part.content?.map((one) => "mediaType" in one && one.mediaType)])
            : []
        )
      assert.deepStrictEqual(results, [[{ got: "green" }, [false, "image/png"]]])
    })
  )
})

for (const [name, protocol] of Object.entries(protocols)) {
  describe(`a conversation that ${name} carries`, () => {
    const asking = Effect.gen(function* () {
      const served = yield* Served.serve()
      const ask = (...turns: ReadonlyArray<Turn>) =>
        Effect.map(served.ask(protocol.path, { body: protocol.body(turns) }), ({ json, status, text }) => {
          assert.strictEqual(status, 200, text)
          return protocol.read(json)
        })
      const given = (index: number) => givenTo(served.scene.model.requests.at(index)?.messages ?? [])
      return { served, ask, given }
    })

    it.live("goes on from an answered call with a later question", () =>
      Effect.gen(function* () {
        const { ask, given, served } = yield* asking
        const first = yield* ask({ user: "client" })
        const called = { calls: first.calls, results: { [first.calls[0] ?? ""]: green } }
        const second = yield* ask({ user: "client" }, called)
        assert.strictEqual(second.text, "all is done")
        assert.notStrictEqual(second.id, first.id)
        // Each has its own usage: ten tokens in and one a word out for each step.
        assert.deepStrictEqual([first.tokens, second.tokens], [11, 13])
        assert.strictEqual(new Set(served.scene.model.requests.map(({ metadata }) => metadata.runId)).size, 1)
        const third = yield* ask({ user: "client" }, called, { text: second.text, user: "hello" })
        assert.strictEqual(third.text, "hello")
        assert.deepStrictEqual(given(-1), ["user: client", "tool-call", green, "assistant: all is done", "user: hello"])
      })
    )

    it.live("is sent to the model with calls that were made elsewhere", () =>
      Effect.gen(function* () {
        const { ask, given } = yield* asking
        yield* ask({ user: "which?" }, { text: "Let me ask.", calls: ["x1"], results: { x1: "red" } })
        assert.deepStrictEqual(given(-1), ["user: which?", "assistant: Let me ask.", "tool-call", '"red"'])
      })
    )

    it.live("replays an answer that is requested again, also concurrently", () =>
      Effect.gen(function* () {
        const { ask, served } = yield* asking
        const first = yield* ask({ user: "client" })
        const called = { calls: first.calls, results: { [first.calls[0] ?? ""]: green } }
        const answers = yield* Effect.all(
          [1, 2, 3].map(() => ask({ user: "client" }, called)),
          { concurrency: "unbounded" }
        )
        answers.push(yield* ask({ user: "client" }, called))
        assert.strictEqual(new Set(answers.map((answer) => JSON.stringify(answer))).size, 1)
        assert.lengthOf(served.scene.model.requests, 2)
        // Another result is another conversation.
        yield* ask({ user: "client" }, { ...called, results: { [first.calls[0] ?? ""]: '{"got":"blue"}' } })
        assert.lengthOf(served.scene.model.requests, 3)
      })
    )

    it.live("passes the text beside a result to the model", () =>
      Effect.gen(function* () {
        const { ask, given } = yield* asking
        const { calls } = yield* ask({ user: "client" })
        const again = { calls, results: { [calls[0] ?? ""]: green }, user: "BUT IN FRENCH" }
        const answer = yield* ask({ user: "client" }, again)
        assert.include(answer.text, "BUT IN FRENCH")
        assert.deepStrictEqual(given(-1), ["user: client", "tool-call", green, "user: BUT IN FRENCH"])
        assert.deepStrictEqual(yield* ask({ user: "client" }, again), answer)
      })
    )

    it.live("passes the text beside a result once, also from concurrent equal requests", () =>
      Effect.gen(function* () {
        const { ask, given, served } = yield* asking
        const { calls } = yield* ask({ user: "client" })
        const again = { calls, results: { [calls[0] ?? ""]: green }, user: "BUT IN FRENCH" }
        const answers = yield* Effect.all(
          [1, 2, 3].map(() => ask({ user: "client" }, again)),
          { concurrency: "unbounded" }
        )
        assert.strictEqual(new Set(answers.map((answer) => JSON.stringify(answer))).size, 1)
        assert.lengthOf(served.scene.model.requests, 2)
        assert.deepStrictEqual(given(-1), ["user: client", "tool-call", green, "user: BUT IN FRENCH"])
      })
    )

    it.live("does not match a run after an edit", () =>
      Effect.gen(function* () {
        const { ask, given } = yield* asking
        const { calls } = yield* ask({ user: "before" }, { text: "yes", user: "client" })
        yield* ask({ user: "BEFORE" }, { text: "yes", user: "client" }, { calls, results: { [calls[0] ?? ""]: green } })
        assert.deepStrictEqual(given(-1).slice(0, 1), ["user: BEFORE"])
        assert.deepStrictEqual(given(-1).slice(2), ["user: client", "tool-call", green])
      })
    )

    it.live("does not collide with a concurrent equal request", () =>
      Effect.gen(function* () {
        const { ask } = yield* asking
        const asked = [1, 2, 3, 4].map((index) => ask({ user: "one" }, { text: "two", user: `number ${index}` }))
        const answers = yield* Effect.all(asked, { concurrency: "unbounded" })
        assert.deepStrictEqual(
          answers.map(({ text }) => text),
          [1, 2, 3, 4].map((index) => `number ${index}`)
        )
        assert.strictEqual(new Set(answers.map(({ id }) => id)).size, 4)
      })
    )

    it.live("refuses a result without its call", () =>
      Effect.gen(function* () {
        const { served } = yield* asking
        const { status } = yield* served.ask(protocol.path, {
          body: protocol.body([{ user: "x" }, { results: { c9: "y" } }])
        })
        assert.strictEqual(status, 404)
      })
    )
  })
}

describe("messages that are read later", () => {
  const parts = (text: string) => [{ type: "text", text }]
  const idOf = (text: string) => /"messageId":"([^"]+)"/.exec(text)?.[1] ?? ""

  it.live("have the ids that their clients gave and were given, in Kai and AI SDK", () =>
    Effect.gen(function* () {
      const served = yield* Served.serve()
      const given: Array<string> = []
      for (const [id, text] of [
        ["k1", "hello"],
        ["k2", "tool"]
      ] as const) {
        const { text: answer } = yield* served.ask("/kai/api/chat", {
          body: { id: "kai", message: { id, role: "user", parts: parts(text) } }
        })
        given.push(id, idOf(answer))
      }
      const { json } = yield* served.ask("/kai/api/chat/kai")
      const read = json.messages.map(({ id }: { readonly id: string }) => id)
      assert.deepStrictEqual(read.slice(0, 4), given)
      const messages = [{ id: "a1", role: "user", parts: parts("tool") }]
      const { text: answer } = yield* served.ask("/ai-sdk/chat", { body: { id: "sdk", messages } })
      const { json: shown } = yield* served.ask("/ai-sdk/chat/sdk/messages")
      assert.deepStrictEqual(
        shown.map(({ id }: { readonly id: string }) => id),
        ["a1", idOf(answer)]
      )
    })
  )
})

describe("a query that continues after a run that was replaced", () => {
  it.live("changes nothing of the thread when it is refused", () =>
    Effect.gen(function* () {
      const served = yield* Served.serve()
      const ask = (runId: string, parentRunId?: string, agent = "desk") =>
        Effect.map(
          served.ask(`/ag-ui/agents/${agent}/run`, {
            body: { threadId: "tree", runId, parentRunId, messages: [{ id: runId, role: "user", content: runId }] }
          }),
          ({ status }) => status
        )
      const state = Effect.all([served.ask("/native/threads/tree"), served.ask("/native/threads/tree/branches")]).pipe(
        Effect.map(([{ json: thread }, { json: branches }]) => ({ messages: thread.messages, branches }))
      )
      for (const [runId, parent] of [["r1"], ["r2", "r1"], ["r3", "r1"]] as const) {
        assert.strictEqual(yield* ask(runId, parent), 200)
      }
      const before = yield* state
      assert.lengthOf(before.messages, 4)
      assert.strictEqual(yield* ask("r4", "r2", "nobody"), 404)
      assert.deepStrictEqual(yield* state, before)
      assert.strictEqual(yield* ask("r5", "r2"), 200)
      assert.lengthOf((yield* state).messages, 6)
    })
  )
})
