/**
 * The host that a runtime uses. `memory`, the default, keeps runs in this process; other packages have durable
 * deployments. To switch, provide another deployment's layer to `Runtime.layer`.
 */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import type * as Scope from "effect/Scope"
import type { RunHostFactory } from "../engine/RunHost.ts"
import * as Composition from "./Composition.ts"
import { memoryHost, type MemoryHostOptions } from "../host/memory/MemoryHost.ts"

export { memoryHost }

/**
 * The deployment of a runtime. Read when the runtime's layer is built.
 *
 * @since 0.1.0
 * @category services
 */
export const Deployment: Context.Reference<RunHostFactory> = Context.Reference<RunHostFactory>(
  "@reins/runtime/Deployment",
  { defaultValue: () => memoryHost() }
)

/**
 * Keeps runs in this process and loses them with it. For tests and scripts, or to set how many ended runs stay
 * readable.
 *
 * @since 0.1.0
 * @category layers
 */
export const layerMemory = (options?: MemoryHostOptions): Layer.Layer<never> =>
  Layer.succeed(Deployment, memoryHost(options))

/**
 * A deployment over a store, called `name` in the log. A runtime that is built beside it without it keeps its runs in
 * memory, and says so as a warning.
 *
 * @since 0.1.0
 * @category layers
 */
export const layerStore = <E, R>(
  name: string,
  factory: Effect.Effect<RunHostFactory, E, R>
): Layer.Layer<never, E, Exclude<R, Scope.Scope>> =>
  Layer.effect(Deployment, Effect.andThen(Composition.store(name), factory))
