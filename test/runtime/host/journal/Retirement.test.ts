/**
 * An owner whose commit failed is retired: its remaining work is stopped at once, nothing waits for it forever, and the
 * run continues under the next owner.
 */
import { assert, describe, it } from "@effect/vitest"
import { Agent, Deployment, Model, type ModelPort, Runtime, ToolRun } from "@reins/runtime"
import {
  type Batch,
  journalHost,
  type JournalStore,
  MemoryJournal,
  type Opened,
  StoreFailure
} from "@reins/runtime/journal"
import { ScriptedModel } from "@reins/runtime/testing"
import { Deferred, Effect, Fiber, Layer, References, Schema, Stream } from "effect"
import { Tool, Toolkit } from "effect/ai"
import { TestClock } from "effect/testing"
import * as Opening from "../../../support/Opening.ts"

const quiet = Effect.provideService(References.MinimumLogLevel, "None")

/** A store whose commits fail, `times` over, from the first that `when` says. */
const failing = (when: (batch: Batch) => boolean, times = 1) => {
  const journal = MemoryJournal.make()
  let left = times
  let begun = false
  const commit: JournalStore["commit"] = (batch) =>
    Effect.suspend(() => {
      begun ||= when(batch)
      return begun && left-- > 0 ? Effect.fail(new StoreFailure({ operation: "commit" })) : journal.commit(batch)
    })
  const store: JournalStore = { ...journal, commit }
  return { journal, store }
}

const says = (batch: Batch, type: string) => batch.envelopes.some(({ event }) => event.type === type)

const deployed = (store: JournalStore) =>
  Layer.succeed(Deployment.Deployment, journalHost(store, { gatherMs: 0, pollMs: Number.POSITIVE_INFINITY }))

const ends = (journal: MemoryJournal.MemoryJournal) =>
  journal.log("run").flatMap(({ event }) => (event.type === "finish" || event.type === "error" ? [event.type] : []))

describe("an owner whose commit failed", () => {
  it.effect("does not keep a model running", () => {
    const { journal, store } = failing((batch) => says(batch, "text"))
    let requests = 0
    const model: ModelPort = {
      provider: "test",
      model: "talker",
      attempt: (_request, emit) =>
        Effect.promise(async () => {
          requests++
          for (let count = 0; count < 10_000; count++) {
            await emit([{ type: "text", text: "a" }])
            if (count % 100 === 0) await new Promise<void>((resolve) => queueMicrotask(resolve))
          }
          await emit([{ type: "finish", reason: "stop" }])
        })
    }
    const layer = Runtime.layer({ agents: [Agent.make("talker", {})] }).pipe(
      Layer.provide([Layer.succeed(Model, model), deployed(store)])
    )
    return Effect.gen(function* () {
      const { start } = yield* Runtime
      yield* start("Talk.", { runId: "run" })
      for (let second = 0; second < 5; second++) yield* TestClock.adjust("1 second")
      assert.strictEqual(requests, 2)
      assert.deepStrictEqual(ends(journal), ["finish"])
    }).pipe(Effect.provide(layer), quiet)
  })

  it.effect(
    "fails no report of a cost that its handler does not wait for, and the next owner counts what it stored",
    () => {
      const { journal, store } = failing((batch) => batch.marks.some(({ name }) => name.startsWith("cost/")))
      const Pay = Tool.make("pay", { success: Schema.String, dependencies: [ToolRun] }).annotate(Tool.Idempotent, true)
      class Tools extends Toolkit.make(Pay) {}
      let begun = 0
      const pay = () =>
        Effect.gen(function* () {
          const run = yield* ToolRun
          begun++
          // As an async function does that does not await it: what it fails with would end the process.
          void Effect.runPromise(run.reportCost(0.1))
          yield* Effect.sleep("1 second")
          return "paid"
        })
      const layer = Runtime.layer({ agents: [Agent.make("worker", { toolkit: Tools })] }).pipe(
        Layer.provide([
          Tools.toLayer({ pay }),
          Layer.succeed(
            Model,
            ScriptedModel.make({
              respond: (request) =>
                ScriptedModel.lastResults(request).length > 0
                  ? ScriptedModel.text("done")
                  : ScriptedModel.calls([{ id: "c1", name: "pay", args: {} }])
            })
          ),
          deployed(store)
        ])
      )
      return Effect.gen(function* () {
        const { start } = yield* Runtime
        yield* start("Pay.", { runId: "run" })
        for (let second = 0; second < 10; second++) yield* TestClock.adjust("1 second")
        assert.strictEqual(begun, 2)
        const costs = journal
          .log("run")
          .flatMap(({ event }) => (event.type === "data-cost-summary" ? [event.data] : []))
        assert.deepStrictEqual(
          costs.map(({ costUsd, pricedUsd }) => costUsd ?? pricedUsd),
          [0.1]
        )
      }).pipe(Effect.provide(layer), quiet)
    }
  )

  it.effect("stops its tools before the next owner starts them", () => {
    const { journal, store } = failing((batch) => says(batch, "tool-progress"))
    const Work = Tool.make("work", {
      parameters: Schema.Struct({}),
      success: Schema.String,
      dependencies: [ToolRun]
    }).annotate(Tool.Idempotent, true)
    class Tools extends Toolkit.make(Work) {}
    let running = 0
    let most = 0
    const work = () =>
      Effect.gen(function* () {
        const run = yield* ToolRun
        most = Math.max(most, ++running)
        yield* run.progress({ label: "begun", phaseIndex: 1, totalPhases: 2 })
        yield* Effect.sleep("1 minute")
        return "done"
      }).pipe(Effect.ensuring(Effect.sync(() => running--)))
    const layer = Runtime.layer({ agents: [Agent.make("worker", { toolkit: Tools })] }).pipe(
      Layer.provide([
        Tools.toLayer({ work }),
        Layer.succeed(
          Model,
          ScriptedModel.make({
            respond: (request) =>
              ScriptedModel.lastResults(request).length > 0
                ? ScriptedModel.text("Done.")
                : ScriptedModel.calls([{ id: "c1", name: "work", args: {} }])
          })
        ),
        deployed(store)
      ])
    )
    return Effect.gen(function* () {
      const { start } = yield* Runtime
      yield* start("Work.", { runId: "run" })
      yield* TestClock.adjust("500 millis")
      assert.strictEqual(running, 0)
      yield* TestClock.adjust("1 second")
      assert.strictEqual(running, 1)
      yield* TestClock.adjust("1 minute")
      assert.strictEqual(most, 1)
      assert.deepStrictEqual(ends(journal), ["finish"])
    }).pipe(Effect.provide(layer), quiet)
  })

  it.effect("is replaced by another, even when it failed while it ended a failed run", () => {
    const { journal, store } = failing((batch) => says(batch, "error"))
    const model = ScriptedModel.make({ replies: [ScriptedModel.text("a")] })
    const layer = Runtime.layer({ agents: [Agent.make("solo", {})] }).pipe(
      Layer.provide([
        Layer.succeed(Model, { ...model, attempt: () => Effect.die(new Error("struck")) }),
        deployed(store)
      ])
    )
    return Effect.gen(function* () {
      const { start } = yield* Runtime
      const run = yield* start("Hello.", { runId: "run" })
      const reader = yield* Effect.forkChild(Stream.runDrain(run.envelopes))
      for (let second = 0; second < 5; second++) yield* TestClock.adjust("1 second")
      assert.deepStrictEqual(ends(journal), ["error"])
      assert.isDefined(reader.pollUnsafe())
      yield* Fiber.interrupt(reader)
    }).pipe(Effect.provide(layer), quiet)
  })
})

describe("an owner whose run receives a message just before its last commit", () => {
  it.effect("writes nothing, and the run goes on from its log with another step that answers it", () => {
    const journal = MemoryJournal.make()
    const message = { messageId: "m1", content: [{ type: "text", text: "And?" }] }
    let rejected = 0
    const commit: JournalStore["commit"] = (batch) =>
      Effect.gen(function* () {
        // Another process stores it, and this one is not told.
        if (batch.closes !== undefined) yield* journal.answer("run", "inbox/1", message, 0)
        yield* Effect.tapError(journal.commit(batch), () => Effect.sync(() => rejected++))
      })
    const model = ScriptedModel.make({ replies: [ScriptedModel.text("Done."), ScriptedModel.text("Again.")] })
    const layer = Runtime.layer({ agents: [Agent.make("solo", {})] }).pipe(
      Layer.provide([Layer.succeed(Model, model), deployed({ ...journal, commit })])
    )
    return Effect.gen(function* () {
      const runtime = yield* Runtime
      const run = yield* runtime.start("Hello.", { runId: "run", threadId: "thread" })
      const events = yield* Stream.runCollect(run.events)
      assert.deepStrictEqual(
        events.map(({ type }) => type),
        [
          "step-start",
          "text",
          "message-received",
          "step-start",
          "text",
          "finish",
          "data-cost-summary",
          "data-latency-summary"
        ]
      )
      assert.strictEqual(rejected, 1)
      assert.strictEqual(model.requests.length, 2)
      const texts = (yield* journal.threads.read("thread")).flatMap(({ content }) =>
        content.flatMap((part) => (part.type === "text" ? [part.text] : []))
      )
      assert.deepStrictEqual(texts, ["Hello.", "Done.", "And?", "Again."])
    }).pipe(Effect.provide(layer), quiet)
  })
})

describe.each(Opening.ways)("a start that is interrupted in $way", ({ of }) => {
  it.effect("while its run is being opened leaves a run that is executed", () => {
    const journal = of(MemoryJournal.make())
    return Effect.gen(function* () {
      const opening = yield* Deferred.make<void>()
      const gate = yield* Deferred.make<void>()
      // The run is open in the store, and its owner has not heard of it yet.
      const held = <E>(opened: Effect.Effect<Opened | undefined, E>) =>
        Effect.tap(opened, (run) =>
          run === undefined ? Effect.void : Effect.andThen(Deferred.succeed(opening, undefined), Deferred.await(gate))
        )
      const store: JournalStore = {
        ...journal,
        create: (record, change, opens) => held(journal.create(record, change, opens)),
        open: (runId, at) => held(journal.open(runId, at))
      }
      const layer = Runtime.layer({ agents: [Agent.make("solo", {})] }).pipe(
        Layer.provide([
          Layer.succeed(Model, ScriptedModel.make({ replies: [ScriptedModel.text("a")] })),
          deployed(store)
        ])
      )
      yield* Effect.gen(function* () {
        const { start } = yield* Runtime
        const caller = yield* Effect.forkChild(start("Hello.", { runId: "run" }))
        yield* Deferred.await(opening)
        const leaving = yield* Effect.forkChild(Fiber.interrupt(caller))
        yield* TestClock.adjust("1 second")
        yield* Deferred.succeed(gate, undefined)
        yield* Fiber.join(leaving)
        yield* TestClock.adjust("1 second")
        assert.deepStrictEqual(ends(journal), ["finish"])
      }).pipe(Effect.provide(layer))
    }).pipe(quiet)
  })
})
