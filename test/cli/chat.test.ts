import { assert, describe, layer } from "@effect/vitest"
import { Effect, FileSystem } from "effect"
import { displayWidth } from "effect/cli/CliOutput"
import { readFileSync, readdirSync } from "node:fs"
import { reins, shell } from "./Command.ts"
import * as Sample from "./Sample.ts"
import { hasTerminal, open } from "./Terminal.ts"

/** A chat with the scripted demo, which streams as fast as a person reads. */
const demo = (folder: string, more = "", options: Parameters<typeof open>[2] = {}) =>
  open(folder, `${shell} chat --model demo ${more}`, options)

/** Ends the process of a chat on this folder as a crash would. */
const kill = (folder: string): void => {
  for (const pid of readdirSync("/proc").filter((name) => /^\d+$/.test(name))) {
    const words = read(`/proc/${pid}/cmdline`).split("\0")
    if (words.includes(folder) && words.some((word) => word.endsWith("reins.mjs"))) process.kill(Number(pid), "SIGKILL")
  }
}

const read = (file: string): string => {
  try {
    return readFileSync(file, "latin1")
  } catch {
    return ""
  }
}

layer(Sample.layer, { excludeTestServices: true })("reins chat in a pipe", (it) => {
  it.effect("asks each line in turn in one thread, obeys commands, asks nobody, and says what it cost", () =>
    Effect.gen(function* () {
      const ships = yield* Sample.folder(Sample.ships)
      const input = "Who is captain?\n/cost\nWhen was the schooner lost?\n/nope\n"
      const { code, stderr, stdout } = yield* reins(ships, ["chat", "--model", "demo"], { input })
      assert.match(
        stdout,
        /> Who is captain\?[^]*Captain: Ines[^]*This thread has cost \$0\.0\d+[^]*> When was the schooner lost\?/
      )
      assert.include(stdout, "Nobody is at a terminal to be asked: denied.")
      assert.include(stdout, "There is no command /nope.")
      assert.notInclude(stdout, "\u001b")
      assert.deepStrictEqual({ code, stderr }, { code: 0, stderr: "" })
    })
  )

  it.effect("asks another model of an app's agent, if it has one of that name", () =>
    Effect.gen(function* () {
      const ships = yield* Sample.folder(Sample.ships)
      const app = `${import.meta.dirname}/apps/models.ts`
      const input = "One\n/model nope\n/model strong\nTwo\n"
      const { stdout } = yield* reins(ships, ["chat", "--app", app], { input })
      assert.match(
        stdout,
        /from cheap[^]*no model "nope"\. Its models: strong\.[^]*go to scripted\/strong\.[^]*from strong/
      )
    })
  )

  it.effect("ends with the exit code of the last run", () =>
    Effect.gen(function* () {
      const ships = yield* Sample.folder(Sample.ships)
      const { code } = yield* reins(ships, ["chat", "--model", "demo", "-q", "Who is captain?", "--budget", "steps=1"])
      assert.strictEqual(code, 3)
    })
  )
})

// oxlint-disable-next-line vitest/no-conditional-tests -- there is nothing to try where there is no terminal; Terminal.ts says so
if (hasTerminal) {
  layer(Sample.layer, { excludeTestServices: true })("reins chat in a terminal", (it) => {
    describe("a person", { timeout: 60_000 }, () => {
      it.effect("sees text as it streams with its running cost, and approves a call with edited arguments", () =>
        Effect.gen(function* () {
          const fs = yield* FileSystem.FileSystem
          const ships = yield* Sample.folder(Sample.ships)
          const terminal = yield* demo(ships, '-q "Who is captain?"')
          const asked = yield* terminal.until(/answer>/)
          assert.match(asked, /\? assistant wants to create the file reins-report\.md \(\d+ lines\)\./)
          assert.match(asked, / {2}… \d+ more lines: \[v\]iew\n/)
          assert.match(asked, /\[a\]pprove, approve for this \[t\]hread, \[e\]dit/)
          yield* terminal.type("e")
          yield* terminal.press("Enter")
          yield* terminal.until(/edit> file=reins-report\.md/)
          yield* terminal.press("C-u")
          yield* terminal.type("file=captain.md")
          yield* terminal.press("Enter")
          yield* terminal.until(/\nThe clearest words on it:\n[^]*\n>\nworking \d+ s · \$0\.00\d*[1-9]/)
          yield* terminal.until(/\$0\.\d+ · [\d,]+ tokens in, [\d,]+ out · [\d.]+ m?s\n>\nready/)
          const end = yield* terminal.until(/The report is in captain\.md\.[^]*\nready/)
          assert.include(end, "✓ approved with changes")
          assert.include(yield* fs.readDirectory(ships), "captain.md")
          assert.notInclude(yield* fs.readDirectory(ships), "reins-report.md")
        })
      )

      it.effect("types while it works: the message is shown as queued, and enters the run", () =>
        Effect.gen(function* () {
          const ships = yield* Sample.folder(Sample.ships)
          const terminal = yield* demo(ships, '-q "Who is captain?" --approve deny')
          yield* terminal.until(/working/)
          yield* terminal.type("And which schooner was lost?")
          yield* terminal.press("Enter")
          yield* terminal.until(/queued: And which schooner was lost\?/)
          yield* terminal.until(/\nready/)
          assert.match(yield* terminal.all, /\n« And which schooner was lost\?\n/)
        })
      )

      it.effect("cancels the run with Ctrl-C and sees both tables, and leaves with two more", () =>
        Effect.gen(function* () {
          const ships = yield* Sample.folder(Sample.ships)
          const terminal = yield* demo(ships, '-q "Who is captain?"', { rows: 50 })
          yield* terminal.until(/working/)
          yield* terminal.press("C-c")
          const end = yield* terminal.until(/\nCost\n[^]*\ntotal[^]*\nTime\n[^]*\ntotal[^]*\nready/)
          assert.include(end, "Cancelling. Press Ctrl-C again to leave at once.")
          assert.include(end, "Cancelled.")
          // What is typed in between makes the next one a first.
          yield* terminal.type("/budget")
          yield* terminal.press("Enter")
          yield* terminal.until(/A run may use/)
          yield* terminal.press("C-c")
          yield* terminal.until(/Press Ctrl-C again to leave\./)
          yield* terminal.press("C-c")
          yield* terminal.until(/left with 0/)
        })
      )

      it.effect("leaves at once with Ctrl-C twice while it works", () =>
        Effect.gen(function* () {
          const ships = yield* Sample.folder(Sample.ships)
          const terminal = yield* demo(ships, '-q "Who is captain?"')
          yield* terminal.until(/answer>/)
          yield* terminal.press("C-c", "C-c")
          yield* terminal.until(/left with (130|0)/)
        })
      )

      it.effect("may resize the terminal, also to 60 columns: nothing is drawn twice or beyond its edge", () =>
        Effect.gen(function* () {
          const ships = yield* Sample.folder(Sample.ships)
          const terminal = yield* demo(ships, '-q "Who is captain?"', { columns: 100 })
          yield* terminal.until(/answer>/)
          yield* terminal.resize(60, 30)
          yield* terminal.type("v")
          yield* terminal.press("Enter")
          const shown = yield* terminal.until(/Written by demo-responder[^]*answer>\nwaits for you/)
          for (const line of shown.split("\n")) assert.isAtMost(displayWidth(line), 60)
          assert.strictEqual(shown.match(/waits for you · /g)?.length, 1)
          yield* terminal.type("a")
          yield* terminal.press("Enter")
          yield* terminal.until(/The report is in reins-report\.md\.[^]*\nready/)
        })
      )

      it.effect("goes on after the process was killed, with what was done, and is asked again what was open", () =>
        Effect.gen(function* () {
          const ships = yield* Sample.folder(Sample.ships)
          const first = yield* demo(ships, `--path "${ships}" -q "Who is captain?"`)
          yield* first.until(/answer>/)
          kill(ships)
          yield* first.until(/left with 137/)
          const second = yield* demo(ships, `--path "${ships}" -q "Who is captain?"`, { rows: 60 })
          const shown = yield* second.until(/answer>[^]*\nwaits for you · \$0\.0000\+ ·/)
          assert.match(shown, /Going on with thread chat-\w+, whose run has not ended\./)
          assert.strictEqual(shown.match(/I will have the folder surveyed/g)?.length, 1)
          yield* second.type("a")
          yield* second.press("Enter")
          yield* second.until(/The report is in reins-report\.md\.[^]*\nready · \$0\.00\d*[1-9] ·/)
        })
      )

      it.effect("lists, resumes and forks threads, changes model and limits, and gets help", () =>
        Effect.gen(function* () {
          const ships = yield* Sample.folder(Sample.ships)
          const terminal = yield* demo(ships, '-q "Who is captain?" --thread first --approve deny', { rows: 50 })
          const say = (text: string) => Effect.andThen(terminal.type(text), terminal.press("Enter"))
          yield* terminal.until(/The clearest words[^]*\nready/)
          yield* say("/threads")
          yield* terminal.until(/ 1 \* first {2}\d+ messages {2}Who is captain\?/)
          yield* say("/fork 99")
          yield* terminal.until(
            /\n> \/fork 99\nThis thread has \d+ messages\. Copy from 1 to \d+ of them: \/fork \d+\n/
          )
          yield* say("/fork")
          yield* terminal.until(/Going on with thread thread_\w+, a copy\./)
          yield* say("/resume first")
          yield* terminal.until(/You: Who is captain\?\nAgent: The clearest words[^]*Going on with thread first\./)
          yield* say("/threads")
          yield* terminal.until(
            / 1 {3}thread_\w{20} {2}\d+ messages {2}Who is captain\?\n 2 \* first {24}\d+ messages {2}Who/
          )
          yield* say("/rewind")
          yield* terminal.until(/\n> \/rewind\n 1 {2}Who is captain\?\n/)
          yield* say("/rewind 1")
          // What was asked can be edited and asked again.
          yield* terminal.until(
            /This thread has 0 messages now\. \/return brings the others back\.[^]*\n> Who is captain\?/
          )
          yield* terminal.press("C-u")
          yield* say("/return")
          yield* terminal.until(/\n> \/return\n 1 {2}\d+ messages, from 1 on: Who is captain\?\n/)
          yield* say("/return 1")
          yield* terminal.until(/Agent: The clearest words[^]*This thread has \d+ messages again\./)
          yield* say("/return 1")
          yield* terminal.until(/Nothing was replaced in this thread\./)
          yield* say("/budget nope=1")
          yield* terminal.until(/\nUnknown limit "nope"\. Known limits: /)
          yield* say("/budget steps=0")
          yield* terminal.until(/Further runs may use steps=0\./)
          yield* say("/model scripted")
          yield* terminal.until(/Further steps use scripted\.[^]*· scripted · thread first/)
          yield* say("/model nope:x")
          yield* terminal.until(/Unknown provider "nope"\./)
          yield* say("/budget steps=2")
          yield* say("Hello")
          yield* terminal.until(/You said: Hello/)
          yield* say("/help")
          yield* terminal.until(/\/resume ID {8}go on with a thread/)
          yield* say("/exit")
          yield* terminal.until(/left with 0/)
        })
      )
    })

    describe("reins ask", { timeout: 60_000 }, () => {
      it.effect("ends with its tables and code 130 after Ctrl-C, and asks its question at the terminal", () =>
        Effect.gen(function* () {
          const ships = yield* Sample.folder(Sample.ships)
          const terminal = yield* open(ships, `${shell} ask "Who is captain?" --model demo`, { rows: 60 })
          yield* terminal.until(/\[r\]eject with a reason[^]*\nanswer>$/)
          yield* terminal.type("maybe")
          yield* terminal.press("Enter")
          yield* terminal.until(/Answer with a, t, e, r, v or \?\./)
          yield* terminal.press("C-c")
          yield* terminal.until(/Cancelling\.[^]*\nCost\n[^]*\nTime\n[^]*left with 130/)
        })
      )
    })

    describe("a question of an agent", { timeout: 60_000 }, () => {
      it.effect("is answered at the terminal by the number of an option, in a query and in a chat", () =>
        Effect.gen(function* () {
          const ships = yield* Sample.folder(Sample.ships)
          for (const command of ["ask Go", "chat -q Go"]) {
            const app = `${import.meta.dirname}/apps/asking.ts`
            const terminal = yield* open(ships, `${shell} ${command} --app ${app}`, { rows: 60 })
            yield* terminal.until(/\w+ asks: Which colour\?\n +1 {2}red\n +2 {2}blue\n[^]*answer>/)
            yield* terminal.type("7")
            yield* terminal.press("Enter")
            yield* terminal.until(/one of "red", "blue"\./)
            yield* terminal.type("2")
            yield* terminal.press("Enter")
            yield* terminal.until(/The answer is "blue"\./)
          }
        })
      )
    })

    describe("a terminal", { timeout: 60_000 }, () => {
      it.effect("shows colours unless NO_COLOR is set", () =>
        Effect.gen(function* () {
          const ships = yield* Sample.folder(Sample.ships)
          const ask = `${shell} ask "Who is captain?" --model demo --store memory --approve deny`
          const [painted, plain] = [
            yield* open(ships, `env -u NO_COLOR ${ask}`, { rows: 100 }),
            yield* open(ships, `NO_COLOR=1 ${ask}`, { rows: 100 })
          ]
          for (const terminal of [painted, plain]) yield* terminal.until(/left with 0/)
          // oxlint-disable-next-line no-control-regex -- colours are what is looked for
          const colour = /\u001b\[3\dm/
          assert.match(yield* painted.painted, colour)
          assert.notMatch(yield* plain.painted, colour)
        })
      )

      it.effect("shows a line that is not whole yet", () =>
        Effect.gen(function* () {
          const ships = yield* Sample.folder(Sample.ships)
          const app = `${import.meta.dirname}/apps/halting.ts`
          const terminal = yield* open(ships, `${shell} ask Go --app ${app}`, { rows: 60 })
          assert.notInclude(yield* terminal.until(/A line is begun/), "whole")
          yield* Effect.flatMap(FileSystem.FileSystem, (fs) => fs.writeFileString(`${ships}/go`, ""))
          yield* terminal.until(/A line is begun, and is whole\.[^]*left with 0/)
        })
      )

      it.effect("is told what is wrong with a command line in whole words, and is left as it was", () =>
        Effect.gen(function* () {
          const ships = yield* Sample.folder(Sample.ships)
          for (const [given, code, why] of [
            ["--store redis://h", 2, /^--store: unknown store "redis"\. Use memory, sqlite:FILE or\npostgres:\/\/…\n/],
            ["--store sqlite:README.md", 1, /The file is not a\s+SQLite\s+database\. Choose another filename\.\n/],
            ["--app no.ts", 1, /^There is no app file "no\.ts"\. Name one: --app agent\.ts\n/]
          ] as const) {
            const terminal = yield* open(ships, `${shell} chat --model demo ${given}`, { columns: 60 })
            const shown = yield* terminal.until(new RegExp(`left with ${code}`))
            assert.match(shown, why)
            assert.notInclude(shown, "    at ")
          }
        })
      )

      it.effect("that is dumb, or read aloud, is never redrawn: lines are typed and answered", () =>
        Effect.gen(function* () {
          const ships = yield* Sample.folder(Sample.ships)
          for (const [more, term] of [
            ["--plain", "xterm"],
            ["", "dumb"]
          ] as const) {
            const terminal = yield* open(ships, `TERM=${term} ${shell} chat --model demo --store memory ${more}`, {
              rows: 60
            })
            yield* terminal.until(/\/help lists the commands/)
            yield* terminal.type("Who is captain?")
            yield* terminal.press("Enter")
            yield* terminal.until(/\[a\]pprove, approve for this \[t\]hread/)
            yield* terminal.type("r no")
            yield* terminal.press("Enter")
            const shown = yield* terminal.until(/\nTime\n[^]*\ntotal[^]*\nReady\.$/)
            assert.notInclude(shown, "ready ·")
            assert.notInclude(shown, "█")
            if (more === "--plain") assert.notMatch(shown, /[▸✓✗│•]/)
            yield* terminal.press("C-c")
            yield* terminal.until(/Press Ctrl-C again to leave\./)
            yield* terminal.press("C-d")
            yield* terminal.until(/left with 0/)
          }
        })
      )
    })
  })
}
