/** An app that calls a tool that works and one that fails, and answers with words. */
import { Agent, Runtime } from "@reins/runtime"
import { ScriptedModel } from "@reins/runtime/testing"
import { Effect, Layer, Schema } from "effect"
import { Tool, Toolkit } from "effect/ai"

const parameters = Schema.Struct({ ship: Schema.String })
const Tools = Toolkit.make(
  Tool.make("look_up", { parameters, success: Schema.String, failure: Schema.String }),
  Tool.make("call_up", { parameters, success: Schema.String, failure: Schema.String })
)

const model = ScriptedModel.layer({
  respond: (request) =>
    ScriptedModel.lastResults(request).length > 0
      ? ScriptedModel.words("She was lost in March. ")
      : ScriptedModel.calls([
          { id: "c1", name: "look_up", args: { ship: "Aurora" } },
          { id: "c2", name: "call_up", args: { ship: "Aurora" } }
        ])
})

export default Runtime.layer({ agents: [Agent.make("desk", { toolkit: Tools })] }).pipe(
  Layer.provide([
    model,
    Tools.toLayer({
      look_up: ({ ship }) => Effect.succeed(`${ship}: lost in March 1907`),
      call_up: () => Effect.fail("nobody answers")
    })
  ])
)
