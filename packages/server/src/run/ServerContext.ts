/**
 * Shared by all requests of one server: the runtime, the thread notes, the limits, the counts of readers (`Watchers`),
 * and the fibers that attend to runs independently of requests.
 */
import type { Agent, RuntimeShape } from "@reins/runtime"
import type { Dialect, Refusal } from "@reins/wire"
import type * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Semaphore from "effect/Semaphore"
import type { Principal } from "../access/Authenticator.ts"
import type { Allowance } from "../access/Allowance.ts"
import type { Description, OnDisconnect, WebhookOptions } from "../options/ServerOptions.ts"
import type { ThreadBookShape } from "../thread/ThreadBook.ts"
import type { Naming } from "../thread/ThreadName.ts"
import type { Lookup } from "../webhook/Delivery.ts"
import type { Bell } from "./Heartbeat.ts"
import type { Watching } from "./Outcome.ts"
import type { WebhookSender } from "./WebhookSender.ts"

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
  /** One at a time of those requests that continue the same run, or add a web hook of the same tenant. */
  readonly turns: Turns
  /** As `ServerOptions.onDisconnect`. */
  readonly onDisconnect: OnDisconnect | undefined
  /** As `ServerOptions.clientModels`. */
  readonly clientModels: boolean | ((principal: Principal) => boolean)
  /** As `ServerOptions.onBusy`. */
  readonly onBusy: Dialect.OnBusy | undefined
  /** Closed when the server is about to close: streams end, new requests are refused. */
  readonly bell: Bell
  /** As `ServerOptions.webhooks`. */
  readonly webhooks: WebhookOptions | undefined
  /** What sends them; absent where this server sends none. */
  readonly sender: Pick<WebhookSender, "drop" | "look"> | undefined
  /** As `NameLookup`. */
  readonly lookup: Lookup | undefined
  /** Runs an effect for as long as the server lives. */
  readonly fork: (effect: Effect.Effect<unknown>) => Effect.Effect<void>
}

/** The id of a new thread of the tenant. */
export const newThread = ({ naming, newId }: Pick<ServerContext, "naming" | "newId">, tenant: string): string => {
  const threadId = newId("thread")
  naming.made(tenant, threadId)
  return threadId
}

/** Counts the HTTP readers of each run, and the active runs of each tenant that were started here. */
export class Watchers {
  readonly #watching = new Map<string, number>()
  readonly #running = new Map<string, Set<string>>()

  /** The number of open answers. */
  get open(): number {
    let count = 0
    for (const watching of this.#watching.values()) count += watching
    return count
  }

  join(runId: string): void {
    this.#watching.set(runId, (this.#watching.get(runId) ?? 0) + 1)
  }

  /** Returns the number of readers that remain. */
  leave(runId: string): number {
    const left = (this.#watching.get(runId) ?? 1) - 1
    if (left > 0) this.#watching.set(runId, left)
    else this.#watching.delete(runId)
    return left
  }

  isWatched(runId: string): boolean {
    return this.#watching.has(runId)
  }

  began(tenant: string, runId: string): void {
    this.#running.set(tenant, (this.#running.get(tenant) ?? new Set()).add(runId))
  }

  ended(tenant: string, runId: string): void {
    const running = this.#running.get(tenant)
    running?.delete(runId)
    if (running?.size === 0) this.#running.delete(tenant)
  }

  /** Active runs of a tenant that were started here, latest first. */
  running(tenant: string): ReadonlyArray<string> {
    return [...(this.#running.get(tenant) ?? [])].toReversed()
  }

  get runs(): number {
    let count = 0
    for (const running of this.#running.values()) count += running.size
    return count
  }
}

/** Lets effects of the same key pass one at a time. */
export class Turns {
  readonly #gates = new Map<string, { readonly semaphore: Semaphore.Semaphore; waiting: number }>()

  pass<A, E>(key: string, effect: Effect.Effect<A, E>): Effect.Effect<A, E> {
    return Effect.suspend(() => {
      const gate = this.#gates.get(key) ?? { semaphore: Semaphore.makeUnsafe(1), waiting: 0 }
      this.#gates.set(key, gate)
      gate.waiting += 1
      return Effect.ensuring(
        gate.semaphore.withPermits(1)(effect),
        Effect.sync(() => {
          gate.waiting -= 1
          if (gate.waiting === 0) this.#gates.delete(key)
        })
      )
    })
  }
}
