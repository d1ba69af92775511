import { assert, describe, it } from "@effect/vitest"
import { Message } from "@reins/protocol"
import { Agent, Model, type ModelPart, Runtime } from "@reins/runtime"
import { ScriptedModel } from "@reins/runtime/testing"
import { Sqlite, type SqliteUnusable } from "@reins/store/sqlite"
import { Config, ConfigProvider, Context, Effect, Exit, Fiber, Layer, References, Scope, Stream } from "effect"
import { Toolkit } from "effect/ai"
import { copyFileSync, existsSync, mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { DatabaseSync } from "node:sqlite"

const folder = Effect.acquireRelease(
  Effect.sync(() => mkdtempSync(join(tmpdir(), "reins-sqlite-"))),
  (path) => Effect.sync(() => rmSync(path, { recursive: true, force: true }))
)

const quiet = Effect.provideService(References.MinimumLogLevel, "None")

const refused = (filename: string) =>
  Effect.scoped(Effect.flip(Sqlite.journal({ filename }))).pipe(
    Effect.map((error: SqliteUnusable) => ({ reason: error.reason, message: error.message }))
  )

/** What an external database tool would do to it. */
const alter = (filename: string, ...statements: ReadonlyArray<string>) =>
  Effect.sync(() => {
    const database = new DatabaseSync(filename)
    for (const statement of statements) database.exec(statement)
    database.close()
  })

const desk = Agent.make("desk", { instructions: "Answer.", toolkit: Toolkit.empty })

/** A runtime over the file, whose model gives the same answer to everything. */
const runtime = (filename: string) =>
  Runtime.layer({ agents: [desk] }).pipe(
    Layer.provide([
      Layer.succeed(Model, ScriptedModel.make({ respond: () => ScriptedModel.text("Done.") })),
      Sqlite.layer({ filename })
    ])
  )

const asks = (threadId: string, runId: string) =>
  Effect.gen(function* () {
    const { complete } = yield* Runtime
    return (yield* complete("Do it.", { threadId, runId })).output
  })

describe("the layer with options from the configuration", () => {
  it.effect("opens the file that a setting names, and fails when the setting is missing", () =>
    Effect.gen(function* () {
      const filename = join(yield* folder, "configured.db")
      const built = (settings: Record<string, string>) =>
        Effect.scoped(Layer.build(Sqlite.layerConfig({ filename: Config.String("REINS_DATABASE") }))).pipe(
          Effect.provideService(ConfigProvider.ConfigProvider, ConfigProvider.fromUnknown(settings))
        )
      yield* built({ REINS_DATABASE: filename })
      assert.isTrue(existsSync(filename))
      assert.include(String(yield* Effect.flip(built({}))), "REINS_DATABASE")
    }).pipe(Effect.scoped)
  )
})

describe("an unusable file is refused with a message that names the cure", () => {
  it.effect("when its folder does not exist", () =>
    Effect.gen(function* () {
      const { message, reason } = yield* refused(join(yield* folder, "nowhere", "runs.db"))
      assert.strictEqual(reason, "CannotOpen")
      assert.include(message, "Its folder must exist")
    })
  )

  it.effect("when it is not a database", () =>
    Effect.gen(function* () {
      const file = join(yield* folder, "runs.db")
      writeFileSync(file, "This is a letter, and a long one, so that nobody takes it for an empty file.".repeat(20))
      assert.strictEqual((yield* refused(file)).reason, "NotADatabase")
    })
  )

  it.effect("when a later version wrote it", () =>
    Effect.gen(function* () {
      const file = join(yield* folder, "runs.db")
      yield* Effect.scoped(Sqlite.journal({ filename: file }))
      yield* alter(file, "INSERT INTO reins_versions (version) VALUES (999)")
      const { message, reason } = yield* refused(file)
      assert.strictEqual(reason, "NewerSchema")
      assert.include(message, "Use a later @reins/store")
    })
  )

  it.live("when another process keeps it locked", () =>
    Effect.gen(function* () {
      const file = join(yield* folder, "runs.db")
      yield* Effect.scoped(Sqlite.journal({ filename: file }))
      const other = new DatabaseSync(file)
      other.exec("PRAGMA locking_mode = EXCLUSIVE; BEGIN EXCLUSIVE; CREATE TABLE x (y)")
      yield* Effect.addFinalizer(() => Effect.sync(() => other.close()))
      assert.strictEqual((yield* refused(file)).reason, "Locked")
    })
  )
})

describe("a database that is busy", () => {
  it.live("is retried until it is free", () =>
    Effect.gen(function* () {
      const file = join(yield* folder, "runs.db")
      const store = yield* Sqlite.journal({ filename: file })
      const other = new DatabaseSync(file)
      other.exec("BEGIN IMMEDIATE")
      const record = { threadId: "t", resourceId: "r", agent: "a", prompt: "p", isolated: false, startedAt: 1 }
      const waiting = yield* Effect.forkChild(store.create({ ...record, runId: "run" }), { startImmediately: true })
      assert.strictEqual(waiting.pollUnsafe(), undefined)
      other.exec("COMMIT")
      other.close()
      yield* Fiber.join(waiting)
      assert.strictEqual((yield* store.status("run"))?.state, "running")
    })
  )
})

describe("a runtime over SQLite", () => {
  it.live("finds the thread of an earlier runtime on the same file", () =>
    Effect.gen(function* () {
      const file = join(yield* folder, "runs.db")
      assert.strictEqual(yield* asks("thread", "one").pipe(Effect.provide(runtime(file))), "Done.")
      const messages = yield* Effect.gen(function* () {
        const { threads } = yield* Runtime
        yield* asks("thread", "two")
        return yield* threads.get("thread")
      }).pipe(Effect.provide(runtime(file)))
      assert.deepStrictEqual(
        messages.map((message) => message.role),
        ["user", "assistant", "user", "assistant"]
      )
    })
  )

  it.live("in memory needs no file", () =>
    Effect.gen(function* () {
      assert.strictEqual(yield* asks("thread", "one").pipe(Effect.provide(runtime(":memory:"))), "Done.")
    })
  )

  it.live("leaves an unreadable run alone, and executes the others", () =>
    Effect.gen(function* () {
      const file = join(yield* folder, "runs.db")
      const store = Sqlite.journal({ filename: file })
      const record = { resourceId: "default", agent: "desk", prompt: "Go on.", isolated: false, startedAt: 1 }
      yield* Effect.scoped(
        Effect.gen(function* () {
          const { create } = yield* store
          for (const id of ["bad", "good", "worse"]) yield* create({ ...record, runId: id, threadId: id })
        })
      )
      yield* alter(
        file,
        "UPDATE reins_runs SET record = '{' WHERE run_id = 'bad'",
        'INSERT INTO reins_events (run_id, seq, at, path, event) VALUES (\'worse\', 1, 1, \'[]\', \'{"type":"text","text":"before any step"}\')'
      )
      yield* Effect.gen(function* () {
        const { status, watch } = yield* Runtime
        yield* Stream.runDrain(watch("good"))
        assert.strictEqual((yield* status("good"))?.state, "ended")
        assert.strictEqual((yield* status("bad"))?.state, "running")
        assert.strictEqual((yield* status("worse"))?.state, "running")
      }).pipe(Effect.provide(runtime(file)))
    }).pipe(quiet)
  )

  it.live("migrates a file of the first version, and reads its content", () =>
    Effect.gen(function* () {
      const file = join(yield* folder, "runs.db")
      yield* asks("thread", "one").pipe(Effect.provide(runtime(file)))
      for (const table of [
        "reins_notes",
        "reins_quotas",
        "reins_quota_used",
        "reins_quota_runs",
        "reins_memories",
        "reins_memory_words",
        "reins_webhooks",
        "reins_notices",
        "reins_reconciliations"
      ]) {
        yield* alter(file, `DROP TABLE ${table}`)
      }
      yield* alter(
        file,
        "ALTER TABLE reins_events DROP COLUMN packed",
        "ALTER TABLE reins_runs DROP COLUMN packed",
        "DROP TABLE reins_files",
        "DROP TABLE reins_audit",
        "DROP TABLE reins_costs",
        "DROP TABLE reins_branches",
        "DROP TABLE reins_branch_messages",
        "DROP INDEX reins_claims_run",
        "ALTER TABLE reins_claims DROP COLUMN run_id",
        "DROP INDEX reins_messages_copied",
        "DROP INDEX reins_messages_unmarked",
        "DROP INDEX reins_threads_principal",
        "ALTER TABLE reins_threads DROP COLUMN principal",
        "ALTER TABLE reins_threads DROP COLUMN limits",
        "ALTER TABLE reins_threads DROP COLUMN kept",
        "ALTER TABLE reins_threads DROP COLUMN created_at",
        "ALTER TABLE reins_threads DROP COLUMN updated_at",
        "ALTER TABLE reins_threads DROP COLUMN description",
        ...["listed", "unended", "thread", "agent", "principal", "reason", "unlisted"].map(
          (name) => `DROP INDEX reins_runs_${name}`
        ),
        ...["principal", "end_reason", "error_code", "cost_nano_usd", "unpriced", "prompt_tokens"].map(
          (name) => `ALTER TABLE reins_runs DROP COLUMN ${name}`
        ),
        "ALTER TABLE reins_runs DROP COLUMN completion_tokens",
        "DROP INDEX reins_runs_started",
        "DELETE FROM reins_versions WHERE version > 1"
      )
      yield* Effect.gen(function* () {
        const { watch } = yield* Runtime
        const log = yield* Stream.runCollect(watch("one"))
        assert.deepStrictEqual(
          [...log].map(({ event }) => event.type),
          ["step-start", "text", "finish", "data-cost-summary", "data-latency-summary"]
        )
        const [run] = (yield* (yield* Runtime).runs.list()).runs
        const [cost] = log.flatMap(({ event }) => (event.type === "data-cost-summary" ? [event.data] : []))
        assert.deepStrictEqual([run?.endReason, run?.costNanoUsd], ["stop", cost?.costNanoUsd])
        const { sum } = yield* (yield* Runtime).costs.by()
        assert.deepStrictEqual([sum.costNanoUsd, sum.runs], [cost?.costNanoUsd, 1])
        assert.strictEqual(yield* asks("thread", "two"), "Done.")
      }).pipe(Effect.provide(runtime(file)))
    })
  )

  it.live("keeps whose messages are of a file in which that was words that a run's id may be, too", () =>
    Effect.gen(function* () {
      const file = join(yield* folder, "runs.db")
      const opened = Sqlite.journal({ filename: file })
      const said = (words: string) => ({ role: "user", content: [{ type: "text", text: words }] }) as const
      const runs = ["copied of one", "one"]
      yield* Effect.scoped(
        Effect.gen(function* () {
          const { create, threads } = yield* opened
          yield* threads.begin("thread", "default", [said("seed")])
          for (const runId of runs) {
            const record = { resourceId: "default", agent: "desk", prompt: "Go on.", isolated: false, startedAt: 1 }
            yield* create({ ...record, runId, threadId: "thread" })
            yield* threads.append("thread", runId, [said(runId)])
            yield* Effect.sync(() => new DatabaseSync(file).exec("UPDATE reins_threads SET run_id = NULL"))
          }
          yield* threads.fork("fork", "default", { threadId: "thread" })
        })
      )
      yield* alter(
        file,
        ...["reins_messages", "reins_branch_messages"].flatMap((table) => [
          `DROP INDEX ${table}_copied`,
          `DROP INDEX ${table}_unmarked`,
          `UPDATE ${table} SET run_id = substr(run_id, 2) WHERE substr(run_id, 1, 1) = char(1)`,
          `CREATE INDEX ${table}_copies ON ${table} (run_id) WHERE run_id LIKE 'copied of %'`
        ]),
        "DROP INDEX reins_runs_started",
        "DELETE FROM reins_versions WHERE version > (SELECT max(version) - 2 FROM reins_versions)"
      )
      const { threads } = yield* opened
      assert.deepStrictEqual(
        [...(yield* threads.places("thread"))],
        [
          ["copied of one", 1],
          ["one", 2]
        ]
      )
      assert.deepStrictEqual([...(yield* threads.places("fork"))], [])
      assert.deepStrictEqual(yield* threads.read("fork"), ["seed", ...runs].map(said))
    }).pipe(Effect.scoped)
  )

  it.live("continues from a copy of its files, made while it ran", () =>
    Effect.gen(function* () {
      const path = yield* folder
      const file = join(path, "runs.db")
      yield* Effect.gen(function* () {
        yield* asks("thread", "one")
        yield* alter(file, `VACUUM INTO '${join(path, "copy.db")}'`)
      }).pipe(Effect.provide(runtime(file)))
      copyFileSync(join(path, "copy.db"), join(path, "restored.db"))
      const messages = yield* Effect.flatMap(Runtime, ({ threads }) => threads.get("thread")).pipe(
        Effect.provide(runtime(join(path, "restored.db")))
      )
      assert.strictEqual(messages.length, 2)
    })
  )
})

describe("a message to a run that another process executes", () => {
  it.live("enters the run's conversation, also when the executing process dies", () =>
    Effect.gen(function* () {
      const filename = join(yield* folder, "runs.db")
      const hold = yield* ScriptedModel.hold
      const life = (model: ScriptedModel.ScriptedModel, carries: boolean, scope: Scope.Scope) =>
        Layer.buildWithScope(
          Runtime.layer({ agents: [desk] }).pipe(
            Layer.provide([Layer.succeed(Model, model), Sqlite.layer({ filename, carries })])
          ),
          scope
        )
      const [first, rest] = [yield* Scope.make(), yield* Effect.scope]
      const held = ScriptedModel.make({ replies: [{ ...ScriptedModel.text("One."), hold }] })
      const owner = yield* life(held, true, first)
      const client = yield* life(ScriptedModel.make(), false, rest)
      yield* Context.get(owner, Runtime).start("Go.", { runId: "run", threadId: "thread" })
      yield* hold.reached
      const { steer, threads, watch } = Context.get(client, Runtime)
      assert.strictEqual((yield* steer("run", "And two.", { messageId: "m1" })).position, 1)
      yield* Scope.close(first, Exit.void)
      const next = ScriptedModel.make({ replies: [ScriptedModel.text("One."), ScriptedModel.text("Two.")] })
      yield* life(next, true, rest)
      assert.strictEqual((yield* steer("run", "And two.", { messageId: "m1" })).position, 1)
      yield* Stream.runDrain(watch("run"))
      assert.deepStrictEqual((yield* threads.get("thread")).map(Message.text), ["Go.", "One.", "And two.", "Two."])
    }).pipe(Effect.scoped, quiet)
  )
})

describe("a character that a provider splits", () => {
  it.effect("is whole in every row", () =>
    Effect.gen(function* () {
      const file = join(yield* folder, "runs.db")
      const cut = ScriptedModel.make({
        replies: [
          {
            parts: [
              ..."a\ud83d|\ude00b|\ud83d|c"
                .split("|")
                .map((text): ReadonlyArray<ModelPart> => [{ type: "text", text }]),
              [
                { type: "tool-call", id: "c", name: "no\ud83d", args: { a: "\ud83d" } },
                { type: "finish", reason: "stop" }
              ]
            ]
          },
          ScriptedModel.text("Done.")
        ]
      })
      const live = Runtime.layer({ agents: [desk] }).pipe(
        Layer.provide([Layer.succeed(Model, cut), Sqlite.layer({ filename: file })])
      )
      yield* Effect.provide(asks("thread", "run"), live)
      const database = new DatabaseSync(file)
      const tables = database.prepare("SELECT name FROM sqlite_master WHERE type = 'table'").all()
      const rows = tables.flatMap(({ name }) => database.prepare(`SELECT * FROM "${String(name)}"`).all())
      database.close()
      const texts = rows.flatMap((row) => Object.values(row).map(String))
      assert.isTrue(texts.some((text) => text.includes("😀")))
      for (const text of texts) assert.notMatch(text, /\\ud[89a-f]/i)
    }).pipe(quiet, Effect.scoped)
  )
})
