/**
 * The sidecar's framing: JSON-RPC 2.0, one message per line. A null result is a response without `result`, as the
 * protocol's own peers write it. Every error states its `kind`, which is what clients check.
 */
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import type { Kind as RefusalKind, Refusal } from "../Refusal.ts"

/**
 * The kinds of errors that clients tell apart.
 *
 * @since 0.1.0
 * @category schemas
 */
export const Kind = Schema.Literals([
  "parse",
  "invalid_request",
  "method_not_found",
  "invalid_params",
  "internal",
  "budget_exhausted",
  "policy_denied",
  "tool_failed",
  "transport_closed",
  "timeout",
  "cancelled"
])
export type Kind = typeof Kind.Type

const codes: { readonly [K in Kind]: number } = {
  parse: -32700,
  invalid_request: -32600,
  method_not_found: -32601,
  invalid_params: -32602,
  internal: -32603,
  policy_denied: -32020,
  budget_exhausted: -32021,
  tool_failed: -32030,
  timeout: -32040,
  cancelled: -32041,
  transport_closed: -32099
}

const Id = Schema.Union([Schema.String, Schema.Finite])
/**
 * The id of a request.
 *
 * @since 0.1.0
 * @category models
 */
export type Id = typeof Id.Type

/**
 * A request or, without an id, a notification.
 *
 * @since 0.1.0
 * @category schemas
 */
export const Request = Schema.Struct({
  jsonrpc: Schema.Literal("2.0"),
  id: Schema.optionalKey(Schema.NullOr(Id)),
  method: Schema.String,
  params: Schema.optionalKey(Schema.Record(Schema.String, Schema.Json))
})
export type Request = typeof Request.Type

/**
 * What failed, and for which request; `id` is null when it could not be read.
 *
 * @since 0.1.0
 * @category models
 */
export interface Fault {
  readonly id: Id | null
  readonly kind: Kind
  readonly message: string
}

const asJson = Schema.decodeUnknownResult(Schema.fromJsonString(Schema.Unknown))
const asRequest = Schema.decodeUnknownResult(Request)

/**
 * One line as a request; one without an `id` is a notification and gets no response.
 *
 * @since 0.1.0
 * @category conversions
 */
export const decodeLine = (line: string): Result.Result<Request, Fault> => {
  const json = asJson(line)
  if (Result.isFailure(json)) return Result.fail({ id: null, kind: "parse", message: "Invalid JSON" })
  return Result.mapError(asRequest(json.success), () => ({
    id: null,
    kind: "invalid_request",
    message: "Invalid JSON-RPC 2.0 request"
  }))
}

/**
 * The line of a response. `null` is left out, as the protocol's peers do.
 *
 * @since 0.1.0
 * @category operations
 */
export const response = (id: Id, result: unknown): string =>
  JSON.stringify({ jsonrpc: "2.0", id, ...(result === null || result === undefined ? {} : { result }) })

/**
 * The line of an error. `code` overrides the kind's own number.
 *
 * @since 0.1.0
 * @category operations
 */
export const failure = ({ id, kind, message }: Fault, code: number = codes[kind]): string =>
  JSON.stringify({ jsonrpc: "2.0", id, error: { code, message, data: { kind } } })

/**
 * The line of a notification.
 *
 * @since 0.1.0
 * @category operations
 */
export const notification = (method: string, params: object): string =>
  JSON.stringify({ jsonrpc: "2.0", method, params })

const kinds: { readonly [K in RefusalKind]: Kind } = {
  "bad-request": "invalid_params",
  unauthorized: "policy_denied",
  forbidden: "policy_denied",
  "not-found": "invalid_request",
  "method-not-allowed": "method_not_found",
  conflict: "invalid_request",
  gone: "invalid_request",
  "too-large": "invalid_params",
  unprocessable: "invalid_params",
  "rate-limited": "policy_denied",
  budget: "budget_exhausted",
  unavailable: "transport_closed",
  internal: "internal"
}

/**
 * A refused request. A missing run or thread has its own number.
 *
 * @since 0.1.0
 * @category operations
 */
export const refused = (id: Id | null, { kind, message }: Refusal): string =>
  kind === "not-found"
    ? failure({ id, kind: "invalid_request", message }, -32004)
    : failure({ id, kind: kinds[kind], message })
