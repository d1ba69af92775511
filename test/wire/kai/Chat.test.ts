import { assert, describe, it } from "@effect/vitest"
import type { Facts } from "@reins/wire"
import { dialect } from "@reins/wire/kai"
import { ask } from "../Ask.ts"
import type { Parsed } from "../Rule.ts"
import { rule } from "../Rule.ts"

const request = {
  id: "apr-1",
  kind: "tool",
  target: "pay",
  payload: 5,
  resourceId: "acme",
  threadId: "c",
  toolInvocationId: "c1"
} as const

const facts: Facts.Facts = {
  _tag: "Thread",
  thread: {
    threadId: "c",
    agent: "desk",
    state: "running",
    createdAt: 0,
    updatedAt: 1000,
    secrets: [],
    questions: [request],
    clientCalls: []
  },
  messages: [
    { role: "user", content: [{ type: "text", text: "hi" }] },
    { role: "assistant", content: [{ type: "tool-call", id: "c1", name: "pay", args: 5 }] }
  ]
}

describe("a chat that waits for a person", () => {
  it("shows the question in the assistant's message, where a client looks for its approval", () => {
    const { answer } = ask(dialect, "GET /api/chat/c")
    rule(answer._tag === "Facts", "it is answered by facts")
    const body: Parsed = answer.shape(facts).body
    assert.deepStrictEqual(body.messages[1], {
      id: "c-1",
      role: "assistant",
      parts: [
        {
          type: "tool-pay",
          toolCallId: "c1",
          toolName: "pay",
          state: "approval-requested",
          input: { value: 5 },
          approval: { id: "apr-1" }
        }
      ]
    })
    assert.strictEqual(body.updatedAt, "1970-01-01T00:00:01.000Z")
  })
})
