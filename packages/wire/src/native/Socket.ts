/**
 * The native interface over a WebSocket: each message has a `type` and an `id` of the client's, under which it is
 * answered. A query and a watch are answered by `start`, an `event` for each event with its `seq`, and `end`; all
 * others by one `reply`.
 */
import * as Option from "effect/Option"
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import type { Decoded, Request, SocketCodec, SocketMessage as Message } from "../Dialect.ts"
import * as Refusal from "../Refusal.ts"
import { routes } from "./Request.ts"

const Text = Schema.String
const Maybe = Schema.optionalKey

/**
 * A message of a client. `view`, `after`, and the fields of a query, a decision and a result as in the routes.
 *
 * @since 0.1.0
 * @category schemas
 */
export const SocketMessage = Schema.Union([
  Schema.Struct({ type: Schema.Literal("ping") }),
  Schema.Struct({ type: Schema.Literal("pong") }),
  Schema.Struct({ type: Schema.Literal("query"), id: Text, query: Schema.Unknown, view: Maybe(Text) }),
  Schema.Struct({
    type: Schema.Literal("watch"),
    id: Text,
    runId: Text,
    after: Maybe(Schema.Union([Text, Schema.Finite])),
    view: Maybe(Text)
  }),
  Schema.Struct({ type: Schema.Literal("leave"), id: Text }),
  Schema.Struct({ type: Schema.Literal("cancel"), id: Text, runId: Text }),
  Schema.Struct({ type: Schema.Literal("answer"), id: Text, approvalId: Text, decision: Schema.Unknown }),
  Schema.Struct({ type: Schema.Literal("result"), id: Text, runId: Text, toolCallId: Text, result: Schema.Unknown }),
  Schema.Struct({ type: Schema.Literal("approvals"), id: Text, threadId: Maybe(Text) })
])
type Asking = Extract<typeof SocketMessage.Type, { readonly id: string }>

const decode = Schema.decodeUnknownOption(SocketMessage)
const readId = Schema.decodeUnknownOption(Schema.Struct({ id: Text }))

const types = "query, watch, leave, cancel, answer, result, approvals, ping"
const unknown = Refusal.badRequest(`Missing or invalid field type, id, or one of its own. Types: ${types}`)

type Parts = Pick<Request, "params" | "query"> & { readonly body?: unknown }

/** Decodes a message as its route does. */
const as = (line: string, parts: Partial<Parts>, { headers }: Pick<Request, "headers">): Decoded => {
  const route = routes.find(({ method, path }) => `${method} ${path}` === line)
  return route === undefined ? Result.fail(unknown) : route.decode({ params: {}, query: {}, headers, ...parts })
}

const viewOf = (view: string | undefined): Record<string, string> => (view === undefined ? {} : { view })

const exchangeOf = (
  message: Exclude<Asking, { readonly type: "leave" }>,
  request: Pick<Request, "headers">
): Decoded => {
  switch (message.type) {
    case "query":
      return as("POST /query", { query: viewOf(message.view), body: message.query }, request)
    case "watch": {
      const { after, runId, view } = message
      const query = { ...viewOf(view), ...(after === undefined ? {} : { after: `${after}` }) }
      return as("GET /runs/:runId/events", { params: { runId }, query }, request)
    }
    case "cancel":
      return as("POST /runs/:runId/cancel", { params: { runId: message.runId } }, request)
    case "answer": {
      const { approvalId, decision } = message
      return as("POST /approvals/:approvalId", { params: { approvalId }, body: decision }, request)
    }
    case "result": {
      const { result, runId, toolCallId } = message
      return as("POST /runs/:runId/results/:toolCallId", { params: { runId, toolCallId }, body: result }, request)
    }
    case "approvals":
      return as(
        "GET /approvals",
        { query: message.threadId === undefined ? {} : { threadId: message.threadId } },
        request
      )
  }
}

const read = (value: unknown, request: Pick<Request, "headers">): Message => {
  const message = Option.getOrUndefined(decode(value))
  if (message === undefined) {
    return { _tag: "Refused", id: Option.getOrUndefined(readId(value))?.id, refusal: unknown }
  }
  if (message.type === "ping") return { _tag: "Ping" }
  if (message.type === "pong") return { _tag: "Alive" }
  const { id } = message
  if (message.type === "leave") return { _tag: "Leave", id, cancels: false }
  const decoded = exchangeOf(message, request)
  return Result.isSuccess(decoded)
    ? { _tag: "Ask", id, exchange: decoded.success }
    : { _tag: "Refused", id, refusal: decoded.failure }
}

const json = JSON.stringify

export const socket: SocketCodec = {
  path: "/socket",
  read,
  write: {
    start: (id, place) => json({ type: "start", id, ...place }),
    // An envelope says its own position.
    frame: (id, { data, id: seq }) => `{"type":"event","id":${json(id)},"seq":${seq ?? "null"},"event":${data}}`,
    end: (id) => json({ type: "end", id }),
    reply: (id, { body = {}, status }) => json({ type: "reply", id, status, body }),
    nothing: (id) => json({ type: "reply", id, status: 204, body: {} }),
    refuse: (id, { code, message, retryAfterSeconds, status }) =>
      json({
        type: "error",
        ...(id === undefined ? {} : { id }),
        status,
        error: { code, message },
        ...(retryAfterSeconds === undefined ? {} : { retryAfterSeconds })
      }),
    ping: json({ type: "ping" }),
    pong: json({ type: "pong" })
  }
}
