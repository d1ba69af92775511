/**
 * The credentials of tenants for model providers, so that one runtime serves tenants with keys of their own: a lookup by
 * tenant, principal and provider, asked before each request. Keys are in requests and in this process's memory, and in
 * no record, event, log line or span.
 */
import * as Context from "effect/Context"
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import type * as Redacted from "effect/Redacted"
import * as Rule from "../kernel/OptionRule.ts"

/**
 * Whose credentials are looked up, and for what. `principal`: the id of who started the run; absent: not given.
 *
 * @since 0.1.0
 * @category models
 */
export interface Asked {
  readonly resourceId: string
  readonly principal?: string | undefined
  readonly provider: string
  readonly model: string
}

/**
 * A tenant's key, and the address of its provider; absent: the model's own.
 *
 * @since 0.1.0
 * @category models
 */
export interface Credential {
  readonly apiKey: Redacted.Redacted | string
  readonly baseURL?: string | undefined
}

/**
 * A credential; `"shared"`: the tenant uses the model's own; `undefined`: it has none, and is refused.
 *
 * @since 0.1.0
 * @category models
 */
export type Found = Credential | "shared" | undefined

/**
 * The lookup.
 *
 * **Details**
 * - `find`: a failure or defect of it, or no answer within 10 seconds, makes the request fail with `CredentialsMissing`,
 *   as `unavailable`, and is retried like a provider that is.
 * - `cacheFor`: how long what it found is used without asking again. Absent: it is asked before each request, so that a
 *   rotated key takes effect with the next one. With it, too: a key that the provider rejects is looked up again at
 *   once, and the request sent with another one, if there is one.
 *
 * **Errors**: building the layer, or the runtime's, dies with the message about an invalid option.
 *
 * @since 0.1.0
 * @category models
 */
export interface Lookup<R = never> {
  readonly find: (asked: Asked) => Effect.Effect<Found, unknown, R>
  readonly cacheFor?: Duration.Input | undefined
}

/**
 * The lookup of a runtime, read when its layer is built. Absent: every tenant uses the models' own keys, and those that
 * `RuntimeOptions.providerKeys` finds.
 *
 * @since 0.1.0
 * @category services
 */
export const ModelCredentials: Context.Reference<Lookup | undefined> = Context.Reference<Lookup | undefined>(
  "@reins/runtime/ModelCredentials",
  { defaultValue: () => undefined }
)

const rule = Rule.fields<Lookup>("Give an object such as { find: ({ resourceId, provider }) => … }", {
  find: Rule.callable("Give the function that finds a tenant's key"),
  cacheFor: Rule.optional(Rule.duration)
})

/**
 * What is invalid in a lookup, with the cure; `undefined`: it can be used.
 *
 * @since 0.2.0
 * @category operations
 */
export const issueOf = (lookup: unknown): string | undefined => Rule.problemOf("of ModelCredentials", lookup, rule)

/**
 * Provides a lookup, with its services.
 *
 * **Example** (Keys of tenants)
 *
 * ```ts
 * import { ModelCredentials } from "@reins/runtime"
 * import { Effect, Redacted } from "effect"
 *
 * const keys = new Map([["acme/openai", Redacted.make("sk-…")]])
 *
 * export const layer = ModelCredentials.layer({
 *   find: ({ provider, resourceId }) => {
 *     const apiKey = keys.get(`${resourceId}/${provider}`)
 *     return Effect.succeed(apiKey === undefined ? undefined : { apiKey })
 *   }
 * })
 * ```
 *
 * @since 0.1.0
 * @category layers
 */
export const layer = <R>(lookup: Lookup<R>): Layer.Layer<never, never, R> =>
  Layer.effect(
    ModelCredentials,
    Effect.contextWith((services: Context.Context<R>): Effect.Effect<Lookup> => {
      const issue = issueOf(lookup)
      if (issue !== undefined) return Effect.die(new Error(issue))
      return Effect.succeed({
        cacheFor: lookup.cacheFor,
        find: (asked) =>
          Effect.provideContext(
            Effect.suspend(() => lookup.find(asked)),
            services
          )
      })
    })
  )
