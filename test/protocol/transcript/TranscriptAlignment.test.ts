/** What a client shows beside what a thread holds: what stays, and what is new. */
import { assert, describe, it } from "@effect/vitest"
import { type Message, Transcript } from "@reins/protocol"
import { seeded } from "@reins/protocol/testing"

const says = (text: string): Message.User => ({ role: "user", content: [{ type: "text", text }] })
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
