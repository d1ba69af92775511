/**
 * Shared by all requests of one server: the runtime, the thread notes, the limits, and the fibers that attend to runs
 * independently of requests.
 */
import type { Agent, RuntimeShape } from "@reins/runtime"
import type { Dialect, Refusal } from "@reins/wire"
import type * as Deferred from "effect/Deferred"
import type * as Effect from "effect/Effect"
import type { Allowance } from "../access/Allowance.ts"
import type { Description, OnDisconnect } from "../options/ServerOptions.ts"
import type { ThreadBookShape } from "../thread/ThreadBook.ts"
import type { Naming } from "../thread/ThreadName.ts"
import type { Bell } from "./Heartbeat.ts"
import type { Watching } from "./Outcome.ts"
import type { Watchers } from "./Watchers.ts"

export interface ServerContext {
  readonly runtime: RuntimeShape
  readonly book: ThreadBookShape
  readonly naming: Naming
  readonly allowance: Allowance
  readonly agents: ReadonlyArray<Agent.Any>
  readonly descriptions: { readonly [agent: string]: Description }
  readonly newId: (prefix: string) => string
  readonly startedAt: number
  readonly watchers: Watchers
  /** Starts in progress of runs that may be requested twice, by run id. */
  readonly starting: Map<string, Deferred.Deferred<Watching, Refusal.Refusal>>
  readonly onDisconnect: OnDisconnect
  /** As `ServerOptions.onBusy`. */
  readonly onBusy: Dialect.OnBusy | undefined
  /** Closed when the server is about to close: streams end, new requests are refused. */
  readonly bell: Bell
  /** Runs an effect for as long as the server lives. */
  readonly fork: (effect: Effect.Effect<unknown>) => Effect.Effect<void>
}
