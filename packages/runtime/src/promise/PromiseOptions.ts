/**
 * The options of `createRuntime`, and the layers of those that find keys of tenants and ask providers what was used.
 * `PromiseRules` says what each must be.
 */
import type { Budget, Quota } from "@reins/protocol"
import type * as Agent from "../agent/Agent.ts"
import type * as Shape from "../runtime/RuntimeShape.ts"
import type { AnyModel, AsyncAgent } from "./AsyncAgent.ts"
import type { AsyncTool } from "./AsyncTool.ts"
import type { Parameters } from "./Parameters.ts"
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Redacted from "effect/Redacted"
import * as ModelCredentials from "../model/ModelCredentials.ts"
import * as UsageLookup from "../model/UsageLookup.ts"

/** Toolkits by name, such as those of MCP servers. */
export interface Servers {
  readonly [name: string]: Agent.AnyToolkit
}

/**
 * Options of a runtime.
 *
 * @since 0.1.0
 * @category models
 */
export interface Options<
  Tools extends Record<string, Parameters>,
  Agents extends ReadonlyArray<AsyncAgent<string, string, string>>,
  Mcp extends Servers = {}
>
  extends Omit<Shape.RuntimeOptions<[]>, "agents" | "providerKeys" | "quotas">, TenantKeys, UsageLookups {
  /** The default model of agents. A name where the runtime has `models`. */
  readonly model: AnyModel | string
  /** The first is the default. */
  readonly agents: Agents
  /** Makes a model of its name. Absent: models have no names. */
  readonly models?: ((name: string) => AnyModel) | undefined
  /** Tools that agents may name. */
  readonly tools?: { readonly [Name in keyof Tools]: AsyncTool<Tools[Name]> } | undefined
  /**
   * MCP servers whose tools agents may have, by name: the toolkit of each, as `McpTools.server` of `@reins/models/mcp`
   * makes it, or any other toolkit of `effect/ai`. What they need comes from `services`.
   */
  readonly mcp?: Mcp | undefined
  /** The default budget of agents. */
  readonly budget?: Budget.Options | undefined
  /** Limits of every tenant, or of every principal of one, over all its runs within a window. Absent: none. */
  readonly quotas?: ReadonlyArray<Quota.Options> | undefined
  /** Layers of other packages that replace defaults: prices, a deployment, ids. If one fails, `ready` rejects. */
  readonly services?: Layer.Layer<never, unknown> | undefined
}

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

/** The keys of tenants as the runtime asks for them. */
export const keysOf = (find: TenantKeys["providerKeys"]): Shape.RuntimeOptions<[]>["providerKeys"] =>
  find === undefined
    ? undefined
    : (asked) =>
        Effect.map(
          Effect.promise(() => Promise.resolve(find(asked))),
          (key) => (key === undefined ? undefined : Redacted.make(key))
        )

/** The lookup of credentials as a layer. */
export const credentialsOf = (credentials: TenantKeys["credentials"]): Layer.Layer<never> =>
  credentials === undefined
    ? Layer.empty
    : ModelCredentials.layer({
        cacheFor: credentials.cacheFor,
        find: (asked) => Effect.promise(() => Promise.resolve(credentials.find(asked)))
      })

/**
 * A lookup with promises; see `UsageLookup.Lookup`. A lookup of Effect, such as `OpenAiUsage.make` of `@reins/models`,
 * can stand in its place.
 *
 * @since 0.2.0
 * @category models
 */
export interface AsyncUsageLookup extends Omit<UsageLookup.Lookup, "find"> {
  readonly find: (asked: UsageLookup.Asked) => Promise<UsageLookup.Found> | UsageLookup.Found
}

/**
 * The lookups of a runtime.
 *
 * @since 0.2.0
 * @category models
 */
export interface UsageLookups {
  /**
   * How providers are asked for what a response has really used whose report did not arrive, and when; the cost ledger
   * follows. See `UsageLookup.Options`. Absent: estimates stay until they are corrected by `costs.correct`.
   */
  readonly usageLookups?:
    | (Omit<UsageLookup.Options, "lookups"> & {
        readonly lookups: ReadonlyArray<AsyncUsageLookup | UsageLookup.Lookup>
      })
    | undefined
}

/** Where providers are asked. */
export const lookupsOf = (given: UsageLookups["usageLookups"]): Layer.Layer<never> =>
  given === undefined
    ? Layer.empty
    : UsageLookup.layer({
        ...given,
        lookups: given.lookups.map(({ find, ...rest }) => ({
          ...rest,
          find: (asked): Effect.Effect<UsageLookup.Found, unknown> =>
            Effect.suspend(() => {
              const found = find(asked)
              return Effect.isEffect(found) ? found : Effect.tryPromise(() => Promise.resolve(found))
            })
        }))
      })
