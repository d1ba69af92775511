/** Waits of a run on one name, in both hosts: each is told of the answer, and the run's time counts again after it. */
import { assert, describe, it } from "@effect/vitest"
import { Deployment, ToolRun, ToolSettings } from "@reins/runtime"
import { journalHost, type JournalStore, MemoryJournal } from "@reins/runtime/journal"
import { Deferred, Effect, Fiber, Layer, Queue, Schema, Stream } from "effect"
import { TestClock } from "effect/testing"
import * as Engines from "../../support/Engines.ts"
import * as OneTool from "../../support/OneTool.ts"

type Make = (typeof Deployment.Deployment)["Service"]["make"]
type Drive = Parameters<Make>[0]
type Engine = Parameters<Drive>[2]

/** A deployment whose runs do `work` with their engine instead of what their agent does, or after it. */
const over = (
  services: Layer.Layer<never>,
  work: (engine: Engine, drive: Effect.Effect<void>) => Effect.Effect<void>
) =>
  Layer.effect(
    Deployment.Deployment,
    Effect.map(Effect.provide(Deployment.Deployment, services), ({ make }) => ({
      make: (drive: Drive) =>
        make((record, history, engine, stores) => work(engine, drive(record, history, engine, stores)))
    }))
  )

/** The run's elapsed time, in milliseconds. */
const elapsed = (engine: Engine, name: string) =>
  engine.activity(name, Schema.Number, (work) =>
    Effect.sync(() => ({ value: work.elapsed(), path: [], events: [], spent: [] }))
  )

const row = { path: [], reason: "timer", id: "one" } as const

const wait = (engine: Engine, expires?: { readonly at: number; readonly value: string }) =>
  Effect.map(engine.wait("one", Schema.String, { cancelled: "cancelled", expires }, row), ({ value }) => value)

describe.each(Engines.all)("two waits of a run on one name, %s", (_, services) => {
  /** What `work` returns with the engine of a run that then does what its agent does. */
  const during = <A>(work: (engine: Engine) => Effect.Effect<A>) =>
    Effect.gen(function* () {
      const found = yield* Deferred.make<A>()
      yield* OneTool.start({
        handler: () => Effect.succeed("worked"),
        services: over(services(), (engine, drive) =>
          Effect.andThen(
            Effect.flatMap(work(engine), (value) => Deferred.succeed(found, value)),
            drive
          )
        )
      })
      yield* TestClock.adjust("1 hour")
      return yield* Deferred.await(found)
    })

  it.effect("end together, and the time after them counts", () =>
    during((engine) =>
      Effect.gen(function* () {
        const first = yield* Effect.forkChild(wait(engine), { startImmediately: true })
        const second = yield* wait(engine, { at: 0, value: "expired" })
        const before = yield* elapsed(engine, "before")
        yield* Effect.sleep("1 minute")
        return { values: [yield* Fiber.join(first), second], elapsed: (yield* elapsed(engine, "after")) - before }
      })
    ).pipe(
      Effect.map((found) => assert.deepStrictEqual(found, { values: ["expired", "expired"], elapsed: 60_000 })),
      Effect.scoped
    )
  )

  it.effect("go on until the last of them is left", () =>
    during((engine) =>
      engine.activity("call", Schema.String, ({ cancel }) =>
        Effect.gen(function* () {
          const first = yield* Effect.forkChild(wait(engine), { startImmediately: true })
          const second = yield* Effect.forkChild(wait(engine), { startImmediately: true })
          yield* Effect.sleep("500 millis")
          yield* Fiber.interrupt(first)
          cancel.request()
          return { value: yield* Fiber.join(second), path: [], events: [], spent: [] }
        })
      )
    ).pipe(
      Effect.map((value) => assert.strictEqual(value, "cancelled")),
      Effect.scoped
    )
  )
})

describe.each(Engines.all)("a handler that still waits for a question that was withdrawn, %s", (_, services) => {
  it.effect("does not stop the run's time", () =>
    Effect.gen(function* () {
      const found = yield* Deferred.make<number>()
      const asking = Effect.flatMap(ToolRun, (run) =>
        run.ask({ question: "Which?", schema: { type: "object", properties: {} } })
      )
      const { probe } = yield* OneTool.start({
        handler: () => Effect.uninterruptible(asking),
        tool: OneTool.work.annotate(ToolSettings.Timeout, "5 seconds"),
        services: over(services(), (engine, drive) =>
          Effect.gen(function* () {
            let read = () => 0
            yield* engine.activity("readings", Schema.Null, (work) => {
              read = () => work.elapsed()
              return Effect.succeed({ value: null, path: [], events: [], spent: [] })
            })
            yield* drive
            const before = read()
            yield* Effect.sleep("1 minute")
            yield* Deferred.succeed(found, read() - before)
          })
        )
      })
      yield* probe.next("approval-required")
      yield* TestClock.adjust("1 hour")
      yield* probe.end
      assert.deepStrictEqual(
        probe.of("approval-decision").map(({ data: { outcome } }) => outcome),
        [{ outcome: "cancelled" }]
      )
      assert.strictEqual(yield* Deferred.await(found), 60_000)
    }).pipe(Effect.scoped)
  )
})

describe("a wait of a run on a journal", () => {
  /** What `work` returns with the engine of a run over this store, which is told of nothing by polling. */
  const onJournal = <A>(store: JournalStore, work: (engine: Engine) => Effect.Effect<A>) =>
    Effect.gen(function* () {
      const found = yield* Deferred.make<A>()
      const host = journalHost(store, { gatherMs: 0, pollMs: Number.POSITIVE_INFINITY })
      yield* OneTool.start({
        handler: () => Effect.succeed("worked"),
        services: over(Layer.succeed(Deployment.Deployment, host), (engine, drive) =>
          Effect.andThen(
            Effect.flatMap(work(engine), (value) => Deferred.succeed(found, value)),
            drive
          )
        )
      })
      return yield* Deferred.await(found)
    }).pipe(Effect.scoped)

  it.effect("listens once, however often other processes wake it, and not any more when it is over", () =>
    Effect.gen(function* () {
      const wakes = yield* Queue.unbounded<string>()
      const found = yield* onJournal({ ...MemoryJournal.make(), wakes: Stream.fromQueue(wakes) }, (engine) =>
        engine.activity("call", Schema.Array(Schema.Number), ({ cancel }) =>
          Effect.gen(function* () {
            let listening = 0
            const { add, remove } = cancel
            cancel.add = (listener) => {
              listening += 1
              add.call(cancel, listener)
            }
            cancel.remove = (listener) => {
              listening -= 1
              remove.call(cancel, listener)
            }
            const waiting = yield* Effect.forkChild(wait(engine), { startImmediately: true })
            for (let n = 0; n < 100; n += 1) {
              yield* Queue.offer(wakes, "run")
              yield* TestClock.adjust(1)
            }
            const during = listening
            cancel.request()
            yield* Fiber.join(waiting)
            return { value: [during, listening], path: [], events: [], spent: [] }
          })
        )
      )
      assert.deepStrictEqual(found, [1, 0])
    })
  )
})
