/**
 * A client of an agent that speaks A2A 1.0 over JSON-RPC: finds it by its card, and sends it messages whose answers are
 * streams of updates.
 */
import { ModelFailure } from "@reins/protocol"
import type { Json } from "@reins/protocol"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Redacted from "effect/Redacted"
import * as Schema from "effect/Schema"
import * as Stream from "effect/Stream"
import * as FetchHttpClient from "effect/http/FetchHttpClient"
import * as HttpClient from "effect/http/HttpClient"
import * as HttpClientRequest from "effect/http/HttpClientRequest"

/** Where the agent is. `url`: what its card's address is relative to. `key`: its bearer token; absent: none is sent. */
export interface Address {
  readonly name: string
  readonly url: string
  readonly key?: Redacted.Redacted | string | undefined
}

const Maybe = Schema.optionalKey

const Part = Schema.Struct({ text: Maybe(Schema.String), data: Maybe(Schema.Json) })
export type Part = typeof Part.Type

const Message = Schema.Struct({ parts: Maybe(Schema.Array(Part)) })
const Status = Schema.Struct({ state: Schema.String, message: Maybe(Message) })
const Artifact = Schema.Struct({ artifactId: Schema.String, parts: Maybe(Schema.Array(Part)) })

/** One update of a task, as far as it is read. */
export const Update = Schema.Struct({
  task: Maybe(Schema.Struct({ id: Schema.String, status: Status, artifacts: Maybe(Schema.Array(Artifact)) })),
  message: Maybe(Message),
  statusUpdate: Maybe(
    Schema.Struct({ taskId: Schema.String, status: Status, metadata: Maybe(Schema.NullOr(Schema.Json)) })
  ),
  artifactUpdate: Maybe(Schema.Struct({ taskId: Schema.String, artifact: Artifact, append: Maybe(Schema.Boolean) }))
})
export type Update = typeof Update.Type

const Card = Schema.Struct({
  supportedInterfaces: Schema.Array(
    Schema.Struct({ url: Schema.String, protocolBinding: Schema.String, protocolVersion: Schema.String })
  )
})
const Answer = Schema.Struct({
  result: Maybe(Update),
  error: Maybe(Schema.Struct({ code: Schema.Finite, message: Schema.String }))
})

const readCard = Schema.decodeUnknownOption(Card)
const readAnswer = Schema.decodeUnknownOption(Schema.fromJsonString(Answer))

/** A message to the agent. `taskId`: the task that it answers; absent: it begins one. */
export interface Sent {
  readonly messageId: string
  readonly taskId?: string | undefined
  readonly parts: ReadonlyArray<{
    readonly text?: string
    readonly data?: Json
    readonly url?: string
    readonly raw?: string
    readonly mediaType?: string
  }>
}

export interface RemoteAgent {
  /** Sends a message; the updates of its task, until it ends or needs input. */
  readonly send: (message: Sent) => Stream.Stream<Update, ModelFailure.ModelFailure>
  readonly cancel: (taskId: string) => Effect.Effect<void>
}

const version = { "a2a-version": "1.0" }

export const make = ({ key, name, url }: Address): RemoteAgent => {
  const about = { provider: "a2a", model: name }
  const unreachable = new ModelFailure.NetworkFailed(about)
  const unusable = (description: string) => new ModelFailure.InvalidModelOutput({ ...about, description })
  const headers = {
    ...version,
    ...(key === undefined ? {} : { authorization: `Bearer ${typeof key === "string" ? key : Redacted.value(key)}` })
  }
  const failureOf = (status: number): ModelFailure.ModelFailure => {
    if (status === 401 || status === 403) return new ModelFailure.AuthenticationFailed(about)
    if (status === 429) return new ModelFailure.RateLimited(about)
    if (status >= 500) return new ModelFailure.ProviderUnavailable(about)
    return new ModelFailure.InvalidRequest({ ...about, description: `HTTP ${status}` })
  }
  const execute = (request: HttpClientRequest.HttpClientRequest) =>
    HttpClient.execute(request).pipe(
      Effect.mapError(() => unreachable),
      Effect.filterOrFail(
        ({ status }) => status < 300,
        ({ status }) => failureOf(status)
      )
    )
  const endpoint = Effect.gen(function* () {
    const base = url.endsWith("/") ? url : `${url}/`
    const response = yield* execute(
      HttpClientRequest.get(`${base}.well-known/agent-card.json`).pipe(HttpClientRequest.setHeaders(headers))
    )
    const body = yield* Effect.mapError(response.json, () => unusable("its agent card is not JSON"))
    const card = Option.getOrUndefined(readCard(body))
    const found = card?.supportedInterfaces.find(
      ({ protocolBinding, protocolVersion }) => protocolBinding === "JSONRPC" && protocolVersion.startsWith("1.")
    )
    return found === undefined
      ? yield* Effect.fail(unusable("its agent card has no JSON-RPC interface of version 1.0"))
      : found.url
  })
  const call = (method: string, params: Json, accept: string) =>
    Effect.flatMap(endpoint, (address) =>
      execute(
        HttpClientRequest.post(address).pipe(
          HttpClientRequest.setHeaders({ ...headers, accept }),
          HttpClientRequest.bodyText(JSON.stringify({ jsonrpc: "2.0", id: 1, method, params }), "application/json")
        )
      )
    )
  const updateOf = (text: string): Effect.Effect<Update, ModelFailure.ModelFailure> => {
    const answer = Option.getOrUndefined(readAnswer(text))
    if (answer?.result !== undefined) return Effect.succeed(answer.result)
    return Effect.fail(
      answer?.error === undefined
        ? unusable("it sent something other than an update of a task")
        : new ModelFailure.InvalidRequest({ ...about, description: `error ${answer.error.code}` })
    )
  }
  return {
    send: ({ messageId, parts, taskId }) => {
      const message: Json = {
        messageId,
        role: "ROLE_USER",
        parts: parts.map((part) => ({ ...part })),
        ...(taskId === undefined ? {} : { taskId })
      }
      return Stream.unwrap(
        Effect.map(call("SendStreamingMessage", { message }, "text/event-stream"), (response) => {
          const isStream = (response.headers["content-type"] ?? "").startsWith("text/event-stream")
          const lines = response.stream.pipe(
            Stream.mapError(() => unreachable),
            Stream.decodeText(),
            Stream.splitLines
          )
          // A frame of A2A is one line of data. An error comes as plain JSON.
          return isStream
            ? lines.pipe(
                Stream.filter((line) => line.startsWith("data:")),
                Stream.map((line) => line.slice(5)),
                Stream.mapEffect(updateOf)
              )
            : Stream.fromEffect(
                Effect.flatMap(
                  Effect.mapError(response.text, () => unreachable),
                  updateOf
                )
              )
        })
      ).pipe(Stream.provide(FetchHttpClient.layer))
    },
    cancel: (taskId) =>
      call("CancelTask", { id: taskId }, "application/json").pipe(
        Effect.timeout("5 seconds"),
        Effect.ignore,
        Effect.provide(FetchHttpClient.layer)
      )
  }
}
