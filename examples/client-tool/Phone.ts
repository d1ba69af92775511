/**
 * The caller's side: what the device can do, and how it reacts to the events of a run. The runtime does not know this
 * code; it could run in a browser.
 */
import { type Event, Runtime } from "@reins/runtime"
import { Effect, Result, Schema } from "effect"
import { type Locate, Photograph } from "./Navigator.ts"

const locate: Effect.Effect<typeof Locate.successSchema.Encoded> = Effect.succeed({ city: "Lisbon" })

const photograph = Effect.fnUntraced(function* ({ of }: typeof Photograph.parametersSchema.Type) {
  return yield* Effect.fail(`there is no light to see ${of}`)
})

/** The result of a call, or why there is none. */
const perform = ({ args, toolName }: { readonly args: Schema.Json; readonly toolName: string }) => {
  switch (toolName) {
    case "locate":
      return locate
    case "photograph":
      return Effect.flatMap(Effect.orDie(decodeOf(args)), photograph)
    default:
      return Effect.fail(`this device has no ${toolName}`)
  }
}

const decodeOf = Schema.decodeUnknownEffect(Photograph.parametersSchema)

/** Runs the calls for the device and submits their results. Other events are ignored. */
export const serve = Effect.fnUntraced(function* (runId: string, event: Event) {
  if (event.type !== "tool-invocation" || event.state !== "call" || event.execution !== "client") return
  const runtime = yield* Runtime
  const done = yield* Effect.result(perform(event))
  yield* runtime.submitToolResult(
    runId,
    event.toolInvocationId,
    // The model reads a failure, too, and the run continues.
    Result.isSuccess(done) ? { result: done.success } : { result: done.failure, isFailure: true }
  )
})
