import { assert, layer } from "@effect/vitest"
import { Effect } from "effect"
import { readFileSync } from "node:fs"
import { shell, spawn } from "./Command.ts"
import * as Sample from "./Sample.ts"

/** A command of a transcript, and the lines that it shows. */
interface Turn {
  readonly command: string
  readonly shown: ReadonlyArray<string>
}

/** The turns of the first `console` block of a page. Pure. */
const turnsOf = (page: string): ReadonlyArray<Turn> => {
  const block = /```console\n([\s\S]*?)\n```/.exec(page)?.[1] ?? ""
  return block.split(/^(?=\$ )/m).map((turn) => {
    const [command = "", ...shown] = turn.replace(/\n$/, "").split("\n")
    return { command: command.slice(2), shown }
  })
}

const escape = (text: string) => text.replace(/[.*+?^${}()|[\]\\]/g, "\\$&")

/** What is printed must be what is shown: a line `…` is any lines, `…` within a line any text. */
const pattern = (shown: ReadonlyArray<string>): RegExp => {
  const lines = shown.map((line) => (line === "…" ? "(?:.*\\n)*?" : `${line.split("…").map(escape).join(".*")} *\\n`))
  return new RegExp(`^${lines.join("")}$`)
}

layer(Sample.layer, { excludeTestServices: true })("the transcript of docs/cli.md", (it) => {
  it.effect(
    "is what a stranger sees in the first ten minutes",
    () =>
      Effect.gen(function* () {
        const turns = turnsOf(readFileSync(`${import.meta.dirname}/../../docs/cli.md`, "utf8"))
        assert.isAbove(turns.length, 10)
        const mark = "=== the next command ==="
        const script = turns.map(({ command }) => `${command}\necho '${mark}'`).join("\n")
        const folder = yield* Sample.folder({})
        const { stdout } = yield* spawn(folder, "sh", [
          "-c",
          `exec 2>&1\nunset REINS_MODEL\nreins() { ${shell} "$@"; }\n${script}`
        ])
        const printed = stdout.split(`${mark}\n`)
        for (const [index, { command, shown }] of turns.entries()) {
          assert.match(printed[index] ?? "", pattern(shown), command)
        }
      }),
    240_000
  )
})
