/** A foreign history, taken over: what a model is sent is pair-complete, and repairs are reported. */
import { assert, describe, it } from "@effect/vitest"
import { Message, Transcript } from "@reins/protocol"
import { Schema } from "effect"

const says = (text: string): Message.User => ({ role: "user", content: [{ type: "text", text }] })
const call = (id: string): Message.CallPart => ({ type: "tool-call", id, name: "look", args: {} })
const result = (id: string): Message.ResultPart => ({ type: "tool-result", id, name: "look", result: id })
const calls = (...ids: ReadonlyArray<string>): Message.Assistant => ({ role: "assistant", content: ids.map(call) })
const results = (...ids: ReadonlyArray<string>): Message.Tool => ({ role: "tool", content: ids.map(result) })

const kinds = (history: ReadonlyArray<Message.Message>) =>
  Transcript.adopt(history).repairs.map(({ index, kind, toolInvocationId }) => [index, kind, toolInvocationId])

describe("an imported history", () => {
  it("is unchanged when it is valid", () => {
    const history = [says("hello"), calls("a", "b"), results("a", "b"), says("bye")]
    assert.deepStrictEqual(Transcript.adopt(history), { messages: history, repairs: [] })
  })

  it("has calls without a result closed", () => {
    const { messages, repairs } = Transcript.adopt([says("hello"), calls("a", "b"), results("b"), says("bye")])
    assert.deepStrictEqual(repairs, [{ kind: "missing-result", index: 1, toolInvocationId: "a" }])
    assert.isTrue(Transcript.isPairComplete(messages))
  })

  it("loses results without a call, second results and second calls", () => {
    assert.deepStrictEqual(kinds([results("x"), calls("a", "a"), results("a", "a")]), [
      [0, "orphan-result", "x"],
      [1, "second-call", "a"],
      [2, "orphan-result", "a"]
    ])
  })

  it("has results moved to their calls", () => {
    const { messages, repairs } = Transcript.adopt([calls("a"), says("wait"), results("a")])
    assert.deepStrictEqual(repairs, [{ kind: "moved-result", index: 0, toolInvocationId: "a" }])
    assert.deepStrictEqual(messages, [calls("a"), results("a"), says("wait")])
  })

  it("loses empty messages", () => {
    const { messages, repairs } = Transcript.adopt([says("one"), says(""), { role: "assistant", content: [] }])
    assert.deepStrictEqual(messages, [says("one")])
    assert.deepStrictEqual(
      repairs.map(({ index, kind }) => [index, kind]),
      [
        [1, "empty-message"],
        [2, "empty-message"]
      ]
    )
  })

  const Ids = Schema.Array(Schema.Literals(["a", "b", "c"])).check(Schema.isMaxLength(3))
  const Histories = Schema.Array(
    Schema.Struct({ role: Schema.Literals(["user", "assistant", "tool"]), ids: Ids, text: Schema.Literals(["", "hm"]) })
  ).check(Schema.isMaxLength(8))

  const made = (drawn: typeof Histories.Type): ReadonlyArray<Message.Message> =>
    drawn.map(({ ids, role, text }): Message.Message => {
      if (role === "user") return says(text)
      if (role === "tool") return results(...ids)
      return { role, content: [{ type: "text", text }, ...ids.map(call)] }
    })

  it.prop(
    "can be sent to a model, whatever was in it, and its changes are reported",
    { drawn: Histories },
    ({ drawn }) => {
      const history = made(drawn)
      const { messages, repairs } = Transcript.adopt(history)
      assert.isTrue(Transcript.isPairComplete(messages))
      assert.isFalse(messages.some(({ content }) => content.length === 0))
      assert.strictEqual(repairs.length === 0, Transcript.isPairComplete(history) && messages.length === history.length)
      // What it was mended to needs no mending.
      assert.deepStrictEqual(Transcript.adopt(messages), { messages, repairs: [] })
      // Nobody's words are lost.
      const words = (all: ReadonlyArray<Message.Message>) => all.map((message) => Message.text(message)).join("")
      assert.strictEqual(words(messages), words(history))
    }
  )
})
