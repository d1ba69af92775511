/** Pages outside the dialects: health, metrics, OpenAPI document. They need no key and show nothing of a tenant. */
import { Refusal } from "@reins/wire"
import { dialect as native } from "@reins/wire/native"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Scope from "effect/Scope"
import * as HttpRouter from "effect/http/HttpRouter"
import * as HttpServerResponse from "effect/http/HttpServerResponse"
import * as HttpApiScalar from "effect/http-api/HttpApiScalar"
import * as OpenApi from "effect/http-api/OpenApi"
import * as PrometheusMetrics from "effect/observability/PrometheusMetrics"
import type { ServerContext } from "../run/ServerContext.ts"
import * as Api from "../rest/Api.ts"
import * as Response from "./Response.ts"

type Path = `/${string}`

const noRoute = Refusal.make("not-found", "RouteNotFound", "No route matches this path")

const plain = { contentType: "text/plain; version=0.0.4; charset=utf-8" }

const gauges = ({ watchers }: ServerContext): string =>
  `# TYPE reins_runs_running gauge\nreins_runs_running ${watchers.runs}\n` +
  `# TYPE reins_answers_open gauge\nreins_answers_open ${watchers.open}\n`

/**
 * A route of GET and HEAD. The router has no method HEAD, so the route has every method; the platform leaves the body
 * out. `head`: the response to HEAD, if making the body is expensive.
 */
const readable = <R>(
  path: Path,
  answer: Effect.Effect<HttpServerResponse.HttpServerResponse, never, R>,
  head?: HttpServerResponse.HttpServerResponse
) =>
  HttpRouter.add("*", path, ({ method }) => {
    if (method === "HEAD" && head !== undefined) return Effect.succeed(head)
    return method === "GET" || method === "HEAD" ? answer : Effect.succeed(Response.refusal(native, noRoute, {}))
  })

/** The API reference page. Its script is about 3 MB, so it is loaded by the first request and not at start. */
const reference = (api: ReturnType<typeof Api.make>, path: Path): Layer.Layer<never, never, HttpRouter.HttpRouter> =>
  Layer.unwrap(
    Effect.gen(function* () {
      const page = yield* Effect.cached(HttpRouter.toHttpEffect(HttpApiScalar.layer(api, { path })))
      const scope = yield* Effect.scope
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
): Layer.Layer<never, never, HttpRouter.HttpRouter> => {
  const api = Api.make(nativePath)
  const openapi = HttpServerResponse.text(JSON.stringify(OpenApi.fromApi(api)), { contentType: "application/json" })
  const at = (path: Path): Path => `/${prefix.slice(1)}${prefix === "" ? path.slice(1) : path}`
  const health = Effect.sync(() =>
    serving.bell.isClosed
      ? HttpServerResponse.text('{"status":"closing"}', { status: 503, contentType: "application/json" })
      : HttpServerResponse.text('{"status":"ok"}', { contentType: "application/json" })
  )
  const metrics = Effect.map(PrometheusMetrics.format(), (text) =>
    HttpServerResponse.text(`${gauges(serving)}${text}`, plain)
  )
  return Layer.mergeAll(
    readable(at("/health"), health),
    readable(at("/metrics"), metrics),
    readable(at("/openapi.json"), Effect.succeed(openapi)),
    reference(api, at("/docs")),
    HttpRouter.add(
      "*",
      at("/*"),
      Effect.sync(() => Response.refusal(native, noRoute, {}))
    )
  )
}
