/** A runtime made by `createRuntime`, served by Node's own HTTP server. */
import * as NodeHttpServer from "@effect/platform-node/NodeHttpServer"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Layer from "effect/Layer"
import * as Scope from "effect/Scope"
import * as HttpRouter from "effect/http/HttpRouter"
import * as HttpServer from "effect/http/HttpServer"
import type { IncomingMessage, ServerResponse } from "node:http"
import { OptionRule, requireFitting } from "@reins/runtime/promise"
import { type Options, requireServer, type Served, serverOptions, services } from "../promise/PlainServer.ts"
import * as Server from "../Server.ts"
import * as HttpPort from "./HttpPort.ts"

/**
 * Where to listen.
 *
 * @since 0.1.0
 * @category models
 */
export interface ListenOptions {
  /** Absent or 0: a free port. */
  readonly port?: number | undefined
  /** Absent: `127.0.0.1`. `0.0.0.0` or `::` listens on every interface, which `access: "open"` refuses. */
  readonly host?: string | undefined
}

/**
 * A server that listens. `close` ends streams between two frames, stops listening, and leaves the runtime open.
 *
 * @since 0.1.0
 * @category models
 */
export interface Listening {
  /** Its address, such as `http://127.0.0.1:4111`. */
  readonly url: string
  readonly close: () => Promise<void>
  readonly [Symbol.asyncDispose]: () => Promise<void>
}

/**
 * A server that listens on request.
 *
 * @since 0.1.0
 * @category models
 */
export interface NodeServer {
  /**
   * Builds the runtime and listens. Rejects with the runtime's error if it cannot be built, with `ServeError` if the
   * port cannot be listened on, and with a `TypeError` if everybody on a network would have access.
   */
  readonly listen: (options?: ListenOptions) => Promise<Listening>
}

/**
 * A handler for `node:http`, and for Express: mount it before anything that reads the body.
 *
 * @since 0.1.0
 * @category models
 */
export interface NodeHandler {
  (request: IncomingMessage, response: ServerResponse): void
  /** Ends streams and leaves the runtime open. */
  readonly dispose: () => Promise<void>
}

const loopback = /^(localhost|127(\.\d{1,3}){3}|::1|\[::1\])$/

/**
 * Serves the runtime on a port. Throws when an option is invalid.
 *
 * @since 0.1.0
 * @category constructors
 */
export const createServer = (runtime: Served, options: Options): NodeServer => {
  requireServer("createServer", options)
  return { listen: (where = {}) => Promise.resolve(where).then((where) => listen(runtime, options, where)) }
}

const listenRules: OptionRule.Rules<ListenOptions> = {
  port: OptionRule.optional(
    OptionRule.must(
      "Use a port from 0 to 65535; 0 for a free one",
      (value) => Number.isInteger(value) && Number(value) >= 0 && Number(value) < 65_536
    )
  ),
  host: OptionRule.optional(OptionRule.name('Give the name or address of an interface, such as "127.0.0.1"'))
}

const listen = (runtime: Served, options: Options, where: ListenOptions): Promise<Listening> => {
  requireFitting<ListenOptions>("of listen", where, listenRules)
  const { host = "127.0.0.1", port = 0 } = where
  if (options.access === "open" && !loopback.test(host)) {
    return Promise.reject(
      new TypeError(
        `access is "open" and host is ${JSON.stringify(host)}: anybody could use it. Set access to keys, or host to 127.0.0.1`
      )
    )
  }
  const scope = Scope.makeUnsafe()
  const close = () => Effect.runPromise(Scope.close(scope, Exit.void))
  const hosts = options.hosts ?? (options.access === "open" ? "local" : "any")
  const served = Server.serve(serverOptions(runtime, { ...options, hosts })).pipe(
    Layer.provide(services(runtime, options)),
    Layer.provideMerge(HttpPort.layerPort({ host, port, maxBodyBytes: options.maxBodyBytes }))
  )
  return Effect.runPromise(Layer.buildWithScope(served, scope)).then(
    (context) => ({
      url: HttpServer.formatAddress(Context.get(context, HttpServer.HttpServer).address),
      close,
      [Symbol.asyncDispose]: close
    }),
    (error: unknown) => close().then(() => Promise.reject(error))
  )
}

/**
 * The server as a handler of Node's requests. `options.prefix` is the path under which the app mounts it.
 *
 * @since 0.1.0
 * @category conversions
 */
export const toNodeHandler = (runtime: Served, options: Options): NodeHandler => {
  requireServer("toNodeHandler", options)
  const scope = Scope.makeUnsafe()
  const routes = Server.layer(serverOptions(runtime, options)).pipe(Layer.provide(services(runtime, options)))
  const handler = Effect.runPromise(
    HttpRouter.toHttpEffect(routes).pipe(
      Effect.flatMap((app) => NodeHttpServer.makeHandler(app, { scope })),
      Effect.provide(NodeHttpServer.layerHttpServices),
      Scope.provide(scope)
    )
  )
  const failed = (response: ServerResponse) => () => {
    response.statusCode = 500
    response.end()
  }
  return Object.assign(
    (request: IncomingMessage, response: ServerResponse) => {
      handler.then((handle) => handle(request, response), failed(response))
    },
    { dispose: () => Effect.runPromise(Scope.close(scope, Exit.void)) }
  )
}
