/**
 * Which statements read a whole table of a SQLite file. A statement about one run, thread or tenant finds its rows by an
 * index, so that it takes no longer in a file with a million runs.
 */
import { assert, describe, it } from "@effect/vitest"
import { Agent, Budget, Decision, Model, Prices, Quota, Runtime } from "@reins/runtime"
import { ScriptedModel } from "@reins/runtime/testing"
import { Sqlite } from "@reins/store/sqlite"
import { Effect, Layer, References, Schema, Stream } from "effect"
import { Tool, Toolkit } from "effect/ai"
import { TestClock } from "effect/testing"
import { mkdtempSync, rmSync } from "node:fs"
import { DatabaseSync, type StatementSync } from "node:sqlite"
import { tmpdir } from "node:os"
import { join } from "node:path"

const folder = Effect.acquireRelease(
  Effect.sync(() => mkdtempSync(join(tmpdir(), "reins-scans-"))),
  (path) => Effect.sync(() => rmSync(path, { recursive: true, force: true }))
)

/** The texts of the statements that this process prepares. */
const preparing = Effect.map(
  Effect.acquireRelease(
    Effect.sync(() => {
      const { prepare } = DatabaseSync.prototype
      const texts = new Set<string>()
      DatabaseSync.prototype.prepare = function (this: DatabaseSync, text: string): StatementSync {
        texts.add(text)
        return Reflect.apply(prepare, this, [text])
      }
      return { prepare, texts }
    }),
    ({ prepare }) =>
      Effect.sync(() => {
        DatabaseSync.prototype.prepare = prepare
      })
  ),
  ({ texts }) => texts
)

const Work = Tool.make("work", { parameters: Schema.Struct({}), success: Schema.String })
class Tools extends Toolkit.make(Work) {}

const runtime = (filename: string) =>
  Runtime.layer({
    agents: [Agent.make("desk", { toolkit: Tools, approvals: { work: "always" } })],
    quotas: [Quota.make({ name: "day", per: "tenant", window: "1 day", maxCostUsd: 100 })]
  }).pipe(
    Layer.provide([
      Tools.toLayer({ work: () => Effect.succeed("done") }),
      Prices.layerTable({ "scripted/scripted-1": { inputPerMillionUsd: 1, outputPerMillionUsd: 1 } }),
      Layer.succeed(
        Model,
        ScriptedModel.make({
          respond: ({ metadata: { step } }) =>
            step > 1 ? ScriptedModel.text("Done.") : ScriptedModel.calls([{ id: "c1", name: "work", args: {} }])
        })
      ),
      Layer.fresh(Sqlite.layer({ filename, hibernateMs: 1000 }))
    ])
  )

/** What the callers and operators of a service do. */
const day = Effect.gen(function* () {
  const {
    approvals,
    cancel,
    costs,
    erase,
    files,
    grants,
    memory,
    quotas,
    respondToApproval,
    runs,
    start,
    steer,
    threads,
    webhooks
  } = yield* Runtime
  for (const [index, end] of ["approve", "cancel", "approve"].entries()) {
    const runId = `run ${index}`
    const run = yield* start("Go.", { runId, threadId: `thread ${index}`, resourceId: "acme", principal: "ana" })
    yield* Stream.runDrain(Stream.takeUntil(run.events, ({ type }) => type === "approval-required"))
    yield* TestClock.adjust("1 minute")
    yield* steer(runId, "Hurry.", { resourceId: "acme" })
    const [asked] = yield* approvals.pending({ resourceId: "acme" })
    yield* end === "cancel" ? cancel(runId) : respondToApproval(asked?.request.id ?? "", Decision.approve())
    yield* TestClock.adjust("1 second")
    yield* Stream.runDrain(run.events)
    yield* runs.get(runId, { resourceId: "acme" })
    yield* runs.export(runId)
    yield* files.list(`thread ${index}`)
    yield* approvals.history({ resourceId: "acme", runId })
    yield* approvals.history({ resourceId: "acme", threadId: `thread ${index}` })
    yield* costs.by({ resourceId: "acme", runId, dimensions: ["agent"] })
    yield* runs.list({ resourceId: "acme", threadId: `thread ${index}` })
  }
  for (const filter of [{}, { resourceId: "acme" }, { resourceId: "acme", state: "waiting" }] as const) {
    yield* runs.list(filter)
  }
  yield* runs.waiting()
  yield* approvals.history({ resourceId: "acme" })
  yield* quotas.usage({ resourceId: "acme" })
  yield* costs.by({ resourceId: "acme" })
  yield* grants.list({ resourceId: "acme" })
  const { memory: tea } = yield* memory.remember("Tea.", { resourceId: "acme", principal: "ana" })
  yield* memory.recall("tea", { resourceId: "acme", principal: "ana" })
  yield* memory.list({ resourceId: "acme", principal: "ana" })
  yield* memory.forget(tea.id, { resourceId: "acme", principal: "ana" })
  yield* threads.list({ resourceId: "acme" })
  const acme = { resourceId: "acme" }
  const hook = yield* webhooks.add({ url: "https://receiver.example", ...acme, atMost: 9 })
  const notified = yield* start("Go.", { runId: "notified", threadId: "thread 0", ...acme })
  yield* Stream.runDrain(Stream.takeUntil(notified.events, ({ type }) => type === "approval-required"))
  yield* cancel("notified")
  yield* Stream.runDrain(notified.events)
  yield* webhooks.list(acme)
  const ofRun = { id: "h", ...acme, runId: "notified", url: "https://receiver.example", events: [], content: true }
  yield* webhooks.outbox.add({ ...ofRun, source: "protocol", createdAt: 1, secrets: [] }, 16)
  yield* webhooks.outbox.list({ runId: "notified" })
  yield* webhooks.outbox.told("h", 1)
  const sender = { owner: "o", now: 1e9, until: 2e9, known: [], protocols: true, limit: 9 }
  assert.lengthOf(yield* webhooks.outbox.lease(sender), 2)
  const [one, other] = yield* webhooks.outbox.due(hook.id, 1e9, 9)
  assert.isTrue(one !== undefined && other !== undefined)
  if (one !== undefined) yield* webhooks.outbox.accepted(one)
  if (other !== undefined) yield* webhooks.outbox.refused(other, 1e9)
  yield* webhooks.outbox.extend(hook.id, "o", 3e9)
  yield* webhooks.outbox.release(hook.id, "o", { at: 1e9, accepted: true, failure: "status 500" })
  yield* webhooks.waiting(hook.id, acme)
  yield* webhooks.retry(hook.id, acme)
  yield* webhooks.rotate(hook.id, acme)
  yield* webhooks.remove(hook.id, acme)
  yield* threads.limit("thread 0", Budget.make({ maxSteps: 9 }), acme)
  yield* threads.describe("thread 0", { title: "Work" }, acme)
  yield* threads.fork("thread 0", { ...acme, threadId: "fork" })
  yield* threads.rewind("thread 0", { ...acme, to: 0 })
  yield* threads.branches("thread 0", acme)
  yield* threads.delete("fork", acme)
  yield* erase({ principal: "ana", resourceId: "acme" })
})

/** Statements that read a whole table by design, by their first words. */
const whole = [
  "SELECT run_id FROM reins_runs WHERE ended_at IS NULL",
  "SELECT count(*) AS found, min(last_at) AS oldest FROM reins_runs",
  "UPDATE reins_runs SET last_seq = 0, record = '' WHERE ended_at <",
  "DELETE FROM reins_reconciliations WHERE ended_at <",
  "SELECT count(*) AS found FROM reins_webhooks WHERE run_id IS NULL",
  "SELECT DISTINCT quota FROM",
  "SELECT call_key, document FROM reins_claims WHERE document LIKE"
]

/**
 * Parts of plans that read few rows: up to the limit of a list, owners that earlier releases wrote, estimates, sums, web hooks, notices, and words
 * in their index.
 */
const short = [/_started$/, /_unmarked$/, /^SCAN [euhwn]$/, /VIRTUAL TABLE/]

describe("the statements of a service on a SQLite file", () => {
  it.effect(
    "read no whole table, but for those of a process that starts, of metrics, reconciliation, retention and erasure",
    () =>
      Effect.gen(function* () {
        const filename = join(yield* folder, "runs.db")
        // Makes the tables.
        yield* Effect.scoped(Sqlite.journal({ filename }))
        const texts = yield* preparing
        yield* Effect.provide(day, runtime(filename))
        yield* Effect.scoped(Effect.flatMap(Sqlite.archive({ filename }), ({ forgetEnded }) => forgetEnded(1)))
        const lease = { owner: "o", now: 1, since: 0, until: 2, limit: 9 }
        yield* Effect.scoped(
          Effect.flatMap(
            Sqlite.journal({ filename }),
            ({ reconciliations }) => reconciliations?.lease(lease) ?? Effect.void
          )
        )
        const database = yield* Effect.acquireRelease(
          Effect.sync(() => new DatabaseSync(filename)),
          (database) => Effect.sync(() => database.close())
        )
        const asked = Array.from(texts).filter((text) =>
          /^\s*(SELECT|UPDATE|DELETE|INSERT|WITH)\b.*\breins_/s.test(text)
        )
        assert.isAbove(asked.length, 60)
        const plans = asked.map((text) => ({
          words: text.replaceAll(/\s+/g, " ").trim(),
          plan: database
            .prepare(`EXPLAIN QUERY PLAN ${text}`)
            .all()
            .map(({ detail }) => String(detail))
        }))
        const scans = plans.flatMap(({ plan, words }) => {
          const found = plan.filter(
            (detail) => /^SCAN (reins_|[a-z]\b)/.test(detail) && !short.some((one) => one.test(detail))
          )
          return found.length === 0 || whole.some((one) => words.startsWith(one)) ? [] : [[words, ...found]]
        })
        assert.deepStrictEqual(scans, [])
        // A run and a thread are found by their key, not among all of their tenant.
        const ofTenants = plans.flatMap(({ plan, words }) => {
          const found = plan.filter((detail) => detail.includes("(resource_id=") && !/(run|thread)_id=/.test(detail))
          return found.length > 0 && /\b(run|thread)_id = \?/.test(words) ? [[words, ...found]] : []
        })
        assert.deepStrictEqual(ofTenants, [])
      }).pipe(Effect.scoped, Effect.provideService(References.MinimumLogLevel, "None"))
  )
})
