import { assert, describe, it } from "@effect/vitest"
import { Transcript } from "@reins/protocol"
import { Budget, Prices } from "@reins/runtime"
import { ScriptedModel } from "@reins/runtime/testing"
import { Effect } from "effect"
import { TestClock } from "effect/testing"
import * as OneTool from "../../support/OneTool.ts"
import * as Story from "../../support/Story.ts"

const usage = { inputUncached: 10, outputText: 10 }

/** Calls `work` for as long as it has tools, then sums up. */
const tireless = () =>
  ScriptedModel.make({
    respond: ({ metadata, tools }) =>
      tools.length === 0
        ? ScriptedModel.text("so far", { usage })
        : ScriptedModel.calls([{ id: `c${metadata.step}`, name: "work", args: {} }], { usage, text: "working" })
  })

const wrapping = (options: Budget.Options, model = tireless(), handler: OneTool.Handler = () => Effect.void) =>
  Effect.map(
    OneTool.start({
      model,
      handler,
      agent: { budget: Budget.make({ ...options, onExhausted: "wrap-up" }), repeatedCallLimit: false }
    }),
    ({ handle, probe, runtime }) => ({ handle, model, probe, runtime })
  )

const ended = (options: Budget.Options, model = tireless()) =>
  Effect.gen(function* () {
    const { handle, probe } = yield* wrapping(options, model)
    yield* probe.end
    Story.isWhole(probe.envelopes)
    const last = probe.of("text").at(-1)?.text
    const output = yield* Effect.result(handle.result)
    return {
      asked: model.requests.length,
      last,
      finish: probe.of("finish")[0]?.finishReason,
      exhausted: probe.of("budget_exhausted").map(({ message }) => message),
      output: output._tag === "Success" ? output.success.output : output.failure.reason._tag
    }
  }).pipe(Effect.scoped)

describe("a budget that wraps up", () => {
  it.effect("reserves one of its steps for the answer, and reports the limit as it was written", () =>
    Effect.gen(function* () {
      assert.deepStrictEqual(yield* ended({ maxSteps: 3 }), {
        asked: 3,
        last: "so far",
        finish: "budget",
        exhausted: ["max_steps=3 reached"],
        output: "so far"
      })
    })
  )

  it.effect("offers no tools in the last step, and runs none that it calls anyway", () =>
    Effect.gen(function* () {
      let ran = 0
      const stubborn = ScriptedModel.make({
        respond: ({ metadata }) =>
          ScriptedModel.calls([{ id: `c${metadata.step}`, name: "work", args: {} }], { text: "more" })
      })
      const { model, probe, runtime } = yield* wrapping({ maxSteps: 2 }, stubborn, () => Effect.sync(() => void ran++))
      yield* probe.end
      assert.deepStrictEqual(
        model.requests.map(({ tools }) => tools.length),
        [1, 0]
      )
      assert.strictEqual(ran, 1)
      Story.isWhole(probe.envelopes)
      const thread = yield* runtime.threads.get("thread")
      assert.deepStrictEqual(thread.at(-2), { role: "assistant", content: [{ type: "text", text: "more" }] })
      assert.deepStrictEqual(thread.at(-1), Transcript.droppedCalls("no tools were offered", ["work"]))
    }).pipe(Effect.scoped)
  )

  it.effect("reserves nothing of a single step, and nothing of none", () =>
    Effect.gen(function* () {
      const one = yield* ended({ maxSteps: 1 })
      assert.deepInclude(one, { asked: 1, finish: "budget", output: "BudgetExhausted" })
      assert.deepInclude(yield* ended({ maxSteps: 0 }), { asked: 0, finish: "budget", output: "BudgetExhausted" })
    })
  )

  it.effect("answers after its last tool call was refused", () =>
    Effect.gen(function* () {
      assert.deepInclude(yield* ended({ maxToolCalls: 2 }), {
        asked: 4,
        last: "so far",
        exhausted: ["max_tool_calls=2 reached"],
        output: "so far"
      })
    })
  )

  it.effect("reserves a tenth of its tokens for the answer", () =>
    Effect.gen(function* () {
      const model = tireless()
      const { asked, exhausted, output } = yield* ended({ maxOutputTokens: 100 }, model)
      assert.deepStrictEqual(exhausted, ["max_output_tokens=100 reached"])
      assert.strictEqual(output, "so far")
      assert.strictEqual(asked, 10)
      assert.strictEqual(model.requests.at(-1)?.maxOutputTokens, 10)
    })
  )

  it.effect("cannot reserve time: a limit on time stops", () =>
    Effect.gen(function* () {
      const { probe } = yield* wrapping({ maxDuration: "1 minute" }, tireless(), () => Effect.sleep("50 seconds"))
      yield* TestClock.adjust("2 minutes")
      yield* probe.end
      assert.strictEqual(probe.of("finish")[0]?.finishReason, "budget")
      assert.strictEqual(probe.of("budget_exhausted").length, 1)
      Story.isWhole(probe.envelopes)
    }).pipe(Effect.scoped)
  )

  it.effect("does not affect a run that needs no more", () =>
    Effect.gen(function* () {
      const { finish, exhausted } = yield* ended({ maxSteps: 3 }, OneTool.caller())
      assert.deepStrictEqual([finish, exhausted], ["stop", []])
    })
  )
})

describe("a budget that stops", () => {
  it.effect("returns no answer, whatever was streamed before", () =>
    Effect.gen(function* () {
      const { handle } = yield* OneTool.start({
        model: tireless(),
        handler: () => Effect.void,
        agent: { budget: Budget.make({ maxSteps: 2 }) }
      })
      const { reason } = yield* Effect.flip(handle.result)
      assert.deepInclude(reason, { _tag: "BudgetExhausted", limit: "maxSteps", max: 2, used: 2 })
    }).pipe(Effect.scoped)
  )
})

describe("a limit in dollars that wraps up", () => {
  it.effect("reserves a tenth of the money for the answer", () =>
    Effect.gen(function* () {
      const perStep = (10 * 1 + 10 * 10) / 1e6
      const model = tireless()
      const layer = Prices.layerTable({ "scripted/scripted-1": { inputPerMillionUsd: 1, outputPerMillionUsd: 10 } })
      const { handle, probe } = yield* OneTool.start({
        model,
        services: layer,
        handler: () => Effect.void,
        agent: {
          maxOutputTokens: 10,
          budget: Budget.make({ maxCostUsd: 20 * perStep, onExhausted: "wrap-up" }),
          repeatedCallLimit: false
        }
      })
      yield* probe.end
      assert.strictEqual((yield* handle.result).output, "so far")
      assert.isAtMost(probe.of("data-cost-summary")[0]?.data.costUsd ?? 1, 20 * perStep)
      Story.addsUp(probe.of("data-cost-summary")[0]?.data)
    }).pipe(Effect.scoped)
  )
})
