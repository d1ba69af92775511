/**
 * Serves a runtime over HTTP: the native interface and every dialect that is mounted, as routes of an `HttpRouter`. As a
 * layer it goes into a server of any platform, `toWebHandler` makes it a function from request to response for an app of
 * somebody else's.
 *
 * Closing its scope ends streams where they are: between two frames, without the closing ones, so that clients come back
 * with the last id they saw.
 */
import { Ids, Runtime } from "@reins/runtime"
import type { RuntimeShape } from "@reins/runtime"
import * as Clock from "effect/Clock"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as FiberSet from "effect/FiberSet"
import * as Layer from "effect/Layer"
import * as Schedule from "effect/Schedule"
import * as HttpRouter from "effect/http/HttpRouter"
import * as HttpServer from "effect/http/HttpServer"
import { Allowance } from "./access/Allowance.ts"
import { Authenticator } from "./access/Authenticator.ts"
import { Bell } from "./run/Heartbeat.ts"
import type { ServerContext } from "./run/ServerContext.ts"
import { Watchers } from "./run/Watchers.ts"
import * as RequestPipeline from "./http/RequestPipeline.ts"
import * as Pages from "./http/Pages.ts"
import * as NativeRest from "./rest/NativeRest.ts"
import type { Mount, ServerOptions } from "./options/ServerOptions.ts"
import { makeMemory, ThreadBook } from "./thread/ThreadBook.ts"
import * as ThreadName from "./thread/ThreadName.ts"

type Path = `/${string}`

const millis = (input: Duration.Input | undefined, usual: Duration.Input): Duration.Duration =>
  Duration.fromInputUnsafe(input ?? usual)

const servingOf = Effect.fnUntraced(function* (runtime: RuntimeShape, options: ServerOptions, bell: Bell) {
  const fibers = yield* FiberSet.make<unknown, unknown>()
  // Added last, so it runs first: whoever reads is let go before anything is taken down.
  yield* Effect.addFinalizer(() => Effect.sync(() => bell.close()))
  const silence = millis(options.keepAlive, "15 seconds")
  yield* FiberSet.run(
    fibers,
    Effect.repeat(
      Effect.sync(() => bell.tick()),
      Schedule.spaced(Duration.times(silence, 0.5))
    )
  )
  const serving: ServerContext = {
    runtime,
    book: (yield* ThreadBook) ?? makeMemory(),
    naming: options.threadIds === "shared" ? ThreadName.shared : ThreadName.perTenant,
    allowance: new Allowance(options.limits ?? {}),
    agents: options.agents ?? [],
    descriptions: options.descriptions ?? {},
    newId: (yield* Ids.Ids).make,
    startedAt: yield* Clock.currentTimeMillis,
    watchers: new Watchers(),
    starting: new Map(),
    onDisconnect: options.onDisconnect ?? "keep",
    bell,
    fork: (effect) => Effect.asVoid(FiberSet.run(fibers, effect))
  }
  return serving
})

const pipelineOf = Effect.fnUntraced(function* (serving: ServerContext, options: ServerOptions) {
  return {
    serving,
    authenticator: yield* Authenticator,
    origins: new Set(options.origins ?? []),
    keyHeaders: options.keyHeaders ?? ["x-api-key", "x-storageapi-token"],
    bounds: {
      maxBytes: options.maxBodyBytes ?? 4 * 1024 * 1024,
      timeout: millis(options.bodyTimeout, "30 seconds")
    }
  } satisfies RequestPipeline.RequestPipeline
})

/** Where each dialect is served: its name and its whole base path, the native one first. */
export const places = (
  options: ServerOptions
): ReadonlyArray<{ readonly name: string; readonly title: string; readonly path: Path; readonly mount: Mount }> =>
  mountsOf(options).map((mount) => {
    const { name, title } = mount.dialect
    const path: Path = `/${(options.prefix ?? "").slice(1)}${options.prefix === undefined ? "" : "/"}${(mount.path ?? `/${name}`).slice(1)}`
    return { name, title, path, mount }
  })

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
      const nativePath = served[0]?.path ?? "/native"
      const pages = options.pages === false ? [] : [Pages.layer(serving, options.prefix ?? "", nativePath)]
      return [...dialects, ...pages].reduce<Layer.Layer<never, never, HttpRouter.HttpRouter>>(
        (all, one) => Layer.merge(all, one),
        Layer.empty
      )
    })
  )

/**
 * The routes, for a router of one's own. Read when they are built: `ThreadBook`, `Ids`.
 *
 * **Gotchas**: under `HttpRouter.serve` the HTTP server waits for open streams, up to its own grace, before these routes hear
 * that they close. `serve` tells them first.
 */
export const layer = (options: ServerOptions = {}): Layer.Layer<never, never, Needs | HttpRouter.HttpRouter> =>
  Layer.suspend(() => routes(options, new Bell()))

/** The routes, served by an HTTP server. When its scope closes, streams end at once and with a place to come back to. */
export const serve = (options: ServerOptions = {}): Layer.Layer<never, never, Needs | HttpServer.HttpServer> =>
  Layer.effectDiscard(
    Effect.gen(function* () {
      const bell = new Bell()
      yield* Layer.build(HttpRouter.serve(routes(options, bell), { disableLogger: true, disableListenLog: true }))
      // Added last, so it runs first: whoever reads is let go before the HTTP server waits for them.
      yield* Effect.addFinalizer(() => Effect.sync(() => bell.close()))
    })
  )

/** A server inside of somebody's app. `dispose` ends streams and lets the runtime go. */
export interface WebHandler {
  readonly handler: (request: Request) => Promise<Response>
  readonly dispose: () => Promise<void>
}

/**
 * The same as a function from a request to a response, for any app that speaks `Request` and `Response`. `services` is what
 * the server needs: a runtime, and who tells tenants apart.
 */
export const toWebHandler = <E>(options: ServerOptions, services: Layer.Layer<Needs, E>): WebHandler =>
  HttpRouter.toWebHandler(layer(options).pipe(Layer.provide(services), Layer.provide(HttpServer.layerServices)), {
    disableLogger: true
  })
