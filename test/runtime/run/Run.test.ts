/** Settlements on the budget, and their warnings. */
import { assert, describe, it } from "@effect/vitest"
import { Ordering } from "@reins/protocol"
import { Agent, Budget, Model, Runtime, Specialist } from "@reins/runtime"
import { Probe, ScriptedModel } from "@reins/runtime/testing"
import { Effect, Layer } from "effect"
import * as Engines from "../../support/Engines.ts"

for (const [where, services] of Engines.all) {
  describe(`a warning ${where}`, () => {
    it.effect("about calls of specialists is in the bracket of the agent whose budget it is", () => {
      const model = ScriptedModel.make({
        replies: [
          ScriptedModel.calls([{ id: "1", name: "alpha", args: { prompt: "Go." } }]),
          ScriptedModel.calls([{ id: "2", name: "beta", args: { prompt: "Go." } }]),
          ScriptedModel.text("done")
        ]
      })
      const Beta = Specialist.make("beta", { description: "Is refused its step" })
      const Alpha = Specialist.make("alpha", {
        description: "Calls beta",
        specialists: [Beta],
        budget: Budget.make({ maxSteps: 1, maxAgents: 1, warnAt: 0.8 })
      })
      const layer = Runtime.layer({ agents: [Agent.make("root", { specialists: [Alpha] })] }).pipe(
        Layer.provide([Layer.succeed(Model, model), services()])
      )
      return Effect.gen(function* () {
        const runtime = yield* Runtime
        const run = yield* runtime.start("Go.", { threadId: "thread" })
        const probe = yield* Probe.watch(run.runId)
        yield* probe.end
        assert.deepStrictEqual(Ordering.check(probe.envelopes), [])
        assert.strictEqual(probe.of("finish")[0]?.finishReason, "stop")
        const told = probe.envelopes.flatMap(({ agentPath, event }) =>
          event.type === "custom" ? [[agentPath.join("/"), event.event_type, event.data]] : []
        )
        const data = { max: 1, used: 1, agentPath: ["alpha#1"] }
        assert.deepStrictEqual(told, [
          ["alpha#1", "budget_warning", { ...data, limit: "maxSteps" }],
          ["alpha#1", "budget_warning", { ...data, limit: "maxAgents" }]
        ])
      }).pipe(Effect.provide(layer), Effect.scoped)
    })
  })
}
