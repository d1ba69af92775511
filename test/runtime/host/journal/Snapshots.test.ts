/** Runs with long logs: their next owner reads what follows a snapshot, and readers see no difference. */
import { assert, describe, it } from "@effect/vitest"
import { type Envelope, Ordering } from "@reins/protocol"
import { Agent, Decision, Deployment, Model, Runtime } from "@reins/runtime"
import { journalHost, type JournalStore, MemoryJournal, type Opened } from "@reins/runtime/journal"
import { ScriptedModel } from "@reins/runtime/testing"
import { Effect, Fiber, Layer, References, Schema, Stream } from "effect"
import { Tool, Toolkit } from "effect/ai"
import { TestClock } from "effect/testing"
import * as Opening from "../../../support/Opening.ts"

const shape = { parameters: Schema.Struct({}), success: Schema.String }
class Tools extends Toolkit.make(Tool.make("look", shape), Tool.make("pay", { ...shape, needsApproval: true })) {}
const desk = Agent.make("desk", { toolkit: Tools, repeatedCallLimit: false })

/** Twenty steps that look, one that asks to pay, one that answers. */
const reply = ({ metadata: { step } }: { readonly metadata: { readonly step: number } }) =>
  step > 21
    ? ScriptedModel.text("Done.")
    : ScriptedModel.calls([{ id: `c${step}`, name: step === 21 ? "pay" : "look", args: {} }], { text: `Step ${step}.` })

const runtime = (store: JournalStore, looked: () => void = () => {}) =>
  Runtime.layer({ agents: [desk] }).pipe(
    Layer.provide([
      Tools.toLayer({ look: () => Effect.as(Effect.sync(looked), "seen"), pay: () => Effect.succeed("paid") }),
      Layer.succeed(Model, ScriptedModel.make({ respond: reply })),
      Layer.succeed(
        Deployment.Deployment,
        journalHost(store, { pollMs: Number.POSITIVE_INFINITY, gatherMs: 0, snapshotEvery: 10 })
      )
    ])
  )

/** A journal whose runs are opened through `change`; `opened` is what owners found. */
const watched = (of: Opening.Way["of"], change: (opened: Opened, times: number) => Opened = (opened) => opened) => {
  const journal = of(MemoryJournal.make())
  const opened: Array<Opened> = []
  const seen = Effect.map((found: Opened | undefined) => {
    if (found === undefined) return found
    const changed = change(found, opened.length)
    opened.push(changed)
    return changed
  })
  const store: JournalStore = {
    ...journal,
    create: (record, change, opens) => seen(journal.create(record, change, opens)),
    open: (runId, at) => seen(journal.open(runId, at))
  }
  return { journal, opened, store }
}

/** Starts the run, waits until it has asked and was let go, and allows it. */
const carried = Effect.gen(function* () {
  const { pendingApprovals, respondToApproval, start, watch } = yield* Runtime
  yield* start("Look, then pay.", { runId: "run" })
  const seen: Array<Envelope.Envelope> = []
  const watcher = yield* Effect.forkChild(
    Stream.runForEach(watch("run"), (envelope) => Effect.sync(() => seen.push(envelope)))
  )
  yield* TestClock.adjust("10 minutes")
  const [question] = yield* pendingApprovals()
  yield* respondToApproval(question?.request.id ?? "", Decision.approve())
  return { seen, watcher }
})

const isWhole = (log: ReadonlyArray<Envelope.Envelope>, last: string) => {
  assert.deepStrictEqual(Ordering.check(log), [])
  assert.strictEqual(log.at(-1)?.event.type, last)
}

describe.each(Opening.ways)("a run with a long log in $way", ({ of }) => {
  it.effect("is resumed from its snapshot, and repeats nothing", () => {
    const { journal, opened, store } = watched(of)
    let looked = 0
    return Effect.gen(function* () {
      const { seen, watcher } = yield* carried
      yield* TestClock.adjust("10 seconds")
      yield* Fiber.join(watcher)
      assert.strictEqual(opened.length, 2)
      const [before = 0, after = 0] = opened.map(({ envelopes }) => envelopes.length)
      assert.strictEqual(before, 0)
      assert.isAbove(after, 0)
      assert.isBelow(after, 15)
      assert.strictEqual(looked, 20)
      isWhole(seen, "data-latency-summary")
      assert.deepStrictEqual(seen, journal.log("run"))
    }).pipe(Effect.provide(runtime(store, () => looked++)))
  })

  it.effect("can be watched from any position, also one that its owner did not read", () => {
    const { journal, store } = watched(of)
    return Effect.gen(function* () {
      const { watch } = yield* Runtime
      const { watcher } = yield* carried
      const places = [0, 1, 40, journal.log("run").length, -3, Number.NaN]
      const late = yield* Effect.forEach(places, (after) =>
        Effect.forkChild(Stream.runCollect(watch("run", { after })))
      )
      yield* TestClock.adjust("10 seconds")
      yield* Fiber.join(watcher)
      for (const [index, fiber] of late.entries()) {
        const after = places[index] ?? 0
        assert.deepStrictEqual([...(yield* Fiber.join(fiber))], journal.log("run").slice(after > 0 ? after : 0))
      }
    }).pipe(Effect.provide(runtime(store)))
  })

  it.effect("is read whole when this version cannot read its snapshot", () => {
    const { opened, store } = watched(of, (found) => ({
      ...found,
      marks: found.marks.map((mark) => (mark.kind === "snapshot" ? { ...mark, value: { version: 99 } } : mark))
    }))
    let looked = 0
    return Effect.gen(function* () {
      const { seen, watcher } = yield* carried
      yield* TestClock.adjust("10 seconds")
      yield* Fiber.join(watcher)
      assert.strictEqual(opened.length, 2)
      assert.strictEqual(looked, 20)
      isWhole(seen, "data-latency-summary")
    }).pipe(Effect.provide(runtime(store, () => looked++)))
  })

  it.effect("that fails is closed with everything open, including calls from before the snapshot", () => {
    const { journal, opened, store } = watched(of)
    const struck: JournalStore = {
      ...store,
      find: (runId, name) =>
        Effect.suspend(() => (opened.length > 1 ? Effect.die(new Error("struck")) : journal.find(runId, name)))
    }
    return Effect.gen(function* () {
      const { pendingApprovals, start } = yield* Runtime
      yield* start("Look, then pay.", { runId: "run" })
      yield* TestClock.adjust("10 minutes")
      assert.strictEqual((yield* pendingApprovals()).length, 1)
    }).pipe(
      Effect.provide(runtime(struck)),
      Effect.andThen(
        Effect.gen(function* () {
          const { watch } = yield* Runtime
          const log = [...(yield* Stream.runCollect(watch("run")))]
          assert.strictEqual(opened.length, 2)
          assert.isAbove(log.length - (opened[1]?.envelopes.length ?? 0), 20)
          isWhole(log, "error")
        }).pipe(Effect.provide(runtime(struck)))
      ),
      Effect.provideService(References.MinimumLogLevel, "None")
    )
  })
})
