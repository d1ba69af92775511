/**
 * Parallel specialists with one limit in US dollars: a warning before it; then, in the first run, a pause in which a
 * person raises it, and in the second, an answer from what there is. At last a connection breaks, and the estimate of
 * what that cost is corrected by the provider's bill.
 */
import { NodeRuntime } from "@effect/platform-node"
import { Budget, type Envelope, Runtime } from "@reins/runtime"
import { ScriptedModel } from "@reins/runtime/testing"
import { Console, Effect, Layer, Stream } from "effect"
import * as CostTree from "./CostTree.ts"
import { Editor, onTheBill, prices, Reader, respond } from "./Newsroom.ts"

const RuntimeLive = Runtime.layer({ agents: [Editor, Reader] }).pipe(
  Layer.provide([ScriptedModel.layer({ respond }), prices])
)

/** What the run prints, specialists indented. */
const said = ({ agentPath, event }: Envelope.Envelope): string | undefined => {
  const margin = "  ".repeat(agentPath.length + 1)
  switch (event.type) {
    case "text":
      return `${margin}"${event.text}"`
    case "tool-agent": {
      const end = event.state === "result" ? `ends: ${event.status ?? "ok"}` : "starts"
      return `${margin}${event.agentName} ${event.toolInvocationId} ${end}`
    }
    case "custom":
      return `${margin}${event.event_type} ${JSON.stringify(event.data)}`
    case "approval-required":
      return `${margin}raise the limit? ${JSON.stringify(event.data.payload)}`
    case "budget_exhausted":
      return `${margin}${event.type}: ${event.message}`
    case "finish":
      return `${margin}finish: ${event.finishReason}`
    case "data-cost-summary":
      return CostTree.lines(event.data.root).join("\n")
    default:
      return undefined
  }
}

const write = Effect.fnUntraced(function* (budget: Budget.Budget) {
  const runtime = yield* Runtime
  yield* Console.log(`on exhausted ${budget.onExhausted}:`)
  const run = yield* runtime.start("tides, wind, waves", { budget })
  // Envelopes contain the events of all agents; `run.events` has only the editor's own.
  yield* Stream.runForEach(run.envelopes, (envelope) =>
    Effect.gen(function* () {
      const line = said(envelope)
      if (line !== undefined) yield* Console.log(line)
      if (envelope.event.type === "approval-required") {
        yield* runtime.raiseBudget(run.runId, { maxCostUsd: 1 }, { by: "mia" })
      }
    })
  )
})

const dollars = (nanoUsd: number) => `${(nanoUsd / 1e9).toFixed(4)} USD`

/** A run whose connection breaks once, and what the provider's bill says of it later. */
const settle = Effect.fnUntraced(function* () {
  const runtime = yield* Runtime
  const run = yield* runtime.start("storms")
  yield* run.result
  const { runId } = run
  const booked = Effect.map(runtime.costs.by({ runId }), ({ sum }) => dollars(sum.costNanoUsd))
  yield* Console.log(`the bill of "storms": ${yield* booked} booked`)
  for (const { agentPath, costNanoUsd = 0, model, provider, step } of (yield* runtime.costs.estimates(runId)) ?? []) {
    yield* Console.log(`  ${agentPath.join(" ")}, step ${step}: ${dollars(costNanoUsd)} as an estimate`)
    yield* runtime.costs.correct({ runId, agentPath, step, provider, model, usage: onTheBill })
  }
  yield* Console.log(`  corrected by the provider's bill: ${yield* booked}`)
})

const program = Effect.gen(function* () {
  yield* write(Budget.make({ maxCostUsd: 0.5, warnAt: 0.8, onExhausted: "pause" }))
  yield* write(Budget.make({ maxCostUsd: 0.5, onExhausted: "wrap-up" }))
  yield* settle()
})

program.pipe(Effect.provide(RuntimeLive), NodeRuntime.runMain)
