/**
 * Identifies who a request is from, its `Principal`, and what the roles `operator` and `auditor` mean to this server. Who it is
 * from is decided by a fixed set of keys, keys from the configuration, or a custom function. A key without a name stands for
 * its tenant and sees everything of it; a named principal sees in lists its own runs and costs, unless it has a role.
 */
import type { Principal as Actor } from "@reins/protocol"
import * as Config from "effect/Config"
import * as ConfigProvider from "effect/ConfigProvider"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import type { Quota } from "@reins/runtime"
import * as Redacted from "effect/Redacted"
import { sha256 } from "@noble/hashes/sha2.js"
import { utf8ToBytes } from "@noble/hashes/utils.js"
import { Refusal } from "@reins/wire"

/**
 * The credentials of a request. `key` is the bearer token, or the value of one of the key headers that clients of other
 * protocols use; absent when the request has none. Header names are in lower case.
 *
 * @since 0.1.0
 * @category models
 */
export interface Credentials {
  readonly key: Redacted.Redacted | undefined
  readonly headers: { readonly [name: string]: string }
}

/**
 * Decides whose request it is, from its key and headers.
 *
 * @since 0.1.0
 * @category services
 */
export class Authenticator extends Context.Service<
  Authenticator,
  {
    /**
     * Returns the request's principal; `undefined` refuses the request. A defect is reported as an internal error and
     * never grants access.
     */
    readonly authenticate: (credentials: Credentials) => Effect.Effect<Principal | undefined>
  }
>()("@reins/server/Authenticator") {
  /** Accepts exactly these keys. */
  static layerKeys(keys: KeyRecord): Layer.Layer<Authenticator> {
    return Layer.succeed(Authenticator, byKey(keys))
  }

  /**
   * Keys from the configuration: `key=tenant`, separated by commas, in `REINS_API_KEYS` or the given name. A tenant may
   * be followed by the key's role: `key=tenant:operator`, `key=tenant:auditor`. Fails when the setting is absent or has
   * an entry without a tenant, instead of silently rejecting everybody.
   */
  static layerConfig(name = "REINS_API_KEYS"): Layer.Layer<Authenticator, Config.ConfigError> {
    const refused = (message: string) =>
      Effect.fail(new Config.ConfigError(new ConfigProvider.SourceError({ message: `${name} ${message}` })))
    return Layer.effect(
      Authenticator,
      Effect.gen(function* () {
        const text = Redacted.value(
          Option.getOrElse(yield* Config.option(Config.Redacted(name)), () => Redacted.make(""))
        )
        if (text.trim() === "") {
          return yield* refused(`is not set. ${howTo}; for local use without keys, provide Authenticator.layerOpen()`)
        }
        const keys = parse(text)
        // Which of them, and not what it says: it may be a key.
        const wrong = keys.findIndex((entry) => entry === undefined)
        if (wrong >= 0) return yield* refused(`has an entry that is not KEY=TENANT: number ${wrong + 1}. ${howTo}`)
        return byKey(Object.fromEntries(keys.filter((entry) => entry !== undefined)))
      })
    )
  }

  /** Accepts everybody as one tenant. For local use, never on a network; with the server's option `hosts: "local"`. */
  static layerOpen(tenant = "default"): Layer.Layer<Authenticator> {
    return Layer.succeed(Authenticator, { authenticate: () => Effect.succeed({ tenant }) })
  }
}

const byKey = (keys: KeyRecord): Authenticator["Service"] => {
  const find = lookup(keys)
  return {
    authenticate: ({ key }) => Effect.sync(() => (key === undefined ? undefined : find(Redacted.value(key))))
  }
}

const howTo = "Set it to KEY=TENANT, or several separated by commas"

/** The entries of the setting; absent where one is not `key=tenant`. */
const parse = (text: string): ReadonlyArray<readonly [string, string | Principal] | undefined> =>
  text
    .split(",")
    .map((pair) => pair.trim())
    .filter((pair) => pair !== "")
    .map((pair) => {
      const at = pair.lastIndexOf("=")
      return at > 0 && at < pair.length - 1 ? ([pair.slice(0, at), withRole(pair.slice(at + 1))] as const) : undefined
    })

/** `tenant`, or `tenant:role` with a role that the server knows. */
const withRole = (text: string): string | Principal => {
  const [, tenant, role] = /^(.+):(operator|auditor)$/.exec(text) ?? []
  return tenant === undefined || role === undefined ? text : { tenant, roles: [role] }
}

/**
 * Who a request is from. `tenant` decides what is visible: runs, threads and approvals of one tenant do not exist for
 * another.
 *
 * @since 0.1.0
 * @category models
 */
export interface Principal {
  readonly tenant: string
  /**
   * Who acts for the tenant; recorded with their decisions and grants, regardless of names in a request. Absent: not
   * recorded.
   */
  readonly name?: string | undefined
  /**
   * Their roles, which a policy's approvers can require of a principal with a name. Two mean something to the server,
   * with or without a name: `operator` sees every run and cost of the tenant; `auditor` sees when runs happened and what
   * they cost, no content, and changes nothing. A named principal without them sees its own in lists of runs and costs.
   * Absent: none.
   */
  readonly roles?: ReadonlyArray<string> | undefined
  /**
   * Quotas of the key, in addition to the runtime's: its runs are charged to them, by its tenant or its name. An
   * invalid one makes its queries and `GET /native/quotas` fail with an internal error. Absent: none.
   */
  readonly quotas?: ReadonlyArray<Quota.Quota> | undefined
  /**
   * The tenant's own keys for model providers, by provider (`openai`): its runs use them, and never the server's. As
   * `RunOptions.providerKeys`. Absent: none.
   */
  readonly providerKeys?: { readonly [provider: string]: Redacted.Redacted | string } | undefined
}

/** The principal for the runtime; `undefined` without a name. */
export const actor = ({ name, roles }: Principal): Actor | undefined =>
  name === undefined ? undefined : { id: name, ...(roles === undefined ? {} : { roles }) }

/**
 * Keys and their principals; a string is the tenant's name.
 *
 * @since 0.1.0
 * @category models
 */
export type KeyRecord = { readonly [key: string]: string | Principal }

const differ = (left: Uint8Array, right: Uint8Array): number => {
  let difference = left.length ^ right.length
  for (let index = 0; index < left.length; index += 1) difference |= (left[index] ?? 0) ^ (right[index] ?? 0)
  return difference
}

/**
 * A lookup over `keys`, in constant time: every known key is compared, by its hash, to the end, so that timing does not
 * reveal how much of a key was right. An empty key is never accepted.
 */
const lookup = (keys: KeyRecord): ((key: string) => Principal | undefined) => {
  const known = Object.entries(keys)
    .filter(([key]) => key !== "")
    .map(([key, principal]) => ({
      hash: sha256(utf8ToBytes(key)),
      principal: typeof principal === "string" ? { tenant: principal } : principal
    }))
  return (key) => {
    const given = sha256(utf8ToBytes(key))
    let found: Principal | undefined
    for (const { hash, principal } of known) if (differ(hash, given) === 0) found = principal
    return found
  }
}

/**
 * What a principal sees of its tenant. `all`: everything. `order`: every run, when it happened and what it cost, and no
 * content; it changes nothing. `own`: as `all`, but lists of runs and costs have its own only.
 */
export type Sight = "all" | "order" | "own"

/** Who has both roles is an operator. */
export const sightOf = ({ name, roles = [] }: Principal): Sight => {
  if (roles.includes("operator")) return "all"
  if (roles.includes("auditor")) return "order"
  return name === undefined ? "all" : "own"
}

/** The refusal of everything but order and money. */
export const orderOnly = Refusal.make(
  "forbidden",
  "RoleForbidden",
  "The role auditor may read lists of runs, their order, costs, quotas and the audit record. Use a key with the role operator"
)

/** The refusal of what an operator does, which `what` says. */
export const operatorOnly = (what: string): Refusal.Refusal =>
  Refusal.make("forbidden", "RoleForbidden", `${what}. Use a key with the role operator`)

/** Restricts a list of runs or costs to what its principal sees. */
export const restrict = (
  principal: Principal,
  asked: string | undefined
): { readonly resourceId: string; readonly principal?: string | undefined } | undefined => {
  const { name, tenant } = principal
  if (sightOf(principal) !== "own") return { resourceId: tenant, principal: asked }
  return asked === undefined || asked === name ? { resourceId: tenant, principal: name } : undefined
}
