import { assert, describe, it } from "@effect/vitest"
import { Budget, Decision, Runtime } from "@reins/runtime"
import { Probe, ScriptedModel } from "@reins/runtime/testing"
import { Effect, Layer } from "effect"
import { execFile } from "node:child_process"
import { promisify } from "node:util"
import * as CostTree from "./CostTree.ts"
import { Editor, prices, Reader, respond } from "./Newsroom.ts"

const live = () =>
  Runtime.layer({ agents: [Editor, Reader] }).pipe(Layer.provide([ScriptedModel.layer({ respond }), prices]))

const begin = Effect.fnUntraced(function* (budget: Budget.Options) {
  const runtime = yield* Runtime
  const run = yield* runtime.start("tides, wind, waves", { budget: Budget.make(budget) })
  return { probe: yield* Probe.watch(run.runId), run, runtime }
})

const cost = (probe: Probe.Probe) => probe.of("data-cost-summary")[0]?.data.costUsd ?? Number.NaN

describe("parallel readers with one limit", () => {
  it.effect("never spend more than the limit, however many run in parallel", () =>
    Effect.gen(function* () {
      for (const maxCostUsd of [0.05, 0.1, 0.2, 0.3, 0.4, 0.5]) {
        const { probe } = yield* begin({ maxCostUsd })
        yield* probe.end
        assert.strictEqual(probe.of("finish")[0]?.finishReason, "budget")
        assert.isAtMost(cost(probe), maxCostUsd)
      }
    }).pipe(Effect.provide(live()), Effect.scoped)
  )

  it.effect("get one warning before the limit", () =>
    Effect.gen(function* () {
      const { probe } = yield* begin({ maxCostUsd: 0.5, warnAt: 0.8 })
      yield* probe.end
      const [warning, ...more] = probe.of("custom")
      assert.deepInclude(warning, { event_type: "budget_warning" })
      assert.deepStrictEqual(more, [])
    }).pipe(Effect.provide(live()), Effect.scoped)
  )

  it.effect("wait while paused; once the limit is raised, the same run continues to its answer", () =>
    Effect.gen(function* () {
      const { probe, run, runtime } = yield* begin({ maxCostUsd: 0.5, onExhausted: "pause" })
      const { data } = yield* probe.next("approval-required")
      assert.deepStrictEqual([data.kind, data.target], ["budget", "maxCostUsd"])
      yield* runtime.raiseBudget(run.runId, { maxCostUsd: 1 })
      assert.strictEqual((yield* run.result).output, "The paper is full.")
    }).pipe(Effect.provide(live()), Effect.scoped)
  )

  it.effect("stop at the limit when it is not raised", () =>
    Effect.gen(function* () {
      const { probe, run, runtime } = yield* begin({ maxCostUsd: 0.5, onExhausted: "pause" })
      const { data } = yield* probe.next("approval-required")
      yield* runtime.approvals.respond(data.id, Decision.reject())
      assert.strictEqual((yield* Effect.flip(run.result)).reason._tag, "BudgetExhausted")
    }).pipe(Effect.provide(live()), Effect.scoped)
  )

  it.effect("leave the editor a last step to wrap up", () =>
    Effect.gen(function* () {
      const { probe, run } = yield* begin({ maxCostUsd: 0.5, onExhausted: "wrap-up" })
      assert.strictEqual((yield* run.result).output, "Nothing about waves today.")
      yield* probe.end
      assert.isAtMost(cost(probe), 0.5)
    }).pipe(Effect.provide(live()), Effect.scoped)
  )
})

describe("the cost tree", () => {
  it.effect("has a line for the run and one for each reader", () =>
    Effect.gen(function* () {
      const { probe } = yield* begin({})
      yield* probe.end
      const root = probe.of("data-cost-summary")[0]?.data.root
      const lines = root === undefined ? [] : CostTree.lines(root)
      assert.deepStrictEqual(lines, [
        "  the run: 0.6401 USD",
        "    reader#tides/1: 0.2000 USD",
        "    reader#waves/1: 0.2000 USD",
        "    reader#wind/1: 0.2000 USD"
      ])
    }).pipe(Effect.provide(live()), Effect.scoped)
  )
})

describe("the program", () => {
  it("warns, pauses, continues, wraps up, corrects an estimate and ends", async () => {
    const { stderr, stdout } = await promisify(execFile)(process.execPath, [`${import.meta.dirname}/main.ts`])
    assert.strictEqual(stderr, "")
    assert.include(stdout, "budget_warning")
    assert.include(stdout, "raise the limit?")
    assert.include(stdout, '"The paper is full."')
    assert.include(stdout, '"Nothing about waves today."\n  finish: budget')
    const [before = 0, estimate = 0, after = 0] = (/the bill of[^]*$/.exec(stdout)?.[0].match(/\d\.\d{4}/g) ?? []).map(
      Number
    )
    // 20 tokens of input at 1 USD a million, 130 of output at 20 USD.
    assert.closeTo(after - before + estimate, 0.00262, 0.00011)
    assert.isBelow(estimate, 0.00262)
  })
})
