/**
 * The states of a plan: proposed, returned with a revision, proposed again, approved and executed; then a plan that
 * fails in the middle.
 */
import { NodeRuntime } from "@effect/platform-node"
import { Decision, type Event, Runtime } from "@reins/runtime"
import { ScriptedModel } from "@reins/runtime/testing"
import { Console, Effect, Layer, Stream } from "effect"
import { Moving, Planner, respond } from "./Moving.ts"

const RuntimeLive = Runtime.layer({ agents: [Planner] }).pipe(
  Layer.provide([Moving.layer, ScriptedModel.layer({ respond })])
)

const tell = (event: Event) => {
  switch (event.type) {
    case "plan-status-change":
      return Console.log(`  plan: ${event.data.from} -> ${event.data.to}`)
    case "approval-required":
      return Console.log(`  ? ${event.data.kind}: ${JSON.stringify(event.data.payload)}`)
    case "approval-decision":
      return Console.log(`  ! ${event.data.outcome.outcome}: ${event.data.feedback ?? "go ahead"}`)
    case "tool-progress":
      return Console.log(`  ${event.label} (${event.phaseIndex} of ${event.totalPhases})`)
    case "tool-invocation":
      return event.state === "result" ? Console.log(`  = ${JSON.stringify(event.result)}`) : Effect.void
    case "text":
      return Console.log(event.text)
    default:
      return Effect.void
  }
}

const stage = (system: string, downtimeMinutes: number) => ({ system, downtimeMinutes })

const revision = Decision.revise(
  { stages: [stage("mail", 5), stage("billing", 10)] },
  { by: "leo", feedback: "mail first, and quicker" }
)

/** Runs a query to its end; its approvals get these answers in turn. */
const plan = Effect.fnUntraced(function* (prompt: string, answers: ReadonlyArray<Decision>) {
  const runtime = yield* Runtime
  const open = [...answers]
  yield* Console.log(`> ${prompt}`)
  yield* Stream.runForEach(runtime.query(prompt), (event) =>
    Effect.andThen(
      tell(event),
      event.type === "approval-required"
        ? runtime.approvals.respond(event.data.id, open.shift() ?? Decision.approve())
        : Effect.void
    )
  )
})

const program = Effect.gen(function* () {
  yield* plan("billing, mail", [revision, Decision.approve({ by: "leo" })])
  yield* plan("mail, mainframe, billing", [Decision.approve({ by: "leo" })])
})

program.pipe(Effect.provide(RuntimeLive), NodeRuntime.runMain)
