/**
 * The runtime: carries queries to their ends. Embed it in a service, run specialists from code, watch, answer and cancel runs
 * from anywhere in the process (or, with another deployment, from other processes).
 *
 * A run belongs to the runtime, not to whoever reads its stream; only `query` ties the two together.
 */
import * as Context from "effect/Context"
import * as Layer from "effect/Layer"
import type * as Agent from "../agent/Agent.ts"
import * as Service from "./Service.ts"
import type { RuntimeOptions, RuntimeShape } from "./RuntimeShape.ts"

/** The runtime as a service. `Runtime.layer({ agents })` makes it; what it offers is `RuntimeShape`. */
export class Runtime extends Context.Service<Runtime, RuntimeShape>()("@reins/runtime/Runtime") {
  /**
   * A runtime with these agents. Needs what they need: tool handlers and models. Read when it is built: `Deployment`,
   * `Prices`, `Ids`, `TokenEstimator`.
   *
   * **Gotchas**: each call makes a new layer, and layers are shared by reference: keep it in a constant. Agents that cannot
   * work (two of one name, clashing tools, a budget that is none) are a defect of the program: building the layer dies with
   * `InvalidAgents`, whose message names the cure.
   */
  static layer<const Agents extends ReadonlyArray<Agent.Any>>(
    options: RuntimeOptions<Agents>
  ): Layer.Layer<Runtime, Agent.Errors<Agents[number]>, Agent.Services<Agents[number]>> {
    return Layer.effect(Runtime, Service.make(options))
  }
}
