/** How a run's end maps to this protocol: finish reason, usage, errors. */
import type { Events } from "@reins/protocol"
import type { Reply } from "../Dialect.ts"
import type { Kind, Refusal } from "../Refusal.ts"
import type { ErrorBody, FinishReason, Usage } from "./Chunk.ts"

export const finishReasons: { readonly [R in Events.Finish["finishReason"]]: FinishReason } = {
  stop: "stop",
  length: "length",
  "content-filter": "content_filter",
  budget: "length",
  cancelled: "stop",
  "repeated-calls": "length",
  other: "stop"
}

export const usageOf = ({ usage }: Events.Finish): Usage => ({
  prompt_tokens: usage.promptTokens,
  completion_tokens: usage.completionTokens,
  total_tokens: usage.totalTokens,
  prompt_tokens_details: { cached_tokens: usage.cacheReadInputTokens }
})

type Failure = typeof ErrorBody.Type

export const errorBody = (message: string, type: string, code: string): Failure => ({
  error: { message, type, param: null, code }
})

/** A run that failed. */
export const failed = ({ code, message }: Events.ErrorEvent["error"]): Failure =>
  errorBody(message, "server_error", code)

const types: { readonly [K in Kind]?: string } = {
  unauthorized: "authentication_error",
  forbidden: "permission_error",
  "rate-limited": "rate_limit_error",
  budget: "insufficient_quota",
  unavailable: "server_error",
  internal: "server_error"
}

/** A refused request. */
export const encodeError = ({ code, kind, message, retryAfterSeconds, status }: Refusal): Reply => ({
  status,
  body: errorBody(message, types[kind] ?? "invalid_request_error", code),
  ...(retryAfterSeconds === undefined ? {} : { headers: { "retry-after": `${retryAfterSeconds}` } })
})
