import { assert, describe, it } from "@effect/vitest"
import { join } from "node:path"
import { pathToFileURL } from "node:url"
import { run, Workplace } from "./Workplace.ts"

const root = join(import.meta.dirname, "..", "..")
const task = join(root, "scripts", "task.mjs")

interface ChildScript {
  readonly repeatedSignals: (now: () => number) => (signal: NodeJS.Signals) => boolean
}

/** What an installer leaves: a copy of the lockfile that it installed. */
const installs = "mkdir -p node_modules/.pnpm && cp pnpm-lock.yaml node_modules/.pnpm/lock.yaml && echo noise"

describe("a task", () => {
  it("that is unknown exits with code 2 and the list of tasks", async () => {
    const { code, stderr, stdout } = await run([task, "constructor"])
    assert.strictEqual(code, 2)
    assert.strictEqual(stdout, "")
    assert.include(stderr, 'Unknown task "constructor".')
    assert.match(stderr, /^ {2}start /m)
  })

  it("gets its arguments unchanged", async () => {
    using place = new Workplace(installs)
    const { code, stdout } = await place.task("start", "events", 'two "words"', "")
    assert.strictEqual(stdout, `${JSON.stringify(["events", 'two "words"', ""])}\n`)
    assert.strictEqual(code, 0)
  })
})

describe("the test task", () => {
  it("fails when no test ran, and says so in its last line", async () => {
    const { code, stdout } = await run([task, "test", "no-such-file"])
    assert.strictEqual(stdout.trimEnd().split("\n").at(-1), "0 passed, 1 failed")
    assert.notStrictEqual(code, 0)
  })
})

describe("installing", () => {
  it("prints one line, and nothing on standard output", async () => {
    using place = new Workplace(installs)
    const { stderr, stdout } = await place.task("start")
    assert.strictEqual(stderr, "Installing what Reins needs. This happens once and takes about half a minute.\n")
    assert.match(stdout, /^\["chat","--demo","--path",".*","--question","How do budgets .*\?"\]\n$/)
  })

  it("happens once", async () => {
    using place = new Workplace(installs)
    await place.task("start")
    const { stderr } = await place.task("start")
    assert.strictEqual(stderr, "")
  })

  it("happens once when the lockfile names a package that is not available", async () => {
    using place = new Workplace("mkdir -p node_modules/.pnpm && echo less > node_modules/.pnpm/lock.yaml")
    await place.task("start")
    assert.strictEqual((await place.task("start")).stderr, "")
  })

  it("happens again when the lockfile changes", async () => {
    using place = new Workplace(installs)
    await place.task("start")
    place.write("pnpm-lock.yaml", "lockfileVersion: 'other'\n")
    assert.include((await place.task("start")).stderr, "Installing")
  })

  it("reports a failure with the output, the cure and the exit code", async () => {
    using place = new Workplace("echo 'cannot open: EACCES, folder x' && exit 3")
    const { code, stderr, stdout } = await place.task("start")
    assert.strictEqual(code, 3)
    assert.strictEqual(stdout, "")
    assert.include(stderr, "Installing failed.\n  cannot open: EACCES, folder x\n")
    assert.include(stderr, "Copy the repository to a folder that you own")
  })

  it("names the command for the full output when the failure is unknown", async () => {
    using place = new Workplace("exit 1")
    const { stderr } = await place.task("start")
    assert.match(stderr, /Run "npx pnpm@\d+\.\d+\.\d+ install" in this folder/)
  })
})

describe("a child process", () => {
  const startedBy = (call: string) => [
    "--input-type=module",
    "--eval",
    `import { run } from ${JSON.stringify(pathToFileURL(join(root, "scripts", "Child.mjs")).href)}
     process.exitCode = await ${call}`
  ]
  const running = (script: string) => startedBy(`run(process.execPath, ["--eval", ${JSON.stringify(script)}])`)

  it("passes on its exit code", async () => {
    assert.strictEqual((await run(running("process.exit(42)"))).code, 42)
  })

  it("that a signal ends exits with 128 plus the signal's number", async () => {
    const waiting = running("console.log('ready'); setInterval(() => {}, 1000)")
    assert.strictEqual((await run(waiting, {}, (_, kill) => kill("SIGINT"))).code, 130)
    assert.strictEqual((await run(waiting, {}, (_, kill) => kill("SIGTERM"))).code, 143)
  })

  it("gets a signal once that its parent receives twice within 300 ms", async () => {
    const { repeatedSignals }: ChildScript = await import(pathToFileURL(join(root, "scripts", "Child.mjs")).href)
    let now = 0
    const isRepeat = repeatedSignals(() => now)
    assert.isFalse(isRepeat("SIGINT"))
    assert.isFalse(isRepeat("SIGTERM"))
    now = 299
    assert.isTrue(isRepeat("SIGINT"))
    now = 299 + 300
    assert.isFalse(isRepeat("SIGINT"))
  })

  it("is terminated when npm's shell has ended", async () => {
    const ending = running(
      `process.on("SIGTERM", () => { console.log("asked to end"); process.exit(0) })
       console.log("ready")
       setInterval(() => {}, 1000)`
    )
    const shell = `const { spawn } = require("node:child_process")
      const env = { ...process.env, npm_lifecycle_event: "start" }
      spawn(process.execPath, ${JSON.stringify(ending)}, { env, stdio: "inherit" })`
    const { stdout } = await run(["--eval", shell], {}, (printed, kill) => {
      if (printed === "ready\n") kill("SIGKILL")
    })
    assert.strictEqual(stdout, "ready\nasked to end\n")
  })

  it("that cannot be started exits with 127 and prints its name", async () => {
    const { code, stderr } = await run(startedBy('run("no-such-program", [])'))
    assert.strictEqual(code, 127)
    assert.include(stderr, "Could not start no-such-program (ENOENT)")
  })
})
