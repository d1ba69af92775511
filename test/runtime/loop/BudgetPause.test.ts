import { assert, describe, it } from "@effect/vitest"
import { Agent, Budget, Decision, Model, Runtime, Specialist } from "@reins/runtime"
import { Probe, ScriptedModel } from "@reins/runtime/testing"
import { Effect, Layer, Result } from "effect"
import { TestClock } from "effect/testing"
import { Library, Loans } from "../../support/Library.ts"

const call = (id: string) => ScriptedModel.calls([{ id, name: "search", args: { topic: "tides" } }])

const setUp = (budget: Budget.Budget) => {
  const model = ScriptedModel.make({ replies: [call("a"), call("b"), ScriptedModel.text("found")] })
  const Clerk = Agent.make("clerk", { toolkit: Library, budget })
  const layer = Runtime.layer({ agents: [Clerk], approvalExpiresIn: "1 hour" }).pipe(
    Layer.provide([Library.layer, Layer.succeed(Model, model)]),
    Layer.provideMerge(Loans.layer)
  )
  return { model, layer }
}

const began = Effect.gen(function* () {
  const runtime = yield* Runtime
  const run = yield* runtime.start("Look it up.")
  const probe = yield* Probe.watch(run.runId)
  const asked = yield* probe.next("approval-required")
  return { runtime, run, probe, asked }
})

describe("a budget that pauses", () => {
  const budget = Budget.make({ maxSteps: 1, onExhausted: "pause" })

  it.effect("asks for more, and the same run continues when it is raised", () => {
    const { layer, model } = setUp(budget)
    return Effect.gen(function* () {
      const { asked, probe, run, runtime } = yield* began
      assert.deepStrictEqual(
        { kind: asked.data.kind, target: asked.data.target, payload: asked.data.payload },
        { kind: "budget", target: "maxSteps", payload: { limit: "maxSteps", max: 1, used: 1 } }
      )
      yield* runtime.raiseBudget(run.runId, { maxSteps: 10 }, { by: "mia" })
      const { output } = yield* run.result
      assert.strictEqual(output, "found")
      assert.strictEqual(model.requests.length, 3)
      yield* probe.end
      assert.isFalse(probe.of("budget_exhausted").length > 0)
    }).pipe(Effect.provide(layer), Effect.scoped)
  })

  it.effect("asks again at the next limit, once for each", () => {
    const { layer } = setUp(budget)
    return Effect.gen(function* () {
      const { probe, run, runtime } = yield* began
      yield* runtime.raiseBudget(run.runId, { maxSteps: 2 })
      yield* probe.next("approval-required", 2)
      yield* runtime.raiseBudget(run.runId, { maxSteps: 3 })
      assert.strictEqual((yield* run.result).output, "found")
    }).pipe(Effect.provide(layer), Effect.scoped)
  })

  it.effect("stops at its limit when the raise is rejected, or nobody answers in time", () =>
    Effect.gen(function* () {
      for (const ending of ["rejected", "expired"] as const) {
        const { layer } = setUp(budget)
        yield* Effect.gen(function* () {
          const { asked, probe, run, runtime } = yield* began
          if (ending === "rejected") yield* runtime.respondToApproval(asked.data.id, Decision.reject())
          else yield* TestClock.adjust("1 hour")
          const reason = yield* Effect.flip(run.result)
          assert.strictEqual(reason.reason._tag, "BudgetExhausted")
          yield* probe.end
          assert.strictEqual(probe.of("budget_exhausted").length, 1)
        }).pipe(Effect.provide(layer), Effect.scoped)
      }
    })
  )

  it.effect("rejects a raise that is not above what is used, and keeps the question open", () => {
    const { layer } = setUp(budget)
    return Effect.gen(function* () {
      const { asked, run, runtime } = yield* began
      const none = [{ maxSteps: 1 }, { maxSteps: -3 }, { maxSteps: Number.NaN }, { maxToolCalls: 9 }, {}]
      for (const limits of [...none, { maxSteps: 9, maxStep: 9 }, { maxSteps: 9, maxCostUsd: 1e300 }]) {
        const refused = yield* Effect.result(runtime.raiseBudget(run.runId, limits))
        assert.isTrue(Result.isFailure(refused) && refused.failure.reason._tag === "InvalidArguments")
      }
      const approved = yield* Effect.result(runtime.respondToApproval(asked.data.id, Decision.approve()))
      assert.isTrue(Result.isFailure(approved) && approved.failure.reason._tag === "InvalidArguments")
      assert.strictEqual((yield* runtime.pendingApprovals()).length, 1)
      yield* run.cancel
    }).pipe(Effect.provide(layer), Effect.scoped)
  })

  it.effect("ends cancelled when it is cancelled while it waits", () => {
    const { layer } = setUp(budget)
    return Effect.gen(function* () {
      const { run } = yield* began
      yield* run.cancel
      assert.strictEqual((yield* Effect.flip(run.result)).reason._tag, "RunCancelled")
    }).pipe(Effect.provide(layer), Effect.scoped)
  })

  it.effect("has no question to raise before it is exhausted", () => {
    const { layer } = setUp(Budget.make({ maxSteps: 10, onExhausted: "pause" }))
    return Effect.gen(function* () {
      const runtime = yield* Runtime
      const refused = yield* Effect.flip(runtime.raiseBudget("run_unknown", { maxSteps: 20 }))
      assert.strictEqual(refused.reason._tag, "ApprovalNotFound")
    }).pipe(Effect.provide(layer))
  })
})

describe("a budget that warns", () => {
  it.effect("reports once that a limit is near", () => {
    const { layer } = setUp(Budget.make({ maxSteps: 4, warnAt: 0.5 }))
    return Effect.gen(function* () {
      const runtime = yield* Runtime
      const run = yield* runtime.start("Look it up.")
      const probe = yield* Probe.watch(run.runId)
      yield* probe.end
      const warnings = probe.of("custom")
      assert.deepStrictEqual(warnings, [
        { type: "custom", event_type: "budget_warning", data: { limit: "maxSteps", max: 4, used: 2 } }
      ])
    }).pipe(Effect.provide(layer), Effect.scoped)
  })
})

describe("a warning about the run's own budget", () => {
  it.effect("is in the root view, also when a specialist used the budget", () => {
    const model = ScriptedModel.make({
      replies: [
        ScriptedModel.calls([{ id: "s", name: "helper", args: { prompt: "Go." } }]),
        ScriptedModel.text("helped"),
        ScriptedModel.text("done")
      ]
    })
    const Helper = Specialist.make("helper", { description: "Helps" })
    const Lead = Agent.make("lead", { specialists: [Helper], budget: Budget.make({ maxSteps: 4, warnAt: 0.5 }) })
    const layer = Runtime.layer({ agents: [Lead] }).pipe(Layer.provide(Layer.succeed(Model, model)))
    return Effect.gen(function* () {
      const runtime = yield* Runtime
      const run = yield* runtime.start("Go.")
      const probe = yield* Probe.watch(run.runId)
      yield* probe.end
      assert.deepStrictEqual(
        probe.envelopes.flatMap(({ agentPath, event }) => (event.type === "custom" ? [agentPath] : [])),
        [[]]
      )
    }).pipe(Effect.provide(layer), Effect.scoped)
  })
})
