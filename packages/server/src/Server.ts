/**
 * Serves a runtime over HTTP: the native interface and every mounted dialect, as routes of an `HttpRouter`. `layer`
 * adds them to a server of any platform; `toWebHandler` returns a function from request to response to embed in another
 * app.
 *
 * When its scope closes, streams end between two frames and without closing frames, so that clients reconnect with the
 * last id they saw.
 */
import { Budget } from "@reins/protocol"
import { Ids, Runtime } from "@reins/runtime"
import type { RuntimeShape } from "@reins/runtime"
import * as Config from "effect/Config"
import * as Clock from "effect/Clock"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as FiberSet from "effect/FiberSet"
import * as Layer from "effect/Layer"
import type * as ManagedRuntime from "effect/ManagedRuntime"
import * as Schedule from "effect/Schedule"
import type * as Scope from "effect/Scope"
import * as HttpRouter from "effect/http/HttpRouter"
import * as HttpServer from "effect/http/HttpServer"
import { Allowance } from "./access/Allowance.ts"
import { Authenticator } from "./access/Authenticator.ts"
import { Bell } from "./run/Heartbeat.ts"
import { type ServerContext, Turns, Watchers } from "./run/ServerContext.ts"
import * as WebhookSender from "./run/WebhookSender.ts"
import { NameLookup } from "./webhook/Delivery.ts"
import * as Origin from "./http/Origin.ts"
import * as RequestPipeline from "./http/RequestPipeline.ts"
import * as Pages from "./http/Pages.ts"
import * as Unrouted from "./http/Unrouted.ts"
import * as NativeRest from "./rest/NativeRest.ts"
import { type Mount, type ServerOptions, type ServerSettings, timeIssue } from "./options/ServerOptions.ts"
import * as StoredBook from "./thread/StoredBook.ts"
import { makeMemory, ThreadBook, type ThreadBookShape } from "./thread/ThreadBook.ts"
import * as ThreadName from "./thread/ThreadName.ts"

type Path = `/${string}`

const bookOf = (
  { threads: { notes } }: RuntimeShape,
  { descriptions = {} }: ServerOptions,
  naming: ThreadName.Naming
): ThreadBookShape =>
  notes === undefined
    ? makeMemory()
    : StoredBook.make(notes, naming, (agent, option) =>
        (descriptions[agent ?? ""]?.options ?? []).some(({ name, type }) => name === option && type !== "secret")
      )

/** What sends web hooks, for as long as the server. */
const senderOf = Effect.fnUntraced(function* (
  runtime: RuntimeShape,
  options: ServerOptions,
  naming: ThreadName.Naming
) {
  const { webhooks } = options
  if (webhooks === undefined) return undefined
  const pushes = new Map(
    mountsOf(options).flatMap(({ dialect: { name, openPush } }) => (openPush === undefined ? [] : [[name, openPush]]))
  )
  const newId = (yield* Ids.Ids).make
  return yield* WebhookSender.make({
    runtime,
    naming,
    options: webhooks,
    lookup: yield* NameLookup,
    pushes,
    newId
  })
})

const servingOf = Effect.fnUntraced(function* (runtime: RuntimeShape, options: ServerOptions, bell: Bell) {
  const issue = timeIssue(options)
  if (issue !== undefined) return yield* Effect.die(new Error(issue))
  const fibers = yield* FiberSet.make<unknown, unknown>()
  // Added last, so it runs first: readers are disconnected before anything is torn down.
  yield* Effect.addFinalizer(() => Effect.sync(() => bell.close()))
  const naming = options.threadIds === "shared" ? ThreadName.shared : ThreadName.perTenant(runtime)
  yield* FiberSet.run(
    fibers,
    Effect.repeat(
      Effect.sync(() => bell.tick()),
      Schedule.spaced(Budget.milliseconds(options.keepAlive ?? "15 seconds") / 2)
    )
  )
  const serving: ServerContext = {
    runtime,
    book: (yield* ThreadBook) ?? bookOf(runtime, options, naming),
    naming,
    allowance: new Allowance(options.limits ?? {}),
    agents: options.agents ?? [],
    descriptions: options.descriptions ?? {},
    clientModels: options.clientModels ?? false,
    newId: (yield* Ids.Ids).make,
    startedAt: yield* Clock.currentTimeMillis,
    watchers: new Watchers(),
    starting: new Map(),
    turns: new Turns(),
    onDisconnect: options.onDisconnect,
    onBusy: options.onBusy,
    bell,
    webhooks: options.webhooks,
    sender: yield* senderOf(runtime, options, naming),
    lookup: yield* NameLookup,
    fork: (effect) => Effect.asVoid(FiberSet.run(fibers, effect))
  }
  return serving
})

/**
 * What one server's requests share.
 *
 * @since 0.1.0
 * @category models
 */
export type Context = ServerContext

/**
 * A server without routes, for protocols that are carried by something else than HTTP. It closes with its scope.
 *
 * @since 0.1.0
 * @category operations
 */
export const context = (options: ServerOptions = {}): Effect.Effect<Context, never, Runtime | Scope.Scope> =>
  Effect.flatMap(Runtime, (runtime) => servingOf(runtime, options, new Bell()))

const pipelineOf = Effect.fnUntraced(function* (serving: ServerContext, options: ServerOptions) {
  return {
    serving,
    authenticator: yield* Authenticator,
    origins: yield* Origin.listed(options.origins ?? []),
    isLocal: options.hosts === "local",
    keyHeaders: options.keyHeaders ?? ["x-api-key", "x-storageapi-token"],
    bounds: {
      maxBytes: options.maxBodyBytes ?? 4 * 1024 * 1024,
      timeout: Duration.millis(Budget.milliseconds(options.bodyTimeout ?? "30 seconds"))
    }
  } satisfies RequestPipeline.RequestPipeline
})

/**
 * Each dialect's name and full base path, the native one first.
 *
 * @since 0.1.0
 * @category operations
 */
export const places = (
  options: ServerOptions
): ReadonlyArray<{ readonly name: string; readonly title: string; readonly path: Path; readonly mount: Mount }> =>
  mountsOf(options).map((mount) => {
    const { name, title } = mount.dialect
    const path: Path = `/${(options.prefix ?? "").slice(1)}${options.prefix === undefined ? "" : "/"}${(mount.path ?? `/${name}`).slice(1)}`
    return { name, title, path, mount }
  })

const prefixOf = ({ prefix }: ServerOptions): Path | "" => prefix ?? ""

const mountsOf = (options: ServerOptions): ReadonlyArray<Mount> => [
  { dialect: NativeRest.dialect, path: options.nativePath ?? "/native" },
  ...(options.dialects ?? [])
]

type Needs = Runtime | Authenticator

const routes = (options: ServerOptions, bell: Bell): Layer.Layer<never, never, Needs | HttpRouter.HttpRouter> =>
  Layer.unwrap(
    Effect.gen(function* () {
      const serving = yield* servingOf(yield* Runtime, options, bell)
      const pipeline = yield* pipelineOf(serving, options)
      const served = places(options)
      const dialects = served.map(({ mount, path }) =>
        HttpRouter.add("*", `${path}/*`, (request) => RequestPipeline.answer(pipeline, mount, path, request))
      )
      const known = new Map(
        served
          .toReversed()
          .flatMap((place) => (place.mount.dialect.wellKnown ?? []).map((path) => [path, place] as const))
      )
      const wellKnown = Array.from(known, ([path, { mount, path: base }]) =>
        HttpRouter.add("*", `${prefixOf(options)}${path}`, (request) =>
          RequestPipeline.answer(pipeline, mount, base, request, path)
        )
      )
      const nativePath = served[0]?.path ?? "/native"
      const pages = options.pages === false ? [] : [Pages.layer(serving, options.prefix ?? "", nativePath)]
      const { inspector } = options
      const inspected =
        inspector === undefined ? [] : [Pages.inspector(inspector, `${prefixOf(options)}/inspector`, nativePath)]
      return [...dialects, ...wellKnown, ...inspected, ...pages, Unrouted.layer(pipeline, served)].reduce<
        Layer.Layer<never, never, HttpRouter.HttpRouter>
      >((all, one) => Layer.merge(all, one), Layer.empty)
    })
  )

/**
 * The routes, to add to a router. `ThreadBook` and `Ids` are read when they are built.
 *
 * **Gotchas**: under `HttpRouter.serve` the HTTP server waits for open streams, up to its own grace period, before
 * these routes learn that they are closing. `serve` tells them first.
 *
 * @since 0.1.0
 * @category layers
 */
export const layer = (options: ServerOptions = {}): Layer.Layer<never, never, Needs | HttpRouter.HttpRouter> =>
  Layer.suspend(() => routes(options, new Bell()))

/**
 * The routes, served by an HTTP server. When its scope closes, streams end at once and clients can resume them. *
 * **Example** (One dialect on a port)
 *
 * ```ts
 * import { NodeHttpServer } from "@effect/platform-node"
 * import type { Runtime } from "@reins/runtime"
 * import { Authenticator, Server } from "@reins/server"
 * import * as AiSdk from "@reins/wire/ai-sdk"
 * import { Layer } from "effect"
 * import { createServer } from "node:http"
 *
 * declare const RuntimeLive: Layer.Layer<Runtime>
 *
 * export const ServerLive = Server.serve({ dialects: [{ dialect: AiSdk.dialect }] }).pipe(
 *   Layer.provide([RuntimeLive, Authenticator.layerConfig()]),
 *   Layer.provide(NodeHttpServer.layer(createServer, { port: 4111 }))
 * )
 * ```
 *
 * @since 0.1.0
 * @category running
 */
export const serve = (options: ServerOptions = {}): Layer.Layer<never, never, Needs | HttpServer.HttpServer> =>
  Layer.effectDiscard(
    Effect.gen(function* () {
      const bell = new Bell()
      yield* Layer.build(HttpRouter.serve(routes(options, bell), { disableLogger: true, disableListenLog: true }))
      // Added last, so it runs first: readers are disconnected before the HTTP server waits for them.
      yield* Effect.addFinalizer(() => Effect.sync(() => bell.close()))
    })
  )

/**
 * As `layer`, with settings from the configuration on top of the options:
 * `layerConfig(options, { maxBodyBytes: Config.Int("MAX_BODY_BYTES") })`.
 *
 * @since 0.1.0
 * @category layers
 */
export const layerConfig = (
  options: ServerOptions,
  settings: Config.Wrap<ServerSettings>
): Layer.Layer<never, Config.ConfigError, Needs | HttpRouter.HttpRouter> =>
  Layer.unwrap(Effect.map(Config.unwrap(settings), (read) => layer({ ...options, ...read })))

/**
 * As `serve`, with settings from the configuration on top of the options.
 *
 * @since 0.1.0
 * @category running
 */
export const serveConfig = (
  options: ServerOptions,
  settings: Config.Wrap<ServerSettings>
): Layer.Layer<never, Config.ConfigError, Needs | HttpServer.HttpServer> =>
  Layer.unwrap(Effect.map(Config.unwrap(settings), (read) => serve({ ...options, ...read })))

/**
 * A server embedded in another app. `dispose` ends streams and releases what the handler has built; a `ManagedRuntime`
 * stays open.
 *
 * @since 0.1.0
 * @category models
 */
export interface WebHandler {
  readonly handler: (request: Request) => Promise<Response>
  readonly dispose: () => Promise<void>
}

/**
 * Where an app has built layers already.
 *
 * @since 0.1.0
 * @category models
 */
export interface WebHandlerOptions {
  /**
   * The app's memo map, such as `managedRuntime.memoMap`: layers that were built in it are shared. Absent: one of the
   * handler's own.
   */
  readonly memoMap?: Layer.MemoMap | undefined
}

/**
 * The server as a function from a request to a response, for any app that uses `Request` and `Response`. `services`
 * provides the runtime and the `Authenticator`: layers, or a `ManagedRuntime` that has both, which is built once and
 * serves as it is.
 *
 * @since 0.1.0
 * @category conversions
 */
export const toWebHandler = <E>(
  options: ServerOptions,
  services: Layer.Layer<Needs, E> | ManagedRuntime.ManagedRuntime<Needs, E>,
  { memoMap }: WebHandlerOptions = {}
): WebHandler => {
  const built: Layer.Layer<Needs, E> =
    "contextEffect" in services ? Layer.effectContext(services.contextEffect) : services
  return HttpRouter.toWebHandler(layer(options).pipe(Layer.provide(built), Layer.provide(HttpServer.layerServices)), {
    disableLogger: true,
    memoMap
  })
}
