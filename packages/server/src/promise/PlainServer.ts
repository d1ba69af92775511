/**
 * Serves a runtime made by `createRuntime`: the server's options as plain values, and the layers they stand for. The
 * runtime is built once; serving it shares its runs, and closing the server leaves it open.
 */
import type { PromiseRuntime } from "@reins/runtime/promise"
import type { Dialect } from "@reins/wire"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
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
export type Served = Pick<PromiseRuntime, "agents" | "layer">

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
 * use `runtime.ready()` to find out earlier. `dispose` ends streams and leaves the runtime open.
 *
 * @since 0.1.0
 * @category conversions
 */
export const toWebHandler = (runtime: Served, options: Options): Server.WebHandler =>
  Server.toWebHandler(serverOptions(runtime, options), services(runtime, options))
