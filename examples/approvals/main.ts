/**
 * Approvals out of band: runs are started in one fiber, their approvals are answered from another. One answer leaves a
 * grant, which is used, listed and revoked; one answers a question that the agent asks; in the end nobody answers.
 */
import { NodeRuntime } from "@effect/platform-node"
import { type Event, Runtime } from "@reins/runtime"
import { ScriptedModel } from "@reins/runtime/testing"
import { Console, Effect, Fiber, Layer, Stream } from "effect"
import * as Clerk from "./Clerk.ts"
import { Bookkeeper, Payments, respond } from "./Payments.ts"

const RuntimeLive = Runtime.layer({ agents: [Bookkeeper], approvalExpiresIn: "2 seconds" }).pipe(
  Layer.provide([Payments.layer, ScriptedModel.layer({ respond })])
)

const tell = (event: Event) => {
  switch (event.type) {
    case "approval-required":
      return Console.log(`  ? ${event.data.target} ${JSON.stringify(event.data.payload)}`)
    case "approval-decision": {
      const { by = "nobody", outcome, scope } = event.data
      return Console.log(`  ! ${outcome.outcome} by ${by}${scope === undefined ? "" : `, for the ${scope}`}`)
    }
    case "custom":
      return Console.log(`  ! ${event.event_type}: no question needed`)
    case "tool-invocation":
      return event.state === "result" ? Console.log(`  = ${JSON.stringify(event.result)}`) : Effect.void
    default:
      return Effect.void
  }
}

/** Starts a run and watches it to its end. It answers no approvals. */
const pay = Effect.fnUntraced(function* (prompt: string) {
  const runtime = yield* Runtime
  yield* Console.log(`> ${prompt}`)
  const run = yield* runtime.start(prompt, { threadId: "month-end" })
  yield* Stream.runForEach(run.events, tell)
  yield* Console.log((yield* run.result).output)
})

const program = Effect.gen(function* () {
  const runtime = yield* Runtime
  const clerk = yield* Effect.forkChild(Clerk.work)

  yield* pay("Pay Paper 40, Coffee 90, Yachts 900.")
  yield* pay("Pay Paper 35.")
  yield* pay("Pay Printer.")

  for (const { id, matcher, usesLeft } of yield* runtime.grants.list()) {
    yield* Console.log(
      `a grant for ${JSON.stringify(matcher)} with ${usesLeft} ${usesLeft === 1 ? "use" : "uses"} left, revoked:`
    )
    yield* Console.log(yield* runtime.grants.revoke(id))
  }

  yield* Fiber.interrupt(clerk)
  yield* Console.log("the clerk goes home")
  yield* pay("Pay Paper 50.")
})

program.pipe(Effect.provide(RuntimeLive), NodeRuntime.runMain)
