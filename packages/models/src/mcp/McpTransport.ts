/**
 * Transports to MCP servers, with what a server says while a call runs: progress, which is asked for with each call and
 * passed on to the call's `ToolRun`, and questions to a person (`elicitation/create`, form mode), which the call asks
 * (`ToolRun.ask`).
 *
 * `effect/ai`'s client drops progress notifications and refuses requests of servers; this wraps its transports, and reads
 * both there. Other requests of servers (`sampling/createMessage`, `roots/list`, elicitation by an address) are not answered:
 * nothing announces them.
 */
import { ToolRun, type ToolRunShape, type PersonAnswer } from "@reins/runtime"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as McpClient from "effect/ai/McpClient"
import type { McpClientError } from "effect/ai/McpClientError"
import type * as McpSchema from "effect/ai/McpSchema"
import * as HttpClient from "effect/http/HttpClient"
import type * as HttpClientResponse from "effect/http/HttpClientResponse"
import * as Option from "effect/Option"
import * as Predicate from "effect/Predicate"
import { ChildProcessSpawner, makeHandle } from "effect/process/ChildProcessSpawner"
import * as Queue from "effect/Queue"
import type * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import * as JsonValue from "../aisdk/JsonValue.ts"
import type { Json, Question } from "@reins/protocol"

/** A progress notification of a call. */
interface News {
  readonly progressToken: unknown
  readonly progress: number
  readonly total: number | undefined
  readonly message: string | undefined
}

/** A call that runs, and what its server says meanwhile. */
interface Listener {
  readonly progress: (news: News) => Effect.Effect<void>
  /** Asks a person, and sends the server the answer. */
  readonly asked: (elicitation: Elicitation) => void
}

/** The calls that run on one connection, by their ids. */
class Calls {
  readonly listeners = new Map<unknown, Listener>()
  /** Sends a message to the server; set when its transport is made. */
  send: (message: Reply) => Effect.Effect<void> = () => Effect.void

  /**
   * Takes a request of the server. `call`: the call whose response it came with. On standard output nothing says which
   * call asks, so that it must be the only one: another call may be one of another tenant.
   */
  ask(elicitation: Elicitation, call: Listener | undefined): Effect.Effect<void> {
    const [only, other] = this.listeners.values()
    const asking = call ?? (other === undefined ? only : undefined)
    if (asking !== undefined) return Effect.sync(() => asking.asked(elicitation))
    const issue =
      only === undefined
        ? "No call is running that could ask a person"
        : "Several calls are running on this connection, and nothing says which one asks. Connect over HTTP instead"
    return this.send(refusal(elicitation.id, issue))
  }
}

/** The call whose request is being sent; a response over HTTP is heard for it. */
const Sending = Context.Reference<Listener | undefined>("@reins/models/mcp/McpTransport/Sending", {
  defaultValue: () => undefined
})

/** A stdio transport. Its scope owns the process. */
export const stdio = (
  options: Parameters<typeof McpClient.stdio>[0]
): Effect.Effect<McpClient.Transport, McpClientError, ChildProcessSpawner | Scope.Scope> =>
  Effect.gen(function* () {
    const calls = new Calls()
    const spawner = yield* ChildProcessSpawner
    const overheard: typeof spawner = {
      ...spawner,
      spawn: (command) =>
        Effect.map(spawner.spawn(command), (handle) =>
          makeHandle({ ...handle, stdout: overhear(handle.stdout, calls, undefined) })
        )
    }
    const transport = yield* McpClient.stdio(options).pipe(Effect.provideService(ChildProcessSpawner, overheard))
    return wrapped(transport, calls)
  })

/** A transport over HTTP. Servers that respond with a stream tell progress, and ask. */
export const http = (
  options: Parameters<typeof McpClient.http>[0]
): Effect.Effect<McpClient.Transport, McpClientError, HttpClient.HttpClient | Scope.Scope> =>
  Effect.gen(function* () {
    const calls = new Calls()
    const client = HttpClient.transformResponse(
      yield* HttpClient.HttpClient,
      Effect.flatMap((response) => Effect.map(Sending, (call) => overheardResponse(response, calls, call)))
    )
    const transport = yield* McpClient.http(options).pipe(Effect.provideService(HttpClient.HttpClient, client))
    return wrapped(transport, calls)
  })

/** A response whose body is also read here. A proxy, not a copy: a response has getters over private state. */
const overheardResponse = (
  response: HttpClientResponse.HttpClientResponse,
  calls: Calls,
  call: Listener | undefined
): HttpClientResponse.HttpClientResponse =>
  response.headers["content-type"]?.startsWith("text/event-stream") === true
    ? new Proxy(response, {
        get: (target, key) =>
          key === "stream" ? overhear(target.stream, calls, call) : Reflect.get(target, key, target)
      })
    : response

const wrapped = (transport: McpClient.Transport, calls: Calls): McpClient.Transport => {
  calls.send = (message) => (isSent(message) ? Effect.ignore(transport.notify(message)) : Effect.void)
  return {
    ...transport,
    request: (message, tool) =>
      Effect.flatMap(Effect.serviceOption(ToolRun), (run) => {
        if (message.method === "initialize") return transport.request(introduced(message), tool)
        return message.method !== "tools/call" || Option.isNone(run)
          ? transport.request(message, tool)
          : called(transport, calls, message, tool, run.value)
      })
  }
}

/** A transport writes any message; its type has notifications only. */
const isSent = (message: unknown): message is McpSchema.JsonRpcNotification => Predicate.isObject(message)

const introduced = (message: McpSchema.JsonRpcRequest): McpSchema.JsonRpcRequest => ({
  ...message,
  params: { ...message.params, capabilities }
})

/** Sends a call with a progress token; until it has its response, its server's progress and questions are the call's. */
const called = (
  transport: McpClient.Transport,
  calls: Calls,
  message: McpSchema.JsonRpcRequest,
  tool: McpSchema.Tool | undefined,
  run: ToolRunShape
) => {
  const { id } = message
  const meta = message.params?.["_meta"]
  const sent = {
    ...message,
    params: { ...message.params, _meta: { ...(isFields(meta) ? meta : {}), progressToken: id } }
  }
  return Effect.flatMap(Queue.unbounded<Elicitation>(), (questions) => {
    const listener: Listener = {
      progress: (news) => run.progress(phase(news, tool?.title ?? tool?.name ?? "")),
      asked: (elicitation) => void Queue.offerUnsafe(questions, elicitation)
    }
    const asking = Effect.forever(
      Effect.flatMap(Queue.take(questions), (elicitation) => Effect.flatMap(asked(run, elicitation), calls.send))
    )
    calls.listeners.set(id, listener)
    return transport.request(sent, tool).pipe(
      Effect.provideService(Sending, listener),
      Effect.raceFirst(asking),
      Effect.ensuring(
        Effect.sync(() => {
          calls.listeners.delete(id)
        })
      )
    )
  })
}

const isFields = (value: unknown): value is { readonly [key: string]: unknown } => Predicate.isObject(value)

/** Servers count in steps or in fractions, with or without a total; phases are integers up to a last one. */
const phase = ({ message, progress, total }: News, name: string) => {
  const label = message ?? name
  if (total === undefined) return { label, phaseIndex: Math.ceil(progress), totalPhases: Math.ceil(progress) }
  return Number.isInteger(progress) && Number.isInteger(total)
    ? { label, phaseIndex: progress, totalPhases: total }
    : { label, phaseIndex: Math.round((progress / total) * 100), totalPhases: 100 }
}

/** Reads what a server says, line by line, and passes it on without the questions that are answered here. */
const overhear = <E>(
  bytes: Stream.Stream<Uint8Array, E>,
  calls: Calls,
  call: Listener | undefined
): Stream.Stream<Uint8Array, E> =>
  Stream.suspend(() => {
    const decoder = new TextDecoder()
    const encoder = new TextEncoder()
    let rest = ""
    const heard = Stream.mapEffect(bytes, (chunk) => {
      const lines = (rest + decoder.decode(chunk, { stream: true })).split("\n")
      rest = lines.pop() ?? ""
      return Effect.map(
        Effect.forEach(lines, (line) => tell(line, calls, call)),
        (passed) => encoder.encode(passed.join(""))
      )
    })
    return Stream.concat(
      heard,
      Stream.suspend(() => Stream.succeed(encoder.encode(rest)))
    ).pipe(Stream.filter((chunk) => chunk.length > 0))
  })

/** Tells the call of a line, and returns what is passed on of it. */
const tell = (line: string, calls: Calls, call: Listener | undefined): Effect.Effect<string> => {
  const elicitation = elicitationIn(line)
  if (elicitation !== undefined) return Effect.as(calls.ask(elicitation, call), "")
  const passed = `${line}\n`
  if (calls.listeners.size === 0 || !line.includes("notifications/progress")) return Effect.succeed(passed)
  const news = newsOf(line.replace(/^data:/, ""))
  const told = news === undefined ? undefined : calls.listeners.get(news.progressToken)?.progress(news)
  return told === undefined ? Effect.succeed(passed) : Effect.as(told, passed)
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

/** The capability that a client announces: forms. */
const capabilities = { elicitation: {} } as const

/** A server's request for an answer. `question`: absent where it is none that can be asked, for `issue`. */
interface Elicitation {
  readonly id: string | number
  readonly question: Question.Question | undefined
  readonly issue: string
}

/** The response to a server's request. */
interface Reply {
  readonly jsonrpc: "2.0"
  readonly id: string | number
  readonly result?: { readonly action: "accept" | "decline" | "cancel"; readonly content?: Json }
  readonly error?: { readonly code: number; readonly message: string }
}

const elicitationMethod = "elicitation/create"

/** The request in a line of a server's output, which may be one of SSE data; `undefined` for other messages. */
const elicitationIn = (line: string): Elicitation | undefined => {
  if (!line.includes(elicitationMethod)) return undefined
  const message = JsonValue.parse(line.replace(/^data:/, ""))
  if (!JsonValue.isObject(message) || message["method"] !== elicitationMethod) return undefined
  const { id, params } = message
  if (!Predicate.isString(id) && !Predicate.isNumber(id)) return undefined
  if (!JsonValue.isObject(params)) return { id, question: undefined, issue: "params is missing" }
  const { message: question, mode = "form", requestedSchema } = params
  if (mode !== "form") {
    return { id, question: undefined, issue: `mode ${JSON.stringify(mode)} is not supported. Use mode "form"` }
  }
  if (!Predicate.isString(question)) return { id, question: undefined, issue: "message is not a string" }
  if (!JsonValue.isObject(requestedSchema) || !JsonValue.isJson(requestedSchema)) {
    return { id, question: undefined, issue: "requestedSchema is not an object" }
  }
  const { $schema: _, ...schema } = requestedSchema
  return { id, question: { question, schema: { additionalProperties: false, ...schema } }, issue: "" }
}

/** Asks it on behalf of the call. */
const asked = (run: ToolRunShape, { id, issue, question }: Elicitation): Effect.Effect<Reply> =>
  question === undefined
    ? Effect.succeed(refusal(id, issue))
    : Effect.map(run.ask(question), (answer) => ({ jsonrpc: "2.0", id, result: replyTo(answer) }))

/** A request that is not asked. */
const refusal = (id: string | number, message: string): Reply => ({
  jsonrpc: "2.0",
  id,
  error: { code: -32602, message }
})

const replyTo = (answer: PersonAnswer): NonNullable<Reply["result"]> => {
  switch (answer._tag) {
    case "Answered":
      return { action: "accept", content: answer.value }
    case "Declined":
      return { action: "decline" }
    case "Expired":
    case "Withdrawn":
    case "Cancelled":
      return { action: "cancel" }
  }
}
