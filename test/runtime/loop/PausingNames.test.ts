import { assert, describe, it } from "@effect/vitest"
import { Agent, Budget, Decision, Model, Runtime } from "@reins/runtime"
import { Probe, ScriptedModel } from "@reins/runtime/testing"
import { Effect, Layer, Schema } from "effect"
import { Tool, Toolkit } from "effect/ai"

const Send = Tool.make("send", { parameters: Schema.Struct({}), success: Schema.String, needsApproval: true })
class Post extends Toolkit.make(Send) {
  static readonly layer = this.toLayer({ send: () => Effect.succeed("sent") })
}

describe("a question about a budget", () => {
  it.effect("differs from one about a call, whatever id the model gave the call", () => {
    const model = ScriptedModel.make({
      replies: [ScriptedModel.calls([{ id: "budget/1", name: "send", args: {} }]), ScriptedModel.text("done")]
    })
    const clerk = Agent.make("clerk", { toolkit: Post, budget: Budget.make({ maxSteps: 1, onExhausted: "pause" }) })
    const layer = Runtime.layer({ agents: [clerk] }).pipe(Layer.provide([Post.layer, Layer.succeed(Model, model)]))
    return Effect.gen(function* () {
      const runtime = yield* Runtime
      const run = yield* runtime.start("Write.")
      const probe = yield* Probe.watch(run.runId)
      const first = yield* probe.next("approval-required")
      yield* runtime.respondToApproval(first.data.id, Decision.approve())
      const second = yield* probe.next("approval-required", 2)
      assert.notStrictEqual(second.data.id, first.data.id)
      yield* runtime.raiseBudget(run.runId, { maxSteps: 2 })
      assert.strictEqual((yield* run.result).output, "done")
    }).pipe(Effect.provide(layer), Effect.scoped)
  })
})
