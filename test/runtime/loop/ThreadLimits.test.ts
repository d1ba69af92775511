/**
 * Limits that span all runs of a thread: what they add up to, what is left for the next run, and what a restart leaves
 * of them.
 */
import { assert, describe, it } from "@effect/vitest"
import { Money, Ordering } from "@reins/protocol"
import * as Generated from "@reins/protocol/testing"
import { Agent, Budget, Deployment, Model, Prices, Runtime, Specialist } from "@reins/runtime"
import { journalHost, MemoryJournal } from "@reins/runtime/journal"
import { Probe, ScriptedModel } from "@reins/runtime/testing"
import { Effect, Layer, References, Result } from "effect"
import { Library, Loans } from "../../support/Library.ts"
import * as Story from "../../support/Story.ts"

/** Looks something up in its first step, answers in its second. */
const looker = () =>
  ScriptedModel.make({
    respond: (request) =>
      ScriptedModel.lastResults(request).length > 0
        ? ScriptedModel.text("found")
        : ScriptedModel.calls([{ id: "c", name: "search", args: { topic: "tides" } }])
  })

const prices = Prices.layerTable({ "scripted/scripted-1": { inputPerMillionUsd: 1, outputPerMillionUsd: 10 } })

const clerks = (model: ScriptedModel.ScriptedModel, budget?: Budget.Budget, services: Layer.Layer<never> = prices) =>
  Runtime.layer({ agents: [Agent.make("clerk", { toolkit: Library, budget })] }).pipe(
    Layer.provide([Library.layer, Layer.succeed(Model, model), services]),
    Layer.provideMerge(Loans.layer)
  )

const ask = Effect.fnUntraced(function* (prompt: string) {
  const runtime = yield* Runtime
  const handle = yield* runtime.start(prompt, { threadId: "thread" })
  const probe = yield* Probe.watch(handle.runId)
  yield* probe.end
  assert.deepStrictEqual(Ordering.check(probe.envelopes), [])
  return { probe, reason: probe.of("finish")[0]?.finishReason, told: probe.of("budget_exhausted") }
}, Effect.scoped)

const rejection = (prompt: string) =>
  Effect.gen(function* () {
    const runtime = yield* Runtime
    return (yield* Effect.flip(runtime.start(prompt, { threadId: "thread" }))).reason
  })

const limit = (options: Budget.Options | undefined) =>
  Effect.gen(function* () {
    const runtime = yield* Runtime
    yield* runtime.threads.limit("thread", options === undefined ? undefined : Budget.make(options))
  })

describe("a limit of a thread", () => {
  it.effect("is shared by its runs: the run that meets it ends, and no other starts until it is raised", () => {
    const model = looker()
    return Effect.gen(function* () {
      const runtime = yield* Runtime
      yield* limit({ maxSteps: 3 })
      assert.strictEqual((yield* ask("one")).reason, "stop")
      const second = yield* ask("two")
      assert.strictEqual(second.reason, "budget")
      assert.deepStrictEqual(second.told, [
        {
          type: "budget_exhausted",
          message: "thread.max_steps=3 reached",
          code: "E_BUDGET_THREAD_STEPS",
          data: { limit: "thread.maxSteps", max: 3, used: 3 }
        }
      ])
      const reason = yield* rejection("three")
      assert.strictEqual(reason._tag, "ThreadExhausted")
      assert.deepInclude(reason, { threadId: "thread", limit: "thread.maxSteps", max: 3, used: 3 })
      assert.strictEqual(model.requests.length, 3)
      const { limits, spent } = (yield* runtime.threads.info("thread")) ?? {}
      assert.deepStrictEqual(limits, { maxSteps: 3 })
      assert.deepInclude(spent, { steps: 3, toolCalls: 2, inputTokens: 30, callsPerTool: { search: 2 } })
      yield* limit({ maxSteps: 5 })
      assert.strictEqual((yield* ask("four")).reason, "stop")
      yield* limit(undefined)
      assert.strictEqual((yield* ask("five")).reason, "stop")
      assert.isUndefined((yield* runtime.threads.info("thread"))?.limits)
    }).pipe(Effect.provide(clerks(model)))
  })

  it.effect("counts what was used before it was set, and each kind of limit separately", () =>
    Effect.gen(function* () {
      for (const [options, name] of [
        [{ maxSteps: 2 }, "maxSteps"],
        [{ maxInputTokens: 20 }, "maxInputTokens"],
        [{ maxOutputTokens: 2 }, "maxOutputTokens"],
        [{ maxTotalTokens: 22 }, "maxTotalTokens"],
        [{ maxCostUsd: 0.000_04 }, "maxCostUsd"],
        [{ maxDuration: 0 }, "maxDuration"]
      ] as const) {
        yield* Effect.gen(function* () {
          assert.strictEqual((yield* ask("one")).reason, "stop")
          yield* limit(options)
          const reason = yield* rejection("two")
          assert.strictEqual(reason._tag === "ThreadExhausted" ? reason.limit : reason._tag, `thread.${name}`)
        }).pipe(Effect.provide(clerks(looker())))
      }
      // A run may begin without a tool; the call is refused, and the run ends.
      for (const [options, name] of [
        [{ maxToolCalls: 1 }, "maxToolCalls"],
        [{ maxCallsPerTool: { search: 1 } }, "maxCallsPerTool.search"]
      ] as const) {
        yield* Effect.gen(function* () {
          yield* limit(options)
          assert.strictEqual((yield* ask("one")).reason, "stop")
          const { probe, reason, told } = yield* ask("two")
          assert.deepStrictEqual([reason, told[0]?.data.limit], ["budget", `thread.${name}`])
          const [, result] = probe.of("tool-invocation")
          assert.strictEqual(result?.state === "result" ? result.status : undefined, "denied")
        }).pipe(Effect.provide(clerks(looker())))
      }
    })
  )

  it.effect("does not affect another thread, or another tenant", () =>
    Effect.gen(function* () {
      const runtime = yield* Runtime
      yield* limit({ maxSteps: 0 })
      assert.strictEqual((yield* rejection("one"))._tag, "ThreadExhausted")
      yield* runtime.complete("one", { threadId: "other" })
      const foreign = yield* Effect.flip(runtime.threads.limit("thread", undefined, { resourceId: "stranger" }))
      assert.strictEqual(foreign._tag, "ThreadNotFound")
      assert.strictEqual((yield* rejection("two"))._tag, "ThreadExhausted")
    }).pipe(Effect.provide(clerks(looker())))
  )

  it.effect("that is invalid is rejected, and so is one in dollars for a model without a price", () =>
    Effect.gen(function* () {
      const runtime = yield* Runtime
      const invalid = yield* Effect.flip(runtime.threads.limit("thread", { maxSteps: -1 }))
      assert.deepInclude(invalid, { _tag: "InvalidBudget", limit: "maxSteps" })
      yield* limit({ maxCostUsd: 1 })
      assert.strictEqual((yield* rejection("one"))._tag, "UnknownPrice")
    }).pipe(Effect.provide(clerks(looker(), undefined, Layer.empty)))
  )

  it.effect("ends a run whatever its agent does at its own limits, and warns before", () =>
    Effect.gen(function* () {
      for (const onExhausted of ["pause", "wrap-up"] as const) {
        yield* Effect.gen(function* () {
          yield* limit({ maxSteps: 1, warnAt: 0.5 })
          const { probe, reason, told } = yield* ask("one")
          assert.strictEqual(reason, "budget")
          assert.deepStrictEqual(
            told.map(({ data }) => data.limit),
            ["thread.maxSteps"]
          )
          assert.deepStrictEqual(
            probe.of("custom").map(({ data }) => data),
            [{ limit: "thread.maxSteps", max: 1, used: 1 }]
          )
          assert.strictEqual(probe.of("approval-required").length, 0)
        }).pipe(Effect.provide(clerks(looker(), Budget.make({ maxSteps: 9, onExhausted }))))
      }
    })
  )

  it.effect("stops the last step of a run that wraps up at its own limit", () =>
    Effect.gen(function* () {
      yield* limit({ maxSteps: 1 })
      const { reason, told } = yield* ask("one")
      assert.strictEqual(reason, "budget")
      assert.deepStrictEqual(
        told.map(({ data }) => data.limit),
        ["maxToolCalls", "thread.maxSteps"]
      )
    }).pipe(Effect.provide(clerks(looker(), Budget.make({ maxToolCalls: 0, onExhausted: "wrap-up" }))))
  )

  it.effect("counts a run that failed with a defect", () =>
    Effect.gen(function* () {
      for (const services of [Layer.empty, durable(MemoryJournal.make())]) {
        const model = looker()
        const dear = Layer.succeed(Prices.Prices, {
          find: () => {
            if (model.requests.length > 0) throw new Error("the price book is on fire")
            return undefined
          }
        })
        yield* Effect.gen(function* () {
          const runtime = yield* Runtime
          yield* limit({ maxSteps: 9 })
          const { probe } = yield* ask("one")
          assert.strictEqual(probe.of("error").length, 1)
          assert.deepInclude((yield* runtime.threads.info("thread"))?.spent, { steps: 1, toolCalls: 1 })
        }).pipe(Effect.provide(clerks(model, undefined, Layer.merge(dear, services))))
      }
    }).pipe(Effect.provideService(References.MinimumLogLevel, "None"))
  )
})

const durable = (journal: MemoryJournal.MemoryJournal) =>
  Layer.succeed(Deployment.Deployment, journalHost(journal, { gatherMs: 0, pollMs: Number.POSITIVE_INFINITY }))

describe("a limit of a thread on a journal", () => {
  it.effect("persists over a restart, with everything that was used", () => {
    const journal = MemoryJournal.make()
    const life = <A, E>(work: Effect.Effect<A, E, Runtime>) =>
      Effect.provide(work, clerks(looker(), undefined, Layer.merge(prices, durable(journal))))
    return Effect.gen(function* () {
      yield* life(limit({ maxSteps: 3 }))
      assert.strictEqual((yield* life(ask("one"))).reason, "stop")
      assert.strictEqual((yield* life(ask("two"))).told[0]?.data.limit, "thread.maxSteps")
      assert.strictEqual((yield* life(rejection("three")))._tag, "ThreadExhausted")
    })
  })
})

describe("random limits of a thread", () => {
  it.effect("are never exceeded by a thread's runs together, with all their parallel specialists, for 60 threads", () =>
    Effect.gen(function* () {
      let rejected = 0
      for (let seed = 1; seed <= 60; seed++) {
        const random = Generated.seeded(seed)
        const words = 1 + Math.floor(random() * 60)
        const maxCostUsd = Math.floor(random() * 20_000) / 1e6
        const maxSteps = Math.floor(random() * 40)
        const model = ScriptedModel.make({
          respond: ({ maxOutputTokens, metadata, tools }) => {
            const usage = { inputUncached: 5, outputText: Math.min(words, maxOutputTokens ?? words) }
            if (metadata.step > 1 || tools.length === 0) return ScriptedModel.text("so", { usage })
            const calls = Array.from({ length: 4 }, (_, index) => ({
              id: `${index}`,
              name: tools[0]?.name ?? "",
              args: { prompt: "go" }
            }))
            return ScriptedModel.calls(calls, { usage })
          }
        })
        const leaf = Specialist.make("leaf", { description: "Works" })
        const middle = Specialist.make("middle", { description: "Divides", specialists: [leaf] })
        const desk = Agent.make("desk", { specialists: [middle] })
        yield* Effect.gen(function* () {
          const runtime = yield* Runtime
          yield* limit({ maxCostUsd, maxSteps })
          let nanoUsd = 0
          for (let count = 0; count < 4; count++) {
            const run = yield* Effect.result(runtime.start("go", { threadId: "thread" }))
            if (Result.isFailure(run)) {
              assert.strictEqual(run.failure.reason._tag, "ThreadExhausted")
              rejected++
              continue
            }
            const probe = yield* Probe.watch(run.success.runId)
            yield* probe.end
            Story.isWhole(probe.envelopes)
            nanoUsd += probe.of("data-cost-summary")[0]?.data.costNanoUsd ?? Infinity
          }
          assert.isAtMost(nanoUsd, Money.fromUsd(maxCostUsd) ?? 0, `seed ${seed}`)
          assert.isAtMost(model.requests.length, maxSteps)
          const { spent } = (yield* runtime.threads.info("thread")) ?? {}
          assert.strictEqual(spent?.nanoUsd ?? 0, nanoUsd)
          assert.strictEqual(spent?.steps ?? 0, model.requests.length)
        }).pipe(
          Effect.scoped,
          Effect.provide(Runtime.layer({ agents: [desk] }).pipe(Layer.provide([Layer.succeed(Model, model), prices])))
        )
      }
      assert.isAbove(rejected, 20)
    })
  )
})
