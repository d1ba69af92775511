/**
 * An order that is shipped, reported by its carrier later, and followed by a reminder. In the program, which is one process,
 * the carrier reports after a moment and the day is a second. The test closes the runtime in between and opens others over
 * the same file, while a test clock passes the days. `main.ts [FILE]`.
 */
import { NodeRuntime } from "@effect/platform-node"
import { type Event, Runtime } from "@reins/runtime"
import { Sqlite } from "@reins/store/sqlite"
import { Console, Effect, Layer, Stream } from "effect"
import { Carrier } from "./Carrier.ts"
import { Mail } from "./Mail.ts"
import { Clerk, model, Shop } from "./Shop.ts"

const [filename = ":memory:"] = process.argv.slice(2)

const RuntimeLive = Runtime.layer({ agents: [Clerk] }).pipe(
  Layer.provide([Shop.layer("1 second"), model, Sqlite.layer({ filename })]),
  Layer.provide(Carrier.layer),
  Layer.provideMerge(Mail.layer)
)

/** What the handler of the carrier's web hook does: any process may, without the agent's code. */
const report = Effect.fnUntraced(function* (ticketId: string) {
  const runtime = yield* Runtime
  yield* Effect.sleep("300 millis")
  yield* Console.log(`  (the carrier reports for ticket ${ticketId.replace(/^.*\./, "…")})`)
  yield* runtime.results.deliver(ticketId, { value: { place: "at the door" } }, { costUsd: 4.5 })
})

const show = (event: Event) => {
  switch (event.type) {
    case "text":
      return Console.log(event.text)
    case "tool-invocation":
      return event.state === "call"
        ? Console.log(`  ${event.toolName} ${JSON.stringify(event.args)}`)
        : event.later === undefined
          ? Console.log(`  ${event.toolName}: ${JSON.stringify(event.result)}`)
          : Effect.andThen(
              Console.log(`  ${event.toolName}, for now: ${JSON.stringify(event.result)}`),
              Effect.forkChild(Effect.orDie(report(event.later.ticketId)))
            )
    case "late-result":
      return Console.log(`  ${event.toolName}, late: ${JSON.stringify(event.result)}`)
    case "custom":
      return event.event_type === "call_sleeps"
        ? Console.log("  (nothing of the call is in memory until its time has come)")
        : Effect.void
    case "data-cost-summary":
      return Console.log(`It has cost ${event.data.pricedUsd} USD.`)
    default:
      return Effect.void
  }
}

const program = Effect.gen(function* () {
  const runtime = yield* Runtime
  yield* Stream.runForEach(runtime.query("Please send me order A-7."), show)
  for (const { text } of yield* (yield* Mail).sent) yield* Console.log(`Mail: ${text}`)
})

program.pipe(Effect.provide(RuntimeLive), NodeRuntime.runMain)
