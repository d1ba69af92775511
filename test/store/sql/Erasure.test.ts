import { assert, describe, it } from "@effect/vitest"
import { Agent, Decision, Model, Runtime, ToolRun } from "@reins/runtime"
import { ScriptedModel } from "@reins/runtime/testing"
import { Sqlite } from "@reins/store/sqlite"
import { Effect, Layer, Schema, Stream } from "effect"
import { Tool, Toolkit } from "effect/ai"
import { mkdtempSync, readFileSync, readdirSync, rmSync, statSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"

const personal = "Ada Lovelace, born in 1815"

const Note = Tool.make("note", {
  parameters: Schema.Struct({ text: Schema.String }),
  success: Schema.String,
  needsApproval: true,
  dependencies: [ToolRun]
})
class Tools extends Toolkit.make(Note) {}
const desk = Agent.make("desk", { instructions: "Note it.", toolkit: Tools })

const handlers = Tools.toLayer({
  note: Effect.fnUntraced(function* ({ text }) {
    const run = yield* ToolRun
    yield* Effect.orDie(
      run.storeFile({ filename: "note.txt", mediaType: "text/plain", content: new TextEncoder().encode(text) })
    )
    return "noted"
  })
})

/** What a server notes of the thread and of these runs. */
const note = (threadId: string, ...runs: ReadonlyArray<string>) =>
  Effect.gen(function* () {
    const { notes = assert.fail("no notes") } = (yield* Runtime).threads
    const noted = runs.map((runId) => ({ runId, note: `${personal} asked ${runId}` }))
    const thread = { threadId, resourceId: "default" }
    assert.isAbove(yield* notes.put(thread, { version: 0, thread: personal, runs: noted }), 0)
  })

/** The runs that have notes, after those of the thread itself; absent: it has none. */
const notesOf = (threadId: string) =>
  Effect.gen(function* () {
    const { notes = assert.fail("no notes") } = (yield* Runtime).threads
    const found = yield* notes.get({ threadId, resourceId: "default" })
    return found?.runs.map(({ runId }) => runId)
  })

const runtime = (filename: string) =>
  Runtime.layer({ agents: [desk] }).pipe(
    Layer.provide([
      handlers,
      Layer.succeed(
        Model,
        ScriptedModel.make({
          respond: (request) =>
            ScriptedModel.lastResults(request).length === 0
              ? ScriptedModel.calls([{ id: "c", name: "note", args: { text: personal } }])
              : ScriptedModel.text(`Noted: ${personal}.`)
        })
      ),
      Layer.fresh(Sqlite.layer({ filename, gatherMs: 0 }))
    ])
  )

const folder = Effect.acquireRelease(
  Effect.sync(() => mkdtempSync(join(tmpdir(), "reins-erasure-"))),
  (path) => Effect.sync(() => rmSync(path, { recursive: true, force: true }))
)

/** A run that has ended, whose tool was approved for the thread. */
const noted = Effect.fnUntraced(function* (
  threadId: string,
  runId: string,
  resourceId = "default",
  principal?: string
) {
  const { pendingApprovals, respondToApproval, start, watch } = yield* Runtime
  yield* start("Note her.", { threadId, runId, resourceId, principal })
  yield* Stream.runDrain(
    Stream.takeUntil(
      watch(runId),
      ({ event }) => event.type === "approval-required" || event.type === "data-latency-summary"
    )
  )
  const [question] = yield* pendingApprovals({ runId, resourceId })
  if (question !== undefined) {
    yield* respondToApproval(question.request.id, Decision.approve({ by: "ines", scope: "thread" }), { resourceId })
  }
  yield* Stream.runDrain(watch(runId))
})

/** Everything that the store has written, as bytes. */
const bytesOf = (path: string): string =>
  readdirSync(path)
    .map((name) => readFileSync(join(path, name), "latin1"))
    .join("")

describe("erasing", () => {
  it.live("a principal or a thread while its runs are imported waits for the other, and is not refused", () =>
    Effect.gen(function* () {
      const filename = join(yield* folder, "runs.db")
      yield* Effect.provide(noted("ada", "one", "default", "ann"), runtime(filename))
      const [first, second, third] = yield* Effect.all([1, 2, 3].map(() => Sqlite.archive({ filename })))
      const { exportRun, importRun } = first ?? assert.fail("no archive")
      const lines = yield* exportRun("one")
      const settled = <A, E extends { readonly _tag: string }>(effect: Effect.Effect<A, E>) =>
        Effect.match(effect, { onFailure: ({ _tag }) => _tag, onSuccess: () => "done" })
      for (let round = 0; round < 5; round++) {
        const ended = yield* Effect.all(
          [
            settled(importRun(lines)),
            settled(second?.erasePrincipal("ann", { resourceId: "default" }) ?? Effect.fail({ _tag: "none" })),
            settled(third?.erase({ threadId: "ada" }, { principals: true }) ?? Effect.fail({ _tag: "none" }))
          ],
          { concurrency: "unbounded" }
        )
        // What came first may have left nothing for the others to do.
        const refusals = ended.filter((one) => !["done", "NotErased", "NotImported"].includes(one))
        assert.deepStrictEqual(refusals, [])
      }
    }).pipe(Effect.scoped)
  )

  it.live("a thread deletes its messages, files, grants and runs from the bytes of the file, and nothing else", () =>
    Effect.gen(function* () {
      const path = yield* folder
      const filename = join(path, "runs.db")
      yield* Effect.gen(function* () {
        yield* noted("ada", "one")
        yield* noted("ada", "two")
        yield* note("ada", "one", "two")
      }).pipe(Effect.provide(runtime(filename)))
      assert.isTrue(bytesOf(path).includes(personal))
      const deleted = yield* Effect.scoped(
        Effect.gen(function* () {
          const archive = yield* Sqlite.archive({ filename })
          const held = yield* archive.holdings({ threadId: "ada" })
          assert.deepInclude(held, { runs: 2, messages: 8, files: 2, grants: 1 })
          assert.isAbove(held.acts, 0)
          const all = yield* archive.erase({ threadId: "ada" })
          yield* archive.compact
          return all
        })
      )
      assert.deepStrictEqual(deleted, { runs: 2, messages: 8, files: 2, grants: 1, acts: 0 })
      const bytes = bytesOf(path)
      assert.isFalse(bytes.includes(personal))
      assert.isFalse(bytes.includes(Buffer.from(personal).toString("base64").slice(0, 20)))
      yield* Effect.gen(function* () {
        const { approvals, grants, start, status, threads } = yield* Runtime
        assert.deepStrictEqual(yield* threads.list(), [])
        assert.isUndefined(yield* notesOf("ada"))
        assert.deepStrictEqual(yield* grants.list(), [])
        assert.isAbove((yield* approvals.history({ threadId: "ada" })).acts.length, 0)
        const refused = yield* Effect.flip(start("Again.", { threadId: "ada", runId: "one" }))
        assert.strictEqual(refused.reason._tag, "RunExists")
        assert.strictEqual((yield* status("one"))?.lastSeq ?? 0, 0)
      }).pipe(Effect.provide(runtime(filename)))
    })
  )

  it.live("keeps what the runs cost, and of whom unless that is erased, too", () =>
    Effect.gen(function* () {
      const path = yield* folder
      const filename = join(path, "runs.db")
      const who = "ada@example.org"
      const told = Effect.gen(function* () {
        const { costs, runs } = yield* Runtime
        const { sum, totals } = yield* costs.by({ dimensions: ["principal"] })
        const listed = (yield* runs.list()).runs.map(({ isForgotten, principal, runId }) => [
          runId,
          isForgotten,
          principal
        ])
        return { sum, principals: totals.map(({ principal }) => principal), listed: listed.toSorted() }
      }).pipe(Effect.provide(runtime(filename)))
      yield* Effect.gen(function* () {
        yield* noted("ada", "one", "default", who)
        yield* noted("ben", "two", "default", "ben")
      }).pipe(Effect.provide(runtime(filename)))
      const before = yield* told
      const erase = (options: { readonly principals?: boolean }) =>
        Effect.scoped(
          Effect.gen(function* () {
            const archive = yield* Sqlite.archive({ filename })
            yield* archive.erase({ threadId: "ada" }, { ...options, audit: true })
            yield* archive.compact
          })
        )
      yield* erase({})
      const kept = yield* told
      assert.deepStrictEqual([kept.sum, kept.principals], [before.sum, before.principals])
      assert.deepStrictEqual(kept.listed, [
        ["one", true, who],
        ["two", undefined, "ben"]
      ])
      yield* erase({ principals: true })
      const gone = yield* told
      assert.deepStrictEqual([gone.sum, gone.principals], [before.sum, [undefined, "ben"]])
      assert.deepStrictEqual(gone.listed, [
        ["one", true, undefined],
        ["two", undefined, "ben"]
      ])
      assert.isFalse(bytesOf(path).includes(who))
    })
  )

  it.live("spares other threads and other tenants, and takes the audit record only where it is asked for", () =>
    Effect.gen(function* () {
      const filename = join(yield* folder, "runs.db")
      yield* Effect.gen(function* () {
        yield* noted("ada", "one")
        yield* noted("other", "two")
        yield* noted("theirs", "three", "shop")
      }).pipe(Effect.provide(runtime(filename)))
      const archive = yield* Sqlite.archive({ filename })
      const foreign = yield* Effect.flip(archive.erase({ threadId: "theirs" }, { resourceId: "default" }))
      assert.strictEqual(foreign._tag === "NotErased" ? foreign.reason : foreign._tag, "NotFound")
      assert.isAbove((yield* archive.erase({ threadId: "ada" }, { audit: true, resourceId: "default" })).acts, 0)
      assert.strictEqual((yield* archive.holdings({ threadId: "ada" })).acts, 0)
      for (const threadId of ["other", "theirs"]) {
        assert.deepInclude(yield* archive.holdings({ threadId }), { runs: 1, messages: 4, files: 1, grants: 1 })
      }
      const again = yield* Effect.flip(archive.erase({ threadId: "ada" }))
      assert.strictEqual(again.message, "There is nothing of that name in this store")
    })
  )

  it.live("one run keeps its thread's messages, and whole again it is what was exported", () =>
    Effect.gen(function* () {
      const filename = join(yield* folder, "runs.db")
      yield* Effect.gen(function* () {
        yield* noted("ada", "one")
        yield* noted("ada", "two")
        yield* note("ada", "one", "two")
      }).pipe(Effect.provide(runtime(filename)))
      const archive = yield* Sqlite.archive({ filename })
      const lines = yield* archive.exportRun("one")
      assert.strictEqual((yield* archive.erase({ runId: "one" })).runs, 1)
      assert.deepStrictEqual(yield* archive.exportRun("one"), [])
      assert.deepStrictEqual(yield* Effect.provide(notesOf("ada"), runtime(filename)), ["two"])
      assert.strictEqual((yield* archive.holdings({ threadId: "ada" })).messages, 8)
      assert.strictEqual(yield* archive.importRun(lines), "one")
      assert.deepStrictEqual(yield* archive.exportRun("one"), lines)
      assert.strictEqual((yield* archive.holdings({ threadId: "ada" })).messages, 8)
    })
  )

  it.live("is refused while a run waits, names the run, and deletes nothing", () =>
    Effect.gen(function* () {
      const filename = join(yield* folder, "runs.db")
      yield* Effect.gen(function* () {
        const { start, watch } = yield* Runtime
        yield* start("Note her.", { threadId: "ada", runId: "waits" })
        yield* Stream.runDrain(Stream.takeUntil(watch("waits"), ({ event }) => event.type === "approval-required"))
        const archive = yield* Sqlite.archive({ filename })
        for (const subject of [{ threadId: "ada" }, { runId: "waits" }]) {
          const refused = yield* Effect.flip(archive.erase(subject))
          assert.strictEqual(refused.message, "Run waits has not ended. Cancel it first, or wait for its end")
        }
        assert.isAbove((yield* archive.exportRun("waits")).length, 3)
      }).pipe(Effect.provide(runtime(filename)))
    })
  )
})

describe("a backup", () => {
  it.live("made while a process writes is whole, opens elsewhere, and its waiting run goes on there", () =>
    Effect.gen(function* () {
      const path = yield* folder
      const [filename, to] = [join(path, "runs.db"), join(path, "copy.db")]
      yield* Effect.gen(function* () {
        const { start, watch } = yield* Runtime
        yield* noted("ada", "one")
        yield* start("Note her.", { threadId: "grace", runId: "waits" })
        yield* Stream.runDrain(Stream.takeUntil(watch("waits"), ({ event }) => event.type === "approval-required"))
        const writing = Effect.forEach(
          Array.from({ length: 20 }, (_, index) => `t${index}`),
          (threadId) => noted(threadId, `run ${threadId}`)
        )
        const copying = Effect.forEach([1, 2, 3, 4], (turn) => Sqlite.backup({ filename, to: `${to}${turn}` }))
        const [copies] = yield* Effect.all([copying, writing], { concurrency: 2 })
        for (const copy of copies) assert.isAtLeast(copy.runs, 2)
      }).pipe(Effect.provide(runtime(filename)))
      const restored = join(path, "restored.db")
      const held = yield* Sqlite.restore({ from: `${to}1`, filename: restored })
      assert.strictEqual(held.sizeBytes, statSync(restored).size)
      yield* Effect.gen(function* () {
        const { pendingApprovals, respondToApproval, threads, watch } = yield* Runtime
        assert.strictEqual((yield* threads.get("ada")).length, 4)
        const [question] = yield* pendingApprovals({ runId: "waits" })
        yield* respondToApproval(question?.request.id ?? "", "approve")
        const log = yield* Stream.runCollect(watch("waits"))
        assert.isTrue(log.some(({ event }) => event.type === "finish" && event.finishReason === "stop"))
      }).pipe(Effect.provide(runtime(restored)))
      assert.deepStrictEqual(
        readdirSync(path).filter((name) => name.endsWith(".part")),
        []
      )
    })
  )

  it.live("writes over nothing, and of what is no store, damaged or missing it makes none", () =>
    Effect.gen(function* () {
      const path = yield* folder
      const filename = join(path, "runs.db")
      yield* Effect.provide(noted("ada", "one"), runtime(filename))
      const at = (name: string) => join(path, name)
      writeFileSync(at("there"), "mine")
      writeFileSync(at("text"), "no database")
      const whole = readFileSync(filename)
      writeFileSync(at("damaged"), Buffer.concat([whole.subarray(0, 8192), Buffer.alloc(whole.length - 8192, 7)]))
      writeFileSync(at("left.db-wal"), "of another database")
      const why = (effect: Effect.Effect<unknown, { readonly message: string }>) =>
        Effect.map(Effect.flip(effect), ({ message }) => message.replaceAll(`${path}/`, ""))
      assert.match(yield* why(Sqlite.backup({ filename, to: at("there") })), /^there exists already\. Name a new file/)
      assert.strictEqual(readFileSync(at("there"), "utf8"), "mine")
      assert.match(
        yield* why(Sqlite.backup({ filename: at("no.db"), to: at("new") })),
        /^SQLite at no\.db: Cannot open/
      )
      assert.match(yield* why(Sqlite.backup({ filename, to: at("no/new") })), /^no\/new cannot be written\./)
      assert.match(
        yield* why(Sqlite.restore({ from: at("text"), filename: at("new") })),
        /text: .* not a SQLite database/
      )
      assert.match(yield* why(Sqlite.restore({ from: at("damaged"), filename: at("new") })), /damaged/)
      assert.match(yield* why(Sqlite.restore({ from: filename, filename: at("left.db") })), /^left\.db exists already/)
      assert.notInclude(readdirSync(path), "new")
      assert.notInclude(readdirSync(path), "no.db")
    })
  )
})
