/** What lists of runs select by is found in an index, in the order of the list. */
import { assert, describe, it } from "@effect/vitest"
import { Agent, Prices, Runtime } from "@reins/runtime"
import { ScriptedModel } from "@reins/runtime/testing"
import { Sqlite } from "@reins/store/sqlite"
import { Effect, Layer } from "effect"
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
  ["record <> ''", "started"],
  ["agent = 'a' AND started_at < 9", "started"],
  [tenant, "listed"],
  [`${tenant} AND started_at >= 5 AND (started_at, run_id) < (9, 'x')`, "listed"],
  [`${tenant} AND ended_at IS NULL`, "unended"],
  [`${tenant} AND agent = 'a'`, "agent"],
  [`${tenant} AND principal = 'p' AND started_at < 9`, "principal"],
  [`${tenant} AND end_reason = 'failed'`, "reason"],
  [`${tenant} AND thread_id = 'x'`, "thread"]
]

/** What a process looks for when it opens the database. */
const unlisted = "ended_at IS NOT NULL AND end_reason IS NULL AND run_id > '' AND record <> ''"

describe("a run that a process of an earlier release ended after the database was migrated", () => {
  it.live("is listed and booked when the next process opens the database", () =>
    Effect.gen(function* () {
      const filename = join(yield* folder, "runs.db")
      const runtime = Runtime.layer({ agents: [Agent.make("desk", {})] }).pipe(
        Layer.provide([
          ScriptedModel.layer({ respond: () => ScriptedModel.text("hello") }),
          Prices.layerTable({ "scripted/scripted-1": { inputPerMillionUsd: 1, outputPerMillionUsd: 1 } }),
          Layer.fresh(Sqlite.layer({ filename }))
        ])
      )
      const told = Effect.gen(function* () {
        const { costs, runs } = yield* Runtime
        return [yield* runs.list(), yield* costs.by({ dimensions: ["run", "principal", "model"] })] as const
      })
      const before = yield* Effect.gen(function* () {
        for (const runId of ["r1", "r2"]) yield* (yield* Runtime).complete("go", { runId, principal: "ana" })
        return yield* told
      }).pipe(Effect.provide(runtime))
      assert.isAbove(before[1].sum.costNanoUsd, 0)
      const database = new DatabaseSync(filename)
      database.exec(`UPDATE reins_runs SET principal = NULL, end_reason = NULL, error_code = NULL, cost_nano_usd = NULL,
        unpriced = NULL, prompt_tokens = NULL, completion_tokens = NULL WHERE run_id = 'r1'`)
      database.exec("DELETE FROM reins_costs WHERE run_id = 'r1'")
      database.close()
      assert.deepStrictEqual(yield* Effect.provide(told, runtime), before)
    })
  )
})

describe("the cost ledger of a SQLite file", () => {
  it.live.each(["'much'", "1.5", "-1"])("says that an amount of %s is damaged, and leaves it out of no sum", (amount) =>
    Effect.gen(function* () {
      const filename = join(yield* folder, "runs.db")
      const runtime = Runtime.layer({ agents: [Agent.make("desk", {})] }).pipe(
        Layer.provide([
          ScriptedModel.layer({ respond: () => ScriptedModel.text("hello") }),
          Layer.fresh(Sqlite.layer({ filename }))
        ])
      )
      yield* Effect.flatMap(Runtime, ({ complete }) => complete("go")).pipe(Effect.provide(runtime))
      const database = new DatabaseSync(filename)
      database.exec(`UPDATE reins_costs SET cost_nano_usd = ${amount}`)
      database.close()
      const exit = yield* Effect.exit(Effect.flatMap(Runtime, ({ costs }) => costs.by()).pipe(Effect.provide(runtime)))
      assert.include(String(exit), "reins_costs")
    })
  )
})

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
        assert.match(told, new RegExp(`reins_runs_${index}\\b`), where)
        assert.notInclude(told, "TEMP B-TREE", where)
      }
      const plan = database.prepare(`EXPLAIN QUERY PLAN SELECT run_id, record FROM reins_runs WHERE ${unlisted}`).all()
      assert.include(plan.map(({ detail }) => detail).join(), "reins_runs_unlisted")
      database.close()
    })
  )
})
