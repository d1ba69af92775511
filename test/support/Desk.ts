/**
 * The agents that the runtime's tests share: a desk, and the reader that it may call. `Library` has their tools,
 * `Story` the script of their model.
 */
import { Agent, Model, Runtime, Specialist } from "@reins/runtime"
import type { ModelPort, RuntimeOptions } from "@reins/runtime"
import { Effect, Layer } from "effect"
import { Library, Loans } from "./Library.ts"

export const Reader = Specialist.make("reader", {
  description: "Reads up on one topic",
  instructions: "You read.",
  toolkit: Library
})

export const Desk = Agent.make("desk", {
  instructions: "You answer at the desk.",
  toolkit: Library,
  specialists: [Reader]
})

/** A runtime of the desk over `model`; its `Loans` can be read. */
export const layer = (
  model: ModelPort,
  options: Omit<RuntimeOptions<readonly []>, "agents"> = {}
): Layer.Layer<Runtime | Loans> =>
  Runtime.layer({ ...options, agents: [Desk] }).pipe(
    Layer.provide([Library.layer, Layer.succeed(Model, model)]),
    Layer.provideMerge(Loans.layer)
  )

/** A runtime of any agents that need only a model. */
export const plain = (
  model: ModelPort,
  options: RuntimeOptions<ReadonlyArray<Agent.Agent<Model>>>
): Layer.Layer<Runtime> => Runtime.layer(options).pipe(Layer.provide(Layer.succeed(Model, model)))

/** A model that is never called. */
export const nobody: ModelPort = { provider: "nobody", model: "nobody", attempt: () => Effect.die("nobody was asked") }
