import { assert, describe, it } from "@effect/vitest"
import type { FinishReason } from "@reins/protocol"
import { Budget, Decision, Prices, Runtime } from "@reins/runtime"
import { BudgetWatch, Probe, ScriptedModel } from "@reins/runtime/testing"
import { Context, Effect, Layer } from "effect"
import { TestClock } from "effect/testing"
import * as OneTool from "../../support/OneTool.ts"
import * as Solo from "../../support/Solo.ts"
import * as Story from "../../support/Story.ts"

const { calls, text } = ScriptedModel

const usage = { inputUncached: 100, outputText: 50 }
const prices = Prices.layerTable({ "scripted/scripted-1": { inputPerMillionUsd: 1, outputPerMillionUsd: 10 } })

/** Two steps, each of 100 tokens in and 50 out; the first calls `work` twice. */
const twoSteps = () =>
  ScriptedModel.make({
    replies: [
      calls(
        [
          { id: "a", name: "work", args: {} },
          { id: "b", name: "work", args: {} }
        ],
        { usage }
      ),
      text("done", { usage })
    ]
  })

/** The story of two steps under a budget: how often the model was asked, how often the tool ran, how it ended. */
const under = Effect.fnUntraced(function* (options: Budget.Options, handler?: OneTool.Handler, model = twoSteps()) {
  let ran = 0
  const watch = BudgetWatch.make()
  const layer = OneTool.layer({
    model,
    agent: { budget: Budget.make(options) },
    handler: handler ?? (() => Effect.sync(() => void ran++))
  }).pipe(Layer.provide([prices, BudgetWatch.layer(watch)]))
  const runtime = Context.get(yield* Layer.build(layer), Runtime)
  const { cancel } = yield* runtime.start("work", { runId: "run" })
  const probe = yield* Effect.provideService(Probe.watch("run"), Runtime, runtime)
  const ended = Effect.map(probe.end, (): Outcome => {
    Story.isWhole(probe.envelopes)
    Story.addsUp(probe.of("data-cost-summary")[0]?.data)
    assert.deepStrictEqual(watch.faults, [])
    assert.deepStrictEqual(watch.open(), [], "every hold is settled")
    return {
      asked: model.requests.length,
      ran,
      finish: probe.of("finish")[0]?.finishReason,
      exhausted: probe.of("budget_exhausted").map(({ code }) => code)
    }
  })
  return { runtime, probe, model, ended, cancel }
})

const comesTo = (options: Budget.Options) => Effect.flatMap(under(options), ({ ended }) => ended).pipe(Effect.scoped)

interface Outcome {
  readonly asked: number
  readonly ran: number
  readonly finish: FinishReason | undefined
  readonly exhausted: ReadonlyArray<string>
}

const whole: Outcome = { asked: 2, ran: 2, finish: "stop", exhausted: [] }
const stopped = (code: string, asked: number, ran: number): Outcome => ({
  asked,
  ran,
  finish: "budget",
  exhausted: [code]
})

describe("a limit", () => {
  it.effect.each<readonly [string, Budget.Options, Outcome]>([
    ["0 steps", { maxSteps: 0 }, stopped("E_BUDGET_STEPS", 0, 0)],
    ["1 step", { maxSteps: 1 }, stopped("E_BUDGET_STEPS", 1, 2)],
    ["just enough steps", { maxSteps: 2 }, whole],
    ["0 tool calls", { maxToolCalls: 0 }, stopped("E_BUDGET_TOOL_CALLS", 1, 0)],
    ["1 tool call", { maxToolCalls: 1 }, stopped("E_BUDGET_TOOL_CALLS", 1, 1)],
    ["just enough tool calls", { maxToolCalls: 2 }, whole],
    ["0 calls of the tool", { maxCallsPerTool: { work: 0 } }, stopped("E_BUDGET_CALLS_PER_TOOL", 1, 0)],
    ["1 call of the tool", { maxCallsPerTool: { work: 1 } }, stopped("E_BUDGET_CALLS_PER_TOOL", 1, 1)],
    ["0 input tokens", { maxInputTokens: 0 }, stopped("E_BUDGET_INPUT_TOKENS", 0, 0)],
    ["1 input token", { maxInputTokens: 1 }, stopped("E_BUDGET_INPUT_TOKENS", 0, 0)],
    ["0 output tokens", { maxOutputTokens: 0 }, stopped("E_BUDGET_OUTPUT_TOKENS", 0, 0)],
    ["the output tokens of one step", { maxOutputTokens: 50 }, stopped("E_BUDGET_OUTPUT_TOKENS", 1, 2)],
    ["just enough output tokens", { maxOutputTokens: 100 }, whole],
    ["0 tokens", { maxTotalTokens: 0 }, stopped("E_BUDGET_TOTAL_TOKENS", 0, 0)],
    ["0 dollars", { maxCostUsd: 0 }, stopped("E_BUDGET_COST_USD", 0, 0)],
    ["no time", { maxDuration: 0 }, stopped("E_BUDGET_DURATION", 0, 0)]
  ])("of %s is reached exactly", ([, options, expected]) =>
    Effect.gen(function* () {
      assert.deepStrictEqual(yield* comesTo(options), expected)
    })
  )

  it.effect.each([Infinity, 2 ** 53 - 1])("of %s that allows everything stops nothing", (max) =>
    Effect.gen(function* () {
      const all = {
        maxSteps: max,
        maxToolCalls: max,
        maxCallsPerTool: { work: max },
        maxInputTokens: max,
        maxOutputTokens: max,
        maxTotalTokens: max,
        maxDuration: max,
        maxDepth: max,
        maxAgents: max
      }
      assert.deepStrictEqual(yield* comesTo(all), whole)
    })
  )

  it.effect(
    "in dollars is never exceeded by a model that respects its output limit, on whichever agent it is set",
    () =>
      Effect.gen(function* () {
        const asked = new Set<number>()
        for (let nano = 0; nano < 3_000_000; nano += 37_000) {
          const model = ScriptedModel.make({
            respond: (request) => {
              const used = { inputUncached: 10, outputText: Math.min(50, request.maxOutputTokens ?? 50) }
              const n = request.metadata.step
              return n < 4
                ? calls([{ id: `${n}`, name: "work", args: {} }], { usage: used })
                : text("done", { usage: used })
            }
          })
          const { cost } = yield* under({ maxCostUsd: nano / 1e9 }, undefined, model).pipe(
            Effect.flatMap(({ ended, probe }) => Effect.as(ended, { cost: probe.of("data-cost-summary")[0]?.data })),
            Effect.scoped
          )
          assert.isAtMost(cost?.costNanoUsd ?? Infinity, nano)
          asked.add(model.requests.length)
        }
        assert.deepStrictEqual(
          [...asked].sort((a, b) => a - b),
          [0, 1, 2, 3, 4]
        )
      })
  )

  it.effect("that trips on the very last step is reported once, and the run ends", () =>
    Effect.gen(function* () {
      assert.deepStrictEqual(yield* comesTo({ maxSteps: 1, maxToolCalls: 2 }), stopped("E_BUDGET_STEPS", 1, 2))
    })
  )

  it.effect("that would trip after the step that ends the run does not", () =>
    Effect.gen(function* () {
      assert.deepStrictEqual(yield* comesTo({ maxSteps: 2, maxToolCalls: 2, maxOutputTokens: 100 }), whole)
    })
  )

  it.effect("is reported once, however many calls of a step reach it", () =>
    Effect.gen(function* () {
      const probe = yield* OneTool.finished({
        calls: Array.from({ length: 50 }, () => ({})),
        agent: { budget: Budget.make({ maxToolCalls: 3 }) },
        handler: () => Effect.void
      })
      assert.strictEqual(probe.of("budget_exhausted").length, 1)
      assert.strictEqual(probe.of("budget_exhausted")[0]?.message, "max_tool_calls=3 reached")
      const statuses = probe.of("tool-invocation").flatMap((one) => (one.state === "result" ? [one.status] : []))
      assert.strictEqual(statuses.filter((status) => status === undefined).length, 3)
      assert.strictEqual(statuses.filter((status) => status === "denied").length, 47)
    }).pipe(Effect.scoped)
  )

  it.effect.each<readonly [string, Budget.Budget]>([
    ["wider", Budget.make({ maxSteps: 1 })],
    ["absent", Budget.make({ maxToolCalls: 5 })],
    ["undefined", { maxSteps: undefined } as never]
  ])("of the agent applies when that of the query is %s", ([, budget]) =>
    Effect.gen(function* () {
      const { probe } = yield* Solo.finished([text("hello", { usage })], {
        agent: { budget: Budget.make({ maxSteps: 0 }) },
        query: { budget }
      })
      assert.strictEqual(probe.of("finish")[0]?.finishReason, "budget")
    }).pipe(Effect.scoped)
  )
})

describe("the output of a step", () => {
  const capOf = (options: Budget.Options, maxOutputTokens?: number) =>
    Effect.gen(function* () {
      const model = ScriptedModel.make({ replies: [text("hello", { usage })] })
      yield* Solo.finished(model, { agent: { budget: Budget.make(options), maxOutputTokens }, services: prices })
      return model.requests[0]?.maxOutputTokens
    }).pipe(Effect.scoped)

  it.effect("is limited to what is left of the tokens and of the money", () =>
    Effect.gen(function* () {
      assert.isUndefined(yield* capOf({}))
      assert.isUndefined(yield* capOf({ maxSteps: 5 }))
      assert.strictEqual(yield* capOf({}, 700), 700)
      assert.strictEqual(yield* capOf({ maxOutputTokens: 60 }), 60)
      assert.strictEqual(yield* capOf({ maxOutputTokens: 60 }, 20), 20)
      assert.strictEqual(yield* capOf({ maxOutputTokens: 60 }, 700), 60)
      const byMoney = yield* capOf({ maxCostUsd: 0.001 })
      assert.isBelow(byMoney ?? 0, 101)
      assert.isAbove(byMoney ?? 0, 90)
    })
  )

  it.effect("beyond its reservation is recorded and flagged", () =>
    Effect.gen(function* () {
      const model = ScriptedModel.make({ replies: [text("hello", { usage: { inputUncached: 1, outputText: 999 } })] })
      const { probe } = yield* Solo.finished(model, {
        agent: { budget: Budget.make({ maxOutputTokens: 60 }) },
        services: prices
      })
      const [summary] = probe.of("data-cost-summary")
      assert.isTrue(summary?.data.root.rows[0]?.overrun)
      assert.strictEqual(summary?.data.root.usage.completionTokens, 999)
      assert.strictEqual(summary?.data.costNanoUsd, 1000 + 999 * 10_000)
    }).pipe(Effect.scoped)
  )
})

describe("a limit on time", () => {
  const twoMinutes = { maxDuration: "2 minutes" } as const

  it.effect("stops a tool that takes an hour", () =>
    Effect.gen(function* () {
      const { ended, probe } = yield* under(twoMinutes, () => Effect.sleep("1 hour"))
      yield* TestClock.adjust("119 seconds")
      assert.isFalse(probe.ended)
      yield* TestClock.adjust("1 second")
      assert.deepInclude(yield* ended, { finish: "budget", exhausted: ["E_BUDGET_DURATION"] })
      const results = probe.of("tool-invocation").flatMap((one) => (one.state === "result" ? [one.status] : []))
      assert.deepStrictEqual(results, ["denied", "denied"])
    }).pipe(Effect.scoped)
  )

  it.effect("stops a model that hangs", () =>
    Effect.gen(function* () {
      const { probe } = yield* Solo.start([{ parts: [[{ type: "text", text: "so" }]], hangs: true }], {
        agent: { budget: Budget.make(twoMinutes) }
      })
      yield* TestClock.adjust("2 minutes")
      yield* probe.end
      assert.strictEqual(probe.of("finish")[0]?.finishReason, "budget")
      assert.isTrue(probe.of("data-cost-summary")[0]?.data.estimated)
      Story.isWhole(probe.envelopes)
    }).pipe(Effect.scoped)
  )

  it.effect("does not count the time of a person", () =>
    Effect.gen(function* () {
      const { probe, runtime } = yield* OneTool.start({
        tool: OneTool.work.setNeedsApproval(true),
        agent: { budget: Budget.make(twoMinutes) },
        handler: () => Effect.void
      })
      yield* TestClock.adjust("1 hour")
      const { data } = yield* probe.next("approval-required")
      yield* runtime.respondToApproval(data.id, Decision.approve())
      yield* probe.end
      assert.strictEqual(probe.of("finish")[0]?.finishReason, "stop")
      assert.deepInclude(probe.of("data-latency-summary")[0]?.data, { humanWaitMs: 3_600_000, machineMs: 0 })
    }).pipe(Effect.scoped)
  )

  it.effect("counts the time of a question while something else runs", () =>
    Effect.gen(function* () {
      const { probe } = yield* OneTool.start({
        calls: [{ n: 1 }, { n: 2 }],
        agent: { budget: Budget.make(twoMinutes), approvals: { work: ({ n }) => n === 1 } },
        handler: () => Effect.sleep("1 hour")
      })
      yield* TestClock.adjust("2 minutes")
      assert.strictEqual(probe.of("tool-invocation").length, 3)
      assert.strictEqual(probe.of("tool-invocation")[2]?.toolInvocationId, "c2")
    }).pipe(Effect.scoped)
  )
})
