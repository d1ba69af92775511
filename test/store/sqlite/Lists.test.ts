/** What lists of runs select by is found in an index, in the order of the list. */
import { assert, describe, it } from "@effect/vitest"
import { Sqlite } from "@reins/store/sqlite"
import { Effect } from "effect"
import { mkdtempSync, rmSync } from "node:fs"
import { DatabaseSync } from "node:sqlite"
import { tmpdir } from "node:os"
import { join } from "node:path"

const folder = Effect.acquireRelease(
  Effect.sync(() => mkdtempSync(join(tmpdir(), "reins-lists-"))),
  (path) => Effect.sync(() => rmSync(path, { recursive: true, force: true }))
)

const tenant = "resource_id = 't'"
const expected: ReadonlyArray<readonly [string, string]> = [
  [tenant, "listed"],
  [`${tenant} AND started_at >= 5 AND (started_at, run_id) < (9, 'x')`, "listed"],
  [`${tenant} AND ended_at IS NULL`, "unended"],
  [`${tenant} AND agent = 'a'`, "agent"],
  [`${tenant} AND principal = 'p' AND started_at < 9`, "principal"],
  [`${tenant} AND end_reason = 'failed'`, "reason"],
  [`${tenant} AND thread_id = 'x'`, "thread"]
]

describe("a list of runs in SQLite", () => {
  it.effect("is read from an index, and not sorted", () =>
    Effect.gen(function* () {
      const filename = join(yield* folder, "runs.db")
      yield* Effect.scoped(Sqlite.journal({ filename }))
      const database = new DatabaseSync(filename)
      for (const [where, index] of expected) {
        const text = `SELECT * FROM reins_runs WHERE ${where} ORDER BY started_at DESC, run_id DESC LIMIT 101`
        const plan = database.prepare(`EXPLAIN QUERY PLAN ${text}`).all()
        const told = plan.map(({ detail }) => detail).join("; ")
        assert.include(told, `reins_runs_${index} `, where)
        assert.notInclude(told, "TEMP B-TREE", where)
      }
      database.close()
    })
  )
})
