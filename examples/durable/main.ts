/**
 * A run that survives its process: kill it at its question, start it again, and it continues. `main.ts
 * [wait|approve|reject] [FILE]`.
 */
import { NodeRuntime } from "@effect/platform-node"
import { Decision, Runtime } from "@reins/runtime"
import { Sqlite } from "@reins/store/sqlite"
import { Console, Effect, Layer, Stream } from "effect"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { Desk, DeskLive } from "./Refunds.ts"

// Without a terminal it cannot be killed by hand: then it exits at its question by itself.
const [says = process.stdin.isTTY ? "wait" : "leave", filename = join(tmpdir(), "reins-durable.db")] =
  process.argv.slice(2)

const RuntimeLive = Runtime.layer({ agents: [Desk] }).pipe(
  Layer.provide(DeskLive),
  // The only durable line: with `Deployment.layerMemory()` instead, the run ends with the process.
  Layer.provide(Sqlite.layer({ filename }))
)

const program = Effect.gen(function* () {
  const runtime = yield* Runtime
  const runId = "refund-A-7"

  // We choose the run's id, so a second start starts nothing: the run exists already.
  yield* runtime.start("Where is my money for order A-7?", { runId, threadId: "customer-1" }).pipe(
    Effect.andThen(Console.log("The run starts.")),
    Effect.catchIf(
      ({ reason }) => reason._tag === "RunExists",
      () => Console.log("The run exists already. Its events so far:")
    )
  )

  const events = runtime.watch(runId).pipe(Stream.map((envelope) => envelope.event))
  const untilQuestion = Stream.takeUntil(events, (event) => says === "leave" && event.type === "approval-required")
  yield* Stream.runForEach(untilQuestion, (event) => {
    switch (event.type) {
      case "approval-required":
        return Effect.andThen(Console.log(`May I? ${event.data.target} ${JSON.stringify(event.data.payload)}`), answer)
      case "approval-decision":
        return Console.log(`The answer: ${event.data.outcome.outcome}.`)
      case "text":
        return Console.log(event.text)
      case "finish":
        return Console.log(`The run has ended: ${event.finishReason}.`)
      default:
        return Effect.void
    }
  })
  if (says === "leave") yield* Console.log("Start me again with approve or reject.")
})

/** Answers the pending approval, if the command line contains an answer. */
const answer = Effect.gen(function* () {
  const runtime = yield* Runtime
  const decision = { approve: Decision.approve({ by: "mia" }), reject: Decision.reject({ by: "mia" }) }
  if (says !== "approve" && says !== "reject") return
  for (const { request } of yield* runtime.approvals.pending()) {
    yield* runtime.approvals.respond(request.id, decision[says])
  }
})

program.pipe(Effect.provide(RuntimeLive), NodeRuntime.runMain)
