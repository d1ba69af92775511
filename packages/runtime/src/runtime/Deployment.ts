/**
 * The host that a runtime uses. `memory`, the default, keeps them in this process; other packages have deployments
 * whose runs survive it. Switching is one line: provide another deployment's layer to `Runtime.layer`.
 */
import * as Context from "effect/Context"
import * as Layer from "effect/Layer"
import type { RunHostFactory } from "../engine/RunHost.ts"
import { memoryHost, type MemoryHostOptions } from "../host/memory/MemoryHost.ts"

export { memoryHost }

/** The deployment of a runtime. Read when the runtime's layer is built. */
export const Deployment: Context.Reference<RunHostFactory> = Context.Reference<RunHostFactory>(
  "@reins/runtime/Deployment",
  { defaultValue: () => memoryHost() }
)

/** Runs in this process, gone with it. For tests and scripts, or to set how many ended runs stay readable. */
export const layerMemory = (options?: MemoryHostOptions): Layer.Layer<never> =>
  Layer.succeed(Deployment, memoryHost(options))
