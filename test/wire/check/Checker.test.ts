import { assert, describe, it } from "@effect/vitest"
import * as Generated from "@reins/protocol/testing"
import { Sse } from "@reins/wire"
import { Checker, checkStream, checkText, names } from "@reins/wire/check"
import type { Name, Report } from "@reins/wire/check"
import { Sidecar } from "@reins/wire/steerable"
import { Effect, Stream } from "effect"
import { existsSync, readdirSync, readFileSync } from "node:fs"
import { join } from "node:path"
import { play } from "../Play.ts"
import { scenario, scenarios } from "../Scenarios.ts"
import { dialects } from "./Mutants.ts"

const broken = (text: string, dialect: Name = "native"): ReadonlyArray<string> =>
  checkText(text, { dialect }).violations.map(({ line, rule }) => `${line} ${rule}`)

const sidecar = Sidecar.open
const step = 'data: {"type":"step-start"}'

describe("a captured stream", () => {
  it("may end its lines by any line break, and has comments and ids", () => {
    for (const end of ["\n", "\r\n", "\r"]) {
      const lines = [
        "\ufeff: hello",
        "",
        step,
        "id: 1",
        "",
        "retry: 5",
        ": ping",
        'data:{"type":"text","text":"so"}',
        "",
        ""
      ]
      assert.deepStrictEqual(broken(lines.join(end)), ["8 ended"], JSON.stringify(end))
    }
  })

  it("may have its data in several lines, and the line of a frame is that of the first", () => {
    const lines = ["event: x", "data: {", 'data: "type":"tool-invocation"}', "", ""]
    assert.deepStrictEqual(broken(lines.join("\n")), ["2 shape", "2 ended"])
  })

  it("has fields, frames with data and a blank line behind the last", () => {
    assert.deepStrictEqual(broken([step, "", "hello", "event: lost", "", 'data: {"type":', "", step].join("\n")), [
      "3 sse-line",
      "5 sse-data",
      "6 json",
      "8 sse-end",
      "8 ended"
    ])
  })

  it("is read alike wherever it is cut", () => {
    const random = Generated.seeded(7)
    for (const name of names) {
      const frames = play(dialects[name].open, scenario("two gated beside a free one")).flat()
      const text = Sse.encodeAll(frames.filter((_, index) => index % 7 !== 3)).replaceAll("\n", "\r\n")
      const whole = checkText(text, { dialect: name }).violations
      for (let turn = 0; turn < 10; turn++) {
        const checker = new Checker({ dialect: name })
        const found = []
        for (let from = 0; from < text.length;) {
          const to = from + 1 + Math.floor(random() * 40)
          found.push(...checker.push(text.slice(from, to)))
          from = to
        }
        assert.deepStrictEqual([...found, ...checker.end()], whole, name)
      }
    }
  })

  it.effect("is checked as a stream, too", () =>
    Effect.gen(function* () {
      const text = Sse.encodeAll(play(dialects["ai-sdk"].open, scenario("text")).flat())
      const report: Report = yield* checkStream(Stream.fromIterable(text))
      assert.deepStrictEqual([report.dialect, report.violations], ["ai-sdk", []])
    })
  )

  it("tells why it cannot be checked", () => {
    const troubles = ["", "\n\n", "<html>", "\u0000\u0001", '{\n"a": 1}', 'data: {"a":1}\n\n'].map(
      (text) => checkText(text).trouble
    )
    assert.deepStrictEqual(troubles, ["empty", "empty", "neither", "binary", "not-json-lines", "unknown-dialect"])
  })

  it("may continue an answer that is not at hand", () => {
    const [first = [], second = []] = play(dialects["ai-sdk"].open, scenario("gated, approved"))
    const text = Sse.encodeAll(second)
    assert.include(
      checkText(text).violations.map(({ rule }) => rule),
      "call-known"
    )
    assert.deepStrictEqual(checkText(text, { continues: true }).violations, [])
    const checker = new Checker()
    for (const frames of [first, second]) {
      assert.deepStrictEqual([...checker.push(Sse.encodeAll(frames)), ...checker.end()], [])
    }
  })

  it("is quoted nowhere", () => {
    const secret = "sk-secret-words"
    for (const name of names) {
      const frames = play(dialects[name].open, scenario("one tool")).flat()
      const salted = frames.map(({ data, ...frame }) => ({
        ...frame,
        data: data
          .replaceAll("tides", secret)
          .replaceAll("I look. ", secret)
          .replaceAll(/"(usage|index|code)":/g, `"$1_":`)
      }))
      const { violations } = checkText(Sse.encodeAll([...salted, ...salted]), { dialect: name })
      assert.isNotEmpty(violations)
      assert.notInclude(JSON.stringify(violations), secret, name)
    }
  })
})

describe("the lines of a sidecar", () => {
  const lines = (...streams: ReadonlyArray<string>) =>
    streams.flatMap((id) =>
      play(() => sidecar(id), scenario("one tool"))
        .flat()
        .map(({ data }) => data)
    )

  it("are of streams that end once, in any order", () => {
    const [first, second] = [lines("a"), lines("b")]
    const mixed = first.flatMap((line, index) => [line, second[index] ?? ""])
    for (const text of [mixed.join("\n"), lines("a", "b").join("\n")]) {
      const { dialect, violations } = checkText(text)
      assert.deepStrictEqual([dialect, violations], ["steerable", []])
    }
  })

  it("are checked like others", () => {
    const whole = lines("a")
    const last = whole.length
    assert.deepStrictEqual(broken(whole.slice(0, -1).join("\n"), "steerable"), [`${last - 1} ended`])
    assert.deepStrictEqual(broken([...whole, ...whole.slice(-1)].join("\n"), "steerable"), [`${last + 1} stream-open`])
    const called = whole.findIndex((line) => line.includes("toolCall"))
    const doubled = [...whole.slice(0, called + 1), ...whole.slice(called)].join("\n")
    assert.deepStrictEqual(broken(doubled, "steerable"), [`${called + 2} call-new`])
    assert.deepStrictEqual(broken('{"jsonrpc":"2.0","id":1,"error":{"code":-32603,"message":"x"}}', "steerable"), [
      "1 shape"
    ])
  })
})

describe("the dialect of a stream", () => {
  it.each(names)("is told from its frames, and never taken for another: %s", (name) => {
    for (const [label, log] of scenarios) {
      for (const [index, frames] of play(dialects[name].open, log).entries()) {
        if (frames.length === 0) continue
        const { dialect } = checkText(Sse.encodeAll(frames))
        if (index === 0 && label !== "empty") assert.strictEqual(dialect, name, label)
        else assert.include([name, undefined], dialect, label)
      }
    }
  })
})

/** Recorded streams of providers, by the folder's name. */
const recorded: { readonly [folder: string]: Name } = {
  anthropic: "anthropic",
  "deepseek-chat": "openai-chat",
  groq: "openai-chat",
  mistral: "openai-chat",
  "openai-chat": "openai-chat",
  "openai-compatible-chat": "openai-chat",
  "openai-responses": "openai-responses"
}

/** What recordings break, that were recorded or made because they do. */
const known: { readonly [file: string]: ReadonlyArray<string> } = {
  // A second message begins within the first.
  "spliced-message-start": ["8 message-first", "9 block-next"],
  // The server says no role.
  "mistral-incremental-tool-call": ["1 role-first"],
  // It ends with an output that has none of its items.
  "duplicate-ids": ["10 output-whole"]
}

/** A recording may be of several answers, each with a beginning of its own. */
const answersOf = (lines: ReadonlyArray<string>): ReadonlyArray<string> => {
  const answers: Array<Array<string>> = []
  let isOver = true
  for (const line of lines) {
    if (isOver && /^\{"type":"(message_start|response\.created)"/.test(line)) answers.push([])
    isOver = /^\{"type":"(message_stop|response\.completed)"/.test(line)
    if (answers.length === 0) answers.push([])
    answers.at(-1)?.push(line)
  }
  return answers.map((answer) => answer.join("\n"))
}

const here = join(import.meta.dirname, "..", "..")
const others = join(here, "..", "..", "shared", "recordings")
if (!existsSync(others))
  console.warn("Recorded streams of real servers are not checked: there is no ../shared/recordings.")
for (const [folder, needed] of [
  [join(here, "recordings"), true],
  [others, false]
] as const) {
  describe.skipIf(!needed && !existsSync(folder))(`recorded streams of ${needed ? "our own" : "real servers"}`, () => {
    const files = (existsSync(folder) ? readdirSync(folder) : []).flatMap((name) => {
      const dialect = recorded[name]
      if (dialect === undefined) return []
      return readdirSync(join(folder, name)).map((file) => [`${name}/${file}`, file, dialect] as const)
    })

    it.each(files)("follow their protocol: %s", (path, file, dialect) => {
      const text = readFileSync(join(folder, path), "utf8")
      const answers = answersOf(text.trim().split("\n"))
      // Those with a number go on from an answer before.
      const continues = /\.[2-9]\.chunks/.test(file)
      const checker = new Checker({ dialect, continues })
      const found = answers.flatMap((answer) => [...checker.push(answer), ...checker.end()])
      const name = file.replace(".chunks.txt", "")
      const expected = dialect === "openai-chat" && name === "duplicate-ids" ? [] : (known[name] ?? [])
      assert.deepStrictEqual(
        found.map(({ line, rule }) => `${line} ${rule}`),
        expected
      )
      assert.strictEqual(checkText(text).dialect, dialect)
    })
  })
}
