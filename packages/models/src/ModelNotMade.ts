/**
 * Why a model could not be made from its name: one error with a reason, each of which says what to do. No message
 * contains a key.
 */
import * as Schema from "effect/Schema"

/** Not of the form `provider:model`. */
export class NameInvalid extends Schema.TaggedError<NameInvalid>()("NameInvalid", { name: Schema.String }) {
  override get message() {
    return `Invalid model name ${JSON.stringify(this.name)}. Use provider:model, such as openai:gpt-5.2`
  }
}

/** Unknown provider name. */
export class ProviderUnknown extends Schema.TaggedError<ProviderUnknown>()("ProviderUnknown", {
  name: Schema.String,
  known: Schema.Array(Schema.String)
}) {
  override get message() {
    return `Unknown provider ${JSON.stringify(this.name)}. Available providers: ${this.known.join(", ")}`
  }
}

/** The provider's package is not installed, or does not load. */
export class PackageMissing extends Schema.TaggedError<PackageMissing>()("PackageMissing", {
  provider: Schema.String,
  package: Schema.String
}) {
  override get message() {
    return `Provider ${this.provider} needs package ${this.package}. Run: npm install ${this.package}`
  }
}

/** No key in the settings, and no custom address that could do without one. */
export class KeyMissing extends Schema.TaggedError<KeyMissing>()("KeyMissing", {
  provider: Schema.String,
  variable: Schema.String
}) {
  override get message() {
    return `Missing API key for provider ${this.provider}. Set ${this.variable}`
  }
}

/** A setting is invalid, or missing but required. The message never contains its value. */
export class SettingInvalid extends Schema.TaggedError<SettingInvalid>()("SettingInvalid", {
  variable: Schema.String,
  problem: Schema.String
}) {
  override get message() {
    return `${this.variable} ${this.problem}`
  }
}

const Reason = Schema.Union([NameInvalid, ProviderUnknown, PackageMissing, KeyMissing, SettingInvalid])

/**
 * A model could not be made from its name.
 *
 * @since 0.1.0
 * @category errors
 */
export class ModelNotMade extends Schema.TaggedError<ModelNotMade>()("ModelNotMade", { reason: Reason }) {
  override get message() {
    return this.reason.message
  }
}
