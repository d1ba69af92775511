/** The smallest complete program: an agent, a tool that needs approval, a runtime, and a loop over its events. */
import { NodeRuntime } from "@effect/platform-node"
import { Agent, Decision, Runtime } from "@reins/runtime"
import { ScriptedModel } from "@reins/runtime/testing"
import { Console, Effect, Layer, Schema, Stream } from "effect"
import { Tool, Toolkit } from "effect/ai"

const City = Schema.Struct({ city: Schema.String })
class Trips extends Toolkit.make(Tool.make("book", { parameters: City, success: Schema.String, needsApproval: true })) {
  static readonly layer = this.toLayer({ book: ({ city }) => Effect.succeed(`a room in ${city}`) })
}

const Guide = Agent.make("guide", { instructions: "You plan trips.", toolkit: Trips })

// A scripted model: it calls the tool, then answers. Replace it with a real model; nothing else changes.
const call = ScriptedModel.calls([{ id: "1", name: "book", args: { city: "Lisbon" } }])
const model = ScriptedModel.layer({ replies: [call, ScriptedModel.words("You have a room in Lisbon.\n")] })

const RuntimeLive = Runtime.layer({ agents: [Guide] }).pipe(Layer.provide([Trips.layer, model]))

const program = Effect.gen(function* () {
  const runtime = yield* Runtime
  yield* Stream.runForEach(runtime.query("A room in Lisbon, please.", { threadId: "trip-1" }), (event) => {
    if (event.type === "text") return Effect.sync(() => process.stdout.write(event.text))
    if (event.type === "approval-required") return runtime.approvals.respond(event.data.id, Decision.approve())
    return event.type === "finish" ? Console.log(event.finishReason, event.usage) : Effect.void
  })
})

program.pipe(Effect.provide(RuntimeLive), NodeRuntime.runMain)
