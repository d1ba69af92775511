/**
 * Why a request is refused: the list that every dialect maps to its own error format. A failure after the first byte is
 * an event, not a refusal.
 *
 * Messages name fields and ids of the request, never its contents.
 */
import type { ApprovalErrors, QueryRejections, RunErrors } from "@reins/protocol"

/**
 * The kind of refusal, by which dialects choose their error type and status.
 *
 * @since 0.1.0
 * @category models
 */
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
 * A refused request. `status` is the kind's usual HTTP status; a dialect may choose another. `code` is
 * machine-readable: the reason's own name. `retryAfterSeconds` is absent when waiting does not help.
 *
 * @since 0.1.0
 * @category models
 */
export interface Refusal {
  readonly kind: Kind
  readonly status: number
  readonly code: string
  readonly message: string
  readonly retryAfterSeconds?: number
  /** The path of the field that is refused; absent where it is about none. */
  readonly field?: string
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

/**
 * Makes a refusal. Its status follows from its kind.
 *
 * @since 0.1.0
 * @category constructors
 */
export const make = (kind: Kind, code: string, message: string, retryAfterSeconds?: number): Refusal => ({
  kind,
  status: statuses[kind],
  code,
  message,
  ...(retryAfterSeconds === undefined ? {} : { retryAfterSeconds })
})

/**
 * The request does not match the dialect; `issue` names the field.
 *
 * @since 0.1.0
 * @category operations
 */
export const badRequest = (issue: string): Refusal => make("bad-request", "BadRequest", issue)

const queryKinds: { readonly [Tag in QueryRejections.Reason["_tag"]]: Kind } = {
  EmptyPrompt: "bad-request",
  UnknownAgent: "not-found",
  ThreadBusy: "conflict",
  ThreadForbidden: "not-found",
  ThreadDamaged: "internal",
  ThreadExhausted: "budget",
  PlaceNotFound: "conflict",
  InvalidBudget: "bad-request",
  InvalidQuota: "internal",
  QuotaExhausted: "rate-limited",
  UnknownPrice: "unprocessable",
  UnknownModel: "not-found",
  CredentialsMissing: "forbidden",
  InvalidInput: "unprocessable",
  RunExists: "conflict",
  StoreUnavailable: "unavailable"
}

/**
 * A query that never became a run.
 *
 * @since 0.1.0
 * @category constructors
 */
export const fromQueryRejected = (reason: QueryRejections.Reason): Refusal => {
  const kind = queryKinds[reason._tag]
  // A client is not told which agents there are.
  const message = reason._tag === "UnknownAgent" ? `Unknown agent ${JSON.stringify(reason.name)}` : reason.message
  return make(kind, reason._tag, message, retryAfter(reason, kind))
}

/** When asking again may help, in seconds. */
const retryAfter = (reason: QueryRejections.Reason, kind: Kind): number | undefined => {
  if (reason._tag !== "QuotaExhausted") return kind === "unavailable" ? 1 : undefined
  return reason.retryAfterMs === undefined ? undefined : Math.max(1, Math.ceil(reason.retryAfterMs / 1000))
}

const approvalKinds: { readonly [Tag in ApprovalErrors.Reason["_tag"]]: Kind } = {
  ApprovalNotFound: "not-found",
  ApprovalResolved: "conflict",
  ApprovalExpired: "gone",
  ApprovalForbidden: "forbidden",
  ApprovalDamaged: "internal",
  Forbidden: "forbidden",
  ApprovalUnjudged: "unavailable",
  DefinitionChanged: "conflict",
  InvalidArguments: "unprocessable"
}

/**
 * What was asked for is stored and cannot be read.
 *
 * @since 0.1.0
 * @category constructors
 */
export const fromDataDamaged = (damage: RunErrors.DataDamaged): Refusal => make("internal", damage._tag, damage.message)

/**
 * A message that was not accepted for a run: `MessageRefused` of the runtime.
 *
 * @since 0.1.0
 * @category constructors
 */
export const fromMessageRefused = (refused: {
  readonly why: "empty" | "invalid" | "ending" | "id-taken"
  readonly message: string
}): Refusal => {
  if (refused.why === "ending") return make("conflict", "RunEnding", refused.message)
  return refused.why === "id-taken" ? make("conflict", "MessageIdTaken", refused.message) : badRequest(refused.message)
}

/**
 * A late result that was not accepted: `ResultRefused` of the runtime.
 *
 * @since 0.2.0
 * @category constructors
 */
export const fromResultRefused = ({
  message,
  why
}: {
  readonly why: "unknown" | "already-delivered" | "expired" | "closed" | "run-ended" | "invalid"
  readonly message: string
}): Refusal => {
  switch (why) {
    case "unknown":
      return make("not-found", "TicketNotFound", "Unknown ticket")
    case "already-delivered":
      return make("conflict", "AlreadyDelivered", message)
    case "expired":
      return make("conflict", "TicketExpired", message)
    case "closed":
      return make("conflict", "TicketClosed", message)
    case "run-ended":
      return make("conflict", "RunEnding", message)
    case "invalid":
      return badRequest(message)
  }
}

/**
 * A decision that was not accepted.
 *
 * @since 0.1.0
 * @category constructors
 */
export const fromApprovalError = (reason: ApprovalErrors.Reason): Refusal =>
  make(approvalKinds[reason._tag], reason._tag, reason.message)
