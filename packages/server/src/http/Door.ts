/**
 * The way of every request, whatever its dialect: is the page one that may ask, is there such a route, who asks, how often,
 * what was sent, what does it mean; then it is carried out and answered. Each no is in the dialect's own shape.
 */
import { Dialect, Refusal, Sse, Ndjson } from "@reins/wire"
import * as Clock from "effect/Clock"
import * as Deferred from "effect/Deferred"
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Predicate from "effect/Predicate"
import * as Redacted from "effect/Redacted"
import type * as HttpServerRequest from "effect/http/HttpServerRequest"
import * as HttpServerResponse from "effect/http/HttpServerResponse"
import type { Authenticator } from "../access/Authenticator.ts"
import type { Principal } from "../access/Principal.ts"
import * as Carrying from "../host/Carrying.ts"
import type { Feed, Outcome } from "../host/Outcome.ts"
import type { Serving } from "../host/Serving.ts"
import * as Telling from "../host/Telling.ts"
import type { Mount } from "../ServerOptions.ts"
import * as Body from "./Body.ts"
import * as Origin from "./Origin.ts"
import * as Response from "./Response.ts"
import * as Target from "./Target.ts"

export interface Door {
  readonly serving: Serving
  readonly authenticator: Authenticator["Service"]
  readonly origins: ReadonlySet<string>
  readonly keyHeaders: ReadonlyArray<string>
  readonly bounds: Body.Bounds
  readonly keepAlive: Duration.Duration
}

type Request = HttpServerRequest.HttpServerRequest

const noRoute = Refusal.make("not-found", "RouteNotFound", "there is nothing at this path")
const noMethod = Refusal.make("method-not-allowed", "MethodNotAllowed", "this path has other methods")
const badPath = Refusal.badRequest("the path holds what is no id")
const noKey = Refusal.make("unauthorized", "Unauthorized", "a valid key is missing")
const foreignPage = Refusal.make("forbidden", "OriginForbidden", "pages of this origin may not ask")
const internal = Refusal.make("internal", "Internal", "the server failed; its log says why")
const closed = Refusal.make("unavailable", "Closing", "the server is closing", 1)

/** Answers a request below the base path `base`. */
export const answer = (
  door: Door,
  mount: Mount,
  base: string,
  request: Request
): Effect.Effect<HttpServerResponse.HttpServerResponse> => {
  const { dialect } = mount
  const judgement = Origin.judge(door.origins, request.headers["origin"], request.headers["host"])
  const refuse = (refused: Refusal.Refusal, more: Response.Headers = {}) =>
    Response.refusal(dialect, refused, { ...judgement.headers, ...more })
  if (request.method === "OPTIONS") return Effect.succeed(preflight(request, judgement))
  if (!judgement.isAllowed) return Effect.succeed(refuse(foreignPage))
  return Effect.gen(function* () {
    if (Deferred.isDoneUnsafe(door.serving.closing)) return refuse(closed)
    const target = Target.parse(request.url)
    const matched = Dialect.match(dialect, request.method, target.path.slice(base.length))
    const principal = isPublic(matched) ? everybody : yield* whoAsks(door, request)
    if (principal === undefined) return refuse(noKey)
    if (matched._tag === "NoRoute") return refuse(noRoute)
    if (matched._tag === "OtherMethods") return refuse(noMethod, { allow: matched.methods.join(", ") })
    const params = Target.params(matched.params)
    if (params === undefined) return refuse(badPath)
    const wait = door.serving.allowance.request(principal.tenant, yield* Clock.currentTimeMillis)
    if (wait > 0) return refuse(Refusal.make("rate-limited", "RateLimited", "too many requests", wait))
    const body = request.method === "GET" ? undefined : yield* Body.read(request, door.bounds)
    const asked = { params, query: target.query, headers: request.headers, body }
    const exchange = yield* Effect.fromResult(matched.route.decode(asked))
    const outcome = yield* Carrying.carry(door.serving, principal, exchange.command, {
      isWatched: exchange.answer._tag !== "Facts",
      anyAgent: mount.anyAgent === true
    })
    const quiet = { keepAlive: door.keepAlive, frame: dialect.keepAlive }
    return yield* respond(door.serving, quiet, exchange.answer, outcome, judgement.headers)
  }).pipe(
    Effect.catch((refused) => Effect.succeed(refuse(refused))),
    Effect.catchDefect((defect) =>
      Effect.as(Effect.logError(`a request to ${dialect.name} failed`, defect), refuse(internal))
    )
  )
}

const everybody: Principal = { tenant: "" }

const isPublic = (matched: Dialect.Matched): boolean =>
  matched._tag === "Route" && Predicate.hasProperty(matched.route, "isPublic") && matched.route.isPublic === true

const preflight = (request: Request, { headers, isAllowed }: Origin.Judgement) =>
  HttpServerResponse.empty({
    status: 204,
    headers: isAllowed
      ? { ...headers, ...Origin.preflight(request.headers["access-control-request-headers"]) }
      : headers
  })

const whoAsks = ({ authenticator, keyHeaders }: Door, { headers }: Request): Effect.Effect<Principal | undefined> => {
  const bearer = /^bearer +(\S+) *$/i.exec(headers["authorization"] ?? "")?.[1]
  const key = bearer ?? keyHeaders.map((name) => headers[name]).find((value) => value !== undefined && value !== "")
  return authenticator.authenticate({ key: key === undefined ? undefined : Redacted.make(key), headers })
}

const respond = (
  serving: Serving,
  quiet: Telling.Quiet,
  answered: Dialect.Answer,
  outcome: Outcome,
  extra: Response.Headers
): Effect.Effect<HttpServerResponse.HttpServerResponse> => {
  if (outcome._tag === "NothingToResume") {
    return Effect.succeed(HttpServerResponse.empty({ status: 204, headers: extra }))
  }
  if (outcome._tag === "Facts") {
    return Effect.succeed(
      Response.reply(answered._tag === "Facts" ? answered.shape(outcome.facts) : { status: 202, body: {} }, extra)
    )
  }
  const { feed } = outcome
  const headers = { ...extra, ...place(feed) }
  switch (answered._tag) {
    case "Facts": {
      const { runId, threadId } = feed
      return Effect.succeed(Response.reply(answered.shape({ _tag: "Accepted", runId, threadId }), headers))
    }
    case "Whole":
      return Effect.map(Telling.whole(serving, feed, answered.open()), (told) => Response.reply(told, headers))
    case "Stream":
      return Effect.succeed(
        HttpServerResponse.stream(Telling.stream(serving, feed, answered, quiet), {
          headers: { ...headers, ...(answered.format === "sse" ? Sse.headers : Ndjson.headers), ...answered.headers }
        })
      )
  }
}

const place = ({ runId, threadId }: Feed): Response.Headers => ({
  ...(runId === "" ? {} : { "x-run-id": Response.headerValue(runId) }),
  "x-thread-id": Response.headerValue(encodeURIComponent(threadId))
})
