/**
 * Why a request to a model failed, classified by what a caller can do about it.
 *
 * The reasons carry no provider text except a short `description`, which adapters keep free of keys and prompts; the
 * provider's own message belongs in the operator's log. `isRetryable` says whether the same request may succeed later.
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

/**
 * Too many requests. `retryAfterMs`: the delay that the provider requests; absent if it did not.
 *
 * @since 0.1.0
 * @category errors
 */
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

/**
 * The provider is temporarily unavailable (5xx, overloaded).
 *
 * @since 0.1.0
 * @category errors
 */
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

/**
 * The connection failed or was lost.
 *
 * @since 0.1.0
 * @category errors
 */
export class NetworkFailed extends Schema.TaggedError<NetworkFailed>()("NetworkFailed", about) {
  override get message() {
    return sentence(this, "could not be reached")
  }
  get isRetryable() {
    return true
  }
}

/**
 * No answer, or no further part of one, in the allowed time.
 *
 * @since 0.1.0
 * @category errors
 */
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

/**
 * The API key is missing, wrong, or not allowed to use this model. `key`: it was the caller's own (`caller`, of the query
 * or by `providerKeys`), or its tenant's (`tenant`, by `ModelCredentials`); absent: the model's.
 *
 * @since 0.1.0
 * @category errors
 */
export class AuthenticationFailed extends Schema.TaggedError<AuthenticationFailed>()("AuthenticationFailed", {
  ...about,
  key: Schema.optionalKey(Schema.Literals(["caller", "tenant"]))
}) {
  override get message() {
    return sentence(this, "rejected the credentials")
  }
  get isRetryable() {
    return false
  }
}

/**
 * The tenant has no credentials for the model's provider (`missing`), or they could not be looked up (`unavailable`).
 * Nothing was sent.
 *
 * @since 0.1.0
 * @category errors
 */
export class CredentialsMissing extends Schema.TaggedError<CredentialsMissing>()("CredentialsMissing", {
  ...about,
  tenant: Schema.String,
  kind: Schema.Literals(["missing", "unavailable"])
}) {
  override get message() {
    return this.kind === "missing"
      ? `Tenant ${JSON.stringify(this.tenant)} has no credentials for ${this.provider}. Add its key`
      : `The credentials of tenant ${JSON.stringify(this.tenant)} for ${this.provider} could not be looked up`
  }
  get isRetryable() {
    return this.kind === "unavailable"
  }
}

/**
 * The account has no money or quota left.
 *
 * @since 0.1.0
 * @category errors
 */
export class QuotaExceeded extends Schema.TaggedError<QuotaExceeded>()("QuotaExceeded", about) {
  override get message() {
    return sentence(this, "has no quota left")
  }
  get isRetryable() {
    return false
  }
}

/**
 * The conversation is longer than the model's context.
 *
 * @since 0.1.0
 * @category errors
 */
export class ContextOverflow extends Schema.TaggedError<ContextOverflow>()("ContextOverflow", about) {
  override get message() {
    return sentence(this, "cannot read a conversation of this length")
  }
  get isRetryable() {
    return false
  }
}

/**
 * The provider rejected the request itself: an unknown model, an unsupported parameter.
 *
 * @since 0.1.0
 * @category errors
 */
export class InvalidRequest extends Schema.TaggedError<InvalidRequest>()("InvalidRequest", about) {
  override get message() {
    return sentence(this, "rejected the request")
  }
  get isRetryable() {
    return false
  }
}

/**
 * The provider rejected the content.
 *
 * @since 0.1.0
 * @category errors
 */
export class ContentRefused extends Schema.TaggedError<ContentRefused>()("ContentRefused", about) {
  override get message() {
    return sentence(this, "rejected the content")
  }
  get isRetryable() {
    return false
  }
}

/**
 * The answer breaks the model port's contract: no finish, two finishes, a duplicate call, an empty answer, or one that
 * cannot be decoded.
 *
 * @since 0.1.0
 * @category errors
 */
export class InvalidModelOutput extends Schema.TaggedError<InvalidModelOutput>()("InvalidModelOutput", about) {
  override get message() {
    return sentence(this, "returned an unusable answer")
  }
  get isRetryable() {
    return true
  }
}

/**
 * Anything else.
 *
 * @since 0.1.0
 * @category errors
 */
export class ModelFailedUnknown extends Schema.TaggedError<ModelFailedUnknown>()("ModelFailedUnknown", about) {
  override get message() {
    return sentence(this, "failed")
  }
  get isRetryable() {
    return false
  }
}

/**
 * Why a request to a model failed.
 *
 * @since 0.1.0
 * @category models
 */
export type ModelFailure =
  | RateLimited
  | ProviderUnavailable
  | NetworkFailed
  | ModelTimedOut
  | AuthenticationFailed
  | CredentialsMissing
  | QuotaExceeded
  | ContextOverflow
  | InvalidRequest
  | ContentRefused
  | InvalidModelOutput
  | ModelFailedUnknown

/**
 * The classes of all reasons, for unions and for tests over every one.
 *
 * @since 0.1.0
 * @category constants
 */
export const members = [
  RateLimited,
  ProviderUnavailable,
  NetworkFailed,
  ModelTimedOut,
  AuthenticationFailed,
  CredentialsMissing,
  QuotaExceeded,
  ContextOverflow,
  InvalidRequest,
  ContentRefused,
  InvalidModelOutput,
  ModelFailedUnknown
] as const
