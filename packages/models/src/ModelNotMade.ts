/**
 * Why a model could not be made from its name: one error, one reason, each with what to do about it. No key is in any of them.
 */
import * as Schema from "effect/Schema"

/** Not of the form `provider:model`. */
export class NameInvalid extends Schema.TaggedError<NameInvalid>()("NameInvalid", { name: Schema.String }) {
  override get message() {
    return `${JSON.stringify(this.name)} names no model: write provider:model, such as openai:gpt-5.2`
  }
}

/** No provider of that name. */
export class ProviderUnknown extends Schema.TaggedError<ProviderUnknown>()("ProviderUnknown", {
  name: Schema.String,
  known: Schema.Array(Schema.String)
}) {
  override get message() {
    return `there is no provider ${JSON.stringify(this.name)}; known are ${this.known.join(", ")}`
  }
}

/** The provider's package is not installed, or does not load. */
export class PackageMissing extends Schema.TaggedError<PackageMissing>()("PackageMissing", {
  provider: Schema.String,
  package: Schema.String
}) {
  override get message() {
    return `${this.provider} needs the package ${this.package}: npm install ${this.package}`
  }
}

/** No key in the settings, and no address of one's own that could do without. */
export class KeyMissing extends Schema.TaggedError<KeyMissing>()("KeyMissing", {
  provider: Schema.String,
  variable: Schema.String
}) {
  override get message() {
    return `${this.provider} needs a key: set ${this.variable}`
  }
}

/** A setting is there and of no use, or missing and needed. Its value is not told. */
export class SettingInvalid extends Schema.TaggedError<SettingInvalid>()("SettingInvalid", {
  variable: Schema.String,
  problem: Schema.String
}) {
  override get message() {
    return `${this.variable} ${this.problem}`
  }
}

const Reason = Schema.Union([NameInvalid, ProviderUnknown, PackageMissing, KeyMissing, SettingInvalid])

/** The model of a name could not be made. */
export class ModelNotMade extends Schema.TaggedError<ModelNotMade>()("ModelNotMade", { reason: Reason }) {
  override get message() {
    return this.reason.message
  }
}
