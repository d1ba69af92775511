/**
 * A run that paused and was raised keeps its way when it is carried again: a raised limit stays raised, regardless of
 * later use.
 */
import { assert, describe, it } from "@effect/vitest"
import { Agent, Budget, Deployment, Model, Runtime } from "@reins/runtime"
import { journalHost, MemoryJournal } from "@reins/runtime/journal"
import { Probe, ScriptedModel } from "@reins/runtime/testing"
import { Effect, Layer } from "effect"
import { TestClock } from "effect/testing"
import { Library, Loans } from "../../support/Library.ts"

const call = (id: string) => ScriptedModel.calls([{ id, name: "search", args: { topic: "tides" } }])

const setUp = () => {
  const journal = MemoryJournal.make()
  const model = ScriptedModel.make({ replies: [call("a"), call("b"), ScriptedModel.text("found")] })
  const clerk = Agent.make("clerk", {
    toolkit: Library,
    budget: Budget.make({ maxSteps: 1, onExhausted: "pause" })
  })
  const host = journalHost(journal, { gatherMs: 0, pollMs: Number.POSITIVE_INFINITY })
  const layer = Runtime.layer({ agents: [clerk] }).pipe(
    Layer.provide([Library.layer, Layer.succeed(Model, model), Layer.succeed(Deployment.Deployment, host)]),
    Layer.provideMerge(Loans.layer)
  )
  return { journal, layer, model }
}

describe("a run that pauses a second time", () => {
  it.effect("continues after it was unloaded meanwhile: the first raise stays valid, though all of it is used", () => {
    const { layer, model } = setUp()
    return Effect.gen(function* () {
      const runtime = yield* Runtime
      const run = yield* runtime.start("Look it up.")
      const probe = yield* Probe.watch(run.runId)
      yield* TestClock.adjust("1 second")
      yield* probe.next("approval-required")
      yield* runtime.raiseBudget(run.runId, { maxSteps: 2 })
      yield* TestClock.adjust("1 second")
      yield* probe.next("approval-required", 2)
      yield* TestClock.adjust("10 minutes")
      yield* runtime.raiseBudget(run.runId, { maxSteps: 3 })
      yield* TestClock.adjust("10 seconds")
      yield* probe.end
      assert.deepStrictEqual(
        probe.of("finish").map(({ finishReason }) => finishReason),
        ["stop"]
      )
      assert.strictEqual(probe.of("budget_exhausted").length, 0)
      assert.strictEqual(model.requests.length, 3)
    }).pipe(Effect.provide(layer), Effect.scoped)
  })
})
