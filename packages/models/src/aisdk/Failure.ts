/**
 * Maps a provider's failure to one of our typed reasons.
 *
 * No text of a provider goes into a description, since providers repeat keys and prompts in their messages. A
 * description contains only the HTTP status and the provider's error code, if it looks like a code and nothing else.
 */
import { APICallError, LoadAPIKeyError, LoadSettingError, NoSuchModelError } from "@ai-sdk/provider"
import { ModelFailure } from "@reins/protocol"
import * as Predicate from "effect/Predicate"
import * as DateTime from "effect/DateTime"
import * as Option from "effect/Option"

/** Whose failure it is, and when it happened (epoch milliseconds). */
export interface About {
  readonly provider: string
  readonly model: string
  readonly now: number
}

/** The fields that can be read from any error. */
interface Signs {
  readonly status: number | undefined
  readonly codes: ReadonlyArray<string>
  readonly headers: { readonly [name: string]: string } | undefined
  /** The name of the error's class. */
  readonly name: string
  /** The response arrived but could not be parsed. */
  readonly unreadable: boolean
  /** The provider says in words that the prompt is too long: not all have a code for it. */
  readonly isTooLong: boolean
}

/** The typed reason for whatever a provider threw or sent as an error part. */
export const fromUnknown = (error: unknown, about: About): ModelFailure.ModelFailure => {
  if (LoadAPIKeyError.isInstance(error) || LoadSettingError.isInstance(error)) {
    // The AI SDK's own message, created before any key is read: it names the missing setting.
    return new ModelFailure.AuthenticationFailed({ ...names(about), description: error.message })
  }
  if (NoSuchModelError.isInstance(error)) {
    return new ModelFailure.InvalidRequest({ ...names(about), description: "the provider does not have this model" })
  }
  const signs = read(error)
  const description = describe(signs)
  const retry = retryAfterMs(signs.headers, about.now) ?? delayIn(error)
  const patience = retry === undefined ? {} : { retryAfterMs: retry }
  switch (classify(signs)) {
    case "quota":
      return new ModelFailure.QuotaExceeded({ ...names(about), description })
    case "rate":
      return new ModelFailure.RateLimited({ ...names(about), description, ...patience })
    case "unavailable":
      return new ModelFailure.ProviderUnavailable({ ...names(about), description, ...patience })
    case "authentication":
      return new ModelFailure.AuthenticationFailed({ ...names(about), description })
    case "context":
      return new ModelFailure.ContextOverflow({ ...names(about), description })
    case "request":
      return new ModelFailure.InvalidRequest({ ...names(about), description })
    case "content":
      return new ModelFailure.ContentRefused({ ...names(about), description })
    case "output":
      return new ModelFailure.InvalidModelOutput({ ...names(about), description })
    case "network":
      return new ModelFailure.NetworkFailed({ ...names(about), description })
    case "unknown":
      return new ModelFailure.ModelFailedUnknown({ ...names(about), description })
  }
}

/** A response that ended without an error and without the provider's completion marker. */
export const interrupted = (about: About): ModelFailure.ModelFailure =>
  new ModelFailure.NetworkFailed({
    ...names(about),
    description: "the response ended before it was complete"
  })

/** A response that is not a stream, such as a proxy's page. `mediaType` is the response's content type. */
export const notAStream = (mediaType: string, about: About): ModelFailure.ModelFailure =>
  new ModelFailure.InvalidModelOutput({
    ...names(about),
    description: `the response is ${/^[\w.+-]+\/[\w.+-]+/.exec(mediaType)?.[0] ?? "of an unknown type"}, not a stream`
  })

const names = ({ model, provider }: About) => ({ provider, model })

type Kind =
  | "quota"
  | "rate"
  | "unavailable"
  | "authentication"
  | "context"
  | "request"
  | "content"
  | "output"
  | "network"
  | "unknown"

/** The code takes precedence when it is more specific than the status: a 429 may mean an empty account. */
const byCode: ReadonlyArray<readonly [RegExp, Kind]> = [
  [
    /^(insufficient_quota|insufficient_balance|billing_error|billing_hard_limit_reached|credit_balance_too_low)$/,
    "quota"
  ],
  [/^(context_length_exceeded|model_context_window_exceeded|context_window_exceeded)$/, "context"],
  [/^(content_filter|content_policy_violation|responsible_ai_policy_violation|safety|prohibited_content)$/, "content"],
  [
    /^(rate_limit|rate_limit_error|rate_limit_exceeded|too_many_requests|resource_exhausted|throttling_exception)$/,
    "rate"
  ],
  [
    /^(overloaded|overloaded_error|unavailable|service_unavailable|server_error|api_error|internal|internal_error|internal_server_error|timeout_error|deadline_exceeded)$/,
    "unavailable"
  ],
  [/^(authentication_error|permission_error|permission_denied|unauthenticated|invalid_api_key)$/, "authentication"],
  [
    /^(invalid_request_error|invalid_argument|not_found_error|not_found|model_not_found|request_too_large|unsupported_parameter|failed_precondition)$/,
    "request"
  ]
]

const byStatus = (status: number): Kind => {
  if (status === 401 || status === 403) return "authentication"
  if (status === 402) return "quota"
  if (status === 429) return "rate"
  if (status === 408 || status === 409 || status === 425 || status >= 500) return "unavailable"
  if (status >= 400) return "request"
  // A successful status with a failure: the response could not be parsed.
  return "output"
}

const classify = (signs: Signs): Kind => {
  const { codes, name, status, unreadable } = signs
  const found = byCode.find(([pattern]) => codes.some((code) => pattern.test(code)))?.[1]
  // A code overrides the status only when it is more specific: `api_error` with status 401 is a 401.
  if (status === 400 && signs.isTooLong) return "context"
  if (status !== undefined && status >= 400) {
    return found === "quota" || found === "content" || found === "context" ? found : byStatus(status)
  }
  if (found !== undefined) return found
  if (codes.some((code) => networkCode.test(code))) return "network"
  if (unreadable) return "output"
  if (/^AI_(Unsupported|InvalidPrompt|InvalidArgument)/.test(name)) return "request"
  if (name === "TypeError") return "network"
  if (status !== undefined) return byStatus(status)
  return name === "AI_APICallError" ? "network" : "unknown"
}

const networkCode = /^(und_err_[a-z_]+|econn[a-z]+|epipe|etimedout|enotfound|eai_again|ehostunreach|enetunreach)$/

const describe = ({ codes, name, status }: Signs): string => {
  const parts = [
    ...(status === undefined ? [] : [`HTTP ${status}`]),
    ...codes.slice(0, 2),
    ...(status === undefined && codes.length === 0 ? [name] : [])
  ]
  return parts.join(", ")
}

const read = (error: unknown): Signs => {
  const codes = new Set<string>()
  gather(error, codes, 0)
  if (APICallError.isInstance(error)) {
    return {
      status: error.statusCode,
      codes: [...codes],
      headers: error.responseHeaders,
      name: "AI_APICallError",
      unreadable: error.statusCode !== undefined && error.statusCode < 400,
      isTooLong: tooLong.test(error.message) || tooLong.test(error.responseBody ?? "")
    }
  }
  const status = Predicate.isObject(error) && "statusCode" in error ? error.statusCode : undefined
  const name = nameOf(error)
  return {
    status: Predicate.isNumber(status) && status >= 100 && status < 600 ? status : undefined,
    codes: [...codes],
    headers: undefined,
    name,
    unreadable: isUnreadable(name, error),
    isTooLong: false
  }
}

/** As Anthropic, Google, xAI, Mistral and servers of OpenAI's protocol say it. */
const tooLong =
  /prompt is too long|(maximum|model's) (context|prompt) length|context (length|window|size)|input token count|too many (input )?tokens/i

/** Packages report unparsable responses with errors of their own, or with plain ones. */
const isUnreadable = (name: string, error: unknown): boolean =>
  /^AI_(JSONParse|TypeValidation|InvalidResponseData|EmptyResponseBody|NoContentGenerated)Error$/.test(name) ||
  (name === "Error" && error instanceof Error && /\b(chunk|stream error)\b/i.test(error.message))

const nameOf = (error: unknown): string =>
  error instanceof Error && /^\w{1,64}$/.test(error.name)
    ? error.name
    : Predicate.isString(error)
      ? "a text"
      : "an object"

/** Where providers and Node put their codes. The request's body is not among them. */
const places = ["code", "type", "status", "error", "data", "cause", "response"] as const

const gather = (value: unknown, codes: Set<string>, depth: number): void => {
  if (!Predicate.isObject(value) || depth > 4) return
  for (const place of places) {
    const found: unknown = Reflect.get(value, place)
    if (Predicate.isString(found)) {
      const code = found.toLowerCase()
      if (isCode(code)) codes.add(code)
    } else gather(found, codes, depth + 1)
  }
}

/**
 * Words joined by underscores. Keys contain digits or dashes and so do not match; the excluded words say nothing by
 * themselves.
 */
const isCode = (code: string): boolean =>
  /^[a-z]{2,24}(_[a-z]{1,24}){0,5}$/.test(code) && code !== "error" && code !== "failed" && code !== "response"

/** Google states the retry delay in the body. */
const delayIn = (error: unknown): number | undefined => {
  if (!APICallError.isInstance(error) || error.statusCode !== 429) return undefined
  const seconds = /"retryDelay"\s*:\s*"(\d+(?:\.\d+)?)s"/.exec(error.responseBody ?? "")?.[1]
  return seconds === undefined ? undefined : Math.ceil(Number.parseFloat(seconds) * 1000)
}

/** `now`: epoch milliseconds. A date in the past means: at once. */
export const retryAfterMs = (
  headers: { readonly [name: string]: string } | undefined,
  now: number
): number | undefined => {
  if (headers === undefined) return undefined
  const exact = milliseconds(headers["retry-after-ms"], 1)
  if (exact !== undefined) return exact
  const after = headers["retry-after"]
  const seconds = milliseconds(after, 1000)
  if (seconds !== undefined || after === undefined || !/[a-z]/i.test(after)) return seconds
  const date = DateTime.make(after)
  return Option.isNone(date) ? undefined : Math.max(0, DateTime.toEpochMillis(date.value) - now)
}

const milliseconds = (text: string | undefined, unit: number): number | undefined => {
  if (text === undefined || !/^\s*\d+(\.\d+)?s?\s*$/.test(text)) return undefined
  const value = Math.ceil(Number.parseFloat(text) * unit)
  return Number.isSafeInteger(value) ? value : undefined
}
