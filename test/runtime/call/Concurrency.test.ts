import { assert, describe, it } from "@effect/vitest"
import { Agent, Model, Runtime, ToolSettings } from "@reins/runtime"
import { ScriptedModel } from "@reins/runtime/testing"
import { Effect, Layer, Schema } from "effect"
import { Tool, Toolkit } from "effect/ai"
import { TestClock } from "effect/testing"

const Slow = Tool.make("slow", { parameters: Schema.Struct({ n: Schema.Natural }), success: Schema.Natural }).annotate(
  ToolSettings.Concurrency,
  2
)
class Kit extends Toolkit.make(Slow) {}

describe("a tool with a concurrency of two", () => {
  it.effect("runs two of one step's calls at a time, and all of them in the end", () => {
    let running = 0
    let most = 0
    const handlers = Kit.toLayer({
      slow: ({ n }) =>
        Effect.gen(function* () {
          most = Math.max(most, ++running)
          yield* Effect.sleep(1000)
          running--
          return n
        })
    })
    const made = Array.from({ length: 5 }, (_, n) => ({ id: `c${n}`, name: "slow", args: { n } }))
    const model = ScriptedModel.make({ replies: [ScriptedModel.calls(made), ScriptedModel.text("done")] })
    const layer = Runtime.layer({ agents: [Agent.make("clerk", { toolkit: Kit })] }).pipe(
      Layer.provide([handlers, Layer.succeed(Model, model)])
    )
    return Effect.gen(function* () {
      const runtime = yield* Runtime
      const run = yield* runtime.start("Go.")
      yield* TestClock.adjust("5 seconds")
      const { summary } = yield* run.result
      assert.strictEqual(most, 2)
      assert.strictEqual(summary.latency.tools.length, 5)
      assert.strictEqual(summary.latency.totalMs, 3000)
    }).pipe(Effect.provide(layer))
  })
})
