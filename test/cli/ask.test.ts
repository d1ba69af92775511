import { assert, layer } from "@effect/vitest"
import { Effect, FileSystem, Schema } from "effect"
import { readFileSync } from "node:fs"
import { reins, shell, spawn } from "./Command.ts"
import * as Sample from "./Sample.ts"
import { hasTerminal, open } from "./Terminal.ts"

const Line = Schema.fromJsonString(
  Schema.Struct({ event: Schema.String, data: Schema.Record(Schema.String, Schema.Json) })
)
const decode = Schema.decodeUnknownSync(Line)

const lines = (stdout: string) =>
  stdout
    .trimEnd()
    .split("\n")
    .map((line) => decode(line))

/** A question to the scripted demo in a folder. */
const demo = (cwd: string, question: string, ...more: ReadonlyArray<string>) =>
  reins(cwd, ["ask", question, "--model", "demo", ...more])

layer(Sample.layer, { excludeTestServices: true })("reins ask", (it) => {
  it.effect("answers from the folder and for the question, with both tables and without colours", () =>
    Effect.gen(function* () {
      const ships = yield* Sample.folder(Sample.ships)
      const [lost, captain] = yield* Effect.all(
        [demo(ships, "When was the schooner lost?"), demo(ships, "Who is captain?", "--store", "memory")],
        { concurrency: 2 }
      )
      assert.match(lost.stdout, /log\/1907\.md:[12] “.*She was lost in March\.”/)
      assert.include(captain.stdout, "log/crew.txt:1 “Captain: Ines”")
      assert.match(lost.stdout, /\nCost\nagent +model or tool +calls +tokens in +out +USD\nassistant +demo-responder/)
      assert.match(lost.stdout, /\nTime\nagent +what +began after +took\n/)
      assert.notInclude(lost.stdout, "\u001b")
      assert.deepStrictEqual([lost.code, captain.code], [0, 0])
    })
  )

  it.effect("writes a file with --approve once, and not where nobody is at a terminal, whatever is piped in", () =>
    Effect.gen(function* () {
      const fs = yield* FileSystem.FileSystem
      const ships = yield* Sample.folder(Sample.ships)
      const alone = yield* reins(ships, ["ask", "Who is captain?", "--model", "demo"], { input: "a\ny\n" })
      assert.include(alone.stdout, "Nobody is at a terminal to be asked: denied.")
      assert.isFalse(yield* fs.exists(`${ships}/reins-report.md`))
      const { stdout } = yield* demo(ships, "What did the schooner carry?", "--approve", "once")
      assert.include(stdout, "assistant wants to create the file reins-report.md")
      assert.match(yield* fs.readFileString(`${ships}/reins-report.md`), /^# What did the schooner carry\?\n/)
      const again = yield* demo(ships, "Who is captain?", "--approve", "once")
      assert.match(
        again.stdout,
        /wants to create the file reins-report\.md[^]*wants to REPLACE the file reins-report\.md/
      )
      assert.match(yield* fs.readFileString(`${ships}/reins-report.md`), /^# Who is captain\?\n/)
      const session = yield* demo(ships, "Who is captain?", "--approve", "session")
      assert.include(session.stdout, "approved for this thread")
      const denied = yield* demo(ships, "Who is captain?", "--approve", "deny")
      assert.include(denied.stdout, "denied by --approve deny")
    })
  )

  it.effect("prints one event a line with --json-output and nothing else, and tells people on standard error", () =>
    Effect.gen(function* () {
      const ships = yield* Sample.folder(Sample.ships)
      const { code, stderr, stdout } = yield* demo(
        ships,
        "Who is captain?",
        "--json-output",
        "--hide",
        "step-start,data-tool-agent"
      )
      const events = lines(stdout)
      assert.deepStrictEqual(events.at(-1), { event: "finish", data: { finish_reason: "complete" } })
      assert.notInclude(
        events.map(({ event }) => event),
        "step-start"
      )
      assert.match(stderr, /^The agent wants to create the file reins-report\.md/)
      assert.strictEqual(code, 0)
    })
  )

  it.effect("reads its question from standard input, and goes on with a thread", () =>
    Effect.gen(function* () {
      const ships = yield* Sample.folder(Sample.ships)
      const asked = ["ask", "--model", "demo", "--thread", "t", "--approve", "deny"]
      const first = yield* reins(ships, asked, { input: "Who is captain?\n" })
      assert.include(first.stdout, "Captain: Ines")
      const second = yield* reins(ships, [...asked, "What did she carry, the schooner?"])
      assert.strictEqual(second.code, 0)
      const fs = yield* FileSystem.FileSystem
      assert.include(yield* fs.readDirectory(`${ships}/.reins`), "runs.db")
      assert.strictEqual(yield* fs.readFileString(`${ships}/.reins/.gitignore`), "*\n")
    })
  )

  it.effect("stops at its budget with exit code 3", () =>
    Effect.gen(function* () {
      const ships = yield* Sample.folder(Sample.ships)
      const { code, stdout } = yield* demo(
        ships,
        "captain",
        "--approve",
        "deny",
        "--json-output",
        "--budget",
        "steps=1"
      )
      const events = lines(stdout)
      assert.include(
        events.map(({ event }) => event),
        "budget_exhausted"
      )
      assert.deepStrictEqual(events.at(-1)?.data, { finish_reason: "max_tokens" })
      assert.strictEqual(code, 3)
    })
  )

  it.effect("ends quietly when its reader leaves", () =>
    Effect.gen(function* () {
      const ships = yield* Sample.folder(Sample.ships)
      const command = `{ ${shell} ask captain --model demo --json-output; echo "code $?" >&2; } | head -n 1`
      const { stderr, stdout } = yield* spawn(ships, "sh", ["-c", command])
      assert.strictEqual(lines(stdout).length, 1)
      assert.match(stderr, /(^|\n)code 0\n$/)
      assert.notInclude(stderr, "    at ")
    })
  )

  it.effect("runs an agent of one's own, a runtime of createRuntime and a layer", () =>
    Effect.gen(function* () {
      const repository = `${import.meta.dirname}/apps`
      for (const [app, more] of [
        ["agent.ts", ["--model", "scripted", "--store", "memory"]],
        ["handled.ts", ["--model", "scripted", "--store", "memory"]],
        ["promise.ts", []],
        ["layer.ts", []]
      ] as const) {
        const { code, stderr, stdout } = yield* reins(repository, ["ask", "Hello there", "--app", app, ...more])
        assert.include(stdout, "You said: Hello there", `${app}: ${stderr}`)
        assert.strictEqual(code, 0)
      }
    })
  )
})

layer(Sample.layer, { excludeTestServices: true })("an app that makes its own runtime", (it) => {
  it.effect("is closed when the command ends, also where it is refused or serves an editor", () =>
    Effect.gen(function* () {
      const apps = `${import.meta.dirname}/apps`
      for (const [args, code] of [
        [["ask", "Hello"], 0],
        [["ask", "Hello", "--model", "scripted"], 2],
        [["chat", "-q", "Hello"], 0],
        [["runs"], 2],
        [["acp"], 0]
      ] as const) {
        const result = yield* reins(apps, [...args, "--app", "closing.ts"])
        assert.match(result.stderr, /(^|\n)the app is closed\n/, args.join(" "))
        assert.strictEqual(result.code, code)
      }
    })
  )
})

if (hasTerminal) {
  layer(Sample.layer, { excludeTestServices: true })("reins ask in a terminal", (it) => {
    it.effect(
      "asks again where the answer does not fit the question",
      () =>
        Effect.gen(function* () {
          const fs = yield* FileSystem.FileSystem
          const ships = yield* Sample.folder(Sample.ships)
          const terminal = yield* open(ships, `${shell} ask --model demo "Who is captain?"`, { columns: 120, rows: 40 })
          yield* terminal.until(/answer>$/)
          yield* terminal.type("e fil=captain.md")
          yield* terminal.press("Enter")
          yield* terminal.until(/Unknown argument "fil"\. Arguments of\s+the tool: file, [^]*answer>$/)
          yield* terminal.type("e file=captain.md")
          yield* terminal.press("Enter")
          yield* terminal.until(/left with 0/)
          assert.include(yield* fs.readDirectory(ships), "captain.md")
        }),
      60_000
    )
  })
}

layer(Sample.layer, { excludeTestServices: true })("reins", (it) => {
  it.effect("tells its version, its commands, their flags, and completions for a shell", () =>
    Effect.gen(function* () {
      const cwd = import.meta.dirname
      const [version, help, ask, completions] = yield* Effect.all(
        [["--version"], ["--help"], ["ask", "--help"], ["--completions", "bash"]].map((args) => reins(cwd, args))
      )
      assert.match(version?.stdout ?? "", /^reins v\d+\.\d+\.\d+\n$/)
      const commands = [...(help?.stdout.split("SUBCOMMANDS")[1] ?? "").matchAll(/^ {2}(\w+) +[A-Z]/gm)].map(
        ([, one]) => one
      )
      assert.include(commands, "ask")
      const page = readFileSync(`${cwd}/../../docs/cli.md`, "utf8")
      assert.deepStrictEqual(
        commands.filter((one) => !new RegExp(`^\\| .*\`(?:reins )?${one}[ \`].* \\|$`, "m").test(page)),
        []
      )
      for (const flag of [
        "--app",
        "--model",
        "--thread",
        "--json-output",
        "--hide",
        "--approve",
        "--budget",
        "--store",
        "--plain",
        "--log-level"
      ]) {
        assert.include(ask?.stdout, flag)
      }
      assert.include(completions?.stdout, "reins")
    })
  )
})
