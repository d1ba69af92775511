/** The messages of `WebSocketChatTransport`: `send`, `resume` and `abort` of a client, answered by numbered chunks. */
import * as Option from "effect/Option"
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import * as Frame from "../Frame.ts"
import * as Refusal from "../Refusal.ts"
import type { Request, SocketCodec, SocketMessage as Message } from "../Dialect.ts"
import { decodeChat, decodeResume } from "./Request.ts"

const Text = Schema.String

const asked = {
  requestId: Text,
  id: Text,
  headers: Schema.optionalKey(Schema.Record(Text, Text)),
  body: Schema.optionalKey(Schema.Record(Text, Schema.Unknown))
}

const Asked = Schema.Union([
  Schema.Struct({
    type: Schema.Literal("send"),
    ...asked,
    trigger: Schema.optionalKey(Schema.Unknown),
    messageId: Schema.optionalKey(Schema.Unknown),
    messages: Schema.Unknown
  }),
  Schema.Struct({ type: Schema.Literal("resume"), ...asked, lastSequence: Schema.optionalKey(Schema.Natural) }),
  Schema.Struct({ type: Schema.Literal("abort"), requestId: Text })
])

const decode = Schema.decodeUnknownOption(Asked)
const readId = Schema.decodeUnknownOption(Schema.Struct({ requestId: Text }))
const unknown = Refusal.badRequest("Missing or invalid field type, requestId, id or body. Types: send, resume, abort")

const read = (value: unknown, { headers: outer }: Pick<Request, "headers">): Message => {
  const message = Option.getOrUndefined(decode(value))
  if (message === undefined) {
    return { _tag: "Refused", id: Option.getOrUndefined(readId(value))?.requestId, refusal: unknown }
  }
  const { requestId } = message
  if (message.type === "abort") return { _tag: "Leave", id: requestId, cancels: true }
  // The client was authenticated when the connection was made.
  const headers = { ...message.headers, ...outer }
  if (message.type === "resume") {
    const { lastSequence } = message
    const exchange = decodeResume({ params: { id: message.id }, query: {}, headers }, 7)
    return {
      _tag: "Ask",
      id: requestId,
      exchange,
      ...(lastSequence === undefined ? {} : { after: lastSequence + 1 })
    }
  }
  const { id, messageId, messages, trigger } = message
  const body = {
    ...message.body,
    id,
    messages,
    ...(trigger === undefined ? {} : { trigger }),
    ...(messageId === undefined ? {} : { messageId })
  }
  const decoded = decodeChat({ params: {}, query: {}, headers, body }, 7)
  return Result.isSuccess(decoded)
    ? { _tag: "Ask", id: requestId, exchange: decoded.success }
    : { _tag: "Refused", id: requestId, refusal: decoded.failure }
}

const json = JSON.stringify

export const socket: SocketCodec = {
  path: "/socket",
  read,
  write: {
    start: (requestId) => json({ type: "start", requestId }),
    frame: (requestId, { data }, sequence) =>
      data === Frame.done.data
        ? undefined
        : `{"type":"chunk","requestId":${json(requestId)},"sequence":${sequence},"chunk":${data}}`,
    end: (requestId) => json({ type: "end", requestId }),
    reply: (requestId) => json({ type: "end", requestId }),
    nothing: (requestId) => json({ type: "no-active", requestId }),
    refuse: (requestId, { message }) => json({ type: "error", requestId: requestId ?? "", errorText: message }),
    // The client ignores what names none of its requests.
    ping: json({ type: "ping", requestId: "" }),
    pong: json({ type: "pong", requestId: "" })
  }
}
