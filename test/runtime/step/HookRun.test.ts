/** What cuts a hook, and what a hook reports as its cost, at each of its places, on both engines. */
import { assert, describe, it } from "@effect/vitest"
import { Budget } from "@reins/protocol"
import { Agent, type Compaction, Decision, Deployment, Hook, Model, Prices, Quota, Runtime } from "@reins/runtime"
import { journalHost, MemoryJournal } from "@reins/runtime/journal"
import { Probe } from "@reins/runtime/testing"
import { Context, Effect, Exit, Layer, References, Scope } from "effect"
import { Toolkit } from "effect/ai"
import { TestClock } from "effect/testing"
import * as Engines from "../../support/Engines.ts"
import * as OneTool from "../../support/OneTool.ts"

const quiet = Effect.provideService(References.MinimumLogLevel, "None")

const places = ["beforeCall", "afterCall", "beforeStep", "afterStep"] as const

/** A hook that does this at one place, and lets everything through. */
const at = (place: (typeof places)[number], act: (given: Hook.Place) => Effect.Effect<unknown>) =>
  Hook.make("paid", { [place]: (given: Hook.Place) => Effect.as(act(given), Hook.pass) })

const reporting = ({ reportCost }: Hook.Place) => reportCost(2)

/** The same before a request that shortens the conversation. */
const beforeCompaction = Hook.make("paid", {
  beforeStep: (step) => Effect.as(step.purpose === "compaction" ? reporting(step) : Effect.void, Hook.pass)
})

/** Asks the model, and shortens nothing. */
const asking: Compaction.Strategy = {
  name: "asking",
  above: 0,
  compact: ({ ask, messages }) =>
    Effect.as(Effect.ignore(ask({ instructions: "Shorten it", messages, maxOutputTokens: 100 })), undefined)
}

/** Of the scripted model: a limit of money needs one. */
const prices = Prices.layerTable({ "scripted/scripted-1": { inputPerMillionUsd: 1, outputPerMillionUsd: 1 } })

const hookRow = (probe: Probe.Probe) => {
  const [summary] = probe.of("data-cost-summary")
  return summary?.data.root.rows.find(({ name }) => name === "hook paid")
}

describe.each(Engines.all)("a hook, %s", (_, services) => {
  const started = (hooks: ReadonlyArray<Hook.Hook>, budget: Budget.Budget = {}) =>
    OneTool.start({ handler: () => Effect.succeed("ok"), services: services(), agent: { hooks, budget } })

  it.effect.each(places)("that the agent's time limit cuts ends the agent as the limit does: %s", (place) =>
    Effect.gen(function* () {
      const { probe } = yield* started([at(place, () => Effect.never)], Budget.make({ maxDuration: "1 second" }))
      yield* TestClock.adjust("3 seconds")
      yield* probe.end
      assert.strictEqual(probe.of("finish")[0]?.finishReason, "budget")
      assert.deepInclude(probe.of("budget_exhausted")[0]?.data, { limit: "maxDuration" })
      assert.notInclude(JSON.stringify(probe.envelopes), "HookFailed")
    }).pipe(Effect.scoped, quiet)
  )

  it.effect.each(places)("has what it reports on the bill, and on the agent's budget: %s", (place) =>
    Effect.gen(function* () {
      const hook = at(place, ({ reportCost }) => Effect.andThen(reportCost(0.25), reportCost(0.5)))
      const { probe } = yield* started([hook])
      yield* probe.end
      const times = place.endsWith("Step") ? 2 : 1
      assert.deepInclude(hookRow(probe), { kind: "tool", calls: 0, costUsd: 0.75 * times, overrun: false })
      const [latency] = probe.of("data-latency-summary")
      assert.deepStrictEqual(
        latency?.data.tools.map(({ toolName }) => toolName),
        ["work"]
      )
    }).pipe(Effect.scoped, quiet)
  )

  const limits = {
    budget: { agent: { budget: Budget.make({ maxCostUsd: 1 }) } },
    quota: { runtime: { quotas: [Quota.make({ per: "tenant", window: "day", maxCostUsd: 1 })] } }
  } as const
  // How many requests are sent, and how often the tool runs.
  const spending = [
    ["beforeStep", at("beforeStep", reporting), 0, 0],
    ["afterStep", at("afterStep", reporting), 1, 0],
    ["beforeCall", at("beforeCall", reporting), 1, 0],
    ["afterCall", at("afterCall", reporting), 1, 1],
    ["compaction", beforeCompaction, 0, 0]
  ] as const

  it.effect.each(
    (["budget", "quota"] as const).flatMap((limit) =>
      spending.map(([place, ...rest]) => [place, limit, ...rest] as const)
    )
  )(
    "that reports more than is left ends the run, and its row says so: %s, of a %s",
    ([place, limit, hook, sent, ran]) =>
      Effect.gen(function* () {
        let runs = 0
        const model = OneTool.caller()
        const { agent, runtime } = { agent: {}, runtime: {}, ...limits[limit] }
        const { probe } = yield* OneTool.start({
          handler: () => Effect.sync(() => `ran ${++runs}`),
          model,
          services: Layer.mergeAll(services(), prices),
          agent: { hooks: [hook], ...(place === "compaction" ? { compaction: asking } : {}), ...agent },
          runtime
        })
        yield* probe.end
        assert.strictEqual(probe.of("finish")[0]?.finishReason, "budget")
        assert.deepInclude(hookRow(probe), { costUsd: 2, overrun: true })
        assert.deepStrictEqual([model.requests.length, runs], [sent, ran])
      }).pipe(Effect.scoped, quiet)
  )

  it.effect("that reports an invalid amount lets nothing through", () =>
    Effect.gen(function* () {
      const { probe } = yield* started([at("beforeCall", ({ reportCost }) => reportCost(Number.NaN))])
      yield* probe.end
      assert.include(JSON.stringify(probe.envelopes), "HookFailed")
      assert.isUndefined(hookRow(probe))
    }).pipe(Effect.scoped, quiet)
  )
})

describe("what a hook reported before its process died", () => {
  it.effect.each(["repeated", "not repeated"] as const)("is on the bill once, its call is %s", (then) =>
    Effect.gen(function* () {
      const journal = MemoryJournal.make()
      const Kit = Toolkit.make(OneTool.work)
      let lives = 0
      const process = Effect.fnUntraced(function* () {
        lives++
        const scope = yield* Scope.make()
        const hook = at("afterCall", ({ reportCost }) =>
          Effect.andThen(reportCost(1), lives === 1 ? Effect.never : Effect.void)
        )
        const layer = Runtime.layer({ agents: [Agent.make("desk", { toolkit: Kit, hooks: [hook] })] }).pipe(
          Layer.provide([
            Kit.toLayer({ work: () => Effect.succeed("ok") }),
            Layer.succeed(Model, OneTool.caller()),
            Layer.succeed(
              Deployment.Deployment,
              journalHost(journal, { gatherMs: 0, pollMs: Number.POSITIVE_INFINITY })
            )
          ])
        )
        const runtime = Context.get(yield* Scope.provide(Layer.build(layer), scope), Runtime)
        return { runtime, end: Scope.close(scope, Exit.void) }
      })
      const first = yield* process()
      yield* first.runtime.start("Go", { runId: "run" })
      yield* TestClock.adjust("1 second")
      yield* first.end
      const { end, runtime } = yield* process()
      const probe = yield* Effect.provideService(Probe.watch("run"), Runtime, runtime)
      const { data } = yield* probe.next("approval-required")
      yield* runtime.respondToApproval(data.id, then === "repeated" ? Decision.approve() : Decision.reject())
      yield* probe.end
      // A call that is not made again has its end seen by the hook, which pays once more.
      assert.deepInclude(hookRow(probe), { costUsd: 2, calls: 0 })
      const [summary] = probe.of("data-cost-summary")
      const booked = journal.marks("run").flatMap(({ spent }) => spent)
      const sum = booked.reduce((all, row) => all + ("costNanoUsd" in row ? (row.costNanoUsd ?? 0) : 0), 0)
      assert.strictEqual(sum, summary?.data.costNanoUsd)
      yield* end
    }).pipe(Effect.scoped, quiet)
  )
})
