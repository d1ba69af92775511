/**
 * Why a request to a model failed, told apart by what a caller can do about it.
 *
 * The reasons carry no provider text beyond a short `description` that adapters keep free of keys and prompts; the
 * provider's own words belong to the operator's log. `isRetryable` says whether the same request may succeed later.
 */
import * as Schema from "effect/Schema"

const about = {
  provider: Schema.String,
  model: Schema.String,
  description: Schema.optionalKey(Schema.String)
}

const sentence = (
  self: { readonly provider: string; readonly model: string; readonly description?: string },
  what: string
) => `${self.provider}/${self.model} ${what}${self.description === undefined ? "" : `: ${self.description}`}`

/** Too many requests. `retryAfterMs`: how long the provider asks to wait, absent when it did not say. */
export class RateLimited extends Schema.TaggedError<RateLimited>()("RateLimited", {
  ...about,
  retryAfterMs: Schema.optionalKey(Schema.Natural)
}) {
  override get message() {
    return sentence(this, "is rate limited")
  }
  get isRetryable() {
    return true
  }
}

/** The provider cannot serve now (5xx, overloaded). */
export class ProviderUnavailable extends Schema.TaggedError<ProviderUnavailable>()("ProviderUnavailable", {
  ...about,
  retryAfterMs: Schema.optionalKey(Schema.Natural)
}) {
  override get message() {
    return sentence(this, "is unavailable")
  }
  get isRetryable() {
    return true
  }
}

/** The connection could not be made, or broke. */
export class NetworkFailed extends Schema.TaggedError<NetworkFailed>()("NetworkFailed", about) {
  override get message() {
    return sentence(this, "could not be reached")
  }
  get isRetryable() {
    return true
  }
}

/** No answer, or no further part of it, within the time allowed. */
export class ModelTimedOut extends Schema.TaggedError<ModelTimedOut>()("ModelTimedOut", {
  ...about,
  afterMs: Schema.Natural
}) {
  override get message() {
    return sentence(this, `did not answer within ${this.afterMs} ms`)
  }
  get isRetryable() {
    return true
  }
}

/** The key is missing, wrong, or may not use this model. */
export class AuthenticationFailed extends Schema.TaggedError<AuthenticationFailed>()("AuthenticationFailed", about) {
  override get message() {
    return sentence(this, "refused the credentials")
  }
  get isRetryable() {
    return false
  }
}

/** The account has no money or quota left. */
export class QuotaExceeded extends Schema.TaggedError<QuotaExceeded>()("QuotaExceeded", about) {
  override get message() {
    return sentence(this, "has no quota left")
  }
  get isRetryable() {
    return false
  }
}

/** The provider refused the request itself: unknown model, too long a prompt, a parameter it does not take. */
export class InvalidRequest extends Schema.TaggedError<InvalidRequest>()("InvalidRequest", about) {
  override get message() {
    return sentence(this, "refused the request")
  }
  get isRetryable() {
    return false
  }
}

/** The provider refused the content. */
export class ContentRefused extends Schema.TaggedError<ContentRefused>()("ContentRefused", about) {
  override get message() {
    return sentence(this, "refused the content")
  }
  get isRetryable() {
    return false
  }
}

/** The answer breaks the port's contract: no finish, two finishes, one call twice, nothing at all, or not decodable. */
export class InvalidModelOutput extends Schema.TaggedError<InvalidModelOutput>()("InvalidModelOutput", about) {
  override get message() {
    return sentence(this, "gave an answer that cannot be used")
  }
  get isRetryable() {
    return true
  }
}

/** Anything else. */
export class ModelFailedUnknown extends Schema.TaggedError<ModelFailedUnknown>()("ModelFailedUnknown", about) {
  override get message() {
    return sentence(this, "failed")
  }
  get isRetryable() {
    return false
  }
}

/** Why a request to a model failed. */
export type ModelFailure =
  | RateLimited
  | ProviderUnavailable
  | NetworkFailed
  | ModelTimedOut
  | AuthenticationFailed
  | QuotaExceeded
  | InvalidRequest
  | ContentRefused
  | InvalidModelOutput
  | ModelFailedUnknown

/** The classes of all reasons, for unions and for tests over every one. */
export const members = [
  RateLimited,
  ProviderUnavailable,
  NetworkFailed,
  ModelTimedOut,
  AuthenticationFailed,
  QuotaExceeded,
  InvalidRequest,
  ContentRefused,
  InvalidModelOutput,
  ModelFailedUnknown
] as const
