/**
 * Damaged rows, for every SQL store: a process leaves two threads with a parked run each and an idle one, a row is
 * damaged, and the next process opens the database. What the row concerns fails with a typed error, and nothing else
 * does.
 */
import { assert } from "@effect/vitest"
import type { Event } from "@reins/protocol"
import { Agent, Decision, Model, Runtime, ToolRun } from "@reins/runtime"
import { ScriptedModel } from "@reins/runtime/testing"
import { Context, Effect, Layer, References, Schema, Stream } from "effect"
import { Tool, Toolkit } from "effect/ai"

/** A database under test. */
export interface Place {
  readonly layer: Layer.Layer<never, unknown>
  readonly alter: (statement: string) => Effect.Effect<void>
}

const keep = Tool.make("keep", { success: Schema.String, dependencies: [ToolRun], needsApproval: true })
const kit = Toolkit.make(keep)
const handlers = kit.toLayer({
  keep: () =>
    Effect.gen(function* () {
      const run = yield* ToolRun
      return yield* Effect.orDie(
        run.storeFile({
          filename: "a.txt",
          mediaType: "text/plain",
          content: new TextEncoder().encode("kept")
        })
      )
    })
})

const desk = Agent.make("desk", { toolkit: kit })
const model = ScriptedModel.make({
  respond: (request) =>
    request.messages.at(-1)?.role === "user" && JSON.stringify(request.messages.at(-1)).includes("keep")
      ? ScriptedModel.calls([{ id: "c1", name: "keep", args: {} }])
      : ScriptedModel.text("Done.")
})

/** A process over the database, for as long as the scope. */
export const life = ({ layer }: Place) =>
  Effect.map(
    Layer.build(
      Runtime.layer({ agents: [desk] }).pipe(
        Layer.provide([handlers, Layer.succeed(Model, model), Layer.orDie(Layer.fresh(layer))])
      )
    ),
    (context) => Context.get(context, Runtime)
  )

type Service = Runtime["Service"]

/** Answers the question of a run, and reads it to its end. */
const allow = Effect.fnUntraced(function* (runtime: Service, runId: string) {
  const [asked] = yield* runtime.pendingApprovals({ runId })
  yield* runtime.respondToApproval(asked?.request.id ?? "", Decision.approve())
  return yield* lastOf(runtime, runId)
})

export const lastOf = (runtime: Service, runId: string) =>
  Stream.runCollect(runtime.watch(runId)).pipe(
    Effect.map((envelopes) => envelopes.map(({ event }) => event)),
    Effect.timeout("3 seconds")
  )

const finished = (events: ReadonlyArray<Event>) =>
  events.flatMap((event) => (event.type === "finish" ? [event.finishReason] : []))

/** What the first process leaves; answers the id of what the run of `hurt` asks. */
export const leave = (place: Place) =>
  Effect.scoped(
    Effect.gen(function* () {
      const runtime = yield* life(place)
      for (const name of ["hurt", "well"]) {
        yield* runtime.complete("hello", { threadId: name })
        yield* runtime.start("keep this", { threadId: name, runId: `run-${name}` })
        yield* Stream.runDrain(
          Stream.takeUntil(runtime.watch(`run-${name}`), ({ event }) => event.type === "approval-required")
        )
        yield* runtime.grants.give({ by: "mia", tool: "keep", threadId: `of-${name}`, scope: "thread", uses: 3 })
      }
      yield* runtime.complete("hello", { threadId: "idle", runId: "run-idle" })
      yield* runtime.threads.limit("idle", { maxSteps: 100 })
      yield* runtime.start("keep this", { threadId: "filed", runId: "run-filed" })
      yield* Stream.runDrain(
        Stream.takeUntil(runtime.watch("run-filed"), ({ event }) => event.type === "approval-required")
      )
      const [asked] = yield* runtime.pendingApprovals({ runId: "run-hurt" })
      yield* allow(runtime, "run-filed")
      return asked?.request.id ?? ""
    })
  )

/** What a damage concerns, and so what must be so. */
type Checks = (runtime: Service, askedOfHurt: string) => Effect.Effect<void, unknown>

const code = (events: ReadonlyArray<Event>) =>
  events.flatMap((event) => (event.type === "error" ? [event.error.code] : []))

/** The run cannot be carried: its followers get an error, a cancel ends it, and then its thread can be deleted. */
const run: Checks = (runtime) =>
  Effect.gen(function* () {
    assert.deepStrictEqual(code(yield* lastOf(runtime, "run-hurt")).slice(-1), ["E_DATA_DAMAGED"])
    const busy = yield* Effect.flip(runtime.complete("Go on.", { threadId: "hurt" }))
    assert.strictEqual(busy.reason._tag, "ThreadBusy")
    assert.isTrue(yield* runtime.cancel("run-hurt"))
    assert.strictEqual((yield* runtime.status("run-hurt"))?.state, "ended")
    assert.deepStrictEqual(yield* runtime.pendingApprovals({ runId: "run-hurt" }), [])
    yield* lastOf(runtime, "run-hurt")
    assert.isTrue(yield* runtime.threads.delete("hurt"))
  })

/** The thread cannot be used by a run: a query is rejected and says why, and the thread can be deleted. */
const thread: Checks = (runtime) =>
  Effect.gen(function* () {
    const rejected = yield* Effect.flip(runtime.complete("Go on.", { threadId: "idle" }))
    assert.strictEqual(rejected.reason._tag, "ThreadDamaged")
    assert.include(rejected.message, "Restore it from a backup")
    const streamed = yield* Effect.flip(Stream.runDrain(runtime.query("Go on.", { threadId: "idle", onBusy: "queue" })))
    assert.strictEqual(streamed.reason._tag, "ThreadDamaged")
    assert.strictEqual((yield* runtime.threads.info("idle"))?.runId, undefined)
    assert.isTrue(yield* runtime.threads.delete("idle"))
    assert.strictEqual((yield* runtime.complete("hello", { threadId: "idle" })).output, "Done.")
  })

const messages: Checks = (runtime) =>
  Effect.gen(function* () {
    const unread = yield* Effect.flip(runtime.threads.get("idle"))
    assert.strictEqual(unread._tag, "DataDamaged")
    assert.strictEqual((yield* Effect.flip(runtime.threads.fork("idle")))._tag, "DataDamaged")
    const { threadId } = yield* runtime.threads.fork("idle", { at: 1 })
    assert.strictEqual((yield* runtime.threads.get(threadId)).length, 1)
    yield* thread(runtime, "")
  })

const limits: Checks = (runtime) =>
  Effect.gen(function* () {
    const listed = (yield* runtime.threads.list()).find(({ threadId }) => threadId === "idle")
    assert.isTrue(listed?.isDamaged)
    assert.strictEqual((yield* runtime.threads.get("idle")).length, 2)
    yield* thread(runtime, "")
  })

const question: Checks = (runtime, askedOfHurt) =>
  Effect.gen(function* () {
    const refused = yield* Effect.flip(runtime.respondToApproval(askedOfHurt, Decision.approve()))
    assert.strictEqual(refused.reason._tag, "ApprovalDamaged")
    assert.isTrue(yield* runtime.cancel("run-hurt"))
    assert.deepStrictEqual(finished(yield* lastOf(runtime, "run-hurt")), ["cancelled"])
  })

/** The damaged grant is gone; the other serves. */
const grant: Checks = (runtime) =>
  Effect.gen(function* () {
    const kept = yield* runtime.grants.list()
    assert.deepStrictEqual(
      kept.map(({ threadId }) => threadId),
      ["of-well"]
    )
    const asked = (threadId: string) =>
      Stream.runCollect(
        Stream.takeUntil(
          runtime.query("keep this", { threadId }),
          ({ type }) => type === "approval-required" || type === "finish"
        )
      )
    assert.deepStrictEqual((yield* asked("of-well")).at(-1)?.type, "finish")
    assert.deepStrictEqual((yield* asked("of-hurt")).at(-1)?.type, "approval-required")
  })

const file: Checks = (runtime) =>
  Effect.gen(function* () {
    const [info] = yield* runtime.files.list("filed")
    assert.strictEqual((yield* Effect.flip(runtime.files.get(info?.fileId ?? "")))._tag, "DataDamaged")
    assert.strictEqual((yield* runtime.threads.get("filed")).length, 4)
    assert.isTrue(yield* runtime.threads.delete("filed"))
  })

export interface Case {
  readonly table: string
  readonly column: string
  readonly where: string
  /** SQL of the current value. */
  readonly value: string
  readonly checks: Checks
}

const ofHurt = "run_id = 'run-hurt'"
const first = `${ofHurt} AND seq = 2`
const cut = (column: string) => `substr(${column}, 1, length(${column}) / 2)`
const texts = (column: string) => ["''", `'{"type":"tex'`, "'7'", `'{"type":7}'`, `'[1,[2]'`, cut(column)]

const inText = (
  table: string,
  column: string,
  where: string,
  checks: Checks,
  values = texts(column)
): ReadonlyArray<Case> => values.map((value) => ({ table, column, where, value, checks }))

const ofRun = [
  ...inText("reins_runs", "record", ofHurt, run, [`'{"runId":"run-hurt"}'`, "'x'", cut("record")]),
  ...inText("reins_events", "event", first, run),
  ...inText("reins_events", "path", first, run, ["'x'", "'[1]'"]),
  ...inText("reins_events", "packed", first, run, ["'[[-1]]'"]),
  ...inText("reins_marks", "value", ofHurt, run, [cut("value") + " || '{'"]),
  ...inText("reins_marks", "spent", ofHurt, run, [`'[{"kind":"nobody"}]'`, "'{}'"]),
  ...inText("reins_marks", "kind", `${ofHurt} AND kind = 'result'`, run, ["'nothing'"])
]

const ofThread = [
  ...inText("reins_messages", "message", "thread_id = 'idle' AND position = 2", messages),
  ...inText("reins_threads", "limits", "thread_id = 'idle'", limits, [`'{"maxSteps":"x"}'`, "'{'", "'7'"]),
  ...inText("reins_threads", "kept", "thread_id = 'idle'", limits, ["'{}'", cut("kept")])
]

const others = [
  ...inText("reins_approvals", "request", ofHurt, question, ["'{}'", cut("request")]),
  ...inText("reins_approvals", "path", ofHurt, question, ["'x'"]),
  ...inText("reins_grants", "document", `document LIKE '%of-hurt%'`, grant, ["'{}'", cut("document")]),
  ...inText("reins_files", "content", "thread_id = 'filed'", file, ["'****'", "substr(content, 1, 4)"])
]

/** Damages that a database with typed columns can have, too. */
export const textual: ReadonlyArray<Case> = [...ofRun, ...ofThread, ...others]

/** Damages of columns of numbers, in a database that takes any value in any column. */
export const numeric: ReadonlyArray<Case> = [
  ...["last_seq", "last_at"].flatMap((column) => inText("reins_runs", column, ofHurt, run, ["'x'"])),
  ...["seq", "at"].flatMap((column) => inText("reins_marks", column, ofHurt, run, ["'x'"])),
  ...inText("reins_events", "at", first, run, ["'x'"]),
  ...inText("reins_threads", "version", "thread_id = 'idle'", limits, ["'x'"])
]

/** Leaves a database, damages it, and opens it again. */
export const check = (place: Place, { checks, column, table, value, where }: Case) =>
  Effect.gen(function* () {
    const asked = yield* leave(place)
    yield* place.alter(`UPDATE ${table} SET ${column} = ${value} WHERE ${where}`)
    const runtime = yield* life(place)
    const listed = yield* runtime.threads.list()
    assert.includeMembers(
      listed.map(({ threadId }) => threadId),
      ["hurt", "well", "idle", "filed"]
    )
    assert.deepStrictEqual(finished(yield* allow(runtime, "run-well")), ["stop"])
    yield* checks(runtime, asked)
    const after = yield* runtime.complete("hello", { threadId: "new" })
    assert.strictEqual(after.output, "Done.")
  }).pipe(Effect.scoped, Effect.provideService(References.MinimumLogLevel, "None"))
