/**
 * Many runs that wait repeatedly, answered at once, late, and while they are being unloaded from memory: none may
 * stall.
 */
import { Agent, Decision, Model, Runtime } from "@reins/runtime"
import { ScriptedModel } from "@reins/runtime/testing"
import { Effect, Layer, Schema, type Scope, Stream } from "effect"
import { Tool, Toolkit } from "effect/ai"

const Ask = Tool.make("ask", { parameters: Schema.Struct({}), success: Schema.String, needsApproval: true })
class Tools extends Toolkit.make(Ask) {}
const desk = Agent.make("desk", { instructions: "Ask.", toolkit: Tools })

/** How long a run may wait before it is unloaded, in milliseconds: about as long as an answer takes. */
export const hibernateMs = 40

const runtime = (deployment: Layer.Layer<never>) =>
  Runtime.layer({ agents: [desk] }).pipe(
    Layer.provide([
      Tools.toLayer({ ask: () => Effect.succeed("yes") }),
      Layer.succeed(
        Model,
        ScriptedModel.make({
          respond: ({ metadata }) =>
            metadata.step > 4
              ? ScriptedModel.text("Done.")
              : ScriptedModel.calls([{ id: `c${metadata.step}`, name: "ask", args: {} }])
        })
      ),
      deployment
    ])
  )

/** `count` runs with four waits each, twenty at a time. */
export const none = (count: number, deployment: Effect.Effect<Layer.Layer<never>, never, Scope.Scope>) =>
  Effect.gen(function* () {
    const layer = yield* deployment
    return yield* Effect.gen(function* () {
      const { respondToApproval, start, watch } = yield* Runtime
      const one = (index: number) =>
        Effect.gen(function* () {
          const runId = `run-${index}`
          yield* start("Ask.", { runId })
          let waits = 0
          yield* Stream.runForEach(watch(runId), ({ event }) =>
            event.type === "approval-required"
              ? Effect.andThen(
                  // At once, or about when it is unloaded.
                  Effect.sleep((index + waits++) % 3 === 0 ? 0 : 20 + ((index * 7 + waits * 13) % 60)),
                  Effect.orDie(respondToApproval(event.data.id, Decision.approve()))
                )
              : Effect.void
          )
          return waits === 4 ? [] : [`${runId} waited ${waits} times`]
        }).pipe(
          Effect.timeoutOrElse({ duration: "20 seconds", orElse: () => Effect.succeed([`run-${index} stalled`]) })
        )
      const all = yield* Effect.forEach(
        Array.from({ length: count }, (_, index) => index),
        one,
        { concurrency: 20 }
      )
      return all.flat()
    }).pipe(Effect.provide(runtime(layer)))
  }).pipe(Effect.scoped)
