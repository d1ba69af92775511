import { assert, describe, it } from "@effect/vitest"
import { Agent, Model, Runtime } from "@reins/runtime"
import { ScriptedModel } from "@reins/runtime/testing"
import { Effect, Layer, Schema } from "effect"
import { Tool, Toolkit } from "effect/ai"

describe("a toolkit bound to its handlers", () => {
  it.effect("keeps their resources until the runtime ends", () => {
    let open = false
    const kit = Toolkit.make(Tool.make("look", { success: Schema.Boolean }))
    const held = Effect.acquireRelease(
      Effect.sync(() => void (open = true)),
      () => Effect.sync(() => void (open = false))
    )
    const handlers = kit.toLayer(Effect.as(held, kit.of({ look: () => Effect.sync(() => open) })))
    const model = ScriptedModel.make({
      replies: [ScriptedModel.calls([{ id: "1", name: "look", args: {} }]), ScriptedModel.text("done")]
    })
    const runtime = Runtime.layer({ agents: [Agent.make("desk", { toolkit: Agent.bind(kit, handlers) })] })
    return Effect.gen(function* () {
      yield* Effect.flatMap(Runtime, ({ complete }) => complete("go")).pipe(
        Effect.provide(Layer.provide(runtime, Layer.succeed(Model, model)))
      )
      const [result] = model.requests[1] === undefined ? [] : ScriptedModel.lastResults(model.requests[1])
      assert.isTrue(result?.result)
      assert.isFalse(open)
    })
  })
})
