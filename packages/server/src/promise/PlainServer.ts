/**
 * Serves a runtime made by `createRuntime`: the server's options as plain values, and the layers they stand for. The
 * runtime is built once; serving it shares its runs, and closing the server leaves it open.
 */
import { webhookProblem } from "@reins/runtime"
import * as Plain from "@reins/runtime/promise"
import type { Dialect, Facts } from "@reins/wire"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Predicate from "effect/Predicate"
import * as Redacted from "effect/Redacted"
import { Authenticator, type KeyRecord, type Principal } from "../access/Authenticator.ts"
import type {
  Description,
  Limits,
  Mount,
  OnDisconnect,
  OwnWebhook,
  Rate,
  ServerOptions,
  WebhookOptions
} from "../options/ServerOptions.ts"
import * as Server from "../Server.ts"

/**
 * The credentials of a request. `key`: its bearer token, or the value of a key header; absent: none was sent.
 *
 * @since 0.1.0
 * @category models
 */
export interface Sender {
  readonly key: string | undefined
  /** Header names are in lower case. */
  readonly headers: { readonly [name: string]: string }
}

/**
 * Who may send requests.
 * - `"open"`: everybody, as tenant `default`. For this machine: `createServer` then listens on loopback only.
 * - a record: keys, each with the name of its tenant or a principal.
 * - a function: returns the principal of a request; nothing refuses it with 401. One that throws or rejects grants no
 *   access: 500.
 *
 * @since 0.1.0
 * @category models
 */
export type Access = "open" | KeyRecord | ((sender: Sender) => Principal | undefined | Promise<Principal | undefined>)

/**
 * The served runtime, made by `createRuntime`.
 *
 * @since 0.1.0
 * @category models
 */
export type Served = Pick<Plain.PromiseRuntime, "agents" | "layer">

/**
 * Options of a server for a runtime made by `createRuntime`.
 *
 * @since 0.1.0
 * @category models
 */
export interface Options extends Omit<ServerOptions, "agents" | "dialects"> {
  readonly access: Access
  /** The dialects besides the native one, each at `/` and its name, or as its mount says. Absent: none. */
  readonly dialects?: ReadonlyArray<Dialect.Dialect | Mount> | undefined
}

const {
  callable,
  cases,
  duration,
  fields,
  flag,
  interval,
  list,
  must,
  name,
  object,
  oneOf,
  optional,
  record,
  secret,
  text
} = Plain.OptionRule

const path = must("Give a path that begins with /", (value) => typeof value === "string" && value.startsWith("/"))

const above0 = (what: string) => must(`Use ${what} above 0`, (value) => typeof value === "number" && value > 0)

const isCodec = (value: unknown): boolean => Predicate.hasProperty(value, "encodeError")

const busy = oneOf(
  ...Object.keys({
    reject: true,
    queue: true,
    "cancel-previous": true,
    "cancel-waiting": true,
    steer: true,
    "steer-or-cancel": true
  } satisfies { readonly [Way in Dialect.OnBusy]: true })
)

const principal = fields<Principal>('Give the name of a tenant, or a principal such as { tenant: "shop" }', {
  tenant: name("Name the tenant"),
  name: optional(name("Name who sends requests with this key")),
  roles: optional(list("Give a list of roles", name("Name a role"))),
  quotas: optional(list("Give a list of quotas", object("Make it with Quota.make"))),
  providerKeys: optional(object("Give an object of keys by provider"))
})

const keys = record(
  'Use "open", keys with their tenants such as { "a-long-random-key": "shop" }, or a function of a request',
  cases(Predicate.isString, name("Name the tenant"), principal)
)

const mounted =
  'Give a list of dialects, such as [AiSdk.dialect], or of mounts, such as [{ dialect: AiSdk.dialect, path: "/chat" }]'

const mount = fields<Mount>(mounted, {
  dialect: must("Give a dialect, such as AiSdk.dialect", isCodec),
  path: optional(path),
  anyAgent: optional(flag),
  onBusy: optional(busy)
})

const limits = fields<Limits>("Give an object such as { requests: { perSecond: 5, burst: 20 }, concurrentRuns: 10 }", {
  requests: optional(
    fields<Rate>("Give an object such as { perSecond: 5, burst: 20 }", {
      perSecond: above0("a number"),
      burst: above0("a number")
    })
  ),
  concurrentRuns: optional(Plain.OptionRule.atLeast(0))
})

/** A secret of web hooks, which receivers' libraries accept. */
const signing = must("A secret is whsec_ and 24 to 64 bytes as Base64", (value) => {
  const secret = Redacted.isRedacted(value) ? Redacted.value(value) : value
  return typeof secret === "string" && webhookProblem({ url: "https://localhost", secret }) === undefined
})

const signings = cases(
  Array.isArray,
  (value) =>
    must("Give at least one secret", (all) => !Array.isArray(all) || all.length > 0)(value) ?? list("", signing)(value),
  signing
)

const webhooks = fields<WebhookOptions>('Give an object such as { own: [{ url, secret }], retryFor: "3 days" }', {
  secret: optional(signing),
  own: optional(
    list(
      "Give a list of web hooks, each with its url and its secret",
      fields<OwnWebhook>("Give an object such as { url, secret }", {
        url: name("Give the address"),
        secret: signings,
        tenant: optional(name("Name a tenant")),
        events: optional(list("Give a list of events", name("Name an event"))),
        content: optional(flag)
      })
    )
  ),
  allow: optional(callable("Give a function of an address")),
  retryFor: optional(duration)
})

const described = fields<Description>('Give an object such as { title: "Front desk" }', {
  title: optional(text()),
  version: optional(text()),
  options: optional(
    list(
      "Give a list of options",
      fields<Facts.OptionFacts>('Give an object such as { type: "text", name: "tone", default: "warm" }', {
        type: oneOf("text", "secret", "select"),
        name: name("Name the option"),
        title: optional(text()),
        description: optional(text()),
        default: secret(text()),
        options: optional(list("Give a list of values", text()))
      })
    )
  )
})

const disconnect = 'Use "keep", "cancel" or { cancelAfter: "1 minute" }'

/** What fits each option of a server. */
export const rules: Plain.OptionRule.Rules<Options> = {
  // Their names are keys.
  access: secret(cases((value) => value === "open" || Predicate.isFunction(value), Plain.OptionRule.any, keys)),
  dialects: optional(list(mounted, cases(isCodec, Plain.OptionRule.any, mount))),
  limits: optional(limits),
  // They may have secrets and addresses with tokens.
  webhooks: secret(optional(webhooks)),
  onDisconnect: optional(
    cases(
      (value) => value === "keep" || value === "cancel",
      Plain.OptionRule.any,
      fields<Extract<OnDisconnect, object>>(disconnect, { cancelAfter: duration })
    )
  ),
  onBusy: optional(busy),
  threadIds: optional(oneOf("per-tenant", "shared")),
  prefix: optional(path),
  nativePath: optional(path),
  bodyTimeout: optional(duration),
  keepAlive: optional(interval),
  maxBodyBytes: optional(above0("a number of bytes")),
  origins: optional(list('Give a list of origins, such as ["https://app.example"]', name("Give an origin"))),
  hosts: optional(oneOf("any", "local")),
  // Somebody may give the key itself.
  keyHeaders: secret(
    optional(list('Give a list of names of headers, such as ["x-api-key"]', name("Give the name of a header")))
  ),
  clientModels: optional(
    must(
      "Use true, false or a function of a principal",
      (value) => Predicate.isBoolean(value) || Predicate.isFunction(value)
    )
  ),
  descriptions: optional(record("Give an object of descriptions by agent", described)),
  inspector: optional(must("Give page of @reins/inspector", Effect.isEffect)),
  pages: optional(flag)
}

/** Throws on the first option of a server that is invalid or does not exist. `what`: the function that it was given to. */
export const requireServer = (what: string, options: unknown): void =>
  Plain.requireFitting<Options>(`of ${what}`, options, rules)

/** The options with the runtime's agents, which are described to clients. */
export const serverOptions = ({ agents }: Served, { access: _, dialects = [], ...rest }: Options): ServerOptions => ({
  ...rest,
  agents,
  dialects: dialects.map((one) => ("dialect" in one ? one : { dialect: one }))
})

const authenticator = (access: Access): Layer.Layer<Authenticator> => {
  if (access === "open") return Authenticator.layerOpen()
  if (typeof access !== "function") return Authenticator.layerKeys(access)
  return Layer.succeed(Authenticator, {
    authenticate: ({ headers, key }) =>
      Effect.promise(() =>
        Promise.resolve({ headers, key: key === undefined ? undefined : Redacted.value(key) }).then(access)
      )
  })
}

/** The services of the server's routes: the runtime and the authenticator. */
export const services = ({ layer }: Served, { access }: Pick<Options, "access">) =>
  Layer.merge(layer, authenticator(access))

/**
 * The server as a function from a request to a response: for Hono, Next route handlers, Bun, Deno and workers.
 * `options.prefix` is the path under which the app mounts it. The first request rejects if the runtime cannot be built;
 * use `runtime.ready()` to find out earlier. Throws when an option is invalid. `dispose` ends streams and leaves the runtime open.
 *
 * @since 0.1.0
 * @category conversions
 */
export const toWebHandler = (runtime: Served, options: Options): Server.WebHandler => {
  requireServer("toWebHandler", options)
  return Server.toWebHandler(serverOptions(runtime, options), services(runtime, options))
}
