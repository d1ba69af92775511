import { assert, layer } from "@effect/vitest"
import { Effect } from "effect"
import * as Asking from "./Asking.ts"
import { Report } from "./Report.ts"
import * as Sample from "./Sample.ts"
import { Screen } from "./Screen.ts"

/**
 * The decision on a report, and the text shown to the person, when they type these lines; `undefined`: there is no
 * terminal.
 */
const asking = Effect.fnUntraced(function* (
  root: string,
  typed: ReadonlyArray<string> | undefined,
  { mode = "ask", replace = false }: { readonly mode?: Asking.Mode; readonly replace?: boolean } = {}
) {
  const lines = [...(typed ?? [])]
  const told: Array<string> = []
  const decision = yield* Asking.answer(
    {
      id: "apr",
      kind: "tool",
      target: "write_report",
      payload: { file: "report.md", replace, markdown: "# All of it" },
      resourceId: "default",
      threadId: "thread"
    },
    mode,
    (...said) => Effect.sync(() => told.push(...said))
  ).pipe(
    Effect.provideService(Screen, {
      look: () => ({ columns: 80, colors: false, live: false }),
      print: () => Effect.void,
      note: () => Effect.void,
      ask: typed === undefined ? undefined : () => Effect.sync(() => lines.shift())
    }),
    Effect.provide(Report.layer(`${root}/report.md`))
  )
  return { decision, told: told.join("\n").replaceAll(root, "DIR") }
})

layer(Sample.layer)("Asking", (it) => {
  it.effect("approves on yes, after saying what will happen", () =>
    Effect.gen(function* () {
      const { decision, told } = yield* asking(yield* Sample.folder({}), ["y"])
      assert.deepStrictEqual(decision, { type: "approve" })
      assert.strictEqual(told, "A yes writes the new file DIR/report.md")
    })
  )

  it.effect("rejects on no, with the reason", () =>
    Effect.gen(function* () {
      const { decision } = yield* asking(yield* Sample.folder({}), ["No it is too long"])
      assert.deepStrictEqual(decision, { type: "reject", feedback: "it is too long" })
    })
  )

  it.effect("asks again after an invalid answer, and rejects at the end of the input", () =>
    Effect.gen(function* () {
      const { decision } = yield* asking(yield* Sample.folder({}), ["", "perhaps"])
      assert.strictEqual(decision.type, "reject")
    })
  )

  it.effect("shows the whole text on request", () =>
    Effect.gen(function* () {
      const { told } = yield* asking(yield* Sample.folder({}), ["v", "n"])
      assert.include(told, "# All of it")
    })
  )

  it.effect("warns that a file would be replaced", () =>
    Effect.gen(function* () {
      const root = yield* Sample.folder({ "report.md": "old" })
      assert.include((yield* asking(root, ["n"], { replace: true })).told, "REPLACES DIR/report.md (3 B)")
      assert.include((yield* asking(root, ["n"])).told, "would fail: DIR/report.md exists")
    })
  )

  it.effect("accepts another name, and says what exists there before it asks again", () =>
    Effect.gen(function* () {
      const root = yield* Sample.folder({ "taken.md": "theirs" })
      const fresh = yield* asking(root, ["e mine.md", "y"])
      assert.deepStrictEqual(fresh.decision, { type: "revise", partial: { file: "mine.md", replace: false } })
      const taken = yield* asking(root, ["edit", "taken.md", "y"])
      assert.deepStrictEqual(taken.decision, { type: "revise", partial: { file: "taken.md", replace: true } })
      assert.include(taken.told, "REPLACES DIR/taken.md")
      const outside = yield* asking(root, ["e ../up.md", "n"])
      assert.include(outside.told, "would fail")
    })
  )

  it.effect("asks nobody when the command line contains the answer", () =>
    Effect.gen(function* () {
      const root = yield* Sample.folder({})
      const approved = yield* asking(root, undefined, { mode: "approve" })
      assert.deepStrictEqual(approved.decision, { type: "approve", by: "--approve" })
      const denied = yield* asking(root, undefined, { mode: "deny" })
      assert.strictEqual(denied.decision.type, "reject")
    })
  )

  it.effect("rejects without a terminal, and says so", () =>
    Effect.gen(function* () {
      const { decision, told } = yield* asking(yield* Sample.folder({}), undefined)
      assert.strictEqual(decision.type, "reject")
      assert.include(told, "Nobody is at a terminal")
    })
  )
})
