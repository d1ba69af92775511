import { assert, describe, it } from "@effect/vitest"
import { Decision } from "@reins/protocol"
import { Agent, Deployment, Model, Runtime } from "@reins/runtime"
import { journalHost, type JournalStore, MemoryJournal, StoreFailure } from "@reins/runtime/journal"
import { Probe, ScriptedModel } from "@reins/runtime/testing"
import { Context, Effect, Fiber, Layer, Schema } from "effect"
import { TestClock } from "effect/testing"
import { Tool, Toolkit } from "effect/ai"

const Pay = Tool.make("pay", { parameters: Schema.Struct({}), success: Schema.String, needsApproval: true })
const Kit = Toolkit.make(Pay)
const desk = Agent.make("desk", { toolkit: Kit })

/** A store that takes no answer the first `failures` times; `stores`: it takes it, and only the word of it is lost. */
const failing = (failures: number, stores: boolean) => {
  const journal = MemoryJournal.make()
  let left = failures
  const answer: JournalStore["answer"] = (...args) =>
    Effect.suspend(() => {
      if (left-- <= 0) return journal.answer(...args)
      const failure = Effect.fail(new StoreFailure({ operation: "answer", cause: "gone" }))
      return stores ? Effect.andThen(journal.answer(...args), failure) : failure
    })
  const store: JournalStore = { ...journal, answer }
  return store
}

/** A run that waits for an approval, and how to give it. */
const asked = (store: JournalStore) =>
  Effect.gen(function* () {
    const model = ScriptedModel.make({
      replies: [ScriptedModel.calls([{ id: "c", name: "pay", args: {} }]), ScriptedModel.text("done")]
    })
    const layer = Runtime.layer({ agents: [desk] }).pipe(
      Layer.provide([
        Kit.toLayer({ pay: () => Effect.succeed("paid") }),
        Layer.succeed(Model, model),
        Layer.succeed(Deployment.Deployment, journalHost(store, { pollMs: Number.POSITIVE_INFINITY, gatherMs: 0 }))
      ])
    )
    const runtime = Context.get(yield* Layer.build(layer), Runtime)
    yield* runtime.start("go", { runId: "run" })
    const probe = yield* Effect.provideService(Probe.watch("run"), Runtime, runtime)
    const { data } = yield* probe.next("approval-required")
    return { probe, respond: runtime.respondToApproval(data.id, Decision.approve()) }
  })

const answered = (store: JournalStore) =>
  Effect.flatMap(asked(store), ({ probe, respond }) =>
    Effect.map(Effect.forkChild(Effect.exit(respond), { startImmediately: true }), (answer) => ({ answer, probe }))
  )

describe("an answer to a store that fails", () => {
  it.effect("waits until it is stored, and the run continues", () =>
    Effect.gen(function* () {
      const { answer, probe } = yield* answered(failing(3, false))
      yield* TestClock.adjust("2 seconds")
      assert.isUndefined(answer.pollUnsafe())
      yield* TestClock.adjust("2 seconds")
      const exit = yield* Fiber.join(answer)
      assert.strictEqual(exit._tag, "Success", String(exit))
      yield* probe.end
    })
  )

  it.effect("counts when it was stored but the acknowledgement was lost", () =>
    Effect.gen(function* () {
      const { answer, probe } = yield* answered(failing(1, true))
      yield* TestClock.adjust("1 second")
      const exit = yield* Fiber.join(answer)
      assert.strictEqual(exit._tag, "Success", String(exit))
      yield* probe.end
    })
  )

  it.effect("is not acknowledged when the store does not recover", () =>
    Effect.gen(function* () {
      const { answer } = yield* answered(failing(Number.POSITIVE_INFINITY, false))
      yield* TestClock.adjust("90 seconds")
      assert.strictEqual((yield* Fiber.join(answer))._tag, "Failure")
    })
  )
})

/** A store that takes half a second to open a run from the second time on. */
const slow = (): JournalStore => {
  const journal = MemoryJournal.make()
  let opened = 0
  const open: JournalStore["open"] = (...args) =>
    Effect.suspend(() => (opened++ === 0 ? journal.open(...args) : Effect.delay(journal.open(...args), 500)))
  return { ...journal, open }
}

describe("an answer whose sender disconnects", () => {
  it.effect("while its run is being opened is not lost: the run continues", () =>
    Effect.gen(function* () {
      const { probe, respond } = yield* asked(slow())
      yield* TestClock.adjust("5 minutes")
      const giver = yield* Effect.forkChild(respond, { startImmediately: true })
      yield* TestClock.adjust(100)
      yield* Effect.forkChild(Fiber.interrupt(giver))
      yield* TestClock.adjust("1 second")
      yield* probe.end
      assert.strictEqual(probe.of("finish")[0]?.finishReason, "stop")
    })
  )
})
