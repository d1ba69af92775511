import { assert, describe, it, layer } from "@effect/vitest"
import { Erase, Keep, Moment, Retain, Screen } from "@reins/cli"
import { createRuntime } from "@reins/runtime/promise"
import { ScriptedModel } from "@reins/runtime/testing"
import { Sqlite } from "@reins/store/sqlite"
import { ConfigProvider, Effect, FileSystem } from "effect"
import { reins, shell } from "./Command.ts"
import * as Sample from "./Sample.ts"
import { hasTerminal, open } from "./Terminal.ts"

const usual = { store: undefined, tenant: "default", yes: true, jsonOutput: false }
const nothing = { thread: undefined, run: undefined, before: undefined, audit: false }
const everything = { runs: [], thread: undefined, before: undefined, forget: false }

/** What a command prints or why it fails, in this process; `answer` is what a person types. */
const printed = (
  command: Effect.Effect<void, { readonly message: string }, Screen>,
  answer?: string
): Effect.Effect<string> =>
  Effect.suspend(() => {
    let out = ""
    const add = (text: string) => Effect.sync(() => void (out += text))
    const screen = Screen.of({
      look: () => ({ columns: undefined, colors: false, live: false, plain: false }),
      print: add,
      note: add,
      ask: answer === undefined ? undefined : (question) => Effect.as(add(question), answer)
    })
    return command.pipe(
      Effect.provideService(Screen, screen),
      Effect.provideService(ConfigProvider.ConfigProvider, ConfigProvider.fromEnv({ env: {} })),
      Effect.match({ onFailure: (error) => `${out}${error.message}`, onSuccess: () => out })
    )
  })

/** A folder with two runs in its store, in the threads `mine` and `yours`. */
const used = Effect.gen(function* () {
  const path = yield* Sample.folder(Sample.ships)
  for (const thread of ["mine", "yours"]) {
    const { code } = yield* reins(path, [
      "ask",
      "Who is captain?",
      "--model",
      "demo",
      "--thread",
      thread,
      "--approve",
      "session"
    ])
    assert.strictEqual(code, 0)
  }
  return path
})

layer(Sample.layer, { excludeTestServices: true })("the commands on a store", (it) => {
  it.effect("archive, erase and restore runs, back a store up, and say what was kept", () =>
    Effect.gen(function* () {
      const path = yield* used
      const given = { ...usual, path }
      const erase = (more: Partial<Parameters<typeof Erase.erase>[0]>, answer?: string) =>
        printed(Erase.erase({ ...given, ...nothing, ...more }), answer)
      const archive = (more: Partial<Parameters<typeof Keep.archive>[0]>) =>
        printed(Keep.archive({ ...given, ...everything, file: `${path}/runs.jsonl`, ...more }))
      const restore = (file: string, store?: string) =>
        printed(Keep.restore({ ...given, file: `${path}/${file}`, store }))
      const backup = (file: string) => printed(Keep.backup({ ...given, file: `${path}/${file}` }))

      assert.match(
        yield* backup("copy.db"),
        /^Backed up .*runs\.db in .*copy\.db: 2 runs in 2 threads, [\d.]+ .?B, read/
      )
      assert.match(yield* backup("copy.db"), /copy\.db exists already\. Name a new file/)
      assert.match(yield* archive({}), /^Archived 2 runs in .*runs\.jsonl\.\n$/)
      assert.match(yield* archive({}), /runs\.jsonl exists already\. Name a new file\.$/)
      assert.match(yield* archive({ file: `${path}/no/such` }), /cannot be written\. Its folder must exist/)
      assert.match(yield* archive({ runs: ["nope"] }), /^There is no run "nope" that has ended\./)

      const question = 'Erase thread "mine": 1 run, 6 messages and 1 grant? It cannot be undone.'
      assert.strictEqual(
        yield* erase({ thread: "mine", yes: false }),
        `${question} There is no terminal to ask at. Add --yes to do it.`
      )
      assert.strictEqual(yield* erase({ thread: "mine", yes: false }, "no"), `${question} [y/N] Nothing was deleted.`)
      assert.match(
        yield* erase({ thread: "mine", yes: false }, "y"),
        /\[y\/N\] Erased thread "mine": 1 run, 6 messages and 1 grant\.\nKept: the ids of runs, .*, \d acts of the audit record/
      )
      assert.match(yield* erase({ thread: "mine" }), /^There is no thread "mine" of tenant "default"\./)
      assert.match(
        yield* erase({ thread: "yours", tenant: "other" }),
        /^There is no thread "yours" of tenant "other"\./
      )
      assert.match(yield* erase({ thread: "mine", run: "x" }), /^Name exactly one thing to erase/)
      assert.match(yield* erase({ before: "soon" }), /^--before: "soon" is not a time\./)

      assert.match(yield* restore("runs.jsonl"), /^Restored 1 run from .* 1 run was there already\.\n$/)
      assert.match(yield* erase({ before: "0m", jsonOutput: true }), /^\{"runs":2,"before":\d+\}\n$/)
      assert.match(yield* restore("copy.db"), /runs\.db exists already\. Name a new file/)
      assert.match(yield* restore("README.md"), /is neither a backup nor an archive\. Name a file of reins backup/)
      assert.match(yield* restore("no"), /^There is no file ".*no" that can be read\.$/)
      assert.match(yield* restore("copy.db", "postgres://h/d"), /is a backup of a SQLite store\. Restore it into one/)
      assert.match(yield* restore("copy.db", `sqlite:${path}/new.db`), /^Restored 2 runs in 2 threads to .*new\.db\./)
      const { stdout } = yield* reins(path, ["runs", "--store", "sqlite:new.db"])
      assert.match(stdout, /ended[^\n]*yours\n[^\n]*ended[^\n]*mine\n/)
      const again = yield* reins(path, [
        "ask",
        "And the schooner?",
        "--model",
        "demo",
        "--thread",
        "mine",
        "--store",
        "sqlite:new.db",
        "--approve",
        "prompt"
      ])
      assert.match(again.stdout, /Captain|schooner/)
      assert.strictEqual(again.code, 0)

      assert.match(
        yield* printed(
          Keep.archive({ ...given, ...everything, store: `sqlite:${path}/new.db`, file: `${path}/old`, forget: true })
        ),
        /^Archived 3 runs in .*old\. Their data is deleted from the store; threads keep their messages\.\n$/
      )
      const fs = yield* FileSystem.FileSystem
      assert.strictEqual(Number((yield* fs.stat(`${path}/old`)).mode) & 0o777, 0o600)

      const retain = (more: Partial<Parameters<typeof Retain.retain>[0]>, answer?: string) =>
        printed(Retain.retain({ ...given, runs: undefined, costs: undefined, audit: undefined, ...more }), answer)
      const asked = "Delete lines of the cost ledger of more than 0m ago, of every tenant? It cannot be undone."
      assert.match(yield* retain({}), /^Say what is kept for how long: --runs 30d/)
      assert.match(yield* retain({ runs: "soon" }), /^--runs: "soon" is no length of time\./)
      assert.match(yield* retain({ costs: "0m", yes: false }), /Nobody is at a terminal to be asked\. Add --yes/)
      assert.strictEqual(yield* retain({ costs: "0m", yes: false }, "no"), `${asked} [y/N] Nothing was deleted.`)
      assert.match(yield* retain({ runs: "1d", audit: "1d", jsonOutput: true }), /^\{"runs":0,"costs":0,"acts":0\}\n$/)
      const all = yield* retain({ runs: "0m", costs: "0m", audit: "0m", jsonOutput: true })
      assert.match(all, /^\{"runs":\d,"costs":[1-9]\d*,"acts":[1-9]\d*\}\n$/)
      assert.match(
        yield* retain({ costs: "0m", audit: "0m" }),
        /0 lines of the cost ledger and 0 acts of the audit record/
      )
    })
  )

  it.effect("make no store where there is none, and say what a store of another kind needs", () =>
    Effect.gen(function* () {
      const path = yield* Sample.folder({})
      const given = { ...usual, path }
      const file = `${path}/x`
      for (const command of [
        Erase.erase({ ...given, ...nothing, thread: "t" }),
        Keep.archive({ ...given, ...everything, file }),
        Keep.backup({ ...given, file })
      ]) {
        assert.match(yield* printed(command), /^There is no store .*runs\.db\. Name another: --path DIR/)
      }
      const fs = yield* FileSystem.FileSystem
      assert.deepStrictEqual(yield* fs.readDirectory(path), [])
      assert.match(
        yield* printed(Keep.backup({ ...given, file, store: "memory" })),
        /^A store in memory ends with its process\./
      )
      assert.match(
        yield* printed(Keep.backup({ ...given, file, store: "postgres://u:secret@h/d" })),
        /^A Postgres store is backed up with its own tools: pg_dump (?!.*secret)/
      )
    })
  )

  it.effect.skipIf(!hasTerminal)("refuse to erase a thread whose run waits, beside the chat that carries it", () =>
    Effect.gen(function* () {
      const path = yield* used
      const terminal = yield* open(path, `${shell} chat --model demo -q "Which schooner was lost?" --thread open`)
      yield* terminal.until(/answer>/)
      const given = { ...usual, path }
      assert.match(
        yield* printed(Erase.erase({ ...given, ...nothing, thread: "open" })),
        /^Run run_\w+ has not ended\. End it first: reins cancel run_\w+$/
      )
      // Others are erased while the chat has the store open, and its run goes on.
      assert.match(yield* printed(Erase.erase({ ...given, ...nothing, thread: "mine" })), /^Erased thread "mine"/)
      assert.match(yield* printed(Keep.backup({ ...given, file: `${path}/copy.db` })), /3 runs in 2 threads/)
      yield* terminal.type("a")
      yield* terminal.press("Enter")
      // The folder has a report of an earlier run, which is replaced only when a person agrees.
      yield* terminal.until(/REPLACE[^]*answer>/)
      yield* terminal.type("a")
      yield* terminal.press("Enter")
      yield* terminal.until(/The report is in [^]*\nready/)
    })
  )
})

layer(Sample.layer, { excludeTestServices: true })("a principal of a store", (it) => {
  it.effect("is erased with all that is kept of it, and what is kept is told with its reason", () =>
    Effect.gen(function* () {
      const path = yield* Sample.folder(Sample.ships)
      const fs = yield* FileSystem.FileSystem
      yield* fs.makeDirectory(`${path}/.reins`, { recursive: true })
      const desk = createRuntime({
        agents: [{ name: "desk" }],
        model: ScriptedModel.make({ respond: () => ScriptedModel.text("Hello.") }),
        services: Sqlite.layer({ filename: `${path}/runs.db` })
      })
      for (const principal of ["ann", "bob"]) {
        const done = () => desk.complete("Hello.", { threadId: `of ${principal}`, principal })
        yield* Effect.promise(done)
      }
      for (const threadId of ["both", "default/both", "default/both"]) {
        yield* Effect.promise(() => desk.complete("Hello.", { threadId }))
      }
      yield* Effect.promise(() => desk[Symbol.asyncDispose]())
      const given = { ...usual, path, store: `sqlite:${path}/runs.db` }
      const erase = (more: Partial<Parameters<typeof Erase.erase>[0]>) =>
        printed(Erase.erase({ ...given, ...nothing, ...more }))
      assert.match(yield* erase({ principal: "ann", run: "x" }), /^Name exactly one thing to erase: .*--principal ID/)
      assert.match(
        yield* erase({ principal: "ann", yes: false }),
        /^Erase all that is kept of principal "ann" of tenant "default"\? It cannot be undone\./
      )
      assert.match(
        yield* erase({ principal: "ann" }),
        /^Erased principal "ann" of tenant "default": 1 thread, 2 messages and 1 run\.\nKept: 1 id of a run\. Ids of runs stay/
      )
      const { deleted } = JSON.parse(yield* erase({ principal: "ann", jsonOutput: true }))
      assert.strictEqual(deleted.runs, 0)
      assert.match(yield* erase({ thread: "of bob" }), /^Erased thread "of bob": 1 run and 2 messages/)
      // Both threads are called so: first the one that the server and every other command mean.
      assert.match(yield* erase({ thread: "both" }), /^Erased thread "both": 2 runs and 4 messages/)
      assert.match(yield* erase({ thread: "both" }), /^Erased thread "both": 1 run and 2 messages/)
    })
  )
})

layer(Sample.layer, { excludeTestServices: true })("a thread of a server", (it) => {
  it.effect("is erased by the name that its client gave it", () =>
    Effect.gen(function* () {
      const path = yield* Sample.folder(Sample.ships)
      const asked = ["ask", "Who is captain?", "--model", "demo", "--thread", "default/web", "--approve", "deny"]
      assert.strictEqual((yield* reins(path, asked)).code, 0)
      const given = { ...usual, path }
      assert.match(
        yield* printed(Keep.archive({ ...given, ...everything, thread: "web", file: `${path}/web.jsonl` })),
        /^Archived 1 run in/
      )
      assert.match(
        yield* printed(Erase.erase({ ...given, ...nothing, thread: "web" })),
        /^Erased thread "web": 1 run and \d messages\./
      )
    })
  )
})

describe("a moment", () => {
  const now = Date.UTC(2026, 0, 31)

  it("is how long ago it was, or a date or time in UTC", () => {
    const day = 86_400_000
    assert.strictEqual(Moment.parse("30d", now), now - 30 * day)
    assert.strictEqual(Moment.parse("1.5h", now), now - 5_400_000)
    assert.strictEqual(Moment.parse("2w", now), now - 14 * day)
    assert.strictEqual(Moment.parse("2026-01-30", now), now - day)
    assert.strictEqual(Moment.parse("2026-01-30T12:00", now), now - day / 2)
    assert.strictEqual(Moment.parse("2026-01-30T12:00:00+02:00", now), now - day / 2 - 7_200_000)
    assert.strictEqual(Moment.format(now), "2026-01-31 00:00 UTC")
  })

  it("is none where it only looks like one", () => {
    for (const text of ["", "30", "d", "-3d", "2026-13-01", "2026-1-1", "yesterday", "30 d", "1e3d"]) {
      assert.isUndefined(Moment.parse(text, now), text)
    }
  })
})
