/** An app whose agent has two models. */
import { Agent, Model, type ModelPort, Runtime } from "@reins/runtime"
import { ScriptedModel } from "@reins/runtime/testing"
import { Context, Layer } from "effect"

class Strong extends Context.Service<Strong, ModelPort>()("app/Strong") {}
const port = (model: string) => ScriptedModel.make({ model, respond: () => ScriptedModel.text(`from ${model}`) })

export default Runtime.layer({ agents: [Agent.make("desk", { models: { strong: Strong } })] }).pipe(
  Layer.provide([Layer.succeed(Model, port("cheap")), Layer.succeed(Strong, port("strong"))])
)
