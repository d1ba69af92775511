/** An agent without tools, `solo`, over a model that a test scripts: for what a step does with a model's response. */
import { Agent, Model, Runtime } from "@reins/runtime"
import type { ModelPort, QueryOptions, RuntimeOptions } from "@reins/runtime"
import { Probe, ScriptedModel } from "@reins/runtime/testing"
import { Context, Effect, Layer } from "effect"

export interface Options {
  readonly agent?: Omit<Agent.Options<never, [], Model>, "toolkit"> | undefined
  readonly runtime?: Omit<RuntimeOptions<[]>, "agents"> | undefined
  readonly query?: QueryOptions | undefined
  /** Further services that the runtime reads when it is built: prices, a deployment. */
  readonly services?: Layer.Layer<never> | undefined
}

/** A runtime of the agent `"solo"`. */
export const layer = (model: ModelPort, options: Options = {}): Layer.Layer<Runtime> =>
  Runtime.layer({ ...options.runtime, agents: [Agent.make("solo", { ...options.agent })] }).pipe(
    Layer.provide([Layer.succeed(Model, model), options.services ?? Layer.empty])
  )

/** A runtime that lives as long as the test. */
export const runtime = (model: ModelPort, options: Options = {}) =>
  Effect.map(Layer.build(layer(model, options)), (context) => Context.get(context, Runtime))

/** Starts a run in a runtime that lives as long as the test, and watches it. */
export const start = Effect.fnUntraced(function* (
  script: ModelPort | ReadonlyArray<ScriptedModel.Reply>,
  options: Options = {}
) {
  const model = "attempt" in script ? script : ScriptedModel.make({ replies: script })
  const service = yield* runtime(model, options)
  const handle = yield* service.start("hello", { runId: "run", threadId: "thread", ...options.query })
  const probe = yield* Effect.provideService(Probe.watch(handle.runId), Runtime, service)
  return { runtime: service, handle, probe }
})

/** The same, when the run has ended. */
export const finished = (...args: Parameters<typeof start>) => Effect.tap(start(...args), ({ probe }) => probe.end)
