/**
 * Quotas of tenants and principals: what runs share, who is refused, what a window's end changes, and what a restart
 * leaves.
 */
import { assert, describe, it } from "@effect/vitest"
import type { Quota as Quotas } from "@reins/protocol"
import {
  Agent,
  Budget,
  Decision,
  Deployment,
  Model,
  Prices,
  Quota,
  Runtime,
  ToolRun,
  ToolSettings
} from "@reins/runtime"
import type { RunOptions } from "@reins/runtime"
import { journalHost, MemoryJournal } from "@reins/runtime/journal"
import { BudgetWatch, Probe, ScriptedModel } from "@reins/runtime/testing"
import { Effect, Fiber, Layer, Option, Schema } from "effect"
import { Tool, Toolkit } from "effect/ai"
import { TestClock } from "effect/testing"

const prices = Prices.layerTable({ "scripted/scripted-1": { inputPerMillionUsd: 1, outputPerMillionUsd: 10 } })
const day = 24 * 60 * 60 * 1000

const Pay = Tool.make("pay", {
  parameters: Schema.Struct({ usd: Schema.Number, forMs: Schema.Natural }),
  success: Schema.String,
  dependencies: [ToolRun]
})
const Declared = Tool.make("declared", {
  parameters: Schema.Struct({ usd: Schema.Number, forMs: Schema.Natural }),
  success: Schema.String,
  dependencies: [ToolRun]
}).annotate(ToolSettings.MaxCostUsd, ({ usd }: { readonly usd: number }) => usd)
const Asked = Tool.make("asked", { parameters: Schema.Struct({}), success: Schema.String, needsApproval: true })
class Tools extends Toolkit.make(Pay, Declared, Asked) {}

const pay = Effect.fnUntraced(function* ({ forMs, usd }: { readonly usd: number; readonly forMs: number }) {
  const run = yield* ToolRun
  yield* run.reportCost(usd)
  if (forMs > 0) yield* Effect.sleep(forMs)
  return "paid"
})

type Call = Parameters<typeof ScriptedModel.calls>[0][number]
const call = (name: string, usd: number, forMs = 0, id = "c"): Call => ({ id, name, args: { usd, forMs } })

/** Makes the calls of `steps`, one array after the other, and answers then. */
const scripted = (...steps: ReadonlyArray<ReadonlyArray<Call>>) =>
  ScriptedModel.make({
    respond: ({ metadata }) => {
      const calls = steps[metadata.step - 1]
      return calls === undefined ? ScriptedModel.text("done") : ScriptedModel.calls(calls)
    }
  })

interface Setting {
  readonly quotas?: ReadonlyArray<Quota.Quota>
  readonly budget?: Budget.Budget
  readonly deployment?: Layer.Layer<never>
}

const layer = (model: ScriptedModel.ScriptedModel, { budget, deployment = Layer.empty, quotas }: Setting) =>
  Runtime.layer({
    agents: [Agent.make("clerk", { toolkit: Tools, budget, maxOutputTokens: 100 })],
    quotas,
    approvals: "never"
  }).pipe(
    Layer.provide([
      Tools.toLayer({ pay, declared: pay, asked: () => Effect.succeed("asked") }),
      Layer.succeed(Model, model),
      prices,
      deployment
    ])
  )

const onJournal = (journal: MemoryJournal.MemoryJournal) =>
  Layer.succeed(Deployment.Deployment, journalHost(journal, { gatherMs: 0, pollMs: Number.POSITIVE_INFINITY }))

/** Runs a query to its end. */
const asked = Effect.fnUntraced(function* (options: RunOptions) {
  const runtime = yield* Runtime
  const handle = yield* runtime.start("Do it.", options)
  const probe = yield* Probe.watch(handle.runId)
  yield* probe.end
  const [summary] = probe.of("data-cost-summary")
  return {
    probe,
    nanoUsd: summary?.data.costNanoUsd ?? 0,
    tokens: summary?.data.root.usage.totalTokens ?? 0,
    reason: probe.of("finish")[0]?.finishReason,
    told: probe.of("budget_exhausted")
  }
})
const ask = (options: RunOptions = {}) => Effect.scoped(asked(options))

const rejected = (options: RunOptions = {}) =>
  Effect.gen(function* () {
    const runtime = yield* Runtime
    return (yield* Effect.flip(runtime.start("Do it.", options))).reason
  })

const usage = (options?: Parameters<Runtime["Service"]["quotas"]["usage"]>[0]) =>
  Effect.gen(function* () {
    const runtime = yield* Runtime
    const [first] = yield* runtime.quotas.usage(options)
    if (first === undefined) return yield* Effect.die("no quota")
    return first
  })

const engines: ReadonlyArray<{ readonly name: string; readonly make: () => Layer.Layer<never> }> = [
  { name: "memory", make: () => Layer.empty },
  { name: "journal", make: () => onJournal(MemoryJournal.make()) }
]

const daily = (limits: Quotas.LimitOptions) => Quota.make({ per: "tenant", window: "day", ...limits })

describe.each(engines)("a quota ($name)", ({ make }) => {
  const on = (
    model: ScriptedModel.ScriptedModel,
    quota: Quota.Quota | ReadonlyArray<Quota.Quota>,
    more: Partial<Setting> = {}
  ) => layer(model, { deployment: make(), quotas: Array.isArray(quota) ? quota : [quota as Quota.Quota], ...more })

  it.effect("limits the runs of a tenant until the end of its day, and says when that is", () =>
    Effect.gen(function* () {
      yield* TestClock.adjust("10 hours")
      yield* ask()
      yield* ask()
      const reason = yield* rejected()
      assert.strictEqual(reason._tag, "QuotaExhausted")
      assert.deepInclude(reason, {
        quota: "tenant.day",
        per: "tenant",
        limit: "quota.maxRuns",
        max: 2,
        used: 2,
        resetsAt: day,
        retryAfterMs: day - 10 * 3600 * 1000
      })
      assert.match(reason.message, /^The quota tenant.day of this tenant is exhausted: quota.maxRuns is 2, used 2/)
      // Another tenant's runs are its own.
      yield* ask({ resourceId: "other" })
      yield* TestClock.adjust("14 hours")
      yield* ask()
    }).pipe(Effect.provide(on(scripted(), daily({ maxRuns: 2 }))))
  )

  it.effect("that is reached ends the run as a budget does, and is named", () =>
    Effect.gen(function* () {
      const first = yield* ask()
      assert.strictEqual(first.reason, "budget")
      assert.strictEqual(first.told.length, 1)
      const { code, data, message } = first.told[0] ?? {}
      assert.strictEqual(code, "E_BUDGET_QUOTA_COST_USD")
      assert.strictEqual(message, "quota.max_cost_usd=0.01 reached")
      assert.deepInclude(data, { limit: "quota.maxCostUsd", max: 0.01 })
      assert.deepStrictEqual(data?.quota, { name: "tenant.day", per: "tenant", resetsAt: day })
      const { costNanoUsd, totalTokens } = yield* usage()
      assert.deepStrictEqual([costNanoUsd.used, costNanoUsd.reserved], [first.nanoUsd, 0])
      assert.deepStrictEqual([totalTokens.used, totalTokens.reserved], [first.tokens, 0])
    }).pipe(
      Effect.provide(
        on(
          scripted(...Array.from({ length: 50 }, () => [call("declared", 0.0015)])),
          daily({ maxCostUsd: 0.01 }),
          // A quota spans runs: an agent's own way to go on does not apply.
          { budget: Budget.make({ maxSteps: 60, onExhausted: "pause" }) }
        )
      )
    )
  )

  it.effect("is shared by concurrent runs, which never exceed it, and its use equals their cost", () => {
    const watch = BudgetWatch.make()
    return Effect.gen(function* () {
      const fibers = yield* Effect.forEach(Array.from({ length: 12 }), (_, index) =>
        Effect.forkChild(Effect.exit(ask({ principal: `p${index % 3}` })), { startImmediately: true })
      )
      for (let tick = 0; tick < 200; tick++) {
        yield* TestClock.adjust(50)
        const { costNanoUsd } = yield* usage()
        assert.isAtMost(costNanoUsd.used + costNanoUsd.reserved, 30_000_000)
      }
      const ended = yield* Effect.forEach(fibers, (fiber) => Effect.flatten(Fiber.join(fiber)).pipe(Effect.option))
      const runs = ended.flatMap((one) => (Option.isSome(one) ? [one.value] : []))
      const stopped = runs.filter(({ reason }) => reason === "budget")
      assert.isAbove(stopped.length, 0)
      assert.isTrue(stopped.every(({ told }) => told[0]?.data.limit === "quota.maxCostUsd"))
      const { costNanoUsd, costUsd, runs: counted, totalTokens } = yield* usage()
      assert.strictEqual(
        costNanoUsd.used,
        runs.reduce((sum, { nanoUsd }) => sum + nanoUsd, 0)
      )
      assert.strictEqual(
        totalTokens.used,
        runs.reduce((sum, { tokens }) => sum + tokens, 0)
      )
      assert.deepStrictEqual([costNanoUsd.reserved, costUsd.limit, counted.used], [0, 0.03, runs.length])
      assert.deepStrictEqual(watch.faults, [])
    }).pipe(
      Effect.provide(
        on(
          scripted([call("declared", 0.002, 300)], [call("declared", 0.001, 200), call("declared", 0.001, 100, "d")]),
          daily({ maxCostUsd: 0.03 }),
          { deployment: Layer.merge(make(), BudgetWatch.layer(watch)) }
        )
      )
    )
  })

  it.effect("counts a run's use in the day of the use, also across midnight", () =>
    Effect.gen(function* () {
      yield* TestClock.adjust(day - 1000)
      const fiber = yield* Effect.forkChild(ask(), { startImmediately: true })
      yield* TestClock.adjust(999)
      // Three calls before midnight, one over it, one after it.
      const before = yield* usage()
      assert.isAbove(before.costNanoUsd.reserved, 0)
      yield* TestClock.adjust(2 * day)
      const { nanoUsd } = yield* Fiber.join(fiber)
      const { costNanoUsd, resetsAt, runs } = yield* usage()
      assert.deepStrictEqual([costNanoUsd.used, runs.used, resetsAt], [0, 0, 3 * day])
      const month = (yield* (yield* Runtime).quotas.usage())[1]
      assert.strictEqual(month?.costNanoUsd.used, nanoUsd)
    }).pipe(
      Effect.provide(
        on(scripted([call("declared", 0.001, 400)], [call("declared", 0.001, 400)], [call("declared", 0.001, 400)]), [
          daily({ maxCostUsd: 1 }),
          Quota.make({ per: "tenant", window: "month", maxCostUsd: 10 })
        ])
      )
    )
  )

  it.effect("is available again at midnight for a running run", () =>
    Effect.gen(function* () {
      yield* TestClock.adjust(day - 1000)
      const fiber = yield* Effect.forkChild(ask(), { startImmediately: true })
      yield* TestClock.adjust(2000)
      const { nanoUsd, reason } = yield* Fiber.join(fiber)
      assert.strictEqual(reason, "stop")
      // 0.8 before midnight, 0.8 after it, of one dollar a day.
      assert.isAbove(nanoUsd, 1_600_000_000)
      const { costNanoUsd } = yield* usage()
      assert.isAbove(costNanoUsd.used, 800_000_000)
      assert.isBelow(costNanoUsd.used, 810_000_000)
    }).pipe(
      Effect.provide(
        on(scripted([call("declared", 0.8, 0)], [call("declared", 0.01, 1500)], [call("declared", 0.79, 0)]), [
          daily({ maxCostUsd: 1 })
        ])
      )
    )
  )

  it.effect("books use before midnight to the day before, also for a lease that continues after midnight", () =>
    Effect.gen(function* () {
      yield* TestClock.adjust(day - 1000)
      const fiber = yield* Effect.forkChild(ask(), { startImmediately: true })
      yield* TestClock.adjust(2000)
      const { nanoUsd } = yield* Fiber.join(fiber)
      assert.isAbove(nanoUsd, 200_000_000)
      // One call of two ended before midnight.
      const { costNanoUsd } = yield* usage()
      assert.isAbove(costNanoUsd.used, 100_000_000)
      assert.isBelow(costNanoUsd.used, 110_000_000)
    }).pipe(
      Effect.provide(on(scripted([call("declared", 0.1)], [call("declared", 0.1, 1500)]), daily({ maxCostUsd: 1 })))
    )
  )

  it.effect("gets back what a waiting run holds", () =>
    Effect.gen(function* () {
      const runtime = yield* Runtime
      const handle = yield* runtime.start("Do it.", { runId: "run" })
      const probe = yield* Probe.watch("run")
      const question = yield* probe.next("approval-required")
      const parked = yield* usage()
      assert.deepStrictEqual([parked.costNanoUsd.reserved, parked.totalTokens.reserved], [0, 0])
      assert.isAbove(parked.costNanoUsd.used, 0)
      yield* runtime.respondToApproval(question.data.id, Decision.approve())
      yield* probe.end
      assert.strictEqual(probe.of("finish")[0]?.finishReason, "stop")
      assert.strictEqual((yield* usage()).costNanoUsd.used, probe.of("data-cost-summary")[0]?.data.costNanoUsd)
      assert.isFalse(yield* handle.cancel)
    }).pipe(
      Effect.scoped,
      Effect.provide(
        on(scripted([{ id: "c", name: "asked", args: {} }]), daily({ maxCostUsd: 1, maxTotalTokens: 100_000 }))
      )
    )
  )

  it.effect.each([
    ["a call", 0.8],
    ["a step", 0.9998]
  ] as const)("that others hold makes %s wait no longer than its run's time", ([, usd]) =>
    Effect.gen(function* () {
      const runtime = yield* Runtime
      const first = yield* runtime.start("Do it.", { runId: "first" })
      yield* TestClock.adjust("1 second")
      yield* runtime.start("Do it.", { runId: "second", budget: Budget.make({ maxDuration: "5 seconds" }) })
      const probe = yield* Probe.watch("second")
      yield* TestClock.adjust("4 seconds")
      assert.isFalse(probe.ended)
      yield* TestClock.adjust("1 second")
      yield* probe.end
      assert.deepStrictEqual(
        probe.of("budget_exhausted").map(({ data }) => data.limit),
        ["maxDuration"]
      )
      yield* first.cancel
    }).pipe(Effect.scoped, Effect.provide(on(scripted([call("declared", usd, 60_000)]), daily({ maxCostUsd: 1 }))))
  )

  it.effect("that is exceeded by a tool's undeclared cost starts nothing more, and marks the tool's row", () =>
    Effect.gen(function* () {
      const first = yield* ask()
      assert.strictEqual(first.reason, "budget")
      const rows = first.probe.of("data-cost-summary")[0]?.data.root.rows.filter(({ kind }) => kind === "tool")
      assert.deepStrictEqual(
        rows?.map(({ calls, costNanoUsd, overrun }) => [calls, costNanoUsd, overrun]),
        [[1, 2_000_000_000, true]]
      )
      assert.strictEqual((yield* rejected())._tag, "QuotaExhausted")
      const { costNanoUsd } = yield* usage()
      assert.strictEqual(costNanoUsd.used, first.nanoUsd)
      assert.isAbove(costNanoUsd.used, 2_000_000_000)
    }).pipe(Effect.provide(on(scripted([call("pay", 2)], [call("pay", 2)]), daily({ maxCostUsd: 1 }))))
  )

  it.effect("that covers an undeclared cost does not mark it", () =>
    Effect.gen(function* () {
      const { probe, reason } = yield* ask()
      assert.strictEqual(reason, "stop")
      const rows = probe.of("data-cost-summary")[0]?.data.root.rows.filter(({ kind }) => kind === "tool")
      assert.deepStrictEqual(
        rows?.map(({ overrun }) => overrun),
        [false]
      )
    }).pipe(Effect.provide(on(scripted([call("pay", 2)], [call("pay", 2)]), daily({ maxCostUsd: 10 }))))
  )

  it.effect("in tokens limits a tenant like one in money", () =>
    Effect.gen(function* () {
      const first = yield* ask()
      assert.strictEqual(first.reason, "budget")
      assert.strictEqual(first.told[0]?.code, "E_BUDGET_QUOTA_TOTAL_TOKENS")
      assert.isAtMost((yield* usage()).totalTokens.used, 200)
    }).pipe(
      Effect.provide(
        on(scripted(...Array.from({ length: 50 }, () => [call("pay", 0)])), daily({ maxTotalTokens: 200 }))
      )
    )
  )

  it.effect("can be raised and lowered for one tenant during runs, and is restored when that is removed", () =>
    Effect.gen(function* () {
      const runtime = yield* Runtime
      yield* ask()
      assert.strictEqual((yield* rejected())._tag, "QuotaExhausted")
      yield* runtime.quotas.limit("tenant.day", { maxRuns: 3 })
      yield* ask()
      assert.strictEqual((yield* usage()).runs.limit, 3)
      assert.strictEqual((yield* usage({ resourceId: "other" })).runs.limit, 1)
      yield* runtime.quotas.limit("tenant.day", undefined)
      assert.strictEqual((yield* rejected())._tag, "QuotaExhausted")
      const unknown = yield* Effect.flip(runtime.quotas.limit("none", { maxRuns: 3 }))
      assert.strictEqual(
        unknown.message,
        `Invalid quota "none": name is not the name of a quota. Available quotas: tenant.day`
      )
      const wrong = yield* Effect.flip(runtime.quotas.limit("tenant.day", { maxRuns: -1 }))
      assert.strictEqual(wrong.field, "maxRuns")
      for (const [field, value] of [
        ["maxRun", 3],
        ["name", "other"],
        ["window", "month"],
        ["per", "principal"]
      ] as const) {
        const passed = yield* Effect.flip(runtime.quotas.limit("tenant.day", { maxRuns: 3, [field]: value } as never))
        assert.include(passed.message, `${field} is not a limit of a quota. Available limits: maxRuns, `)
      }
      assert.strictEqual((yield* usage()).runs.limit, 1)
    }).pipe(Effect.provide(on(scripted(), daily({ maxRuns: 1 }))))
  )

  it.effect("of principals counts each separately within the tenant, and runs without a principal as one", () =>
    Effect.gen(function* () {
      yield* ask({ principal: "mia" })
      yield* ask({ principal: "tom" })
      yield* ask({ principal: "mia", resourceId: "other" })
      yield* ask()
      assert.strictEqual((yield* rejected({ principal: "mia" }))._tag, "QuotaExhausted")
      assert.strictEqual((yield* rejected())._tag, "QuotaExhausted")
      assert.strictEqual((yield* usage({ principal: "tom" })).runs.used, 1)
    }).pipe(Effect.provide(on(scripted(), Quota.make({ per: "principal", window: "30 days", maxRuns: 1 }))))
  )

  it.effect("can be added by a query to the runtime's", () =>
    Effect.gen(function* () {
      const quotas = [Quota.make({ name: "key", per: "tenant", window: "1 hour", maxRuns: 1 })]
      yield* ask({ quotas })
      const reason = yield* rejected({ quotas })
      assert.strictEqual(reason._tag === "QuotaExhausted" ? reason.quota : reason._tag, "key")
      yield* ask()
      yield* TestClock.adjust("1 hour")
      yield* TestClock.adjust("1 minute")
      yield* ask({ quotas })
      assert.strictEqual((yield* rejected({ quotas: [daily({ maxRuns: 3 })] }))._tag, "InvalidQuota")
      const runtime = yield* Runtime
      assert.deepStrictEqual(
        (yield* runtime.quotas.usage({ quotas })).map(({ name, runs }) => [name, runs.used]),
        [
          ["tenant.day", 3],
          ["key", 1]
        ]
      )
    }).pipe(Effect.provide(on(scripted(), daily({ maxRuns: 100 }))))
  )
})
