/**
 * Why a request gets no stream: the one list of refusals that every dialect puts into its own error shape. What went wrong
 * after the first byte is an event, not a refusal.
 *
 * Messages name fields and ids of the request, never their contents.
 */
import type { ApprovalErrors, QueryRejections } from "@reins/protocol"

/** What kind of refusal it is; dialects choose their type and their status by it. */
export type Kind =
  | "bad-request"
  | "unauthorized"
  | "forbidden"
  | "not-found"
  | "method-not-allowed"
  | "conflict"
  | "gone"
  | "too-large"
  | "unprocessable"
  | "rate-limited"
  | "budget"
  | "unavailable"
  | "internal"

/**
 * A refused request. `status` is the HTTP status that the kind has by custom; a dialect may choose another. `code` is for
 * machines: the reason's own name. `retryAfterSeconds` is absent where waiting does not help.
 */
export interface Refusal {
  readonly kind: Kind
  readonly status: number
  readonly code: string
  readonly message: string
  readonly retryAfterSeconds?: number
}

const statuses: { readonly [K in Kind]: number } = {
  "bad-request": 400,
  unauthorized: 401,
  forbidden: 403,
  "not-found": 404,
  "method-not-allowed": 405,
  conflict: 409,
  gone: 410,
  "too-large": 413,
  unprocessable: 422,
  "rate-limited": 429,
  budget: 402,
  unavailable: 503,
  internal: 500
}

export const make = (kind: Kind, code: string, message: string, retryAfterSeconds?: number): Refusal => ({
  kind,
  status: statuses[kind],
  code,
  message,
  ...(retryAfterSeconds === undefined ? {} : { retryAfterSeconds })
})

/** The request is not what the dialect expects; `issue` says where. */
export const badRequest = (issue: string): Refusal => make("bad-request", "BadRequest", issue)

const queryKinds: { readonly [Tag in QueryRejections.Reason["_tag"]]: Kind } = {
  EmptyPrompt: "bad-request",
  UnknownAgent: "not-found",
  ThreadBusy: "conflict",
  ThreadForbidden: "not-found",
  ThreadExhausted: "budget",
  InvalidBudget: "bad-request",
  UnknownPrice: "unprocessable",
  InvalidInput: "unprocessable",
  RunExists: "conflict",
  StoreUnavailable: "unavailable"
}

/** A query that never became a run. */
export const fromQueryRejected = (reason: QueryRejections.Reason): Refusal => {
  const kind = queryKinds[reason._tag]
  return make(kind, reason._tag, reason.message, kind === "unavailable" ? 1 : undefined)
}

const approvalKinds: { readonly [Tag in ApprovalErrors.Reason["_tag"]]: Kind } = {
  ApprovalNotFound: "not-found",
  ApprovalResolved: "conflict",
  ApprovalExpired: "gone",
  ApprovalForbidden: "forbidden",
  InvalidArguments: "unprocessable"
}

/** A decision that was not taken. */
export const fromApprovalError = (reason: ApprovalErrors.Reason): Refusal =>
  make(approvalKinds[reason._tag], reason._tag, reason.message)
