/** `reins replay`: a run of a store or a file on the code of today, and a new run from one of its events. */
import { assert, layer } from "@effect/vitest"
import { SideBySide, type Style } from "@reins/cli"
import { Effect, FileSystem, Schema } from "effect"
import { reins } from "./Command.ts"
import * as Sample from "./Sample.ts"

const app = (name: string) => `${import.meta.dirname}/apps/${name}.ts`
const same = ["--app", app("agent")]
const changed = ["--app", app("changed")]

const read = Schema.decodeUnknownSync(Schema.fromJsonString(Schema.Record(Schema.String, Schema.Json)))

/** A folder with one run of `agent.ts`: its path, the run's id and the number of its events. */
const recorded = Effect.gen(function* () {
  const cwd = yield* Sample.folder({})
  const asked = yield* reins(cwd, ["ask", "Which way?", ...same, "--model", "scripted"])
  assert.strictEqual(asked.code, 0, asked.stderr)
  const { stdout } = yield* reins(cwd, ["runs", "--json-output"])
  const { runId } = read(stdout)
  if (typeof runId !== "string") return yield* Effect.die(new Error(`no run was kept: ${stdout}`))
  const events = (yield* reins(cwd, ["events", runId, "--json-output"])).stdout.trimEnd().split("\n").length
  return { cwd, runId, events }
})

layer(Sample.layer, { excludeTestServices: true })("reins replay", (it) => {
  it.effect("says that unchanged code takes the same way, of a run and of a file", () =>
    Effect.gen(function* () {
      const { cwd, events, runId } = yield* recorded
      const replayed = yield* reins(cwd, ["replay", runId, ...same])
      assert.deepStrictEqual(replayed, {
        code: 0,
        stdout: `${runId} goes the same way: ${events} events.\n`,
        stderr: ""
      })
      yield* reins(cwd, ["archive", "runs.jsonl"])
      assert.deepStrictEqual(yield* reins(cwd, ["replay", "runs.jsonl", ...same]), replayed)
      const { stdout } = yield* reins(cwd, ["replay", "runs.jsonl", ...same, "--json-output"])
      assert.deepStrictEqual(read(stdout), { run: runId, identical: true, events, undigested: 0 })
    })
  )

  it.effect("prints nothing of a file that would drive the terminal", () =>
    Effect.gen(function* () {
      const fs = yield* FileSystem.FileSystem
      const { cwd, runId } = yield* recorded
      yield* reins(cwd, ["archive", "runs.jsonl"])
      const file = `${cwd}/runs.jsonl`
      const text = yield* fs.readFileString(file)
      yield* fs.writeFileString(file, text.replaceAll(runId, "run\\u001b[2J\u009b31m"))
      for (const how of [same, changed]) {
        const { stderr, stdout } = yield* reins(cwd, ["replay", "runs.jsonl", ...how])
        assert.include(stdout, "run\ufffd[2J\ufffd31m goes")
        for (const control of ["\u001b", "\u009b"]) assert.notInclude(stdout + stderr, control)
      }
    })
  )

  it.effect("replays each run of a file, on an app that is opened once", () =>
    Effect.gen(function* () {
      const { cwd } = yield* recorded
      yield* reins(cwd, ["ask", "And now?", ...same, "--model", "scripted"])
      yield* reins(cwd, ["archive", "runs.jsonl"])
      const { code, stdout } = yield* reins(cwd, ["replay", "runs.jsonl", ...same])
      assert.strictEqual(code, 0)
      assert.match(stdout, /^run_\w+ goes the same way: \d+ events\.\nrun_\w+ goes the same way: \d+ events\.\n$/)
      const whole = yield* reins(cwd, ["replay", "runs.jsonl", "--app", app("promise")])
      assert.strictEqual(whole.code, 4, whole.stderr)
      assert.strictEqual(whole.stdout.match(/goes another way at event 1 /g)?.length, 2)
    })
  )

  it.effect("takes the same way with the built-in assistant, also where the run changed the folder", () =>
    Effect.gen(function* () {
      const cwd = yield* Sample.folder(Sample.ships)
      const asked = yield* reins(cwd, ["ask", "Who is captain?", "--model", "demo", "--approve", "once"])
      assert.include(asked.stdout, "The report is in reins-report.md")
      const { runId } = read((yield* reins(cwd, ["runs", "--json-output"])).stdout)
      const { code, stdout } = yield* reins(cwd, ["replay", String(runId)])
      assert.strictEqual(code, 0, stdout)
      assert.include(stdout, `${String(runId)} goes the same way`)
    })
  )

  it.effect("shows both sides of the first difference, and exits with 4", () =>
    Effect.gen(function* () {
      const { cwd, events, runId } = yield* recorded
      const { code, stderr, stdout } = yield* reins(cwd, ["replay", runId, ...changed])
      assert.deepStrictEqual({ code, stderr }, { code: 4, stderr: "" })
      const lines = stdout.trimEnd().split("\n")
      assert.deepStrictEqual(lines.slice(0, 2), [
        `${runId} goes another way at event 1 of ${events}.`,
        "step-start: instructions"
      ])
      assert.match(lines[3] ?? "", /^ {2}digest [0-9a-f]{16} +│ You answer in verse\.$/)
      const json = read((yield* reins(cwd, ["replay", runId, ...changed, "--json-output"])).stdout)
      assert.deepInclude(json, { identical: false, seq: 1, type: "step-start", field: "instructions" })
      const other = yield* reins(cwd, ["replay", runId, ...same, "--model", "openai:gpt-5.2"])
      assert.strictEqual(other.code, 4)
      assert.match(other.stdout, /step-start: model\n.*\n {2}scripted\/scripted-1 +│ openai\/gpt-5\.2\n/)
    })
  )

  it.effect("goes on from an event in a new run of a new thread, and leaves the old one as it is", () =>
    Effect.gen(function* () {
      const { cwd, events, runId } = yield* recorded
      const fork = ["replay", runId, ...changed, "--fork", String(events), "--model", "scripted"]
      const without = yield* reins(cwd, fork)
      assert.deepStrictEqual(without, {
        code: 2,
        stdout: "",
        stderr: `At event ${events} run ${runId} has answered. Give the next question: --question "…"\n`
      })
      const gone = yield* reins(cwd, [...fork, "--question", "And then?"])
      assert.strictEqual(gone.code, 0, gone.stderr)
      assert.match(gone.stdout, new RegExp(`goes on from event ${events} of ${runId}, in thread thread_\\w+\\.`))
      const again = yield* reins(cwd, ["replay", runId, ...same, "--fork", "0", "--model", "scripted"])
      assert.strictEqual(again.code, 0, again.stderr)
      const runs = (yield* reins(cwd, ["runs", "--json-output"])).stdout
        .trimEnd()
        .split("\n")
        .map((line) => read(line))
      assert.strictEqual(new Set(runs.map(({ threadId }) => threadId)).size, 3)
      assert.strictEqual((yield* reins(cwd, ["replay", runId, ...same])).code, 0)
      const beyond = yield* reins(cwd, ["replay", runId, ...same, "--fork", String(events + 1), "--model", "scripted"])
      assert.deepStrictEqual(beyond.stderr, `--fork: run ${runId} has the events 1 to ${events}; 0 is before them.\n`)
    })
  )

  it.effect("refuses what it cannot replay in one sentence", () =>
    Effect.gen(function* () {
      const { cwd } = yield* recorded
      const fs = yield* FileSystem.FileSystem
      yield* reins(cwd, ["archive", "run.jsonl"])
      const lines = (yield* fs.readFileString(`${cwd}/run.jsonl`)).trimEnd().split("\n")
      const refused = Effect.fnUntraced(function* (content: ReadonlyArray<string>) {
        yield* fs.writeFileString(`${cwd}/given.jsonl`, content.join("\n"))
        const { code, stderr, stdout } = yield* reins(cwd, ["replay", "given.jsonl", ...same])
        assert.deepStrictEqual({ code, stdout }, { code: 1, stdout: "" })
        return stderr
      })
      assert.match(
        yield* refused(lines.filter((line) => !line.includes("-summary"))),
        /^Run run_\w+ has not ended: its log stops at event \d+\. Replay it .*\.\n$/
      )
      assert.strictEqual(
        yield* refused([...lines.slice(0, 3), "{", ...lines.slice(3)]),
        '"given.jsonl" cannot be replayed: Line 4 is not a line of an exported run.\n'
      )
      assert.match(
        yield* refused(lines.map((line) => line.replace('"version":1', '"version":9'))),
        /^"given\.jsonl" cannot be replayed: The run was exported in version 9 .* Update this one\.\n$/
      )
      assert.match(
        yield* refused(lines.map((line) => line.replace('"agent":"desk"', '"agent":"shop"'))),
        /^Run run_\w+ is of agent "shop", which this program does not have\. Its agents: desk\.\n$/
      )
      assert.strictEqual(yield* refused([""]), '"given.jsonl" has no run.\n')
      const unknown = yield* reins(cwd, ["replay", "run_none", ...same])
      assert.deepStrictEqual(unknown, {
        code: 1,
        stdout: "",
        stderr: 'There is no run "run_none" and no file of that name. reins runs lists the runs.\n'
      })
    })
  )
})

layer(Sample.layer)("two sides", (it) => {
  const look = (columns: number, plain = false): Style.Look => ({ columns, colors: false, live: false, plain })
  const sides = (columns: number, plain = false) =>
    SideBySide.lines(
      { title: "log", value: { amount: 5, note: "word ".repeat(30) } },
      { title: "replay", value: "a sentence that is longer than half of a terminal with sixty columns" },
      look(columns, plain)
    )

  it.effect("fit 60 columns, and stand one below the other where there is no room or no sign may be", () =>
    Effect.sync(() => {
      for (const columns of [60, 50, 49, 20]) {
        for (const line of sides(columns)) assert.isAtMost(line.length, columns)
      }
      assert.isTrue(sides(60).every((line) => line.includes("│")))
      for (const lines of [sides(49), sides(60, true)]) {
        assert.isFalse(lines.some((line) => line.includes("│")))
        assert.deepStrictEqual(
          lines.filter((line) => line.endsWith(":")),
          ["log:", "replay:"]
        )
      }
    })
  )
})
