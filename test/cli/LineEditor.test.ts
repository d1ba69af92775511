import { assert, describe, it } from "@effect/vitest"
import { ChatPicture, ChatState, Frame, LineEditor } from "@reins/cli"
import { Schema } from "effect"
import { displayWidth } from "effect/cli/CliOutput"

const key = (name: string, more: Partial<LineEditor.Key> = {}): LineEditor.Key => ({
  name,
  input: name.length === 1 ? name : undefined,
  ctrl: false,
  meta: false,
  ...more
})

const control = (name: string) => key(name, { ctrl: true, input: undefined })

const after = (...keys: ReadonlyArray<LineEditor.Key>) =>
  keys.reduce((line, each) => LineEditor.press(line, each)[0], LineEditor.empty)

const letters = (text: string) => [...text].map((letter) => key(letter, { input: letter }))

describe("the line that is typed", () => {
  it("moves, deletes and replaces by characters and words", () => {
    assert.strictEqual(after(...letters("abc"), key("left"), key("x")).text, "abxc")
    assert.strictEqual(after(...letters("one two"), control("w")).text, "one ")
    assert.strictEqual(after(...letters("one"), control("a"), control("k")).text, "")
    assert.strictEqual(after(...letters("one"), key("home"), key("delete")).text, "ne")
    assert.strictEqual(after(...letters("👍🏽x"), key("backspace"), key("backspace")).text, "")
  })

  it("is entered whole, kept in the history, and recalled without losing what was typed", () => {
    const [line, done] = LineEditor.press(after(...letters("first")), key("return"))
    assert.deepStrictEqual(done, { _tag: "Entered", text: "first" })
    const typing = [...letters("draft"), key("up")].reduce((each, pressed) => LineEditor.press(each, pressed)[0], line)
    assert.strictEqual(typing.text, "first")
    assert.strictEqual(LineEditor.press(typing, key("down"))[0].text, "draft")
  })

  it("takes what is pasted without entering it or obeying it", () => {
    const pasted = after(
      key("paste-start"),
      ...letters("a"),
      key("return"),
      key("b", { input: "b\u001b[2J" }),
      key("paste-end")
    )
    assert.strictEqual(pasted.text, "a b[2J")
  })

  it("tells Ctrl-C, and Ctrl-D on an empty line", () => {
    assert.strictEqual(LineEditor.press(after(...letters("a")), control("c"))[1]._tag, "Interrupted")
    assert.strictEqual(LineEditor.press(LineEditor.empty, control("d"))[1]._tag, "Left")
    assert.strictEqual(LineEditor.press(after(...letters("a")), control("d"))[1]._tag, "Edited")
  })

  const names = [
    "a",
    "漢",
    "👍",
    "e\u0301",
    " ",
    "left",
    "right",
    "home",
    "end",
    "up",
    "down",
    "backspace",
    "delete",
    "return",
    "tab",
    "paste-start",
    "paste-end"
  ] as const
  const Pressed = Schema.Struct({ name: Schema.Literals(names), ctrl: Schema.Boolean })

  it.prop(
    "keeps its cursor within its text, on the screen, and out of characters, whatever is pressed",
    {
      keys: Schema.Array(Pressed).check(Schema.isMaxLength(40)),
      columns: Schema.Int.check(Schema.isBetween({ minimum: 8, maximum: 60 }))
    },
    ({ columns, keys }) => {
      let line = LineEditor.empty
      for (const { ctrl, name } of keys) {
        line = LineEditor.press(line, key(name, { ctrl, input: [...name].length <= 2 ? name : undefined }))[0]
        assert.isTrue(line.cursor >= 0 && line.cursor <= line.text.length)
        assert.isFalse(/^[\udc00-\udfff]/.test(line.text.slice(line.cursor)))
        const { column, row, rows } = LineEditor.layout(line, "> ", columns)
        assert.strictEqual(rows.join(""), `> ${line.text}`)
        assert.isBelow(row, rows.length)
        assert.isBelow(column, columns)
        for (const each of rows) assert.isBelow(displayWidth(each), columns)
      }
    }
  )
})

describe("the picture of a chat", () => {
  const Size = Schema.Struct({
    columns: Schema.Int.check(Schema.isBetween({ minimum: 20, maximum: 120 })),
    rows: Schema.Int.check(Schema.isBetween({ minimum: 8, maximum: 50 }))
  })

  it.prop(
    "fits any terminal, with its cursor on it",
    {
      size: Size,
      text: Schema.String.check(Schema.isMaxLength(300)),
      pending: Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: 60 }))
    },
    ({ pending, size, text }) => {
      const look = { columns: size.columns, colors: false, live: true, plain: false }
      const plain = text.replace(/\p{C}/gu, "")
      const below = ChatPicture.draw(
        {
          ...size,
          state: { ...ChatState.start, queue: [plain, "b", "c", "d"], runId: "r" },
          pending: Array.from({ length: pending }, () => "said"),
          sent: [],
          line: { text: plain, cursor: plain.length },
          status: "ready · $0.0000 · a model of a very long name · thread one"
        },
        look
      )
      assert.isAtMost(below.lines.length, Math.max(size.rows, 8))
      for (const line of below.lines) assert.isBelow(displayWidth(line), size.columns)
      assert.isBelow(below.cursor?.line ?? 0, below.lines.length)
    }
  )

  it("is drawn over the last one, and again where a terminal broke it anew", () => {
    const frame = new Frame()
    assert.strictEqual(frame.draw(["a"], { lines: ["b", "c"] }), "a\nb\nc")
    assert.strictEqual(frame.draw([], { lines: ["b", "c"] }), "")
    assert.strictEqual(frame.draw(["d"], { lines: ["c"] }), "\r\u001b[1A\u001b[Jd\nc")
    const wide = new Frame()
    wide.draw([], { lines: ["x".repeat(30), "y"] })
    wide.resized(10)
    assert.strictEqual(wide.draw([], { lines: ["z"] }), "\r\u001b[3A\u001b[Jz")
  })
})
