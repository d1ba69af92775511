/** A tool that is called without a model: a run of one call, by both engines. */
import { assert, describe, it } from "@effect/vitest"
import { Ordering } from "@reins/protocol"
import { Runtime } from "@reins/runtime"
import { Probe, ScriptedModel } from "@reins/runtime/testing"
import { Context, Effect, Layer } from "effect"
import * as Engines from "../../support/Engines.ts"
import * as OneTool from "../../support/OneTool.ts"

for (const [where, services] of Engines.all) {
  const runtimeOf = (options: Partial<OneTool.Options> = {}) => {
    const model = ScriptedModel.make({ respond: () => ScriptedModel.text("never asked") })
    const layer = OneTool.layer({
      handler: ({ n = 0 }) => Effect.succeed({ doubled: n * 2 }),
      model,
      services: services(),
      ...options
    })
    return Effect.map(Layer.build(layer), (context) => ({ model, runtime: Context.get(context, Runtime) }))
  }
  const called = Effect.fnUntraced(function* (runtime: Runtime["Service"], options: object = {}) {
    const { runId } = yield* runtime.callTool({ name: "work", args: { n: 2 }, id: "c1", ...options })
    return yield* Effect.provideService(Probe.watch(runId), Runtime, runtime)
  })

  describe(`a tool that is called by hand ${where}`, () => {
    it.effect("runs, and no model is asked", () =>
      Effect.gen(function* () {
        const { model, runtime } = yield* runtimeOf()
        const probe = yield* called(runtime)
        yield* probe.end
        assert.deepStrictEqual(Ordering.check(probe.envelopes), [])
        assert.deepStrictEqual(probe.types, [
          "step-start",
          "tool-invocation",
          "tool-invocation",
          "finish",
          "data-cost-summary",
          "data-latency-summary"
        ])
        assert.deepInclude(probe.of("tool-invocation")[1], { toolInvocationId: "c1", result: { doubled: 4 } })
        assert.lengthOf(model.requests, 0)
        assert.deepStrictEqual(probe.of("data-cost-summary")[0]?.data.unpriced, 0)
      })
    )

    it.effect("asks first where the tool asks, and does not run when it is refused", () =>
      Effect.gen(function* () {
        let ran = 0
        const { runtime } = yield* runtimeOf({
          tool: OneTool.work.setNeedsApproval(true),
          handler: () => Effect.sync(() => (ran += 1))
        })
        for (const [answer, runs] of [
          ["reject", 0],
          ["approve", 1]
        ] as const) {
          const probe = yield* called(runtime)
          const asked = yield* probe.next("approval-required")
          yield* runtime.respondToApproval(asked.data.id, answer)
          yield* probe.end
          assert.strictEqual(ran, runs)
        }
      })
    )

    it.effect("is limited, and its arguments are validated", () =>
      Effect.gen(function* () {
        const { runtime } = yield* runtimeOf()
        const limited = yield* called(runtime, { budget: { maxToolCalls: 0 } })
        yield* limited.end
        assert.strictEqual(limited.of("finish")[0]?.finishReason, "budget")
        assert.lengthOf(limited.of("budget_exhausted"), 1)
        const invalid = yield* called(runtime, { args: { n: "two" } })
        yield* invalid.end
        assert.include(JSON.stringify(invalid.of("tool-invocation")[1]), "InvalidArguments")
        const unknown = yield* Effect.flip(runtime.callTool({ name: "play", args: {} }))
        assert.include(unknown.message, 'Unknown tool "play". Available tools: work')
      })
    )
  })
}
