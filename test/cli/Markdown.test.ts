import { assert, describe, it } from "@effect/vitest"
import { Markdown, type Style } from "@reins/cli"
import { Schema } from "effect"
import { displayWidth } from "effect/cli/CliOutput"

const look: Style.Look = { columns: undefined, colors: false, live: false, plain: false }

/** Shows a text line by line. */
const shown = (text: string, width = Infinity, options: Partial<Style.Look> = {}) => {
  let state = Markdown.start
  return text.split("\n").flatMap((source) => {
    const next = Markdown.line(state, source, width, { ...look, ...options })
    state = next.state
    return next.lines
  })
}

describe("Markdown", () => {
  it("shows headings, emphasis, code, lists, quotations, links and rules", () => {
    assert.deepStrictEqual(
      shown("## One **two** ##\n- `a` and *b*\n  1. __c__\n> said\n[docs](a.md) <b>\n---\nsnake_case_name 2 * 3 * 4"),
      ["One two", "• a and b", "  1. c", "> said", "docs (a.md) <b>", "─".repeat(20), "snake_case_name 2 * 3 * 4"]
    )
  })

  it("leaves what is in a fenced block as it is, until its own fence ends it", () => {
    assert.deepStrictEqual(shown("````ts\n# no **heading**\n```\n````\n# yes"), ["  # no **heading**", "  ```", "yes"])
  })

  it("leaves marks without their partners as they are written", () => {
    assert.deepStrictEqual(shown("a ** b\n`open\n[x](\n*"), ["a ** b", "`open", "[x](", "*"])
  })

  it("breaks between words, and hangs what follows a mark under its text", () => {
    assert.deepStrictEqual(shown("- one **two three** four", 10), ["• one two", "  three", "  four"])
  })

  it("colours what is emphasized, word by word, so that a line that is broken stays so", () => {
    const [first, second] = shown("**one two**", 4, { colors: true })
    assert.deepStrictEqual([first, second], ["\u001b[1mone\u001b[0m", "\u001b[1mtwo\u001b[0m"])
  })

  it.prop(
    "fits any text into any width and loses no letter of it",
    {
      text: Schema.Array(
        Schema.Literals([
          "word",
          "**",
          "*",
          "`",
          "漢字",
          " ",
          "\n",
          "- ",
          "# ",
          "```",
          "[a](b)",
          "averyveryverylongword",
          "👍"
        ])
      ).check(Schema.isMaxLength(40)),
      width: Schema.Int.check(Schema.isBetween({ minimum: 12, maximum: 60 }))
    },
    ({ text, width }) => {
      const source = text.join("")
      const lines = shown(source, width)
      for (const line of lines) assert.isAtMost(displayWidth(line), width)
      const letters = (each: string) => [...each].filter((letter) => /\p{L}/u.test(letter)).join("")
      // What follows a fence names its language, which is not shown.
      if (!source.includes("```")) assert.strictEqual(letters(lines.join("").replaceAll("(b)", "b")), letters(source))
    }
  )
})
