/**
 * Pages outside the dialects: health, readiness, metrics, OpenAPI document, and an operator's page of static files. They need
 * no key and show nothing of a tenant: what the operator's page shows it asks of the native interface with the key of its
 * user, and it may load nothing from elsewhere. What asks the store is asked at most every five seconds, however often the
 * page is requested.
 */
import { Refusal } from "@reins/wire"
import { dialect as native } from "@reins/wire/native"
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as Scope from "effect/Scope"
import * as HttpRouter from "effect/http/HttpRouter"
import * as HttpServerResponse from "effect/http/HttpServerResponse"
import * as HttpApiScalar from "effect/http-api/HttpApiScalar"
import * as OpenApi from "effect/http-api/OpenApi"
import * as PrometheusMetrics from "effect/observability/PrometheusMetrics"
import type { ServerContext } from "../run/ServerContext.ts"
import * as Api from "../rest/Api.ts"
import * as Response from "./Response.ts"
import * as Duration from "effect/Duration"
import * as Exit from "effect/Exit"
import type { StaticFiles } from "../options/ServerOptions.ts"

type Path = `/${string}`

const noRoute = Refusal.make("not-found", "RouteNotFound", "No route matches this path")

const plain = { contentType: "text/plain; version=0.0.4; charset=utf-8" }

/**
 * The runs of every tenant that wait for somebody outside, and for how long the longest of them has waited. Those that
 * only sleep are not among them.
 */
interface Waiting {
  readonly count: number
  readonly oldestMs: number
}

const waitingRuns = Effect.fnUntraced(function* ({ runtime }: ServerContext) {
  const now = yield* Clock.currentTimeMillis
  const { count, oldestAt = now } = yield* runtime.runs.waiting()
  return { count, oldestMs: Math.max(0, now - oldestAt) } satisfies Waiting
})

const gauge = (name: string, help: string, value: number): string =>
  `# HELP ${name} ${help}\n# TYPE ${name} gauge\n${name} ${value}\n`

/** What web hooks have yet to be told, which of them do not accept it, and how long the oldest notice waits. */
interface Outbox extends Effect.Success<ServerContext["runtime"]["webhooks"]["outbox"]["count"]> {
  readonly oldestMs: number
}

const outboxOf = Effect.fnUntraced(function* ({ runtime }: ServerContext) {
  const now = yield* Clock.currentTimeMillis
  const count = yield* runtime.webhooks.outbox.count
  return { ...count, oldestMs: Math.max(0, now - (count.oldestAt ?? now)) } satisfies Outbox
})

const outboxGauges = ({ failing, ofRuns, ofRunsFailing, oldestMs, waiting }: Outbox): string =>
  gauge("reins_notices_waiting", "Notices in the store that web hooks have yet to accept", waiting) +
  gauge("reins_notices_waiting_oldest_seconds", "Age of the oldest of them", oldestMs / 1000) +
  gauge("reins_webhooks_failing", "Web hooks in the store whose last attempt failed", failing) +
  gauge("reins_run_webhooks", "Web hooks that clients have set for their runs", ofRuns) +
  gauge("reins_run_webhooks_failing", "Those of them whose last attempt failed", ofRunsFailing)

/** `waiting`: absent if the store did not answer. */
const gauges = ({ watchers }: ServerContext, waiting: Waiting | undefined): string =>
  gauge("reins_runs_running", "Active runs that this server started", watchers.runs) +
  gauge("reins_answers_open", "Answers that this server streams", watchers.open) +
  (waiting === undefined
    ? ""
    : gauge(
        "reins_runs_waiting",
        "Runs in the store that wait for a person, a client or a late result",
        waiting.count
      ) +
      gauge(
        "reins_runs_waiting_oldest_seconds",
        "Time since the last event of the oldest of them",
        waiting.oldestMs / 1000
      ))

/** How long the store may take before the server is not ready. */
const storePatience = "2 seconds"

const json = (status: number, body: { readonly [name: string]: string }) =>
  HttpServerResponse.text(JSON.stringify(body), { status, contentType: "application/json" })

/**
 * A route of GET and HEAD. The router has no method HEAD, so the route has every method; the platform leaves the body
 * out. `head`: the response to HEAD, if making the body is expensive.
 */
const readable = <R>(
  path: Path,
  answer:
    | Effect.Effect<HttpServerResponse.HttpServerResponse, never, R>
    | ((request: { readonly url: string }) => Effect.Effect<HttpServerResponse.HttpServerResponse, never, R>),
  head?: HttpServerResponse.HttpServerResponse
) =>
  HttpRouter.add("*", path, (request) => {
    const { method } = request
    if (method === "HEAD" && head !== undefined) return Effect.succeed(head)
    if (method !== "GET" && method !== "HEAD") return Effect.succeed(Response.refusal(native, noRoute, {}))
    return typeof answer === "function" ? answer(request) : answer
  })

/**
 * What a cached effect gives. Its work goes on when the client who asked for it leaves: otherwise requests that are cut
 * short would start it again and again.
 */
const kept = <A, E, R>(cached: Effect.Effect<A, E, R>, scope: Scope.Scope): Effect.Effect<A, E, R> =>
  Effect.flatMap(Effect.forkIn(cached, scope), Fiber.join)

/** The API reference page. Its script is about 3 MB, so it is loaded by the first request and not at start. */
const reference = (api: ReturnType<typeof Api.make>, path: Path): Layer.Layer<never, never, HttpRouter.HttpRouter> =>
  Layer.unwrap(
    Effect.gen(function* () {
      const scope = yield* Effect.scope
      const page = kept(yield* Effect.cached(HttpRouter.toHttpEffect(HttpApiScalar.layer(api, { path }))), scope)
      return readable(
        path,
        Effect.orDie(Effect.flatten(Scope.provide(page, scope))),
        HttpServerResponse.empty({ status: 200 })
      )
    })
  )

/** `prefix` precedes every path, `nativePath` is the native dialect's base path. */
export const layer = (
  serving: ServerContext,
  prefix: string,
  nativePath: Path
): Layer.Layer<never, never, HttpRouter.HttpRouter> =>
  Layer.unwrap(
    Effect.gen(function* () {
      const bounded = <A>(ask: Effect.Effect<A>) => Effect.option(Effect.timeout(Effect.sandbox(ask), storePatience))
      const scope = yield* Effect.scope
      const now = <A>(ask: Effect.Effect<A>) =>
        Effect.map(Effect.cachedWithTTL(bounded(ask), "5 seconds"), (cached) => kept(cached, scope))
      return pages(serving, prefix, nativePath, {
        waiting: yield* now(waitingRuns(serving)),
        outbox: yield* now(outboxOf(serving)),
        store: yield* now(Effect.andThen(serving.runtime.runs.list({ limit: 1 }), serving.runtime.isCarried))
      })
    })
  )

/** What the pages ask of the store; `None` if it fails or takes too long. */
interface Asked {
  readonly waiting: Effect.Effect<Option.Option<Waiting>>
  readonly outbox: Effect.Effect<Option.Option<Outbox>>
  /** Whether some process executes runs. */
  readonly store: Effect.Effect<Option.Option<boolean>>
}

const pages = (
  serving: ServerContext,
  prefix: string,
  nativePath: Path,
  asked: Asked
): Layer.Layer<never, never, HttpRouter.HttpRouter> => {
  const api = Api.make(nativePath)
  const openapi = HttpServerResponse.text(JSON.stringify(OpenApi.fromApi(api)), { contentType: "application/json" })
  const at = (path: Path): Path => `/${prefix.slice(1)}${prefix === "" ? path.slice(1) : path}`
  const unknownPath = { ...noRoute, message: `${noRoute.message}. ${at("/docs")} lists the routes` }
  const health = Effect.sync(() =>
    serving.bell.isClosed ? json(503, { status: "closing" }) : json(200, { status: "ok" })
  )
  const ready = Effect.suspend(() =>
    serving.bell.isClosed
      ? Effect.succeed(json(503, { status: "closing" }))
      : Effect.map(asked.store, (answered) =>
          Option.match(answered, {
            onNone: () => json(503, { status: "store unavailable" }),
            onSome: (isCarried) => (isCarried ? json(200, { status: "ready" }) : json(503, { status: "no owner" }))
          })
        )
  )
  const metrics = Effect.gen(function* () {
    const waiting = Option.getOrUndefined(yield* asked.waiting)
    const outbox = Option.match(yield* asked.outbox, { onNone: () => "", onSome: outboxGauges })
    return HttpServerResponse.text(`${gauges(serving, waiting)}${outbox}${yield* PrometheusMetrics.format()}`, plain)
  })
  return Layer.mergeAll(
    readable(at("/health"), health),
    readable(at("/ready"), ready),
    readable(at("/metrics"), metrics),
    readable(at("/openapi.json"), Effect.succeed(openapi)),
    reference(api, at("/docs")),
    HttpRouter.add(
      "*",
      at("/*"),
      Effect.sync(() => Response.refusal(native, unknownPath, {}))
    )
  )
}

const noFile = Refusal.make("not-found", "RouteNotFound", "No file has this path")
const noPage = Refusal.make("internal", "Internal", "The page could not be read. See the server's log")

const security = {
  "content-security-policy":
    "default-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; frame-ancestors 'none'; base-uri 'none'; form-action 'none'",
  "x-content-type-options": "nosniff",
  "referrer-policy": "no-referrer"
}

/** Read by the first request that it can be read for: a failure is not kept. */
const readOnce = (files: Effect.Effect<StaticFiles>) =>
  Effect.cachedWithTTL(files, (exit) => (Exit.isSuccess(exit) ? Duration.infinity : 0))

/** The path of a request below `base`, without its query. */
const below = (url: string, base: string): string => url.replace(/[?#].*$/s, "").slice(base.length)

/**
 * Serves an operator's page of static files, such as `@reins/inspector`, below one path.
 *
 * `base`: where the page lies, such as `/ai/inspector`. `nativePath`: the path of the native interface beside it,
 * which the page assumes to be `/native` unless its address says otherwise.
 */
export const inspector = (
  files: Effect.Effect<StaticFiles>,
  base: `/${string}`,
  nativePath: string
): Layer.Layer<never, never, HttpRouter.HttpRouter> =>
  Layer.unwrap(
    Effect.zipWith(readOnce(files), Effect.scope, (cached, scope) => {
      const all = kept(cached, scope)
      const query =
        nativePath === base.replace(/inspector$/, "native") ? "" : `?native=${encodeURIComponent(nativePath)}`
      // Relative, so that it holds behind a proxy that adds a prefix.
      const redirect = (to: string) => Effect.succeed(HttpServerResponse.redirect(to, { status: 302 }))
      const answer = (path: string) =>
        Effect.matchCauseEffect(all, {
          onFailure: (cause) =>
            Effect.as(
              Effect.logError("The inspector's page could not be read", cause),
              Response.refusal(native, noPage, {})
            ),
          onSuccess: (map) => {
            const name = path === "/" ? "index.html" : path.slice(1)
            const file = map.get(name)
            return Effect.succeed(
              file === undefined
                ? Response.refusal(native, noFile, {})
                : HttpServerResponse.uint8Array(file.body, {
                    contentType: file.type,
                    headers: {
                      ...security,
                      "cache-control": file.isImmutable ? "public, max-age=31536000, immutable" : "no-cache"
                    }
                  })
            )
          }
        })
      // The route of everything below matches the path itself, too.
      return readable(`${base}/*`, ({ url }) => {
        const path = below(url, base)
        if (path === "") return redirect(`inspector/${query}`)
        return path === "/" && query !== "" && !/[?&]native=/.test(url) ? redirect(`./${query}`) : answer(path)
      })
    })
  )
