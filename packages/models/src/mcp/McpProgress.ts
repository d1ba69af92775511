/**
 * Progress of MCP calls: asks the server to report it with each call, and passes it on to the call's `ToolRun`.
 *
 * `effect/ai`'s client drops progress notifications; this wraps its transports and reads them there.
 */
import { ToolRun } from "@reins/runtime"
import * as Effect from "effect/Effect"
import * as McpClient from "effect/ai/McpClient"
import type { McpClientError } from "effect/ai/McpClientError"
import type * as McpSchema from "effect/ai/McpSchema"
import * as HttpClient from "effect/http/HttpClient"
import type * as HttpClientResponse from "effect/http/HttpClientResponse"
import * as Option from "effect/Option"
import * as Predicate from "effect/Predicate"
import { ChildProcessSpawner, makeHandle } from "effect/process/ChildProcessSpawner"
import type * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import * as JsonValue from "../aisdk/JsonValue.ts"

/** A progress notification of a call. */
interface News {
  readonly progressToken: unknown
  readonly progress: number
  readonly total: number | undefined
  readonly message: string | undefined
}

type Listener = (news: News) => Effect.Effect<void>

/** A stdio transport whose calls report their progress. Its scope owns the process. */
export const stdio = (
  options: Parameters<typeof McpClient.stdio>[0]
): Effect.Effect<McpClient.Transport, McpClientError, ChildProcessSpawner | Scope.Scope> =>
  Effect.gen(function* () {
    const listeners = new Map<unknown, Listener>()
    const spawner = yield* ChildProcessSpawner
    const overheard: typeof spawner = {
      ...spawner,
      spawn: (command) =>
        Effect.map(spawner.spawn(command), (handle) =>
          makeHandle({ ...handle, stdout: overhear(handle.stdout, listeners) })
        )
    }
    const transport = yield* McpClient.stdio(options).pipe(Effect.provideService(ChildProcessSpawner, overheard))
    return { ...transport, request: (message, tool) => asking(transport, listeners, message, tool) }
  })

/** A transport over HTTP whose calls report their progress, when the server responds with a stream. */
export const http = (
  options: Parameters<typeof McpClient.http>[0]
): Effect.Effect<McpClient.Transport, McpClientError, HttpClient.HttpClient | Scope.Scope> =>
  Effect.gen(function* () {
    const listeners = new Map<unknown, Listener>()
    const client = HttpClient.transformResponse(
      yield* HttpClient.HttpClient,
      Effect.map((response) => overheardResponse(response, listeners))
    )
    const transport = yield* McpClient.http(options).pipe(Effect.provideService(HttpClient.HttpClient, client))
    return { ...transport, request: (message, tool) => asking(transport, listeners, message, tool) }
  })

/** A response whose body is also read here. A proxy, not a copy: a response has getters over private state. */
const overheardResponse = (
  response: HttpClientResponse.HttpClientResponse,
  listeners: ReadonlyMap<unknown, Listener>
): HttpClientResponse.HttpClientResponse =>
  response.headers["content-type"]?.startsWith("text/event-stream") === true
    ? new Proxy(response, {
        get: (target, key) => (key === "stream" ? overhear(target.stream, listeners) : Reflect.get(target, key, target))
      })
    : response

/** Sends a call with a progress token, and listens while it runs. */
const asking = (
  transport: McpClient.Transport,
  listeners: Map<unknown, Listener>,
  message: McpSchema.JsonRpcRequest,
  tool: McpSchema.Tool | undefined
) =>
  Effect.flatMap(Effect.serviceOption(ToolRun), (run) => {
    if (message.method !== "tools/call" || Option.isNone(run)) return transport.request(message, tool)
    const { id } = message
    listeners.set(id, (news) => run.value.progress(phase(news, tool?.title ?? tool?.name ?? "")))
    const meta = message.params?.["_meta"]
    return transport
      .request(
        { ...message, params: { ...message.params, _meta: { ...(isFields(meta) ? meta : {}), progressToken: id } } },
        tool
      )
      .pipe(
        Effect.ensuring(
          Effect.sync(() => {
            listeners.delete(id)
          })
        )
      )
  })

const isFields = (value: unknown): value is { readonly [key: string]: unknown } => Predicate.isObject(value)

/** Servers count in steps or in fractions, with or without a total; phases are integers up to a last one. */
const phase = ({ message, progress, total }: News, name: string) => {
  const label = message ?? name
  if (total === undefined) return { label, phaseIndex: Math.ceil(progress), totalPhases: Math.ceil(progress) }
  return Number.isInteger(progress) && Number.isInteger(total)
    ? { label, phaseIndex: progress, totalPhases: total }
    : { label, phaseIndex: Math.round((progress / total) * 100), totalPhases: 100 }
}

const overhear = <E>(
  bytes: Stream.Stream<Uint8Array, E>,
  listeners: ReadonlyMap<unknown, Listener>
): Stream.Stream<Uint8Array, E> =>
  Stream.suspend(() => {
    const decoder = new TextDecoder()
    let rest = ""
    return Stream.tap(bytes, (chunk) => {
      const lines = (rest + decoder.decode(chunk, { stream: true })).split("\n")
      rest = lines.pop() ?? ""
      return Effect.forEach(lines, (line) => tell(line, listeners), { discard: true })
    })
  })

const tell = (line: string, listeners: ReadonlyMap<unknown, Listener>): Effect.Effect<void> => {
  if (listeners.size === 0 || !line.includes("notifications/progress")) return Effect.void
  const news = newsOf(line.replace(/^data:/, ""))
  return news === undefined ? Effect.void : (listeners.get(news.progressToken)?.(news) ?? Effect.void)
}

const newsOf = (line: string): News | undefined => {
  const value = JsonValue.parse(line)
  if (!JsonValue.isObject(value) || value["method"] !== "notifications/progress") return undefined
  const params = value["params"]
  if (!JsonValue.isObject(params)) return undefined
  const { message, progress, progressToken, total } = params
  return Predicate.isNumber(progress) && progress >= 0
    ? {
        progressToken,
        progress,
        total: Predicate.isNumber(total) && total > 0 ? total : undefined,
        message: Predicate.isString(message) ? message : undefined
      }
    : undefined
}
