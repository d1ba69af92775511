import { assert, describe, it, layer } from "@effect/vitest"
import { Output, Sandbox } from "@reins/cli"
import * as NodeServices from "@effect/platform-node/NodeServices"
import { Effect, Exit, Fiber, FileSystem, Schema } from "effect"
import { readdirSync, readFileSync, statSync } from "node:fs"
import { spawn } from "./Command.ts"
import * as Limitless from "./Limitless.ts"
import * as Sample from "./Sample.ts"

const limits = {
  timeoutMs: 1500,
  keptBytes: 1000,
  outputBytes: 200_000,
  processes: 24,
  fileBytes: 1_000_000,
  isolates: true
}

const runs = (folder: string, command: string, more: Partial<Sandbox.Limits> = {}) =>
  Effect.flatMap(Sandbox.Sandbox, (sandbox) => sandbox.run(command, folder)).pipe(
    Effect.provide(Sandbox.Sandbox.layer({ ...limits, ...more }))
  )

/** How many processes carry this word in their command line. */
const alive = (word: string): number =>
  readdirSync("/proc").filter((pid) => {
    if (!/^\d+$/.test(pid) || Number(pid) === process.pid) return false
    try {
      return readFileSync(`/proc/${pid}/cmdline`, "latin1").includes(word)
    } catch {
      return false
    }
  }).length

layer(NodeServices.layer, { excludeTestServices: true })("a command", (it) => {
  it.effect("runs in the folder and gives its output and its code", () =>
    Effect.gen(function* () {
      const folder = yield* Sample.folder({ "a.txt": "here" })
      const outcome = yield* runs(folder, "cat a.txt; echo problem >&2; exit 3")
      assert.strictEqual(outcome.exitCode, 3)
      assert.include(outcome.output, "here")
      assert.include(outcome.output, "problem")
      assert.isUndefined(outcome.stopped)
    })
  )

  it.effect("is given variables of the allow-list, an empty home, and nothing else", () =>
    Effect.gen(function* () {
      process.env["CANARY_API_KEY"] = "canary"
      const { output } = yield* runs(yield* Sample.folder({}), 'env; ls -A "$HOME"; echo end')
      delete process.env["CANARY_API_KEY"]
      assert.notInclude(output, "canary")
      assert.notInclude(output, `HOME=${process.env["HOME"]}\n`)
      const names = output.split("\n").flatMap((line) => /^(\w+)=/.exec(line)?.[1] ?? [])
      const rest = names.filter(
        (name) =>
          !/^(PATH|LANG|LC_\w+|TZ|TMPDIR|USER|LOGNAME|SHELL|HOME|TERM|NO_COLOR|REINS_COMMAND|PWD|OLDPWD|SHLVL|_)$/.test(
            name
          )
      )
      assert.deepStrictEqual(rest, [])
      assert.match(output, /(^|\n)end\n$/)
    })
  )

  it.effect("does not read from the terminal", () =>
    Effect.gen(function* () {
      const { output } = yield* runs(yield* Sample.folder({}), "cat; echo done")
      assert.strictEqual(output, "done\n")
    })
  )

  it.effect("ends when its time is over, with everything it started", () =>
    Effect.gen(function* () {
      const word = `4${Math.floor(performance.now())}7`
      const outcome = yield* runs(yield* Sample.folder({}), `sleep ${word} & sleep ${word}`, { timeoutMs: 300 })
      assert.strictEqual(outcome.stopped, "out of time")
      assert.isBelow(outcome.milliseconds, 3000)
      assert.strictEqual(alive(word), 0)
    })
  )

  it.effect("leaves nothing running in the background, also not in a session of its own", () =>
    Effect.gen(function* () {
      const word = `5${Math.floor(performance.now())}7`
      const command = `sleep ${word} & nohup sleep ${word} >/dev/null 2>&1 & setsid sleep ${word} >/dev/null 2>&1 & (setsid sh -c 'sleep ${word} & sleep ${word}' &) ; echo started`
      const outcome = yield* runs(yield* Sample.folder({}), command)
      assert.strictEqual(outcome.output, "started\n")
      assert.strictEqual(alive(word), 0)
    })
  )

  it.effect(
    "without namespaces leaves nothing running either, also what leaves its group and clears its environment",
    () =>
      Effect.gen(function* () {
        const word = `8${Math.floor(performance.now())}7`
        const daemon = `env -i /bin/sh -c 'setsid sleep ${word} >/dev/null 2>&1 &'`
        const command = `${daemon}; (env -i setsid sh -c '(sleep ${word} &) ; exec sleep ${word}' >/dev/null 2>&1 &); echo started`
        const outcome = yield* runs(yield* Sample.folder({}), command, { isolates: false })
        assert.strictEqual(outcome.output, "started\n")
        assert.strictEqual(alive(word), 0)
      })
  )

  it.effect("without namespaces finds no key in the environment of the process that runs it, which keeps it", () =>
    Effect.gen(function* () {
      const app = `${import.meta.dirname}/apps/hidden.ts`
      const { stderr, stdout } = yield* spawn(yield* Sample.folder({}), process.execPath, [app], {
        env: { CANARY_API_KEY: "canary" }
      })
      assert.strictEqual(stderr, "")
      const { output, own, path } = JSON.parse(stdout)
      assert.deepStrictEqual({ own, path }, { own: "canary", path: process.env["PATH"] })
      assert.match(output, /end\n$/)
      assert.notInclude(output, "canary")
    })
  )

  it.effect("ends when it has too many processes", () =>
    Effect.gen(function* () {
      const word = `6${Math.floor(performance.now())}7`
      const outcome = yield* runs(
        yield* Sample.folder({}),
        `i=0; while [ $i -lt 300 ]; do sleep ${word} & i=$((i+1)); done; wait`,
        { timeoutMs: 10_000 }
      )
      assert.strictEqual(outcome.stopped, "too many processes")
      assert.strictEqual(alive(word), 0)
    })
  )

  it.effect("ends when its output does not, of which the beginning and the end are kept", () =>
    Effect.gen(function* () {
      const endless = yield* runs(yield* Sample.folder({}), "yes", { timeoutMs: 10_000 })
      assert.strictEqual(endless.stopped, "too much output")
      const long = yield* runs(yield* Sample.folder({}), "echo first; seq 1 5000; echo last")
      assert.match(long.output, /^first\n/)
      assert.match(long.output, /last\n$/)
      assert.isBelow(long.output.length, 1100)
      assert.isAbove(long.leftOut, 10_000)
    })
  )

  it.effect("writes no file beyond its limit and no core", () =>
    Effect.gen(function* () {
      const fs = yield* FileSystem.FileSystem
      const folder = yield* Sample.folder({})
      yield* runs(folder, "head -c 5000000 /dev/zero > big; kill -ABRT $$")
      assert.isAtMost(Number((yield* fs.stat(`${folder}/big`)).size), 1_001_000)
      assert.deepStrictEqual(yield* fs.readDirectory(folder), ["big"])
    })
  )

  it.effect("sends no control sequence to the terminal", () =>
    Effect.gen(function* () {
      const { output } = yield* runs(yield* Sample.folder({}), "printf '\\033[2J\\033]0;title\\007evil\\r'")
      assert.include(output, "evil")
      // oxlint-disable-next-line no-control-regex -- they are what must not be there
      assert.notMatch(output, /[\u0000-\u0008\u000b-\u001f\u007f-\u009f]/)
    })
  )

  it.effect(
    "outlives none of its limits, whatever it tries, with namespaces and without",
    () =>
      Effect.gen(function* () {
        const folder = yield* Sample.folder({})
        for (const isolates of [true, false]) {
          // Without a namespace the processes of a bomb are found one by one, and starve the machine for seconds.
          const isBomb = (attempt: string) => attempt.startsWith("bomb()")
          const each = Effect.fnUntraced(function* (attempt: string, index: number) {
            const word = `9${Math.floor(performance.now() * 10)}${index}7`
            const outcome = yield* runs(folder, attempt.replaceAll("WORD", word), {
              isolates,
              timeoutMs: 300,
              keptBytes: 500,
              fileBytes: 100_000
            })
            assert.isBelow(outcome.milliseconds, 5000, attempt)
            assert.isAtMost(outcome.output.length, 600, attempt)
            assert.strictEqual(alive(word), 0, attempt)
          })
          const others = Limitless.attempts.filter((attempt) => !isBomb(attempt))
          yield* Effect.forEach(others, each, { concurrency: isolates ? 4 : 2, discard: true })
          if (isolates) yield* Effect.forEach(Limitless.attempts.filter(isBomb), each, { discard: true })
        }
        assert.isAbove(Limitless.attempts.length, 25)
        for (const name of readdirSync(folder)) assert.isAtMost(statSync(`${folder}/${name}`).size, 101_000, name)
      }),
    120_000
  )

  it.effect("is killed when nobody waits for it any more", () =>
    Effect.gen(function* () {
      const word = `7${Math.floor(performance.now())}7`
      const fiber = yield* Effect.forkChild(runs(yield* Sample.folder({}), `echo x > started; sleep ${word}`))
      while (alive(word) === 0) yield* Effect.sleep("20 millis")
      yield* Fiber.interrupt(fiber)
      assert.isTrue(Exit.hasInterrupts(yield* Fiber.await(fiber)))
      assert.strictEqual(alive(word), 0)
    })
  )
})

describe("the output of a command", () => {
  const Arrived = Schema.Struct({
    texts: Schema.Array(Schema.String.check(Schema.isMaxLength(40))).check(Schema.isMaxLength(20)),
    room: Schema.Int.check(Schema.isBetween({ minimum: 1, maximum: 100 }))
  })

  it.prop(
    "is kept within its room and counted exactly, however it comes",
    { arrived: Arrived },
    ({ arrived: { room, texts } }) => {
      const output = new Output(room)
      const chunks = texts.map((text) => new TextEncoder().encode(text))
      for (const chunk of chunks) output.add(chunk)
      const total = chunks.reduce((sum, chunk) => sum + chunk.length, 0)
      assert.strictEqual(output.total, total)
      assert.strictEqual(output.leftOut, Math.max(0, total - room))
    }
  )
})
