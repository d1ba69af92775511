/** Tools that the caller runs: the run waits, the caller runs the calls and submits the results. */
import { NodeRuntime } from "@effect/platform-node"
import { type Event, Runtime } from "@reins/runtime"
import { ScriptedModel } from "@reins/runtime/testing"
import { Console, Effect, Layer, Stream } from "effect"
import { Navigator, respond } from "./Navigator.ts"
import * as Phone from "./Phone.ts"

// No handlers: these tools do not run here.
const RuntimeLive = Runtime.layer({ agents: [Navigator] }).pipe(Layer.provide(ScriptedModel.layer({ respond })))

const tell = (event: Event) => {
  switch (event.type) {
    case "tool-invocation":
      return event.state === "call"
        ? Console.log(`for the ${event.execution}: ${event.toolName} ${JSON.stringify(event.args)}`)
        : Console.log(`= ${event.status ?? "ok"} ${JSON.stringify(event.result)}`)
    case "text":
      return Effect.sync(() => process.stdout.write(event.text))
    case "finish":
      return Console.log(`\n${event.finishReason}`)
    default:
      return Effect.void
  }
}

const program = Effect.gen(function* () {
  const runtime = yield* Runtime
  const { events, runId } = yield* runtime.start("Where am I, and what does it look like?")
  yield* Stream.runForEach(events, (event) => Effect.andThen(tell(event), Phone.serve(runId, event)))
})

program.pipe(Effect.provide(RuntimeLive), NodeRuntime.runMain)
