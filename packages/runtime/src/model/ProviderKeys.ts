/**
 * Keys of callers for model providers: a query's keys for its run, which are only in this process's memory, and a
 * tenant's keys. A run with a query's key never uses another one, neither the server's nor the tenant's.
 */
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Redacted from "effect/Redacted"

/** Keys by the provider's name in prices and traces (`ModelPort.provider`). */
export interface Given {
  readonly [provider: string]: Redacted.Redacted | string
}

/**
 * A tenant's key for a provider; `undefined`: none, so that the model's own is used. Called before each request of a
 * model.
 */
export type OfTenant = (asked: {
  readonly resourceId: string
  readonly provider: string
}) => Effect.Effect<Redacted.Redacted | undefined>

/** The maximum number of runs with stored keys: a run that never ends here must not be kept forever. */
const most = 10_000

/** Mutable; one for each runtime. */
export class ProviderKeys {
  readonly #runs = new Map<string, ReadonlyMap<string, Redacted.Redacted>>()
  readonly #ofTenant: OfTenant | undefined

  constructor(ofTenant?: OfTenant) {
    this.#ofTenant = ofTenant
  }

  take(runId: string, given: Given): void {
    const keys = Object.entries(given).map(
      ([provider, key]) => [provider, typeof key === "string" ? Redacted.make(key) : key] as const
    )
    this.#runs.set(runId, new Map(keys))
    if (this.#runs.size > most) for (const oldest of this.#runs.keys()) if (this.#runs.delete(oldest)) break
  }

  release(runId: string): void {
    this.#runs.delete(runId)
  }

  /**
   * Executes a run, and releases its keys when it has ended. A run that continues in another process is interrupted
   * here, and may return.
   */
  during(runId: string, carried: Effect.Effect<void>): Effect.Effect<void> {
    return Effect.onExit(carried, (exit) =>
      Exit.isFailure(exit) && Exit.hasInterrupts(exit) ? Effect.void : Effect.sync(() => this.release(runId))
    )
  }

  /**
   * `brought`: the providers with a key of the run's query. `"lost"`: this process does not have the query's key.
   * `undefined` instead of an effect: there are no keys.
   */
  find(asked: {
    readonly runId: string
    readonly resourceId: string
    readonly provider: string
    readonly brought: ReadonlyArray<string> | undefined
  }): Effect.Effect<Redacted.Redacted | undefined | "lost"> | undefined {
    const { brought, provider, resourceId, runId } = asked
    if (brought?.includes(provider) === true) return Exit.succeed(this.#runs.get(runId)?.get(provider) ?? "lost")
    return this.#ofTenant?.({ resourceId, provider })
  }
}
