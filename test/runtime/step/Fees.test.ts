/**
 * Tools that the provider runs itself: a fee for each call, on the bill and on the budget; a fee without a price is
 * unknown.
 */
import { assert, describe, it } from "@effect/vitest"
import { Ordering } from "@reins/protocol"
import { Agent, Budget, Model, type ModelPart, Prices, Runtime } from "@reins/runtime"
import { Probe, ScriptedModel } from "@reins/runtime/testing"
import { Effect, Layer } from "effect"
import { Tool, Toolkit } from "effect/ai"
import * as Story from "../../support/Story.ts"

const Again = Toolkit.make(Tool.make("again"))

const searched = (id: string, name: string): ReadonlyArray<ModelPart> => [
  { type: "tool-call", id, name, args: {}, execution: "provider" },
  { type: "tool-result", id, name, result: "found" }
]

/** Searches three times a step, and asks for another step each time. */
const searcher = ScriptedModel.make({
  respond: ({ metadata: { step } }) => ({
    parts: [
      [
        ...searched(`a${step}`, "web_search"),
        ...searched(`b${step}`, "web_search"),
        ...searched(`c${step}`, "read_page"),
        ...(step < 3 ? [{ type: "tool-call" as const, id: `d${step}`, name: "again", args: {} }] : []),
        { type: "text", text: "Found it." },
        { type: "finish", reason: "stop", usage: { inputUncached: 1000, outputText: 100 } }
      ]
    ]
  })
})

const run = (toolFees: { readonly [tool: string]: number } | undefined, budget?: Budget.Budget) =>
  Effect.gen(function* () {
    const runtime = yield* Runtime
    yield* runtime.start("Search.", { runId: "run" })
    const probe = yield* Probe.watch("run")
    yield* probe.end
    assert.deepStrictEqual(Ordering.check(probe.envelopes), [])
    const [summary] = probe.of("data-cost-summary")
    Story.addsUp(summary?.data)
    return { probe, cost: summary?.data }
  }).pipe(
    Effect.scoped,
    Effect.provide(
      Runtime.layer({ agents: [Agent.make("desk", { toolkit: Again, budget })] }).pipe(
        Layer.provide([
          Again.toLayer({ again: () => Effect.void }),
          Layer.succeed(Model, searcher),
          Prices.layerTable({
            "scripted/scripted-1": {
              inputPerMillionUsd: 1,
              outputPerMillionUsd: 10,
              ...(toolFees === undefined ? {} : { toolFees })
            }
          })
        ])
      )
    )
  )

/** A thousand tokens in and a hundred out. */
const stepNanoUsd = 1_000_000 + 1_000_000

describe("provider-run tools", () => {
  it.effect("are in the costs with their fees, call by call, beside the tokens", () =>
    Effect.gen(function* () {
      const { cost } = yield* run({ web_search: 0.01, read_page: 0 })
      const row = (name: string) => cost?.root.rows.find((each) => each.name === name)
      assert.deepInclude(row("web_search"), {
        kind: "tool",
        provider: "scripted",
        calls: 6,
        costNanoUsd: 60_000_000,
        unpriced: 0
      })
      assert.deepInclude(row("read_page"), { calls: 3, costNanoUsd: 0, unpriced: 0 })
      assert.strictEqual(row("scripted-1")?.costNanoUsd, 3 * stepNanoUsd)
      assert.strictEqual(cost?.costNanoUsd, 3 * stepNanoUsd + 60_000_000)
    })
  )

  it.effect("are unpriced when the fee is unknown, and the sum is a lower bound", () =>
    Effect.gen(function* () {
      const { cost } = yield* run({ web_search: 0.01 })
      assert.strictEqual(cost?.unpriced, 3)
      assert.strictEqual((yield* run(undefined)).cost?.unpriced, 9)
    })
  )

  it.effect("use up the budget, so that no step begins beyond it, and the overrun is flagged", () =>
    Effect.gen(function* () {
      const { cost, probe } = yield* run({ web_search: 0.01, read_page: 0 }, Budget.make({ maxCostUsd: 0.03 }))
      assert.strictEqual(probe.of("finish")[0]?.finishReason, "budget")
      // Two steps: the first leaves less than 0.01 dollars, which is room for a second, and for no third.
      assert.strictEqual(cost?.costNanoUsd, 2 * (stepNanoUsd + 20_000_000))
      assert.isTrue(cost?.root.rows.find(({ kind }) => kind === "model")?.overrun)
    })
  )
})
