import { assert, describe, it } from "@effect/vitest"
import { Agent, Budget, Runtime } from "@reins/runtime"
import { Probe, ScriptedModel } from "@reins/runtime/testing"
import { Effect } from "effect"
import * as Desk from "../../support/Desk.ts"

const run = (budget: Budget.Budget, replies: ReadonlyArray<ScriptedModel.Reply>, maxOutputTokens?: number) => {
  const model = ScriptedModel.make({ replies })
  const Solo = Agent.make("solo", { budget, maxOutputTokens })
  return Effect.gen(function* () {
    const runtime = yield* Runtime
    const { runId } = yield* runtime.start("Go.")
    const probe = yield* Probe.watch(runId)
    yield* probe.end
    return { probe, model }
  }).pipe(Effect.provide(Desk.plain(model, { agents: [Solo] })), Effect.scoped)
}

const cut = (tokens: number) =>
  ScriptedModel.text("and so on", { stop: "length", usage: { inputUncached: 5, outputText: tokens } })

describe("a response that is truncated at the budget's limit", () => {
  it.effect("ends by the budget, and names the limit", () =>
    Effect.gen(function* () {
      const { model, probe } = yield* run(Budget.make({ maxOutputTokens: 50 }), [cut(50)])
      assert.strictEqual(model.requests[0]?.maxOutputTokens, 50)
      assert.strictEqual(probe.of("finish")[0]?.finishReason, "budget")
      assert.strictEqual(probe.of("budget_exhausted")[0]?.code, "E_BUDGET_OUTPUT_TOKENS")
      assert.strictEqual(probe.of("finish")[0]?.usage.completionTokens, 50)
      assert.strictEqual(probe.of("data-cost-summary")[0]?.data.root.rows[0]?.calls, 1)
    })
  )

  it.effect("differs from one that is truncated at its own length", () =>
    Effect.gen(function* () {
      const { probe } = yield* run(Budget.make({ maxOutputTokens: 50 }), [cut(20)], 20)
      assert.strictEqual(probe.of("finish")[0]?.finishReason, "length")
      assert.strictEqual(probe.of("budget_exhausted").length, 0)
    })
  )

  it.effect("is requested up to a usual length when the budget leaves more", () =>
    Effect.gen(function* () {
      const { model } = yield* run(Budget.make({ maxTotalTokens: 1_000_000 }), [ScriptedModel.text("done")])
      assert.strictEqual(model.requests[0]?.maxOutputTokens, 8192)
      const { model: free } = yield* run(Budget.make({ maxSteps: 3 }), [ScriptedModel.text("done")])
      assert.strictEqual(free.requests[0]?.maxOutputTokens, undefined)
    })
  )
})
