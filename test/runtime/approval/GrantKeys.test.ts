import { assert, describe, it } from "@effect/vitest"
import { Agent, Decision, Deployment, Model, Runtime } from "@reins/runtime"
import { Probe, ScriptedModel } from "@reins/runtime/testing"
import { Effect, Layer, Schema } from "effect"
import { Tool, Toolkit } from "effect/ai"

const Send = Tool.make("send", { parameters: Schema.Struct({}), success: Schema.String, needsApproval: true })
class Post extends Toolkit.make(Send) {
  static readonly layer = this.toLayer({ send: () => Effect.succeed("sent") })
}
const call = (id: string) => ScriptedModel.calls([{ id, name: "send", args: {} }])

describe("a use of a grant", () => {
  it.effect("does not serve a call of another run with the same id, when the first run is deleted", () => {
    const model = ScriptedModel.make({
      replies: [call("a"), call("b"), ScriptedModel.text("done"), ScriptedModel.text("done"), call("b")],
      respond: () => ScriptedModel.text("done")
    })
    const layer = Runtime.layer({ agents: [Agent.make("clerk", { toolkit: Post })] }).pipe(
      Layer.provide([Post.layer, Layer.succeed(Model, model), Deployment.layerMemory({ keptRuns: 1 })])
    )
    return Effect.gen(function* () {
      const runtime = yield* Runtime
      const first = yield* runtime.start("Write.", { runId: "run", resourceId: "mia" })
      const seen = yield* Probe.watch(first.runId)
      const asked = yield* seen.next("approval-required")
      yield* runtime.respondToApproval(asked.data.id, Decision.approve({ scope: "run" }))
      yield* seen.end
      yield* runtime.complete("Hello.")
      const second = yield* runtime.start("Write.", { runId: "run", resourceId: "leo" })
      const probe = yield* Probe.watch(second.runId)
      yield* Effect.yieldNow
      assert.strictEqual((yield* runtime.pendingApprovals({ resourceId: "leo" })).length, 1)
      yield* second.cancel
      yield* probe.end
    }).pipe(Effect.provide(layer), Effect.scoped)
  })
})
