/** Protocols without conversations send the whole history each time: it seeds a new thread. */
import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import * as Served from "./Served.ts"

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
    it.live(`is what a new thread begins with: ${name}`, () =>
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
