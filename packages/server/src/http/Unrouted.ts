/**
 * Refuses requests that the router finds no route for although they lie below a dialect's base path: it decodes a path
 * before it looks for a route, and gives up where that is impossible (`/native/runs/%zz`).
 */
import * as Effect from "effect/Effect"
import type * as Layer from "effect/Layer"
import * as HttpRouter from "effect/http/HttpRouter"
import * as HttpServerError from "effect/http/HttpServerError"
import * as HttpServerRequest from "effect/http/HttpServerRequest"
import type { Mount } from "../options/ServerOptions.ts"
import * as RequestPipeline from "./RequestPipeline.ts"

interface Place {
  readonly path: string
  readonly mount: Mount
}

const isUnrouted = (error: unknown): boolean =>
  HttpServerError.isHttpServerError(error) && error.reason._tag === "RouteNotFound"

export const layer = (
  pipeline: RequestPipeline.RequestPipeline,
  places: ReadonlyArray<Place>
): Layer.Layer<never, never, HttpRouter.HttpRouter> => {
  // A base path may lie below another one.
  const innermost = places.toSorted((one, other) => other.path.length - one.path.length)
  return HttpRouter.middleware(
    (app) =>
      Effect.catchIf(app, isUnrouted, (error) =>
        Effect.flatMap(HttpServerRequest.HttpServerRequest, (request) => {
          const place = innermost.find(({ path }) => request.url.startsWith(`${path}/`))
          return place === undefined
            ? Effect.fail(error)
            : RequestPipeline.answer(pipeline, place.mount, place.path, request)
        })
      ),
    { global: true }
  )
}
