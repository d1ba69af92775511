/** Where a runtime without Effect finds its tenants' keys for model providers. */
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Redacted from "effect/Redacted"
import * as ModelCredentials from "../model/ModelCredentials.ts"
import type * as Shape from "../runtime/RuntimeShape.ts"

/**
 * Keys of tenants.
 *
 * @since 0.1.0
 * @category models
 */
export interface TenantKeys {
  /**
   * A tenant's own key for a model provider, asked before each request: `undefined` where it has none. Absent: no
   * tenant has any.
   */
  readonly providerKeys?:
    | ((asked: {
        readonly resourceId: string
        readonly provider: string
      }) => string | undefined | Promise<string | undefined>)
    | undefined
  /**
   * The lookup of tenants' credentials for model providers, in place of `providerKeys`: a key with an optional address,
   * `"shared"` for the model's own, or `undefined`: the tenant is refused with `CredentialsMissing`. See
   * `ModelCredentials.Lookup`. Absent: every tenant uses the models' own keys.
   */
  readonly credentials?:
    | {
        readonly find: (asked: ModelCredentials.Asked) => ModelCredentials.Found | Promise<ModelCredentials.Found>
        readonly cacheFor?: Duration.Input | undefined
      }
    | undefined
}

export const keysOf = (find: TenantKeys["providerKeys"]): Shape.RuntimeOptions<[]>["providerKeys"] =>
  find === undefined
    ? undefined
    : (asked) =>
        Effect.map(
          Effect.promise(() => Promise.resolve(find(asked))),
          (key) => (key === undefined ? undefined : Redacted.make(key))
        )

export const credentialsOf = (credentials: TenantKeys["credentials"]): Layer.Layer<never> =>
  credentials === undefined
    ? Layer.empty
    : ModelCredentials.layer({
        cacheFor: credentials.cacheFor,
        find: (asked) => Effect.promise(() => Promise.resolve(credentials.find(asked)))
      })
