/** An app whose agent posts a parcel, which says later where it is, after it has slept for a moment. */
import { Agent, Model, Runtime, ToolRun } from "@reins/runtime"
import { ScriptedModel } from "@reins/runtime/testing"
import { Effect, Layer, Schema } from "effect"
import { Tool, Toolkit } from "effect/ai"

const Kit = Toolkit.make(
  Tool.make("post", { success: Schema.Struct({ place: Schema.String }), dependencies: [ToolRun] }).annotate(
    Tool.Idempotent,
    true
  )
)

const model = ScriptedModel.make({
  respond: (request) => {
    const last = request.messages.at(-1)
    const said =
      last?.role === "user" ? last.content.map((part) => (part.type === "text" ? part.text : "")).join("") : ""
    if (ScriptedModel.lastResults(request).length > 0) return ScriptedModel.text("It is on its way.")
    return said.startsWith("The late result")
      ? ScriptedModel.text(`It arrived: ${said.split("\n").at(-1) ?? ""}`)
      : ScriptedModel.calls([{ id: "c", name: "post", args: {} }])
  }
})

export default Runtime.layer({ agents: [Agent.make("courier", { toolkit: Kit })] }).pipe(
  Layer.provide([
    Kit.toLayer({
      post: () =>
        Effect.gen(function* () {
          const run = yield* ToolRun
          yield* run.sleep("1 millis")
          return yield* (yield* run.later({ receipt: "posted", expiresIn: "365 days" })).end
        })
    }),
    Layer.succeed(Model, model)
  ])
)
