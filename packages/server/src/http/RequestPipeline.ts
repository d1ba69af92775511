/**
 * Processes every request, whatever its dialect: checks the origin, finds the route, authenticates, applies the rate
 * limit, reads the body, decodes the command, executes it and answers. Each refusal uses the dialect's own error
 * format.
 */
import { Outline, StoreFailure } from "@reins/runtime/journal"
import { Dialect, Refusal } from "@reins/wire"
import type { Frame } from "@reins/wire"
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Redacted from "effect/Redacted"
import type * as Scope from "effect/Scope"
import type * as HttpServerRequest from "effect/http/HttpServerRequest"
import * as HttpServerResponse from "effect/http/HttpServerResponse"
import { type Authenticator, orderOnly, type Principal, sightOf } from "../access/Authenticator.ts"
import * as Exchanges from "../run/Exchanges.ts"
import * as SocketConnection from "./SocketConnection.ts"
import type { Feed, Outcome } from "../run/Outcome.ts"
import type { ServerContext } from "../run/ServerContext.ts"
import * as StreamResponse from "../run/StreamResponse.ts"
import * as NativeRoutes from "../rest/NativeRoutes.ts"
import type { Mount } from "../options/ServerOptions.ts"
import * as Body from "./Body.ts"
import * as Origin from "./Origin.ts"
import * as Response from "./Response.ts"
import * as Lookup from "../run/Lookup.ts"
import * as Option from "effect/Option"
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"

export interface RequestPipeline {
  readonly serving: ServerContext
  readonly authenticator: Authenticator["Service"]
  readonly origins: ReadonlySet<string>
  /** Refuses requests under names that are not this machine's, nor of a listed origin. */
  readonly isLocal: boolean
  readonly keyHeaders: ReadonlyArray<string>
  readonly bounds: Body.Bounds
}

type Request = HttpServerRequest.HttpServerRequest

const noRoute = Refusal.make("not-found", "RouteNotFound", "No route matches this path")
const noMethod = Refusal.make(
  "method-not-allowed",
  "MethodNotAllowed",
  "Method not allowed for this path. See the allow header"
)
const badPath = Refusal.badRequest("Invalid id in path")
/** Where a WebSocket is opened. */
const socketRoute: Dialect.Route = {
  method: "GET",
  path: "",
  decode: () => Result.fail(Refusal.badRequest("This path is for WebSockets"))
}
const noKey = Refusal.make("unauthorized", "Unauthorized", "Missing or invalid API key")
const foreignPage = Refusal.make(
  "forbidden",
  "OriginForbidden",
  "Origin not allowed. Add it to the server's origins option"
)
const foreignHost = Refusal.make(
  "forbidden",
  "HostForbidden",
  "Host not allowed without keys. Reach the server as localhost, or add the origin under this name to the origins option"
)
const internal = Refusal.make("internal", "Internal", "Internal server error. See the server's log")
const closed = Refusal.make("unavailable", "Closing", "The server is shutting down. Retry", 1)

/** An accepted request: its principal and its route. */
interface Admitted {
  readonly principal: Principal
  readonly route: Dialect.Route
  readonly params: { readonly [name: string]: string }
  readonly query: { readonly [name: string]: string }
}

/** A request that was refused before its body was read. */
interface Turned {
  readonly refusal: Refusal.Refusal
  readonly headers?: Response.Headers
}

/** Answers a request below the base path `base`. `path`: the route's, where it is not read from the request's own. */
export const answer = (
  pipeline: RequestPipeline,
  mount: Mount,
  base: string,
  request: Request,
  path?: string
): Effect.Effect<HttpServerResponse.HttpServerResponse, never, Scope.Scope> => {
  const { dialect } = mount
  const judgement = Origin.judge(pipeline.origins, request.headers["origin"])
  if (request.method === "OPTIONS") return Effect.succeed(preflight(request, judgement))
  const refuse = (refused: Refusal.Refusal, more: Response.Headers = {}) =>
    Response.refusal(dialect, refused, { ...judgement.headers, ...more })
  const barred = !judgement.isAllowed
    ? foreignPage
    : pipeline.isLocal && !Origin.isLocal(pipeline.origins, request.headers["host"])
      ? foreignHost
      : undefined
  const admitted =
    barred === undefined ? admit(pipeline, dialect, base, request, path) : Effect.fail({ refusal: barred })
  return Effect.matchEffect(admitted, {
    onFailure: ({ headers, refusal }: Turned) =>
      Effect.map(Body.discard(request, pipeline.bounds), (connection) =>
        refuse(refusal, { ...headers, ...connection })
      ),
    onSuccess: (one) =>
      Effect.catch(enter(pipeline, mount, base, one, request, judgement.headers), (refused) =>
        Effect.succeed(refuse(refused))
      )
  }).pipe(
    Effect.catchDefect((defect) =>
      // The defect's message may quote the request.
      Effect.as(
        Effect.logError(`A request to dialect ${dialect.name} failed: ${Outline.of(defect)}`),
        refuse(struck(defect))
      )
    )
  )
}

/** The refusal for a defect. A damaged row is named, so that an operator can restore it. */
const struck = (defect: unknown): Refusal.Refusal =>
  defect instanceof StoreFailure && defect.damaged !== undefined
    ? Refusal.make("internal", "DataDamaged", defect.message)
    : internal

const turn = (refusal: Refusal.Refusal, headers: Response.Headers = {}) => Effect.fail<Turned>({ refusal, headers })

const admit = Effect.fnUntraced(function* (
  pipeline: RequestPipeline,
  dialect: Dialect.Dialect,
  base: string,
  request: Request,
  named?: string
) {
  if (pipeline.serving.bell.isClosed) return yield* turn(closed)
  const { path, query } = parseTarget(request.url)
  // The router matches more than our base path: other cases, doubled slashes.
  const below = named ?? (path.startsWith(`${base}/`) ? path.slice(base.length) : undefined)
  const matched: Dialect.Matched =
    below === undefined
      ? { _tag: "NoRoute" }
      : below === dialect.socket?.path && readMethod(request) === "GET"
        ? { _tag: "Route", route: socketRoute, params: {} }
        : Dialect.match(dialect, readMethod(request), below)
  const principal = isPublic(matched) ? everybody : yield* whoAsks(pipeline, request)
  if (principal === undefined) return yield* turn(noKey)
  if (matched._tag === "NoRoute") return yield* turn(noRoute)
  if (matched._tag === "OtherMethods") return yield* turn(noMethod, { allow: matched.methods.join(", ") })
  if (sightOf(principal) === "order" && !NativeRoutes.isForAuditors(dialect, matched.route)) {
    return yield* turn(orderOnly)
  }
  const params = pathParameters(matched.params)
  if (params === undefined) return yield* turn(badPath)
  const wait = pipeline.serving.allowance.request(principal.tenant, Number(yield* Clock.monotonicTimeNanos) / 1e6)
  if (wait > 0) return yield* turn(Refusal.make("rate-limited", "RateLimited", "Too many requests", wait))
  return { principal, route: matched.route, params, query } satisfies Admitted
})

/** The URL of a base path as the client or its proxy states it; returned only to that client. */
const ownUrl = (headers: { readonly [name: string]: string | undefined }, base: string): string | undefined => {
  const host = headers["x-forwarded-host"] ?? headers["host"]
  const scheme = headers["x-forwarded-proto"] === "https" ? "https" : "http"
  return host !== undefined && /^[\w.:[\]-]{1,255}$/.test(host) ? `${scheme}://${host}${base}` : undefined
}

/** HEAD is handled as GET: the platform leaves the body out. */
const readMethod = ({ method }: Request): string => (method === "HEAD" ? "GET" : method)

const enter = Effect.fnUntraced(function* (
  pipeline: RequestPipeline,
  mount: Mount,
  base: string,
  { params, principal, query, route }: Admitted,
  request: Request,
  headers: Response.Headers
) {
  const { bounds, serving } = pipeline
  const { dialect } = mount
  const asker = { principal, providerKeys: yield* keysOf(request) }
  if (route === socketRoute && dialect.socket !== undefined) {
    const connection = { codec: dialect.socket, mount, asker, maxBytes: bounds.maxBytes }
    return yield* SocketConnection.serve(serving, connection, request)
  }
  const body = readMethod(request) === "GET" ? undefined : yield* Body.read(request, bounds)
  const url = ownUrl(request.headers, base)
  const asked = { params, query, headers: request.headers, body, ...(url === undefined ? {} : { url }) }
  const own = NativeRoutes.find(route)
  if (own !== undefined) {
    const replied = yield* own.handle(serving, principal, asked)
    return "file" in replied ? Response.file(replied.file, headers) : Response.reply(replied, headers)
  }
  return yield* Effect.catch(exchanged(serving, mount, asker, { route, asked, request, headers }), (refused) =>
    route.encodeError === undefined
      ? Effect.fail(refused)
      : Effect.succeed(
          Response.refusal(
            { ...dialect, encodeError: (one) => route.encodeError?.(one, asked) ?? dialect.encodeError(one) },
            refused,
            headers
          )
        )
  )
})

interface Asked {
  readonly route: Dialect.Route
  readonly asked: Dialect.Request
  readonly request: Request
  readonly headers: Response.Headers
}

const exchanged = Effect.fnUntraced(function* (
  serving: ServerContext,
  mount: Mount,
  asker: Exchanges.Asker,
  { asked, headers, request, route }: Asked
) {
  const { dialect } = mount
  const exchange = yield* Effect.suspend(() => Effect.fromResult(route.decode(asked)))
  const outcome = yield* Exchanges.execute(serving, mount, asker, exchange)
  // HEAD does not start a stream, but an unknown run is refused.
  if (request.method === "HEAD" && exchange.answer._tag !== "Facts") {
    return HttpServerResponse.empty({ status: outcome._tag === "NothingToResume" ? 204 : 200, headers })
  }
  return yield* respond(serving, dialect.keepAlive, exchange.answer, outcome, headers)
})

/** The header with a request's keys for model providers: `openai=KEY`, several separated by commas. */
const keyHeader = "x-provider-keys"

const badKeys = Refusal.badRequest(`Invalid header ${keyHeader}. Write provider=key, several separated by commas`)

const keysOf = ({ headers }: Request): Effect.Effect<Principal["providerKeys"], Refusal.Refusal> => {
  const told = headers[keyHeader]
  if (told === undefined) return Effect.undefined
  const pairs = told.split(",").map((pair) => /^\s*([\w.-]{1,64})=(\S+)\s*$/.exec(pair))
  return pairs.every((pair) => pair !== null)
    ? Effect.succeed(Object.fromEntries(pairs.map(([, provider = "", key = ""]) => [provider, Redacted.make(key)])))
    : Effect.fail(badKeys)
}

const everybody: Principal = { tenant: "" }

const isPublic = (matched: Dialect.Matched): boolean => matched._tag === "Route" && matched.route.isPublic === true

const preflight = (request: Request, { headers, isAllowed }: Origin.Judgement) =>
  HttpServerResponse.empty({
    status: 204,
    headers: isAllowed
      ? { ...headers, ...Origin.preflight(request.headers["access-control-request-headers"]) }
      : headers
  })

const whoAsks = (
  { authenticator, keyHeaders }: RequestPipeline,
  { headers }: Request
): Effect.Effect<Principal | undefined> => {
  const bearer =
    /^bearer +(\S+) *$/i.exec(headers["authorization"] ?? "")?.[1] ??
    // Pages cannot set headers of a WebSocket, but offer subprotocols.
    /(?:^|,) *bearer\.([^\s,]+)/i.exec(headers["sec-websocket-protocol"] ?? "")?.[1]
  const key = bearer ?? keyHeaders.map((name) => headers[name]).find((value) => value !== undefined && value !== "")
  return authenticator.authenticate({ key: key === undefined ? undefined : Redacted.make(key), headers })
}

const respond = (
  serving: ServerContext,
  quiet: Frame.Frame | undefined,
  answered: Dialect.Answer,
  outcome: Outcome,
  extra: Response.Headers
): Effect.Effect<HttpServerResponse.HttpServerResponse, Refusal.Refusal, Scope.Scope> => {
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
      return Effect.map(Exchanges.whole(serving, feed, answered), (told) => Response.reply(told, headers))
    case "Stream": {
      const options = {
        headers: { ...headers, ...StreamResponse.formats[answered.format].headers, ...answered.headers }
      }
      return answered.format === "text"
        ? Effect.map(StreamResponse.plain(serving, feed, answered), (told) => HttpServerResponse.stream(told, options))
        : Effect.succeed(HttpServerResponse.stream(StreamResponse.stream(serving, feed, answered, quiet), options))
    }
  }
}

const place = ({ runId, threadId }: Feed): Response.Headers => ({
  ...(runId === "" ? {} : { "x-run-id": Response.headerValue(runId) }),
  "x-thread-id": Response.headerValue(encodeURIComponent(threadId))
})

interface Target {
  readonly path: string
  readonly query: { readonly [name: string]: string }
}

/**
 * Splits a request's target into its path and its query. Nothing is joined, resolved or normalized: a path that is not
 * exactly a known one is unknown. When a query parameter is repeated, the first one counts.
 */
const parseTarget = (url: string): Target => {
  const behind = url.replace(/^[a-z]+:\/\/[^/]*/i, "")
  const hash = behind.indexOf("#")
  const whole = hash < 0 ? behind : behind.slice(0, hash)
  const mark = whole.indexOf("?")
  const query: Record<string, string> = Object.create(null)
  if (mark >= 0) {
    for (const [name, value] of new URLSearchParams(whole.slice(mark + 1))) query[name] = query[name] ?? value
  }
  return { path: mark < 0 ? whole : whole.slice(0, mark), query }
}

const decode = Schema.decodeUnknownOption(Schema.StringFromUriComponent)

/** Decoded path parameters; `undefined` when one is not a valid id. */
const pathParameters = (raw: { readonly [name: string]: string }): { readonly [name: string]: string } | undefined => {
  const decoded: Record<string, string> = {}
  for (const [name, text] of Object.entries(raw)) {
    const value = text.length > Lookup.maxIdLength * 9 ? Option.none() : decode(text)
    if (Option.isNone(value) || !Lookup.isId(value.value)) return undefined
    decoded[name] = value.value
  }
  return decoded
}
