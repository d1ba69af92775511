import { assert, describe, it } from "@effect/vitest"
import { Message } from "@reins/protocol"
import { Schema } from "effect"

const viaJson = (message: Message.Message): Message.Message =>
  Schema.decodeUnknownSync(Message.Message)(JSON.parse(JSON.stringify(Schema.encodeSync(Message.Message)(message))))

const assistant: Message.Assistant = {
  role: "assistant",
  content: [
    { type: "reasoning", text: "let me see", metadata: { anthropic: { signature: "abc" } } },
    { type: "text", text: "One " },
    { type: "tool-call", id: "c1", name: "search", args: { query: "tides" } },
    { type: "text", text: "moment." }
  ]
}

describe("Message", () => {
  it("accepts a plain prompt as one text part", () => {
    assert.deepStrictEqual(Message.fromPrompt("Hello"), { role: "user", content: [{ type: "text", text: "Hello" }] })
  })

  it("accepts parts unchanged", () => {
    const parts: ReadonlyArray<Message.UserPart> = [
      { type: "text", text: "What is this?" },
      { type: "file", mediaType: "image/png", data: "aGk=" }
    ]
    assert.deepStrictEqual(Message.fromPrompt(parts), { role: "user", content: parts })
  })

  it("returns all text of a message and no reasoning", () => {
    assert.strictEqual(Message.text(assistant), "One moment.")
    assert.strictEqual(
      Message.text({ role: "tool", content: [{ type: "tool-result", id: "c1", name: "s", result: 1 }] }),
      ""
    )
  })

  it("survives being stored", () => {
    const tool: Message.Tool = {
      role: "tool",
      content: [{ type: "tool-result", id: "c1", name: "search", result: { error: "down" }, status: "failed" }]
    }
    for (const message of [Message.fromPrompt("Hello"), assistant, tool]) {
      assert.deepStrictEqual(viaJson(message), message)
    }
  })

  it("rejects parts where they do not belong", () => {
    const decode = Schema.decodeUnknownSync(Message.Message)
    const call = { type: "tool-call", id: "c1", name: "search", args: {} }
    assert.throws(() => decode({ role: "user", content: [call] }))
    assert.throws(() => decode({ role: "tool", content: [call] }))
    assert.throws(() => decode({ role: "system", content: [] }))
  })
})
