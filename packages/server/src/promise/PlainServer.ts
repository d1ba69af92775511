/**
 * Serves a runtime made by `createRuntime`: the server's options as plain values, and the layers they stand for. The
 * runtime is built once; serving it shares its runs, and closing the server leaves it open.
 */
import { webhookProblem } from "@reins/runtime"
import * as Plain from "@reins/runtime/promise"
import type { Dialect } from "@reins/wire"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Predicate from "effect/Predicate"
import * as Redacted from "effect/Redacted"
import { Authenticator, type KeyRecord, type Principal } from "../access/Authenticator.ts"
import type { Mount, ServerOptions } from "../options/ServerOptions.ts"
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

const isText = (value: unknown): value is string => typeof value === "string" && value !== ""

const isOneOf =
  (...values: ReadonlyArray<unknown>): Plain.OwnRule["fits"] =>
  (value) =>
    values.includes(value)
const isPath: Plain.OwnRule["fits"] = (value) => typeof value === "string" && value.startsWith("/")
const isTexts: Plain.OwnRule["fits"] = (value) => Array.isArray(value) && value.every(isText)

const isOptional =
  (fits: Plain.OwnRule["fits"]): Plain.OwnRule["fits"] =>
  (value) =>
    value === undefined || fits(value)

/** An object with these fields and no others: a misspelt limit would be none. */
const isOf =
  (fields: { readonly [name: string]: Plain.OwnRule["fits"] }): Plain.OwnRule["fits"] =>
  (value) =>
    Predicate.isObject(value) &&
    Object.entries(fields).every(([name, fits]) => fits(Reflect.get(value, name))) &&
    Object.entries(value).every(([name, one]) => one === undefined || Object.hasOwn(fields, name))

const isFlag: Plain.OwnRule["fits"] = (value) => typeof value === "boolean"

const isPrincipal = isOf({
  tenant: isText,
  name: isOptional(isText),
  roles: isOptional(isTexts),
  quotas: isOptional(Array.isArray),
  providerKeys: isOptional(Predicate.isObject)
})

const isKeys: Plain.OwnRule["fits"] = (value) =>
  Predicate.isObject(value) &&
  !Array.isArray(value) &&
  Object.values(value).every((one) => isText(one) || isPrincipal(one))

const isBusy = isOneOf("reject", "queue", "cancel-previous", "cancel-waiting", "steer", "steer-or-cancel")

const isCodec: Plain.OwnRule["fits"] = (value) => Predicate.hasProperty(value, "encodeError")

const isMount = isOf({
  dialect: isCodec,
  path: isOptional(isPath),
  anyAgent: isOptional(isFlag),
  onBusy: isOptional(isBusy)
})

const isAbove0: Plain.OwnRule["fits"] = (value) => typeof value === "number" && value > 0

const isLimits = isOf({
  requests: isOptional(isOf({ perSecond: isAbove0, burst: isAbove0 })),
  concurrentRuns: isOptional((value) => typeof value === "number" && value >= 0)
})

/** Whether receivers' libraries accept it. */
const isSecret: Plain.OwnRule["fits"] = (value) => {
  const secret = Redacted.isRedacted(value) ? Redacted.value(value) : value
  return typeof secret === "string" && webhookProblem({ url: "https://localhost", secret }) === undefined
}

const isWebhooks = isOf({
  secret: isOptional(isSecret),
  own: isOptional(
    (value) =>
      Array.isArray(value) &&
      value.every(
        isOf({
          url: isText,
          secret: (secret) => (Array.isArray(secret) ? secret.length > 0 && secret.every(isSecret) : isSecret(secret)),
          tenant: isOptional(isText),
          events: isOptional(isTexts),
          content: isOptional(isFlag)
        })
      )
  ),
  allow: isOptional((value) => typeof value === "function"),
  retryFor: isOptional(Plain.isTime)
})

const time: Plain.OwnRule = { fits: isOptional(Plain.isTime), cure: 'Use milliseconds, or text such as "15 seconds"' }

/** What fits each option of a server. */
export const rules: { readonly [Name in keyof Options]-?: Plain.OwnRule } = {
  access: {
    fits: (value) => value === "open" || typeof value === "function" || isKeys(value),
    cure: 'Use "open", keys with their tenants such as { "a-long-random-key": "shop" }, or a function of a request',
    isSecret: true
  },
  dialects: {
    fits: isOptional((value) => Array.isArray(value) && value.every((one) => isCodec(one) || isMount(one))),
    cure: 'Give a list of dialects, such as [AiSdk.dialect], or of mounts, such as [{ dialect: AiSdk.dialect, path: "/chat" }]'
  },
  limits: {
    fits: isOptional(isLimits),
    cure: "Give an object such as { requests: { perSecond: 5, burst: 20 }, concurrentRuns: 10 }"
  },
  webhooks: {
    fits: isOptional(isWebhooks),
    cure:
      'Give an object such as { own: [{ url, secret }], retryFor: "3 days" }, with its options secret, own, allow and retryFor, ' +
      "and those of one's own url, secret, tenant, events and content. A secret is whsec_ and 24 to 64 bytes as Base64",
    isSecret: true
  },
  onDisconnect: {
    fits: isOptional((value) => value === "keep" || value === "cancel" || isOf({ cancelAfter: Plain.isTime })(value)),
    cure: 'Use "keep", "cancel" or { cancelAfter: "1 minute" }'
  },
  onBusy: {
    fits: isOptional(isBusy),
    cure: 'Use "reject", "queue", "cancel-previous", "cancel-waiting", "steer" or "steer-or-cancel"'
  },
  threadIds: { fits: isOptional(isOneOf("per-tenant", "shared")), cure: 'Use "per-tenant" or "shared"' },
  prefix: { fits: isOptional(isPath), cure: "Give a path that begins with /" },
  nativePath: { fits: isOptional(isPath), cure: "Give a path that begins with /" },
  bodyTimeout: time,
  keepAlive: time,
  maxBodyBytes: { fits: isOptional(isAbove0), cure: "Use a number of bytes above 0" },
  origins: { fits: isOptional(isTexts), cure: 'Give a list of origins, such as ["https://app.example"]' },
  keyHeaders: {
    fits: isOptional(isTexts),
    cure: 'Give a list of names of headers, such as ["x-api-key"]',
    isSecret: true
  },
  clientModels: {
    fits: isOptional((value) => isFlag(value) || typeof value === "function"),
    cure: "Use true, false or a function of a principal"
  },
  descriptions: { fits: isOptional(Predicate.isObject), cure: "Give an object of descriptions by agent" },
  inspector: { fits: isOptional(Effect.isEffect), cure: "Give page of @reins/inspector" },
  pages: { fits: isOptional(isFlag), cure: "Use true or false" }
}

/** Throws on the first option of a server that is invalid or does not exist. `what`: the function that it was given to. */
export const requireServer = (what: string, options: unknown): void =>
  Plain.requireFitting(`of ${what}`, options, rules)

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
