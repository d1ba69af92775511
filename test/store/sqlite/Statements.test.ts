/**
 * How many statements SQLite is asked for a step, a run that parks, and its end: upper bounds, so that nobody adds one
 * unseen. A transaction's beginning and end count as one each. On Postgres, a commit is one statement.
 */
import { assert, describe, it } from "@effect/vitest"
import { Agent, Decision, Model, Runtime } from "@reins/runtime"
import { ScriptedModel } from "@reins/runtime/testing"
import { Sqlite } from "@reins/store/sqlite"
import { Effect, Layer, References, Schema, Stream } from "effect"
import { Tool, Toolkit } from "effect/ai"
import { TestClock } from "effect/testing"
import { mkdtempSync, rmSync } from "node:fs"
import { type SQLInputValue, StatementSync } from "node:sqlite"
import { tmpdir } from "node:os"
import { join } from "node:path"

const quiet = Effect.provideService(References.MinimumLogLevel, "None")

const folder = Effect.acquireRelease(
  Effect.sync(() => mkdtempSync(join(tmpdir(), "reins-statements-"))),
  (path) => Effect.sync(() => rmSync(path, { recursive: true, force: true }))
)

/** Counts the statements that this process runs, without those that look for changes by others. */
const counting = Effect.acquireRelease(
  Effect.sync(() => {
    const { all, run } = StatementSync.prototype
    const count = { statements: 0, commits: 0 }
    const note = ({ sourceSQL }: StatementSync) => {
      if (sourceSQL === "PRAGMA data_version" || sourceSQL.includes("changed > ?")) return
      count.statements++
      if (sourceSQL === "COMMIT") count.commits++
    }
    StatementSync.prototype.all = function (
      this: StatementSync,
      ...values: Array<SQLInputValue | Record<string, SQLInputValue>>
    ) {
      note(this)
      return Reflect.apply(all, this, values)
    }
    StatementSync.prototype.run = function (
      this: StatementSync,
      ...values: Array<SQLInputValue | Record<string, SQLInputValue>>
    ) {
      note(this)
      return Reflect.apply(run, this, values)
    }
    return { all, run, count }
  }),
  ({ all, run }) =>
    Effect.sync(() => {
      StatementSync.prototype.all = all
      StatementSync.prototype.run = run
    })
).pipe(Effect.map(({ count }) => count))

const Work = Tool.make("work", { parameters: Schema.Struct({}), success: Schema.String })
class Tools extends Toolkit.make(Work) {}

/** An agent that calls its tool in each of its first steps. */
const layer = (filename: string, calls: number, gated: boolean) =>
  Runtime.layer({ agents: [Agent.make("desk", { toolkit: Tools, approvals: gated ? { work: "always" } : {} })] }).pipe(
    Layer.provide([
      Tools.toLayer({ work: () => Effect.succeed("done") }),
      Layer.succeed(
        Model,
        ScriptedModel.make({
          respond: ({ metadata: { step } }) =>
            step > calls
              ? ScriptedModel.text("Done.")
              : ScriptedModel.calls([{ id: `c${step}`, name: "work", args: {} }])
        })
      ),
      Layer.fresh(Sqlite.layer({ filename, hibernateMs: 1000 }))
    ])
  )

/** What a run with so many calls costs, from its start to its end. */
const whole = (calls: number) =>
  Effect.gen(function* () {
    const path = yield* folder
    return yield* Effect.gen(function* () {
      const { query } = yield* Runtime
      yield* Stream.runDrain(query("Go."))
      const count = yield* counting
      yield* Stream.runDrain(query("Go."))
      return { ...count }
    }).pipe(Effect.scoped, Effect.provide(layer(join(path, "runs.db"), calls, false)))
  }).pipe(Effect.scoped, quiet)

describe("the statements of a run in SQLite", () => {
  it.effect("are at most 10 for a step with a call, in two transactions, and 25 for the rest of its run", () =>
    Effect.gen(function* () {
      const [one, eleven] = [yield* whole(0), yield* whole(10)]
      assert.isAtMost((eleven.statements - one.statements) / 10, 10)
      assert.isAtMost((eleven.commits - one.commits) / 10, 2)
      assert.isAtMost(one.statements, 25)
      assert.isAtMost(one.commits, 4)
    })
  )

  it.effect("are at most 26 to start a run and park it, and 39 to answer and end it once it was unloaded", () =>
    Effect.gen(function* () {
      const filename = join(yield* folder, "runs.db")
      yield* Effect.gen(function* () {
        const { approvals, respondToApproval, start } = yield* Runtime
        const count = yield* counting
        const run = yield* start("Go.")
        yield* Stream.runDrain(Stream.takeUntil(run.events, ({ type }) => type === "approval-required"))
        yield* TestClock.adjust("1 minute")
        const parked = { ...count }
        const [asked] = yield* approvals.pending()
        const before = { ...count }
        yield* respondToApproval(asked?.request.id ?? "", Decision.approve())
        yield* Stream.runDrain(run.events)
        // Its reader reads the stored events, which is not part of it.
        assert.isAtMost(parked.statements, 26)
        assert.isAtMost(parked.commits, 4)
        assert.isAtMost(count.statements - before.statements, 39)
        assert.isAtMost(count.commits - before.commits, 6)
      }).pipe(Effect.scoped, Effect.provide(layer(filename, 1, true)))
    }).pipe(Effect.scoped, quiet)
  )
})

describe("the statements of a fork in SQLite", () => {
  it.effect("are as many for a thread of thirty runs as for one of a single run", () =>
    Effect.gen(function* () {
      const path = yield* folder
      const forked = (runs: number) =>
        Effect.gen(function* () {
          const { complete, threads } = yield* Runtime
          for (const run of Array.from({ length: runs }, (_, index) => `run ${index}`)) {
            yield* complete("Go.", { threadId: "thread", runId: `${run} of ${runs}` })
          }
          const count = yield* counting
          yield* threads.fork("thread", { threadId: "fork" })
          const { statements } = count
          assert.lengthOf(yield* threads.get("fork"), 2 * runs)
          return statements
        }).pipe(Effect.scoped, Effect.provide(layer(join(path, `${runs}.db`), 0, false)))
      assert.strictEqual(yield* forked(30), yield* forked(1))
    }).pipe(Effect.scoped, quiet)
  )
})
