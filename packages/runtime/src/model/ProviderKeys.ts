/**
 * The keys of requests to model providers: a query's for its run, which are only in this process's memory, and a
 * tenant's, by `ModelCredentials` or `providerKeys`. A run with a query's key never uses another one, neither the server's
 * nor the tenant's; a tenant never uses another one's. What a tenant's lookup has found is cached in this process's memory,
 * for as long as the lookup allows.
 */
import { Budget } from "@reins/protocol"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Redacted from "effect/Redacted"
import type { Asked, Found, Lookup } from "./ModelCredentials.ts"

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

/** A key for one request, and whose it is. `renew`: another one, after the provider has rejected this. */
export interface Key {
  readonly key: Redacted.Redacted
  readonly of: "caller" | "tenant"
  readonly baseURL?: string | undefined
  readonly renew?: Effect.Effect<Key | undefined> | undefined
}

/** Why there is no key although one is needed. `lost`: this process does not have the query's. */
export type NoKey = "lost" | "missing" | "unavailable"

/** The maximum number of runs with stored keys: a run that never ends here must not be kept forever. */
const mostRuns = 10_000

/** Mutable; one for each runtime. */
export class ProviderKeys {
  readonly #runs = new Map<string, ReadonlyMap<string, Redacted.Redacted>>()
  readonly #ofTenant: OfTenant | undefined
  readonly #credentials: CredentialCache | undefined

  /** `credentials`: the lookup of tenants' credentials; with it, a tenant without any is refused. */
  constructor(ofTenant?: OfTenant, credentials?: Lookup) {
    this.#ofTenant = ofTenant
    this.#credentials = credentials === undefined ? undefined : new CredentialCache(credentials)
  }

  take(runId: string, given: Given): void {
    const keys = Object.entries(given).map(
      ([provider, key]) => [provider, typeof key === "string" ? Redacted.make(key) : key] as const
    )
    this.#runs.set(runId, new Map(keys))
    if (this.#runs.size > mostRuns) for (const oldest of this.#runs.keys()) if (this.#runs.delete(oldest)) break
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
   * The key for a request. `brought`: the providers with a key of the run's query. `undefined`: the model's own is used,
   * and in place of an effect: there are no keys.
   */
  find(asked: Asking): Effect.Effect<Key | NoKey | undefined> | undefined {
    const { brought, model, principal, provider, resourceId, runId } = asked
    if (brought?.includes(provider) === true) {
      const key = this.#runs.get(runId)?.get(provider)
      return Exit.succeed(key === undefined ? "lost" : { key, of: "caller" })
    }
    const credentials = this.#credentials
    if (credentials === undefined) {
      const found = this.#ofTenant?.({ resourceId, provider })
      return found === undefined
        ? undefined
        : Effect.map(found, (key) => (key === undefined ? undefined : { key, of: "caller" }))
    }
    const subject = { resourceId, principal, provider, model }
    return Effect.map(credentials.find(subject), (held): Key | NoKey | undefined => {
      switch (held._tag) {
        case "Key": {
          const renew = Effect.map(credentials.renew(subject, held.key), (other): Key | undefined =>
            other === undefined ? undefined : { key: other.key, baseURL: other.baseURL, of: "tenant" }
          )
          return { key: held.key, baseURL: held.baseURL, of: "tenant", renew }
        }
        case "Shared":
          return undefined
        case "Missing":
          return "missing"
        case "Unavailable":
          return "unavailable"
      }
    })
  }

  /**
   * The first of these models, if a tenant has no credentials for any of them. `brought`: the providers that the query
   * has keys for.
   */
  missing(
    asked: Pick<Asking, "brought" | "principal" | "resourceId">,
    models: ReadonlyArray<Pick<Asking, "model" | "provider">>
  ): Effect.Effect<Pick<Asking, "model" | "provider"> | undefined> | undefined {
    const credentials = this.#credentials
    if (credentials === undefined) return undefined
    const { brought = [], principal, resourceId } = asked
    const one = ({ model, provider }: Pick<Asking, "model" | "provider">) =>
      brought.includes(provider)
        ? Effect.succeed(false)
        : Effect.map(credentials.find({ resourceId, principal, provider, model }), ({ _tag }) => _tag === "Missing")
    const look = (rest: ReadonlyArray<Pick<Asking, "model" | "provider">>): Effect.Effect<boolean> => {
      const [next, ...others] = rest
      if (next === undefined) return Effect.succeed(true)
      return Effect.flatMap(one(next), (isMissing) => (isMissing ? look(others) : Effect.succeed(false)))
    }
    return Effect.map(look(models), (isMissing) => (isMissing ? models[0] : undefined))
  }
}

/** Whose key is asked for, and for which model. */
export interface Asking {
  readonly runId: string
  readonly resourceId: string
  readonly principal: string | undefined
  readonly provider: string
  readonly model: string
  readonly brought: ReadonlyArray<string> | undefined
}

/** The result of a lookup. `unavailable`: it failed. */
type Held =
  | { readonly _tag: "Key"; readonly key: Redacted.Redacted; readonly baseURL: string | undefined }
  | { readonly _tag: "Shared" }
  | { readonly _tag: "Missing" }
  | { readonly _tag: "Unavailable" }

/** How long a lookup may take. */
const longest = "10 seconds"

/** How many credentials are kept: tenants come and go. */
const mostCredentials = 10_000

/** The cached credentials of a runtime. Mutable. */
class CredentialCache {
  readonly #lookup: Lookup
  readonly #cacheMs: number
  readonly #held = new Map<string, { readonly held: Held; readonly until: number }>()

  constructor(lookup: Lookup) {
    this.#lookup = lookup
    this.#cacheMs = lookup.cacheFor === undefined ? 0 : Budget.milliseconds(lookup.cacheFor)
  }

  find(asked: Asked): Effect.Effect<Held> {
    return Effect.clockWith((clock) => {
      const name = nameOf(asked)
      const known = this.#held.get(name)
      if (known !== undefined && clock.currentTimeMillisUnsafe() < known.until) return Effect.succeed(known.held)
      const found = Effect.map(
        Effect.suspend(() => this.#lookup.find(asked)),
        heldOf
      )
      const timed = Effect.timeoutOrElse(found, { duration: longest, orElse: () => Effect.succeed(unavailable) })
      return Effect.map(Effect.exit(timed), (exit): Held => {
        const held = exit._tag === "Success" ? exit.value : unavailable
        this.#held.delete(name)
        if (this.#cacheMs > 0 && (held._tag === "Key" || held._tag === "Shared")) {
          if (this.#held.size >= mostCredentials)
            for (const oldest of this.#held.keys()) if (this.#held.delete(oldest)) break
          this.#held.set(name, { held, until: clock.currentTimeMillisUnsafe() + this.#cacheMs })
        }
        return held
      })
    })
  }

  /** Looks up again after the provider has rejected a key. Another key, if there is one. */
  renew(asked: Asked, rejected: Redacted.Redacted): Effect.Effect<Extract<Held, { readonly _tag: "Key" }> | undefined> {
    return Effect.suspend(() => {
      const name = nameOf(asked)
      const known = this.#held.get(name)?.held
      if (known?._tag === "Key" && isSame(known.key, rejected)) this.#held.delete(name)
      return Effect.map(this.find(asked), (held) =>
        held._tag === "Key" && !isSame(held.key, rejected) ? held : undefined
      )
    })
  }
}

const isSame = (one: Redacted.Redacted, other: Redacted.Redacted): boolean =>
  Redacted.value(one) === Redacted.value(other)

const nameOf = ({ model, principal, provider, resourceId }: Asked): string =>
  JSON.stringify([resourceId, principal ?? null, provider, model])

const unavailable: Held = { _tag: "Unavailable" }

/** A program without types may find anything. */
const heldOf = (found: Found): Held => {
  if (found === "shared") return { _tag: "Shared" }
  if (found == null) return { _tag: "Missing" }
  const { apiKey, baseURL } = found
  const key = Redacted.isRedacted(apiKey) ? apiKey : Redacted.make(apiKey)
  const isKey = typeof Redacted.value(key) === "string" && Redacted.value(key) !== ""
  return isKey ? { _tag: "Key", key, baseURL } : { _tag: "Missing" }
}
