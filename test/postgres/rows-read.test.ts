/**
 * How many rows a run makes Postgres read while many others wait. A new database has no statistics, and statements are
 * planned once per connection: each statement about one run or one thread must be written so that its key finds the row.
 */
import { assert, describe, layer } from "@effect/vitest"
import { Agent, Budget, Decision, Model, Runtime } from "@reins/runtime"
import { ScriptedModel } from "@reins/runtime/testing"
import { Postgres } from "@reins/store/postgres"
import { Context, Effect, Layer, type Redacted, References, Schema, Stream } from "effect"
import { Tool, Toolkit } from "effect/ai"
import * as Server from "./Server.ts"

class Address extends Context.Service<Address, string>()("test/postgres/rows-read/Address") {
  static readonly layer = Layer.effect(Address, Server.server)
}

const Work = Tool.make("work", { parameters: Schema.Struct({}), success: Schema.String })
class Tools extends Toolkit.make(Work) {}

/** An agent whose only call asks first. */
const runtime = (url: Redacted.Redacted) =>
  Runtime.layer({ agents: [Agent.make("desk", { toolkit: Tools, approvals: { work: "always" } })] }).pipe(
    Layer.provide([
      Tools.toLayer({ work: () => Effect.succeed("done") }),
      Layer.succeed(
        Model,
        ScriptedModel.make({
          respond: ({ metadata: { step } }) =>
            step > 1 ? ScriptedModel.text("Done.") : ScriptedModel.calls([{ id: "c1", name: "work", args: {} }])
        })
      ),
      Layer.fresh(Layer.orDie(Postgres.layer({ url, hibernateMs: 0 })))
    ])
  )

const waiting = 150

/** Rows that were read for each of the runs, by table, once all connections but this one have ended. */
const rowsRead = (url: Redacted.Redacted) =>
  Effect.gen(function* () {
    const client = yield* Server.client(url)
    const others = "SELECT 1 FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"
    yield* Effect.repeat(client.unsafe(others), { until: (found) => found.length === 0 })
    const counts = yield* client.unsafe<{ readonly table: string; readonly rows: number }>(
      `SELECT relname AS table, CAST(seq_tup_read + coalesce(idx_tup_fetch, 0) AS FLOAT) / ${waiting} AS rows
       FROM pg_stat_user_tables ORDER BY relname`
    )
    return Object.fromEntries(counts.map(({ rows, table }) => [table, rows]))
  })

describe("the rows that a run makes Postgres read", () => {
  layer(Address.layer, { timeout: "60 seconds", excludeTestServices: true })((it) => {
    it.effect("are as few while hundreds of others wait", () =>
      Effect.gen(function* () {
        const url = yield* Server.database(yield* Address)
        yield* Effect.gen(function* () {
          const { approvals, cancel, respondToApproval, runs, start, threads } = yield* Runtime
          const started = yield* Effect.forEach(Array.from({ length: waiting }), (_, index) =>
            start("Go.", { runId: `run ${index}`, threadId: `thread ${index}` })
          )
          yield* Effect.forEach(started, ({ events }) =>
            Stream.runDrain(Stream.takeUntil(events, ({ type }) => type === "approval-required"))
          )
          const asked = yield* approvals.pending()
          assert.lengthOf(asked, waiting)
          for (const [index, { request, runId }] of asked.entries()) {
            assert.strictEqual((yield* runs.get(runId, { resourceId: "default" }))?.state, "waiting")
            yield* index % 5 === 0 ? cancel(runId) : respondToApproval(request.id, Decision.approve())
          }
          yield* Effect.forEach(started, ({ events }) => Stream.runDrain(events))
          for (const { threadId } of started) {
            yield* threads.limit(threadId, Budget.make({ maxSteps: 100 }))
            yield* threads.describe(threadId, { title: "Work" })
            yield* threads.get(threadId, { resourceId: "default" })
            yield* threads.rewind(threadId, { to: 0 })
            yield* threads.delete(threadId)
          }
        }).pipe(Effect.provide(runtime(url)))
        const rows = yield* rowsRead(url)
        const many = Object.entries(rows).filter(([, count]) => count > 70)
        assert.deepStrictEqual(many, [])
        assert.isAbove(rows["reins_runs"] ?? 0, 1)
      }).pipe(Effect.scoped, Effect.provideService(References.MinimumLogLevel, "None"))
    )

    it.effect("are as few where its costs, acts and notices are read and its thread is erased", () =>
      Effect.gen(function* () {
        const url = yield* Server.database(yield* Address)
        yield* Effect.gen(function* () {
          const { approvals, cancel, costs, start, webhooks } = yield* Runtime
          const hook = yield* webhooks.add({ url: "https://receiver.example" })
          const started = yield* Effect.forEach(Array.from({ length: waiting }), (_, index) =>
            start("Go.", { runId: `run ${index}`, threadId: `thread ${index}`, principal: "ana" })
          )
          for (const { events, runId } of started) {
            yield* Stream.runDrain(Stream.takeUntil(events, ({ type }) => type === "approval-required"))
            yield* cancel(runId)
            yield* Stream.runDrain(events)
          }
          const about = { resourceId: "default" }
          const { erase } = yield* Postgres.archive({ url })
          for (const [index, { runId, threadId }] of started.entries()) {
            yield* costs.by({ ...about, runId })
            assert.isNotEmpty((yield* approvals.history({ ...about, runId })).acts)
            assert.isNotEmpty((yield* approvals.history({ ...about, threadId })).acts)
            const now = Date.now() + index
            const sender = { owner: "o", now, until: now + 1, known: [], protocols: false, limit: 9 }
            assert.lengthOf(yield* webhooks.outbox.lease(sender), 1)
            const [notice] = yield* webhooks.outbox.due(hook.id, now, 1)
            if (notice !== undefined) yield* webhooks.outbox.accepted(notice)
            yield* erase({ threadId }, { principals: true })
          }
        }).pipe(Effect.scoped, Effect.provide(runtime(url)))
        const rows = yield* rowsRead(url)
        const many = Object.entries(rows).filter(([, count]) => count > 70)
        assert.deepStrictEqual(many, [])
      }).pipe(Effect.scoped, Effect.provideService(References.MinimumLogLevel, "None"))
    )
  })
})
