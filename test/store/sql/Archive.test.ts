import { assert, describe, it } from "@effect/vitest"
import { Event, Ordering } from "@reins/protocol"
import { Agent, Decision, Deployment, Model, Runtime } from "@reins/runtime"
import { journalHost } from "@reins/runtime/journal"
import { ScriptedModel } from "@reins/runtime/testing"
import { Sqlite } from "@reins/store/sqlite"
import { Deferred, Effect, Layer, Schema, Stream } from "effect"
import { Tool, Toolkit } from "effect/ai"
import { mkdtempSync, rmSync } from "node:fs"
import { DatabaseSync } from "node:sqlite"
import { tmpdir } from "node:os"
import { join } from "node:path"

const Pay = Tool.make("pay", { parameters: Schema.Struct({}), success: Schema.String, needsApproval: true })
class Tools extends Toolkit.make(Pay) {}
const desk = Agent.make("desk", { instructions: "Pay.", toolkit: Tools })

const Line = Schema.Struct({ kind: Schema.String })

const reply = (request: Parameters<typeof ScriptedModel.lastPrompt>[0]): ScriptedModel.Reply =>
  ScriptedModel.lastPrompt(request) === "Hang."
    ? { parts: [[{ type: "text", text: "Wait" }]], hangs: true }
    : ScriptedModel.lastPrompt(request) === "Pay." && ScriptedModel.lastResults(request).length === 0
      ? ScriptedModel.calls([{ id: "c1", name: "pay", args: {} }])
      : ScriptedModel.text("Done.")

const runtime = (filename: string) =>
  Runtime.layer({ agents: [desk] }).pipe(
    Layer.provide([
      Tools.toLayer({ pay: () => Effect.succeed("paid") }),
      Layer.succeed(Model, ScriptedModel.make({ respond: reply })),
      Layer.fresh(Sqlite.layer({ filename, gatherMs: 0 }))
    ])
  )

const files = Effect.map(
  Effect.acquireRelease(
    Effect.sync(() => mkdtempSync(join(tmpdir(), "reins-archive-"))),
    (path) => Effect.sync(() => rmSync(path, { recursive: true, force: true }))
  ),
  (path) => ({ here: join(path, "here.db"), there: join(path, "there.db") })
)

/** A thread with one run that has ended and one that waits for a person. */
const filled = (filename: string) =>
  Effect.gen(function* () {
    const { complete, start, watch } = yield* Runtime
    yield* complete("Say something.", { threadId: "thread", runId: "ended" })
    yield* start("Pay.", { threadId: "thread", runId: "paused" })
    yield* Stream.runDrain(Stream.takeUntil(watch("paused"), ({ event }) => event.type === "approval-required"))
  }).pipe(Effect.provide(runtime(filename)))

describe("the list of runs", () => {
  it.live("has those that ended and those that have not, the latest first, of a tenant or a thread", () =>
    Effect.gen(function* () {
      const { here } = yield* files
      yield* filled(here)
      const archive = yield* Sqlite.archive({ filename: here })
      const all = yield* archive.runs()
      assert.sameMembers(
        all.map(({ endedAt, runId }) => `${runId}: ${endedAt === undefined ? "open" : "ended"}`),
        ["paused: open", "ended: ended"]
      )
      assert.isTrue(
        all.every(
          ({ lastSeq, startedAt }, index) => lastSeq > 0 && startedAt <= (all[index - 1]?.startedAt ?? Infinity)
        )
      )
      assert.lengthOf(yield* archive.runs({ limit: 1 }), 1)
      assert.lengthOf(yield* archive.runs({ resourceId: "default", threadId: "thread" }), 2)
      assert.lengthOf(yield* archive.runs({ resourceId: "another" }), 0)
    })
  )
})

describe("an exported run", () => {
  it.live("is the same after an import into another database", () =>
    Effect.gen(function* () {
      const { here, there } = yield* files
      yield* filled(here)
      const from = yield* Sqlite.archive({ filename: here })
      const to = yield* Sqlite.archive({ filename: there })
      const lines = yield* from.exportRun("ended")
      assert.isAbove(lines.length, 5)
      assert.strictEqual(yield* to.importRun(lines), "ended")
      assert.deepStrictEqual(yield* to.exportRun("ended"), lines)
      const again = yield* Effect.flip(to.importRun(lines))
      assert.strictEqual(again._tag === "NotImported" ? again.reason : again._tag, "RunExists")
      assert.deepStrictEqual(yield* to.exportRun("nobody"), [])
    })
  )

  it.live("takes corrections of its costs along, and is not corrected a second time elsewhere", () =>
    Effect.gen(function* () {
      const { here, there } = yield* files
      const usage = { inputUncached: 123, outputText: 45 }
      const told = yield* Effect.gen(function* () {
        const { costs, start, watch } = yield* Runtime
        const { cancel, result } = yield* start("Hang.", { threadId: "thread", runId: "cut" })
        yield* Stream.runDrain(Stream.takeUntil(watch("cut"), ({ event }) => event.type === "text"))
        yield* cancel
        yield* Effect.exit(result)
        yield* costs.correct({ runId: "cut", step: 1, usage })
        return (yield* costs.by({ runId: "cut" })).sum
      }).pipe(Effect.provide(runtime(here)))
      assert.deepInclude(told, { promptTokens: 123, completionTokens: 45, corrections: 1 })
      const from = yield* Sqlite.archive({ filename: here })
      const to = yield* Sqlite.archive({ filename: there })
      const lines = yield* from.exportRun("cut")
      yield* to.importRun(lines)
      assert.deepStrictEqual(yield* to.exportRun("cut"), lines)
      yield* Effect.gen(function* () {
        const { costs } = yield* Runtime
        assert.deepStrictEqual((yield* costs.by({ runId: "cut" })).sum, told)
        assert.isTrue((yield* costs.estimates("cut"))?.[0]?.isCorrected)
        const again = yield* Effect.flip(costs.correct({ runId: "cut", step: 1, usage }))
        assert.strictEqual(again.reason, "AlreadyCorrected")
      }).pipe(Effect.provide(runtime(there)))
    })
  )

  it.live(
    "that was replaced is what was asked in its branch, also after it was forgotten, and goes with its thread",
    () =>
      Effect.gen(function* () {
        const { here, there } = yield* files
        const asked = Effect.gen(function* () {
          const { complete, threads } = yield* Runtime
          yield* complete("One.", { threadId: "thread", runId: "first" })
          yield* complete("Two.", { threadId: "thread", runId: "second" })
          yield* complete("Again.", { threadId: "thread", runId: "third", replaces: "first" })
          return yield* threads.branches("thread")
        })
        const branches = yield* Effect.provide(asked, runtime(here))
        const archive = yield* Sqlite.archive({ filename: here })
        const lines = yield* archive.exportRun("second")
        const kinds = lines.map((line) => Schema.decodeUnknownSync(Schema.fromJsonString(Line))(line).kind)
        assert.deepStrictEqual(
          ["history", "message"].map((kind) => kinds.filter((one) => one === kind).length),
          [2, 2]
        )
        assert.strictEqual(yield* archive.forgetEnded(Number.MAX_SAFE_INTEGER), 3)
        assert.strictEqual(yield* archive.importRun(lines), "second")
        assert.deepStrictEqual(yield* archive.exportRun("second"), lines)
        const read = Effect.gen(function* () {
          const { threads } = yield* Runtime
          return [(yield* threads.get("thread")).length, yield* threads.branches("thread")]
        })
        assert.deepStrictEqual(yield* Effect.provide(read, runtime(here)), [2, branches])
        assert.strictEqual(yield* (yield* Sqlite.archive({ filename: there })).importRun(lines), "second")
        assert.strictEqual((yield* archive.holdings({ threadId: "thread" })).messages, 6)
        assert.strictEqual((yield* archive.erase({ threadId: "thread" })).messages, 6)
        const rows = (table: string) => {
          const database = new DatabaseSync(here)
          const found = database.prepare(`SELECT count(*) AS n FROM ${table}`).get()
          database.close()
          return found?.["n"]
        }
        assert.deepStrictEqual([rows("reins_branches"), rows("reins_branch_messages")], [0, 0])
      })
  )

  it.live("continues in the other database if it had not ended", () =>
    Effect.gen(function* () {
      const { here, there } = yield* files
      yield* filled(here)
      const from = yield* Sqlite.archive({ filename: here })
      const to = yield* Sqlite.archive({ filename: there })
      yield* to.importRun(yield* from.exportRun("paused"))
      yield* Effect.gen(function* () {
        const { pendingApprovals, respondToApproval, threads, watch } = yield* Runtime
        const [question] = yield* pendingApprovals()
        yield* respondToApproval(question?.request.id ?? "", Decision.approve())
        const log = yield* Stream.runCollect(watch("paused"))
        assert.isTrue([...log].some(({ event }) => event.type === "finish" && event.finishReason === "stop"))
        assert.deepStrictEqual(
          (yield* threads.get("thread")).map((message) => message.role),
          ["user", "assistant", "user", "assistant", "tool", "assistant"]
        )
      }).pipe(Effect.provide(runtime(there)))
    })
  )

  it.live("keeps events of a later version, and continues after them", () =>
    Effect.gen(function* () {
      const { here, there } = yield* files
      yield* filled(here)
      const later = '{"type":"message-withdrawn","text":"stop","at":[1,null]}'
      yield* Effect.acquireUseRelease(
        Effect.sync(() => new DatabaseSync(here)),
        (db) =>
          Effect.sync(() => {
            db.prepare(
              `INSERT INTO reins_events (run_id, seq, at, path, event)
               SELECT run_id, MAX(seq) + 1, MAX(at), '[]', ? FROM reins_events WHERE run_id = 'paused'`
            ).run(later)
            db.exec("UPDATE reins_runs SET last_seq = last_seq + 1 WHERE run_id = 'paused'")
          }),
        (db) => Effect.sync(() => db.close())
      )
      const to = yield* Sqlite.archive({ filename: there })
      const lines = yield* (yield* Sqlite.archive({ filename: here })).exportRun("paused")
      assert.isTrue(lines.some((line) => line.includes(later)))
      yield* to.importRun(lines)
      assert.deepStrictEqual(yield* to.exportRun("paused"), lines)
      for (const filename of [here, there]) {
        yield* Effect.gen(function* () {
          const { pendingApprovals, respondToApproval, watch } = yield* Runtime
          const [question] = yield* pendingApprovals()
          yield* respondToApproval(question?.request.id ?? "", Decision.approve())
          const log = [...(yield* Stream.runCollect(watch("paused")))]
          const [foreign] = log.filter(({ event }) => event.type === "custom")
          assert.deepStrictEqual(foreign && Event.toJson(foreign.event), JSON.parse(later))
          assert.deepStrictEqual(Ordering.check(log), [])
          assert.isTrue(log.some(({ event }) => event.type === "finish" && event.finishReason === "stop"))
        }).pipe(Effect.provide(runtime(filename)))
      }
    })
  )

  it.live("is refused completely when a line is invalid", () =>
    Effect.gen(function* () {
      const { here, there } = yield* files
      yield* filled(here)
      const lines = yield* (yield* Sqlite.archive({ filename: here })).exportRun("ended")
      const to = yield* Sqlite.archive({ filename: there })
      const [first = "", ...rest] = lines
      const cut = yield* Effect.flip(to.importRun([first, ...rest.slice(0, 2), (rest[2] ?? "").slice(0, 20)]))
      assert.strictEqual(cut.message, "Line 4 is not a line of an exported run")
      assert.strictEqual((yield* Effect.flip(to.importRun(rest))).message, "Not an exported run")
      assert.deepStrictEqual(yield* to.exportRun("ended"), [])
    })
  )
})

describe("a run that ended long ago", () => {
  it.live("is deleted except for its id and its thread's messages, while a waiting run is kept", () =>
    Effect.gen(function* () {
      const { here } = yield* files
      yield* filled(here)
      const archive = yield* Sqlite.archive({ filename: here })
      assert.strictEqual(yield* archive.forgetEnded(0), 0)
      assert.strictEqual(yield* archive.forgetEnded(Number.MAX_SAFE_INTEGER), 1)
      assert.strictEqual(yield* archive.forgetEnded(Number.MAX_SAFE_INTEGER), 0)
      yield* Effect.gen(function* () {
        const { pendingApprovals, start, threads, watch } = yield* Runtime
        assert.deepStrictEqual([...(yield* Stream.runCollect(watch("ended")))], [])
        const refused = yield* Effect.flip(start("Again.", { threadId: "other", runId: "ended" }))
        assert.strictEqual(refused.reason._tag, "RunExists")
        assert.strictEqual((yield* threads.get("thread")).length, 2)
        assert.strictEqual((yield* pendingApprovals()).length, 1)
      }).pipe(Effect.provide(runtime(here)))
    })
  )
})

/** A model that streams one word per turn of the clock, each a commit of its own. */
const slow = (words: number) =>
  Model.of({
    provider: "scripted",
    model: "slow",
    attempt: (_, emit) =>
      Effect.gen(function* () {
        for (let index = 0; index < words; index++) {
          emit([{ type: "text", text: `word ${index} ` }])
          yield* Effect.sleep(3)
        }
        emit([{ type: "finish", reason: "stop", usage: { inputUncached: 1, outputText: words } }])
      })
  })

const rows = (filename: string, text: string) =>
  Effect.acquireUseRelease(
    Effect.sync(() => new DatabaseSync(filename)),
    (db) => Effect.sync(() => Number(db.prepare(text).get()?.["count"])),
    (db) => Effect.sync(() => db.close())
  )

const textRows = 'SELECT count(*) AS count FROM reins_events WHERE event LIKE \'{"type":"text"%\''

describe("streamed text", () => {
  /** A runtime whose store completes `packed` when it has packed a run. */
  const streaming = (filename: string, packed: Deferred.Deferred<void>) =>
    Runtime.layer({ agents: [Agent.make("speaker", {})] }).pipe(
      Layer.provide([
        Layer.succeed(Model, slow(60)),
        Layer.effect(
          Deployment.Deployment,
          Effect.map(Sqlite.journal({ filename }), (store) =>
            journalHost(
              {
                ...store,
                pack: (runId) => Effect.andThen(store.pack?.(runId) ?? Effect.void, Deferred.succeed(packed, undefined))
              },
              { gatherMs: 0 }
            )
          )
        )
      ])
    )

  it.live("is packed into one row when its run has ended, and watchers see every event, from any position", () =>
    Effect.gen(function* () {
      const { here } = yield* files
      const packed = yield* Deferred.make<void>()
      yield* Effect.gen(function* () {
        const { start, watch } = yield* Runtime
        yield* start("Speak.", { runId: "run" })
        const live = [...(yield* Stream.runCollect(watch("run")))]
        yield* Deferred.await(packed)
        assert.strictEqual(yield* rows(here, textRows), 1)
        const texts = live.filter(({ event }) => event.type === "text")
        assert.strictEqual(texts.length, 60)
        for (const after of [0, 1, 17, 60]) {
          assert.deepStrictEqual([...(yield* Stream.runCollect(watch("run", { after })))], live.slice(after))
        }
      }).pipe(Effect.provide(streaming(here, packed)))
    })
  )

  it.live("that was left unpacked is packed by an operator, once", () =>
    Effect.gen(function* () {
      const { here } = yield* files
      const packed = yield* Deferred.make<void>()
      const before = yield* Effect.gen(function* () {
        const { start, watch } = yield* Runtime
        yield* start("Speak.", { runId: "run" })
        const live = [...(yield* Stream.runCollect(watch("run")))]
        yield* Deferred.await(packed)
        return live.map((envelope) => JSON.stringify(envelope))
      }).pipe(Effect.provide(streaming(here, packed)))
      // As a version without packing left it.
      const loose = new DatabaseSync(here)
      loose.exec('DELETE FROM reins_events WHERE event LIKE \'{"type":"text"%\'')
      const insert = loose.prepare(
        "INSERT INTO reins_events (run_id, seq, at, path, event) VALUES ('run', ?, ?, '[]', ?)"
      )
      for (const line of before) {
        const { at, event, seq } = JSON.parse(line)
        if (event.type === "text") insert.run(seq, at, JSON.stringify(event))
      }
      loose.exec("UPDATE reins_runs SET packed = 0")
      loose.close()
      const archive = yield* Sqlite.archive({ filename: here })
      assert.deepStrictEqual(yield* archive.packEnded(0), { runs: 0, rows: 0 })
      assert.deepStrictEqual(yield* archive.packEnded(Number.MAX_SAFE_INTEGER), { runs: 1, rows: 59 })
      assert.deepStrictEqual(yield* archive.packEnded(Number.MAX_SAFE_INTEGER), { runs: 0, rows: 0 })
      assert.strictEqual(yield* rows(here, textRows), 1)
      const after = (yield* archive.exportRun("run")).flatMap((line) => {
        const parsed = JSON.parse(line)
        return parsed.kind === "event" ? [JSON.stringify(parsed.envelope)] : []
      })
      assert.deepStrictEqual(
        after.map((line) => JSON.parse(line)),
        before.map((line) => JSON.parse(line))
      )
    })
  )
})
