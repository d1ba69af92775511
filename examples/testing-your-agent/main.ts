/**
 * Prints what this example is, and runs one of its tests as a story: a run that is watched, held at an approval, and
 * inspected before it continues. The tests beside it are the example.
 */
import { NodeRuntime } from "@effect/platform-node"
import { Decision, Model, Runtime } from "@reins/runtime"
import { Probe, ScriptedModel } from "@reins/runtime/testing"
import { Console, Effect, Layer } from "effect"
import { Bookings, layer } from "./Concierge.ts"

const model = ScriptedModel.make({
  replies: [
    ScriptedModel.calls([{ id: "1", name: "cancel_booking", args: { booking: "room 7" } }]),
    ScriptedModel.text("Room 7 is cancelled.")
  ]
})

const program = Effect.gen(function* () {
  yield* Console.log("How to test an agent of your own: read main.test.ts. This is one of its stories.\n")
  const runtime = yield* Runtime
  const bookings = yield* Bookings

  const run = yield* runtime.start("Cancel room 7, please.")
  const probe = yield* Probe.watch(run.runId)
  const { data } = yield* probe.next("approval-required")
  yield* Console.log("asked about:", data.payload, "and nothing is done yet:", yield* bookings.open)

  yield* runtime.approvals.respond(data.id, Decision.approve())
  yield* probe.end
  yield* Console.log("afterwards:", yield* bookings.open)
  yield* Console.log("the model was asked", model.requests.length, "times, and read:", resultsRead())
  yield* Console.log("the run said:", probe.types.join(", "))
  yield* model.done
})

const resultsRead = () => model.requests.flatMap(ScriptedModel.lastResults).map(({ result }) => result)

program.pipe(
  Effect.scoped,
  Effect.provide(
    layer.pipe(
      Layer.provide(Layer.succeed(Model, model)),
      Layer.provideMerge(Bookings.layerMemory("room 7", "table 2"))
    )
  ),
  NodeRuntime.runMain
)
