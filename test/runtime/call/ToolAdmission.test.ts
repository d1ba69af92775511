/**
 * Money of tools: held before a call where its tool says what it may cost, looked at before it starts where it does
 * not.
 */
import { assert, describe, it } from "@effect/vitest"
import type { CostRow, Json } from "@reins/protocol"
import { Budget, Decision, Prices, ToolRun, ToolSettings } from "@reins/runtime"
import type { Probe } from "@reins/runtime/testing"
import { ScriptedModel } from "@reins/runtime/testing"
import { Deferred, Effect, Layer } from "effect"
import * as Engines from "../../support/Engines.ts"
import * as OneTool from "../../support/OneTool.ts"

const priced = Prices.layerTable({ "scripted/scripted-1": { inputPerMillionUsd: 0, outputPerMillionUsd: 0 } })

const many = (count: number): ReadonlyArray<Json> => Array.from({ length: count }, (_, n) => ({ n: n + 1 }))

/** A handler that reports a dollar, and then takes a while. */
const paying = () => {
  const ran: Array<number | undefined> = []
  const handler: OneTool.Handler = Effect.fnUntraced(function* ({ n }) {
    ran.push(n)
    yield* (yield* ToolRun).reportCost(1)
    yield* Effect.yieldNow
    return "paid"
  })
  return { ran, handler }
}

const rowOf = (probe: Probe.Probe): CostRow | undefined =>
  probe.of("data-cost-summary")[0]?.data.root.rows.find(({ name }) => name === "work")

for (const [where, engine] of Engines.all) {
  const services = () => Layer.merge(engine(), priced)

  describe(`a tool without a declared cost, ${where}`, () => {
    // With room for all of them no call waits for a slot.
    for (const [count, maxParallelCalls] of [
      [20, 1],
      [20, 16],
      [10, 16]
    ] as const) {
      it.effect(`starts no call once the limit is spent, ${count} of which ${maxParallelCalls} may run at once`, () =>
        Effect.gen(function* () {
          const { handler, ran } = paying()
          const probe = yield* OneTool.finished({
            handler,
            calls: many(count),
            agent: { budget: Budget.make({ maxCostUsd: 1 }), maxParallelCalls },
            services: services()
          })
          assert.deepStrictEqual(ran, [1])
          assert.strictEqual(probe.of("budget_exhausted")[0]?.code, "E_BUDGET_COST_USD")
          assert.deepInclude(rowOf(probe), { costUsd: 1, overrun: false })
        }).pipe(Effect.scoped)
      )
    }

    it.effect("marks as overrun what it reports beyond the limit", () =>
      Effect.gen(function* () {
        const { handler } = paying()
        const budget = Budget.make({ maxCostUsd: 0.75 })
        const probe = yield* OneTool.finished({ handler, agent: { budget }, services: services() })
        assert.deepInclude(rowOf(probe), { costUsd: 1, overrun: true })
      }).pipe(Effect.scoped)
    )
  })

  describe(`a tool with a declared cost, ${where}`, () => {
    const declared = (most: ToolSettings.MostCost): OneTool.Work => OneTool.work.annotate(ToolSettings.MaxCostUsd, most)

    it.effect("runs as many calls in parallel as the limit covers, and the others when some have cost less", () =>
      Effect.gen(function* () {
        let running = 0
        let most = 0
        const enough = yield* Deferred.make<void>()
        const handler: OneTool.Handler = Effect.fnUntraced(function* () {
          most = Math.max(most, ++running)
          if (running === 2) yield* Deferred.succeed(enough, undefined)
          yield* Deferred.await(enough)
          yield* (yield* ToolRun).reportCost(0.1)
          running--
          return "paid"
        })
        const probe = yield* OneTool.finished({
          handler,
          tool: declared(0.5),
          calls: many(5),
          agent: { budget: Budget.make({ maxCostUsd: 1 }) },
          services: services()
        })
        assert.strictEqual(most, 2)
        assert.strictEqual(probe.of("finish")[0]?.finishReason, "stop")
        assert.deepInclude(rowOf(probe), { calls: 5, costUsd: 0.5, overrun: false })
      }).pipe(Effect.scoped)
    )

    it.effect("does not run a call with a maximum cost above the limit, by its arguments", () =>
      Effect.gen(function* () {
        const { handler, ran } = paying()
        const probe = yield* OneTool.finished({
          handler,
          tool: declared(({ n }: { readonly n: number }) => n),
          calls: [{ n: 2 }, { n: 1 }],
          agent: { budget: Budget.make({ maxCostUsd: 1 }) },
          services: services()
        })
        assert.deepStrictEqual(ran, [1])
        assert.deepInclude(rowOf(probe), { costUsd: 1, overrun: false })
      }).pipe(Effect.scoped)
    )

    it.effect("marks as overrun what it reports beyond its declared cost, and counts it", () =>
      Effect.gen(function* () {
        const { handler } = paying()
        const probe = yield* OneTool.finished({
          handler,
          tool: declared(0.5),
          agent: { budget: Budget.make({ maxCostUsd: 10 }) },
          services: services()
        })
        assert.deepInclude(rowOf(probe), { costUsd: 1, overrun: true })
      }).pipe(Effect.scoped)
    )

    it.effect("runs when the money is spent, if its declared cost is 0", () =>
      Effect.gen(function* () {
        const probe = yield* OneTool.finished({
          handler: () => Effect.succeed("free"),
          tool: declared(0),
          agent: { budget: Budget.make({ maxCostUsd: 0 }) },
          services: services()
        })
        assert.strictEqual(rowOf(probe)?.calls, 1)
      }).pipe(Effect.scoped)
    )

    it.effect("does not run if its declared cost is invalid, and the model reads that", () =>
      Effect.gen(function* () {
        const { handler, ran } = paying()
        const probe = yield* OneTool.finished({ handler, tool: declared(() => Number.NaN), services: services() })
        assert.deepStrictEqual(ran, [])
        const [, result] = probe.of("tool-invocation")
        assert.deepInclude(result, { status: "failed" })
        assert.include(JSON.stringify(result), "MaxCostUsd")
      }).pipe(Effect.scoped)
    )
  })

  describe(`a grant that limits money, ${where}`, () => {
    it.effect("is not shared by parallel calls: one holds it, the others are asked about", () =>
      Effect.gen(function* () {
        const { handler, ran } = paying()
        const model = ScriptedModel.make({
          replies: [
            ScriptedModel.calls([{ id: "a", name: "work", args: {} }]),
            ScriptedModel.calls(many(10).map((args, n) => ({ id: `b${n}`, name: "work", args })))
          ],
          respond: () => ScriptedModel.text("done")
        })
        const { handle, probe, runtime } = yield* OneTool.start({
          handler,
          model,
          tool: OneTool.work.setNeedsApproval(true),
          services: services()
        })
        const { data } = yield* probe.next("approval-required")
        yield* runtime.respondToApproval(data.id, Decision.approve({ scope: "thread", maxCostUsd: 1 }))
        yield* probe.next("approval-required", 10)
        assert.strictEqual(ran.length, 2)
        yield* handle.cancel
        yield* probe.end
        assert.strictEqual(ran.length, 2)
      }).pipe(Effect.scoped)
    )

    it.effect("gets back the rest of a call's hold", () =>
      Effect.gen(function* () {
        let costUsd = 0
        const handler: OneTool.Handler = Effect.fnUntraced(function* () {
          yield* (yield* ToolRun).reportCost(costUsd)
          costUsd = 0.25
          return "paid"
        })
        const model = ScriptedModel.make({
          replies: ["a", "b", "c"].map((id) => ScriptedModel.calls([{ id, name: "work", args: {} }])),
          respond: () => ScriptedModel.text("done")
        })
        const tool = OneTool.work.setNeedsApproval(true)
        const { probe, runtime } = yield* OneTool.start({ handler, model, tool, services: services() })
        const { data } = yield* probe.next("approval-required")
        yield* runtime.respondToApproval(data.id, Decision.approve({ scope: "thread", maxCostUsd: 1 }))
        yield* probe.end
        assert.strictEqual((yield* runtime.grants.list())[0]?.nanoUsdLeft, 500_000_000)
      }).pipe(Effect.scoped)
    )
  })
}
