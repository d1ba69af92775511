/** Refusals in the protocol's own format. */
import type { Reply } from "../Dialect.ts"
import type { Kind, Refusal } from "../Refusal.ts"

const types: { readonly [K in Kind]: string } = {
  "bad-request": "invalid_request_error",
  unauthorized: "authentication_error",
  forbidden: "permission_error",
  "not-found": "not_found_error",
  "method-not-allowed": "invalid_request_error",
  conflict: "invalid_request_error",
  gone: "not_found_error",
  "too-large": "request_too_large",
  unprocessable: "invalid_request_error",
  "rate-limited": "rate_limit_error",
  budget: "billing_error",
  unavailable: "overloaded_error",
  internal: "api_error"
}

export const encodeError = ({ kind, message, retryAfterSeconds, status }: Refusal): Reply => ({
  status,
  body: { type: "error", error: { type: types[kind], message } },
  ...(retryAfterSeconds === undefined ? {} : { headers: { "retry-after": `${retryAfterSeconds}` } })
})
