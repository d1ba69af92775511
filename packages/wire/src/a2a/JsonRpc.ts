/** A2A's framing: JSON-RPC 2.0 over HTTP, one request in a body, and its errors by the protocol's numbers. */
import * as Option from "effect/Option"
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import * as Body from "../Body.ts"
import type { Reply } from "../Dialect.ts"
import type { Kind, Refusal } from "../Refusal.ts"

const Id = Schema.NullOr(Schema.Union([Schema.String, Schema.Finite]))
export type Id = typeof Id.Type

export const Call = Schema.Struct({
  jsonrpc: Schema.Literal("2.0"),
  id: Id,
  method: Schema.String,
  params: Schema.optionalKey(Schema.Unknown)
})

/** Reads the parameters of a call; what is invalid is named as in its body. */
export const ofParams = <A>(schema: Schema.ConstraintDecoder<A>): ((params: unknown) => Result.Result<A, Refusal>) => {
  const decode = Body.read(Schema.Struct({ params: schema }))
  return (params) => Result.map(decode({ params }), (body) => body.params)
}

const readId = Schema.decodeUnknownOption(Schema.Struct({ id: Id }))

/** The id of a request's body; `null` where it has none. */
export const idOf = (body: unknown): Id => Option.getOrUndefined(readId(body))?.id ?? null

/** Names of refusals that have a number of their own. */
const named: { readonly [code: string]: number } = {
  RunNotFound: -32001,
  ThreadNotFound: -32001,
  TaskNotCancelable: -32002,
  PushNotSupported: -32003,
  NothingWaits: -32004,
  AnswerAmbiguous: -32004,
  UnsupportedOperation: -32004,
  ContentTypeNotSupported: -32005,
  ExtendedCardNotConfigured: -32007,
  VersionNotSupported: -32009,
  MethodNotFound: -32601,
  InvalidJson: -32700
}

const numbers: { readonly [K in Kind]: number } = {
  "bad-request": -32602,
  unauthorized: -32600,
  forbidden: -32600,
  "not-found": -32602,
  "method-not-allowed": -32600,
  conflict: -32004,
  gone: -32004,
  "too-large": -32600,
  unprocessable: -32602,
  "rate-limited": -32603,
  budget: -32603,
  unavailable: -32603,
  internal: -32603
}

/** Kinds that have an HTTP status of their own; every other error of a request with an id is a response with 200. */
const isHttp = (kind: Kind): boolean =>
  ["unauthorized", "forbidden", "method-not-allowed", "too-large", "rate-limited", "unavailable", "internal"].includes(
    kind
  )

export const success = (id: Id, result: unknown): Reply => ({ status: 200, body: { jsonrpc: "2.0", id, result } })

const invalidRequest = -32600
const isCall = Schema.is(Call)

/** `body`: what was sent, where it could be read. Without it, or where it is not a call, the request itself is invalid. */
export const failure = (id: Id, { code, kind, message, status }: Refusal, body?: unknown): Reply => ({
  status: id === null || isHttp(kind) ? status : 200,
  body: {
    jsonrpc: "2.0",
    id,
    error: {
      code: named[code] ?? (kind === "bad-request" && !isCall(body) ? invalidRequest : numbers[kind]),
      message,
      data: [{ "@type": "type.googleapis.com/google.rpc.ErrorInfo", reason: code, domain: "reins" }]
    }
  }
})
