/** Histories: what a model is sent is pair-complete, and what a client shows is found in what a thread has. */
import { assert, describe, it } from "@effect/vitest"
import { Message, Transcript } from "@reins/protocol"
import { seeded } from "@reins/protocol/testing"
import { Schema } from "effect"

const says = (text: string): Message.User => ({ role: "user", content: [{ type: "text", text }] })
const call = (id: string): Message.CallPart => ({ type: "tool-call", id, name: "look", args: {} })
const result = (id: string): Message.ResultPart => ({ type: "tool-result", id, name: "look", result: id })
const called = (...ids: ReadonlyArray<string>): Message.Assistant => ({ role: "assistant", content: ids.map(call) })
const resultsOf = (...ids: ReadonlyArray<string>): Message.Tool => ({ role: "tool", content: ids.map(result) })

const kinds = (history: ReadonlyArray<Message.Message>) =>
  Transcript.adopt(history).repairs.map(({ index, kind, toolInvocationId }) => [index, kind, toolInvocationId])

describe("an imported history", () => {
  it("is unchanged when it is valid", () => {
    const history = [says("hello"), called("a", "b"), resultsOf("a", "b"), says("bye")]
    assert.deepStrictEqual(Transcript.adopt(history), { messages: history, repairs: [] })
  })

  it("has calls without a result closed", () => {
    const { messages, repairs } = Transcript.adopt([says("hello"), called("a", "b"), resultsOf("b"), says("bye")])
    assert.deepStrictEqual(repairs, [{ kind: "missing-result", index: 1, toolInvocationId: "a" }])
    assert.isTrue(Transcript.isPairComplete(messages))
  })

  it("loses results without a call, second results and second calls", () => {
    assert.deepStrictEqual(kinds([resultsOf("x"), called("a", "a"), resultsOf("a", "a")]), [
      [0, "orphan-result", "x"],
      [1, "second-call", "a"],
      [2, "orphan-result", "a"]
    ])
  })

  it("has results moved to their calls", () => {
    const { messages, repairs } = Transcript.adopt([called("a"), says("wait"), resultsOf("a")])
    assert.deepStrictEqual(repairs, [{ kind: "moved-result", index: 0, toolInvocationId: "a" }])
    assert.deepStrictEqual(messages, [called("a"), resultsOf("a"), says("wait")])
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
      if (role === "tool") return resultsOf(...ids)
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

const answers = (text: string): Message.Assistant => ({ role: "assistant", content: [{ type: "text", text }] })
const calls = (id: string, text = ""): Message.Assistant => ({
  role: "assistant",
  content: [
    { type: "text", text },
    { type: "tool-call", id, name: "look", args: {} }
  ]
})
const results = (id: string, result: string): Message.Tool => ({
  role: "tool",
  content: [{ type: "tool-result", id, name: "look", result }]
})

const stored = [
  says("a"),
  calls("c1", "Let me see. "),
  results("c1", "x"),
  answers("It is x."),
  says("b"),
  answers("B!")
]

describe("a shown conversation", () => {
  it("that is the thread's own changes nothing, also where it hides calls and joins texts", () => {
    const unchanged = { keep: stored.length, add: [] }
    assert.deepStrictEqual(Transcript.align(stored, stored), unchanged)
    const shown = [says("a"), answers("Let me see. It is x."), says("b"), answers("B")]
    assert.deepStrictEqual(Transcript.align(stored, shown), unchanged)
  })

  it("that ends earlier removes the rest", () => {
    assert.deepStrictEqual(Transcript.align(stored, stored.slice(0, 4)), { keep: 4, add: [] })
    assert.deepStrictEqual(Transcript.align(stored, []), { keep: 0, add: [] })
  })

  it("that differs replaces the thread from that position on", () => {
    const edited = [...stored.slice(0, 4), says("bb"), answers("BB!")]
    assert.deepStrictEqual(Transcript.align(stored, edited), { keep: 4, add: edited.slice(4) })
    const otherResult = [says("a"), calls("c1"), results("c1", "y")]
    assert.deepStrictEqual(Transcript.align(stored, otherResult), { keep: 1, add: otherResult.slice(1) })
    const file: Message.User = {
      role: "user",
      content: [{ type: "file", mediaType: "image/png", data: "https://x/y.png" }]
    }
    assert.deepStrictEqual(
      Transcript.align(
        [file],
        [{ ...file, content: [{ ...file.content[0], data: "https://x/z.png" }] } as Message.User]
      ).keep,
      0
    )
  })

  it("is what the thread shows afterwards, whatever both had", () => {
    const random = seeded(7)
    const draw = (count: number) =>
      Array.from({ length: count }, () => {
        const word = "abc"[Math.floor(random() * 3)] ?? "a"
        return random() < 0.5 ? says(word) : answers(word)
      })
    for (let round = 0; round < 500; round += 1) {
      const [held, shown] = [draw(round % 6), draw(Math.floor(round / 6) % 6)]
      const { add, keep } = Transcript.align(held, shown)
      const after = [...held.slice(0, keep), ...add]
      assert.deepStrictEqual(Transcript.align(after, shown), { keep: after.length, add: [] })
      // Where only the end is shown, the beginning stays.
      const asked = (messages: ReadonlyArray<Message.Message>) =>
        messages.filter(({ role }) => role === "user").map((message) => JSON.stringify(message))
      const [all, wanted] = [asked(after), asked(shown)]
      assert.deepStrictEqual(all.slice(all.length - wanted.length), wanted)
      if (add.length > 0) assert.lengthOf(all, wanted.length)
    }
  })
})
