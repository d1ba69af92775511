import { assert, describe, layer } from "@effect/vitest"
import { type CostNode, CostSummary, Envelope, Ordering } from "@reins/protocol"
import { Effect, FileSystem, Schema, Stream } from "effect"
import { ChildProcess, ChildProcessSpawner } from "effect/process"
import * as Sample from "./Sample.ts"

const main = `${import.meta.dirname}/main.ts`

/** Runs a command in `cwd` as a script would, without a terminal. */
const spawn = Effect.fnUntraced(function* (cwd: string, command: string, args: ReadonlyArray<string>, input = "") {
  const spawner = yield* ChildProcessSpawner.ChildProcessSpawner
  const child = yield* spawner.spawn(
    ChildProcess.make(command, args, {
      cwd,
      stdin: Stream.make(new TextEncoder().encode(input)),
      env: { NO_COLOR: "1" },
      extendEnv: true
    })
  )
  const [stdout, stderr, code] = yield* Effect.all(
    [
      Stream.mkString(Stream.decodeText(child.stdout)),
      Stream.mkString(Stream.decodeText(child.stderr)),
      child.exitCode
    ],
    { concurrency: "unbounded" }
  )
  return { stdout, stderr, code: Number(code) }
}, Effect.scoped)

const run = (cwd: string, args: ReadonlyArray<string>, input = "") =>
  spawn(cwd, process.execPath, [main, ...args], input)

const decode = Schema.decodeUnknownSync(Schema.fromJsonString(Envelope.Envelope))

const envelopes = (stdout: string) =>
  stdout
    .trimEnd()
    .split("\n")
    .map((line) => decode(line))

const leaves = (node: CostNode): number =>
  node.rows.reduce((sum, row) => sum + row.costNanoUsd, 0) +
  node.children.reduce((sum, child) => sum + leaves(child), 0)

const names = (folder: string) => Effect.flatMap(FileSystem.FileSystem, (fs) => fs.readDirectory(folder))

layer(Sample.layer, { excludeTestServices: true })("npm start", (it) => {
  describe("answers", () => {
    it.effect("from the folder and for the question", () =>
      Effect.gen(function* () {
        const [ships, bread] = [yield* Sample.folder(Sample.ships), yield* Sample.folder(Sample.bread)]
        const ask = (path: string, question: string) => run(path, ["--path", path, "-q", question, "--deny"])
        const [lost, captain, dough, nothing] = yield* Effect.all(
          [
            ask(ships, "When was the schooner lost?"),
            ask(ships, "Who is captain?"),
            ask(bread, "Which dough takes rye?"),
            ask(bread, "When was the schooner lost?")
          ],
          { concurrency: 2 }
        )
        assert.match(lost.stdout, /log\/1907\.md:[12] “.*She was lost in March\.”/)
        assert.include(captain.stdout, "log/crew.txt:1 “Captain: Ines”")
        assert.include(dough.stdout, "recipes/rye.md:1 “Rye bread takes a sour dough and a day of waiting.”")
        assert.include(dough.stdout, "There are 2 files in 1 folder")
        assert.include(nothing.stdout, "None of “schooner”, “lost” is in the 2 text files.")
        for (const { code } of [lost, captain, dough, nothing]) assert.strictEqual(code, 0)
      })
    )

    it.effect("a question about everything from what introduces the folder, and an empty folder with that", () =>
      Effect.gen(function* () {
        const ships = yield* Sample.folder(Sample.ships)
        const about = yield* run(ships, ["--path", ships, "--deny"])
        assert.include(about.stdout, "Ships: Notes on the harbour and what lies in it.")
        const empty = yield* Sample.folder({})
        const { code, stdout } = yield* run(empty, ["--path", empty, "--deny"])
        assert.include(stdout, "The folder holds no files.")
        assert.strictEqual(code, 0)
      })
    )

    it.effect("with both tables, without colours, and says that its model is none", () =>
      Effect.gen(function* () {
        const ships = yield* Sample.folder(Sample.ships)
        const { stdout } = yield* run(ships, ["--path", ships, "--deny"])
        assert.match(stdout, /not a language model/)
        assert.match(stdout, /\nCost\nagent +model or tool +calls +tokens in +out +USD\ncoordinator +demo-responder/)
        assert.match(stdout, /\nTime\nagent +what +began after +took\n/)
        assert.notInclude(stdout, "\u001b")
      })
    )
  })

  describe("the report", () => {
    it.effect("is written with --approve, and replaced with a word about it", () =>
      Effect.gen(function* () {
        const fs = yield* FileSystem.FileSystem
        const ships = yield* Sample.folder(Sample.ships)
        const first = yield* run(ships, ["--path", ships, "-q", "What did the schooner carry?", "--approve"])
        assert.include(first.stdout, `writes the new file ${ships}/reins-report.md`)
        const report = yield* fs.readFileString(`${ships}/reins-report.md`)
        assert.match(report, /^# What did the schooner carry\?\n/)
        assert.include(report, "Aurora carried tea.")
        const second = yield* run(ships, ["--path", ships, "-q", "Who is captain?", "--approve"])
        assert.include(second.stdout, `REPLACES ${ships}/reins-report.md`)
        assert.match(yield* fs.readFileString(`${ships}/reins-report.md`), /^# Who is captain\?\n/)
      })
    )

    it.effect("is not written with --deny, nor where nobody is at a terminal, whatever is piped in", () =>
      Effect.gen(function* () {
        const ships = yield* Sample.folder(Sample.ships)
        const before = yield* names(ships)
        const denied = yield* run(ships, ["--path", ships, "--deny"])
        const alone = yield* run(ships, ["--path", ships], "y\ny\n")
        assert.include(denied.stdout, "✗ denied by --deny")
        assert.include(alone.stdout, "Nobody is at a terminal to be asked: denied.")
        assert.deepStrictEqual([denied.code, alone.code], [0, 0])
        assert.deepStrictEqual(yield* names(ships), before)
      })
    )
  })

  describe("--json", () => {
    it.effect("prints lawful envelopes of all agents and nothing else, and costs that add up", () =>
      Effect.gen(function* () {
        const ships = yield* Sample.folder(Sample.ships)
        const { code, stderr, stdout } = yield* run(ships, ["--path", ships, "-q", "Who is captain?", "--json"])
        const log = envelopes(stdout)
        assert.deepStrictEqual(Ordering.check(log), [])
        assert.deepStrictEqual([...new Set(log.map(({ agentPath }) => agentPath.join("/")))].toSorted(), [
          "",
          "reader#1b",
          "surveyor#1a"
        ])
        assert.strictEqual(log.at(-1)?.event.type, "data-latency-summary")
        const cost = log.flatMap(({ event }) => (event.type === "data-cost-summary" ? [event.data] : []))
        assert.isTrue(Schema.is(CostSummary.CostSummary)(cost[0]))
        const [summary] = cost
        assert.strictEqual(summary === undefined ? NaN : leaves(summary.root), summary?.costNanoUsd)
        assert.isAbove(summary?.costNanoUsd ?? 0, 0)
        assert.match(stderr, /^Run write_report\?\n {2}file: reins-report\.md\n[^]*Nobody is at a terminal/)
        assert.strictEqual(code, 0)
      })
    )

    it.effect("says why nothing was started on standard error only", () =>
      Effect.gen(function* () {
        const ships = yield* Sample.folder(Sample.ships)
        const { code, stderr, stdout } = yield* run(ships, ["--path", ships, "-q", " \n", "--json"])
        assert.deepStrictEqual({ code, stdout }, { code: 1, stdout: "" })
        assert.strictEqual(stderr, "Nothing was started: The prompt is empty. Give text or at least one file.\n")
      })
    )
  })

  describe("the budget", () => {
    it.effect.each([
      { limit: ["--max-steps", "1"], message: "max_steps=1" },
      { limit: ["--max-tool-calls", "1"], message: "max_tool_calls=1" },
      { limit: ["--max-usd", "0.0001"], message: "max_cost_usd=0.0001" }
    ])("$message stops it lawfully, with exit code 3", ({ limit, message }) =>
      Effect.gen(function* () {
        const ships = yield* Sample.folder(Sample.ships)
        const { code, stdout } = yield* run(ships, ["--path", ships, "-q", "captain", "--deny", "--json", ...limit])
        const log = envelopes(stdout)
        assert.deepStrictEqual(Ordering.check(log), [])
        const said = log.flatMap(({ event }) => (event.type === "budget_exhausted" ? [event.message] : []))
        assert.include(said.join(), message)
        assert.strictEqual(code, 3)
      })
    )
  })

  describe("the reader", () => {
    it.effect("may leave after a line: nothing crashes, and nothing more is said", () =>
      Effect.gen(function* () {
        const ships = yield* Sample.folder(Sample.ships)
        const command = `{ "${process.execPath}" "${main}" --path . --deny --json; echo "code $?" >&2; } | head -n 1`
        const { stderr, stdout } = yield* spawn(ships, "sh", ["-c", command])
        assert.strictEqual(envelopes(stdout).length, 1)
        assert.match(stderr, /(^|\n)code 0\n$/)
        assert.notInclude(stderr, "    at ")
      })
    )
  })

  describe("a wrong command line", () => {
    it.effect.each([
      { args: ["--nope"], expected: 2, why: /^Unrecognized flag: --nope/ },
      { args: ["--approve", "--deny"], expected: 2, why: /^Use either --approve or --deny/ },
      { args: ["--path", "no/such"], expected: 1, why: /^There is no folder "no\/such"\.\n$/ },
      { args: ["--path", "README.md"], expected: 1, why: /^"README.md" is not a folder\.\n$/ },
      {
        args: ["--question", ""],
        expected: 1,
        why: /^Nothing was started: The prompt is empty\. Give text or at least one file\.\n$/
      },
      {
        args: ["--out", "no/such/report.md"],
        expected: 1,
        why: /^No report can be written to "no\/such\/report\.md": there is no such folder\.\n$/
      }
    ])("$args ends with code $expected and a word why", ({ args, expected, why }) =>
      Effect.gen(function* () {
        const ships = yield* Sample.folder(Sample.ships)
        const { code, stderr, stdout } = yield* run(ships, args)
        assert.strictEqual(code, expected)
        assert.match(stderr, why)
        assert.notInclude(stderr, "    at ")
        assert.strictEqual(stdout, "")
      })
    )

    it.effect("is not needed: --help says what may be said", () =>
      Effect.gen(function* () {
        const { code, stdout } = yield* run(import.meta.dirname, ["--help"])
        for (const flag of ["--path", "--question", "--out", "--json", "--approve", "--deny", "--max-steps"]) {
          assert.include(stdout, flag)
        }
        assert.strictEqual(code, 0)
      })
    )
  })
})
