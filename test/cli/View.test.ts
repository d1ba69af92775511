import { assert, describe, it } from "@effect/vitest"
import type { Envelope, Event, Json } from "@reins/protocol"
import * as Generated from "@reins/protocol/testing"
import { Question, Style, View } from "@reins/cli"
import { displayWidth } from "effect/cli/CliOutput"

const plain: Style.Look = { columns: undefined, colors: false, live: false, plain: false }

const envelope = (event: Event, agentPath: ReadonlyArray<string> = [], at = 0): Envelope.Envelope => ({
  seq: 1,
  at,
  runId: "run",
  threadId: "thread",
  agentPath,
  event
})

const text = (words: string): Event => ({ type: "text", text: words })
const call = (id: string, args = {}): Event => ({
  type: "tool-invocation",
  toolInvocationId: id,
  toolName: "search",
  args,
  state: "call"
})
const result = (id: string): Event => ({
  type: "tool-invocation",
  toolInvocationId: id,
  toolName: "search",
  args: {},
  state: "result",
  result: "found"
})
const progress = (id: string, phaseIndex: number): Event => ({
  type: "tool-progress",
  toolName: "search",
  toolCallId: id,
  label: "a.md",
  phaseIndex,
  totalPhases: 4
})

/** The permanent lines for these envelopes. */
const shown = (look: Style.Look, envelopes: ReadonlyArray<Envelope.Envelope>) => {
  const view = new View("root", () => look)
  return envelopes.flatMap((each) => view.take(each))
}

describe("a view", () => {
  it("finishes a line before it stays, and shows what is being said meanwhile", () => {
    const view = new View("root", () => plain)
    assert.deepStrictEqual(view.take(envelope(text("One "))), [])
    assert.deepStrictEqual(view.pending(), ["One"])
    assert.deepStrictEqual(view.take(envelope(text("line.\nTwo"))), ["One line."])
    assert.deepStrictEqual(view.take(envelope({ type: "step-start" })), ["Two"])
    assert.deepStrictEqual(view.pending(), [])
  })

  it("shows a paragraph of one agent at a time, however many speak", () => {
    const lines = shown(plain, [
      envelope(text("I am "), ["a#1"]),
      envelope(text("And I am B.\nIn two lines.\n\n"), ["b#2"]),
      envelope(text("The root waits.\n\n")),
      envelope(text("A,\nin two "), ["a#1"]),
      envelope(text("lines.\n\nMore of A.\n"), ["a#1"])
    ])
    assert.deepStrictEqual(
      lines.filter((line) => !/^\w*( │)?$/.test(line)),
      ["a │ I am A,", "a │ in two lines.", "b │ And I am B.", "b │ In two lines.", "The root waits.", "a │ More of A."]
    )
  })

  it("lets nobody wait for ever behind one whose paragraph does not end", () => {
    const view = new View("root", () => plain)
    view.take(envelope(text("On and on"), ["a#1"]))
    const lines = Array.from({ length: 80 }, (_, index) => view.take(envelope(text(`line ${index}\n`), ["b#2"]))).flat()
    assert.include(lines, "b │ line 0")
  })

  it("tells two calls of one specialist apart", () => {
    const lines = shown(plain, [envelope(text("1\n\n"), ["a#1"]), envelope(text("2\n\n"), ["a#2"])])
    assert.includeMembers([...lines], ["a │ 1", "a#2 │ 2"])
  })

  it("draws a bar while a tool works, and its time when it has ended", () => {
    const view = new View("root", () => plain)
    view.take(envelope(call("1", { term: "x" })))
    view.take(envelope(progress("1", 1)))
    assert.deepStrictEqual(view.pending(), ["search █████░░░░░░░░░░░░░░░ 1/4 a.md"])
    view.take(envelope(progress("1", 4)))
    assert.deepStrictEqual(view.take(envelope(result("1"), [], 1200)), ["✓ search 4/4 in 1.2 s"])
    assert.deepStrictEqual(view.pending(), [])
  })

  it("shows an approval as a sentence with five lines of its arguments, before anything that waits", () => {
    const content = Array.from({ length: 9 }, (_, index) => `line ${index + 1}`).join("\n")
    const lines = shown(plain, [
      envelope(text("I will write"), ["a#1"]),
      envelope({
        type: "approval-required",
        data: {
          id: "1",
          kind: "tool",
          target: "write_file",
          payload: { file: "a.md", replace: false, content },
          resourceId: "r",
          threadId: "t"
        }
      })
    ])
    assert.deepStrictEqual(lines, [
      "a │ I will write",
      "? root wants to create the file a.md (9 lines).",
      "  file: a.md",
      "  replace: false",
      "  content:",
      "    line 1",
      "    line 2",
      "  … 7 more lines: [v]iew"
    ])
  })

  it("shows how a command ended, with the first lines of its output", () => {
    const ran = (more: object): Event => ({
      type: "tool-invocation",
      toolInvocationId: "1",
      toolName: "run_command",
      args: { command: "seq 9" },
      state: "result",
      result: { output: "1\n2\n3\n4\n5\n6\n7\n", leftOut: 0, milliseconds: 3, ...more }
    })
    assert.deepStrictEqual(shown(plain, [envelope(ran({ exitCode: 3 }))]), [
      "✓ run_command in 0 ms",
      "  exit code 3",
      ...["1", "2", "3", "4", "5"].map((line) => `  ${line}`),
      "  … 2 more lines"
    ])
    assert.include(shown(plain, [envelope(ran({ stopped: "out of time" }))]), "  out of time")
  })

  it("gives screen readers words in place of signs", () => {
    const look = { ...plain, plain: true }
    const lines = shown(look, [
      envelope(call("1", { term: "x" })),
      envelope(result("1")),
      envelope(text("x\n"), ["a#1"])
    ])
    assert.deepStrictEqual(lines, ['Calls search term: "x"', "Done: search in 0 ms", "a: x"])
  })

  it("says in words what a cancelled run leaves behind, and nothing where it leaves nothing", () => {
    const made = (toolName: string) => ({ agentPath: [], toolInvocationId: toolName, toolName, idempotencyKey: "k" })
    const report = (data: Json) => envelope({ type: "custom", event_type: "cancellation_report", data })
    const nothing = { stopped: [{ kind: "model", agentPath: [], step: 2 }], abandoned: [], tookEffect: [], failed: [] }
    const [silent, said] = [
      nothing,
      {
        stopped: [{ kind: "tool", ...made("build") }],
        abandoned: [{ kind: "tool", ...made("deploy") }],
        tookEffect: [made("pay"), made("pay")],
        failed: [made("mail")]
      }
    ].map((data) => shown(plain, [report(data)]))
    assert.deepStrictEqual(silent, [])
    assert.deepStrictEqual(said, [
      "Had taken effect already: pay.",
      "Stopped, and may have taken effect in part: build, mail.",
      "Did not stop in time, and may still run: deploy."
    ])
  })

  it("says of calls that take their time until when they sleep, which ticket they wait for, and by when", () => {
    const noon = Date.UTC(2026, 10, 30, 12)
    const later = { ticketId: "run.tkt_1", expiresAt: noon }
    const custom = (event_type: string, data: Json): Event => ({ type: "custom", event_type, data })
    const lines = shown(plain, [
      envelope(call("c1")),
      envelope(custom("call_sleeps", { toolInvocationId: "c1", toolName: "search", until: noon })),
      envelope({ ...result("c1"), later } as Event),
      envelope(custom("results_awaited", { calls: [{ toolInvocationId: "c1", toolName: "search", expiresAt: noon }] })),
      envelope({ type: "late-result", toolInvocationId: "c1", toolName: "search", result: "found" })
    ])
    assert.deepStrictEqual(lines.slice(1), [
      "search sleeps until 2026-11-30 12:00 UTC",
      "✓ search in 0 ms; its result comes later, by 2026-11-30 12:00 UTC, for ticket run.tkt_1",
      "Waits for the late result of search, by 2026-11-30 12:00 UTC",
      "✓ search, the result of an earlier call"
    ])
  })

  it("leaves out events that are hidden", () => {
    const view = new View("root", () => plain, { hidden: new Set(["reasoning", "data-cost-summary"]) })
    assert.deepStrictEqual(view.take(envelope({ type: "reasoning", text: "hm\n" })), [])
  })

  it("obeys nothing that a file or a model puts into a text", () => {
    const evil = "\u001b[2J\u0007\u202eevil\r\u009b31m\u001b]0;title\u0007"
    const [said, asked, called] = [
      shown(plain, [envelope(text(`${evil}\n`))]),
      shown(plain, [
        envelope({
          type: "approval-required",
          data: { id: "1", kind: "tool", target: evil, payload: { file: evil }, resourceId: "r", threadId: "t" }
        })
      ]),
      shown(plain, [envelope(call("1", { term: evil })), envelope({ type: "custom", event_type: evil, data: evil })])
    ].map((lines) => lines.join("\n"))
    assert.strictEqual(
      Question.draft({ id: "1", kind: "tool", target: "t", payload: { file: evil }, resourceId: "r", threadId: "t" }),
      ""
    )
    // oxlint-disable-next-line no-control-regex -- they are what must not be there
    const commands = /[\u0000-\u0009\u000b-\u001f\u007f-\u009f\u202a-\u202e]/
    for (const lines of [said, asked, called]) {
      assert.include(lines, "evil")
      assert.notMatch(lines ?? "", commands)
    }
  })

  it("is not held up by what a model says without end, in whatever marks", () => {
    for (const mark of ["[a](", "**a ", "x", "漢"]) {
      const view = new View("root", () => ({ ...plain, columns: 80, live: true }))
      for (let part = 0; part < 30; part++) {
        view.take(envelope(text(mark.repeat(200))))
        // What is drawn anew at each word stays short.
        assert.isBelow(view.pending().length, 120)
      }
      assert.isAbove(view.take(envelope({ type: "step-start" })).length, 0)
    }
  })

  it("uses colours only where they are wanted", () => {
    const [first] = shown({ ...plain, colors: true }, [envelope(text("# x\n"))])
    assert.strictEqual(first, "\u001b[1mx\u001b[0m")
    assert.deepStrictEqual(shown(plain, [envelope(text("# **x** `y`\n"))]), ["x y"])
  })

  it.each([20, 40, 59, 60, 80, 200])("fits random runs into %i columns", (columns) => {
    for (let seed = 1; seed <= 40; seed++) {
      const view = new View("root", () => ({ columns, colors: false, live: true, plain: false }))
      for (const each of Generated.generate(Generated.seeded(seed))) {
        const lines = [...view.take(each), ...view.pending()]
        const wide = lines.filter((line) => displayWidth(line) > columns)
        assert.deepStrictEqual(wide, [], `seed ${seed}, ${each.event.type}`)
      }
      assert.deepStrictEqual(view.pending(), [], `seed ${seed}`)
    }
  })
})

describe("a style", () => {
  it("breaks lines between words, and words only where it must", () => {
    assert.deepStrictEqual(Style.fold("  one two three", 9), ["  one two", "  three"])
    assert.deepStrictEqual(Style.fold("abcdefghijkl", 5), ["abcde", "fghij", "kl"])
  })

  it("never splits a character, and counts its columns", () => {
    assert.deepStrictEqual(Style.wrap("漢字漢字", 5).lines, ["漢字"])
    assert.strictEqual(Style.fit("👍👍👍", 5), "👍👍…")
  })

  it("lines up columns, and leaves out what has no room", () => {
    const columns = [
      { title: "name" },
      { title: "calls", side: "right", expendable: 1 },
      { title: "USD", side: "right" }
    ] as const
    const rows = [["search", "12", "0.10"]]
    assert.deepStrictEqual(Style.table(columns, rows, plain), ["name    calls   USD", "search     12  0.10"])
    assert.deepStrictEqual(Style.table(columns, rows, { ...plain, columns: 14 }), ["name     USD", "search  0.10"])
  })
})
