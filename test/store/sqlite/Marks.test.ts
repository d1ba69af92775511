/** Owners of messages that a process of an earlier release writes into a file of this one, such as during a rolling update. */
import { assert, describe, it, vi } from "@effect/vitest"
import { Sqlite } from "@reins/store/sqlite"
import { Effect } from "effect"
import { mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { DatabaseSync } from "node:sqlite"

const file = Effect.acquireRelease(
  Effect.sync(() => mkdtempSync(join(tmpdir(), "reins-marks-"))),
  (path) => Effect.sync(() => rmSync(path, { recursive: true, force: true }))
).pipe(Effect.map((path) => join(path, "runs.db")))

/** What another process does to the file. */
const elsewhere = <A>(filename: string, work: (database: DatabaseSync) => A) =>
  Effect.acquireUseRelease(
    Effect.sync(() => new DatabaseSync(filename)),
    (database) => Effect.sync(() => work(database)),
    (database) => Effect.sync(() => database.close())
  )

const said = (words: string) => ({ role: "user", content: [{ type: "text", text: words }] }) as const

/** Marks as an earlier release writes them, and what they are. */
const marks = [
  ["at the beginning", "\u0001at the beginning"],
  ["rewritten after 3", "\u0001rewritten after 3"],
  ["before r1", "\u0001before r1"],
  ['\u0001"before \\u0000r1"', '\u0001before \u0001"\\u0000r1"'],
  ["copied of r1", "\u0001copied of r1"],
  ['copied of \u0001"\\u0000r1"', '\u0001copied of \u0001"\\u0000r1"'],
  // It takes the marks of this release for runs.
  ["copied of \u0001copied of r1", "\u0001copied of r1"],
  ["copied of \u0001at the beginning", "\u0001at the beginning"],
  // Of runs.
  ["r1", "r1"],
  ["Copied Of r1", "Copied Of r1"],
  ["before own", "before own"]
] as const

const tables = [
  ["reins_messages", "thread_id"],
  ["reins_branch_messages", "branch_id"]
] as const

/** A file with a thread and a branch, whose messages have those owners. */
const written = Effect.fnUntraced(function* (filename: string) {
  yield* Effect.scoped(
    Effect.gen(function* () {
      const { create, threads } = yield* Sqlite.journal({ filename })
      const record = { resourceId: "default", agent: "desk", prompt: "Go on.", isolated: false, startedAt: 1 }
      yield* create({ ...record, runId: "before own", threadId: "thread" })
      yield* threads.append("thread", "before own", [said("one")])
    })
  )
  yield* elsewhere(filename, (database) => {
    database.exec("DELETE FROM reins_messages")
    database.exec(`INSERT INTO reins_branches (branch_id, thread_id, start, version, at, summaries)
      VALUES ('thread', 'thread', 0, 9, 1, '{}')`)
    for (const [table, key] of tables) {
      const add = database.prepare(
        `INSERT INTO ${table} (${key}, position, run_id, message) VALUES ('thread', ?, ?, ?)`
      )
      for (const [index, [owner]] of marks.entries()) add.run(index + 1, owner, JSON.stringify(said(owner)))
    }
  })
})

const owners = (filename: string) =>
  elsewhere(filename, (database) =>
    tables.map(([table]) =>
      database
        .prepare(`SELECT run_id FROM ${table} ORDER BY position`)
        .all()
        .map((row) => row["run_id"])
    )
  )

const wanted = tables.map(() => marks.map(([, mark]) => mark))

describe("the mark of whose a message is that an earlier release wrote", () => {
  it.live("is rewritten when the file is migrated", () =>
    Effect.gen(function* () {
      const filename = yield* file
      yield* written(filename)
      yield* elsewhere(filename, (database) => {
        for (const [table] of tables) {
          database.exec(`DROP INDEX ${table}_copied`)
          database.exec(`DROP INDEX ${table}_unmarked`)
          database.exec(`CREATE INDEX ${table}_copies ON ${table} (run_id) WHERE run_id LIKE 'copied of %'`)
        }
        database.exec("DROP INDEX reins_runs_started")
        database.exec("DELETE FROM reins_versions WHERE version > (SELECT max(version) - 2 FROM reins_versions)")
      })
      yield* Effect.scoped(Sqlite.journal({ filename }))
      assert.deepStrictEqual(yield* owners(filename), wanted)
    }).pipe(Effect.scoped)
  )

  it.live("is rewritten when the file is opened again, without a look at other messages", () =>
    Effect.gen(function* () {
      const filename = yield* file
      yield* written(filename)
      const prepare = vi.spyOn(DatabaseSync.prototype, "prepare")
      yield* Effect.addFinalizer(() => Effect.sync(() => prepare.mockRestore()))
      yield* Effect.scoped(Sqlite.journal({ filename }))
      const statements = prepare.mock.calls.map(([text]) => text)
      assert.deepStrictEqual(yield* owners(filename), wanted)
      const catchingUp = statements.filter((text) => text.includes("'at the beginning'"))
      assert.isAtLeast(catchingUp.length, 3)
      for (const statement of catchingUp) {
        const plan = yield* elsewhere(filename, (database) =>
          database
            .prepare(`EXPLAIN QUERY PLAN ${statement}`)
            .all()
            .map((row) => String(row["detail"]))
        )
        for (const step of plan.filter((one) => /^SCAN .*messages/.test(one))) assert.include(step, "_unmarked")
      }
    }).pipe(Effect.scoped)
  )

  it.live("is found when a principal is erased, and when a fork is made of a fork", () =>
    Effect.gen(function* () {
      const filename = yield* file
      const { create, erase, threads } = yield* Sqlite.journal({ filename })
      yield* threads.begin("thread", "default", [said("seed by ann")], "ann")
      for (const [runId, principal] of [
        ["a", "ann"],
        ["b", "bob"]
      ] as const) {
        const record = { resourceId: "default", agent: "desk", prompt: "Go on.", isolated: false, startedAt: 1 }
        yield* create({ ...record, runId, principal, threadId: "thread" })
        yield* threads.append("thread", runId, [said(`by ${principal}`)])
        yield* elsewhere(filename, (database) => {
          database.exec("UPDATE reins_threads SET run_id = NULL")
          database.exec("UPDATE reins_runs SET ended_at = 1, end_reason = 'stop'")
        })
      }
      yield* threads.fork("fork", "default", { threadId: "thread" }, "bob")
      const asEarlier = elsewhere(filename, (database) =>
        database.exec("UPDATE reins_messages SET run_id = substr(run_id, 2) WHERE substr(run_id, 1, 1) = char(1)")
      )
      yield* asEarlier
      yield* threads.fork("fork of fork", "default", { threadId: "fork" }, "bob")
      yield* asEarlier
      const erasing = { principal: "ann", resourceId: "default", pseudonym: "erased_1", acts: true }
      assert.strictEqual((yield* erase(erasing))._tag, "Erased")
      assert.deepStrictEqual(yield* threads.read("thread"), ["[erased]", "[erased]", "by bob"].map(said))
      for (const fork of ["fork", "fork of fork"]) {
        assert.deepStrictEqual(yield* threads.read(fork), ["seed by ann", "[erased]", "by bob"].map(said))
      }
    }).pipe(Effect.scoped)
  )
})
