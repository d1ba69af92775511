/**
 * The caller's side: what the device can do, and what it does with the events of a run. The runtime knows nothing of this code;
 * it may as well be in a browser.
 */
import { type Event, Runtime } from "@reins/runtime"
import { Effect, Result, Schema } from "effect"
import { type Locate, Photograph } from "./Navigator.ts"

const locate: Effect.Effect<typeof Locate.successSchema.Encoded> = Effect.succeed({ city: "Lisbon" })

const photograph = Effect.fnUntraced(function* ({ of }: typeof Photograph.parametersSchema.Type) {
  return yield* Effect.fail(`there is no light to see ${of}`)
})

/** What came of a call: a result, or why there is none. */
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

/** Does what the run asks of the device, and hands in what came of it. Other events are not the device's business. */
export const serve = Effect.fnUntraced(function* (runId: string, event: Event) {
  if (event.type !== "tool-invocation" || event.state !== "call" || event.execution !== "client") return
  const runtime = yield* Runtime
  const done = yield* Effect.result(perform(event))
  yield* runtime.submitToolResult(
    runId,
    event.toolInvocationId,
    // The model reads a failure, too, and the run goes on.
    Result.isSuccess(done) ? { result: done.success } : { result: done.failure, isFailure: true }
  )
})
