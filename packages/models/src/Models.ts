/**
 * A model by its name, as written in a setting: `openai:gpt-5.2`, `anthropic:claude-sonnet-5`,
 * `openai-compatible:qwen3@http://localhost:8080/v1`, `scripted`.
 *
 * Keys and addresses come from the settings that the providers' own packages use (`OPENAI_API_KEY`, `OPENAI_BASE_URL`).
 * With a custom address no key is required, so that local servers work. A model that cannot be made fails with one error
 * with a reason, each of which says what to do. No message contains a key. `scripted` needs none: it is a script for
 * demonstrations, whose typed answers are sample values of their schema.
 */
import { Model, type ModelPort } from "@reins/runtime"
import { ScriptedModel } from "@reins/runtime/testing"
import * as Config from "effect/Config"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as AiSdkModel from "./AiSdkModel.ts"
import * as Provider from "./Provider.ts"
import * as Schema from "effect/Schema"
import type { Json } from "@reins/protocol"

/**
 * Settings of every call of a model made by name; `fetch` replaces the platform's. `structuredOutputs`: whether an
 * `openai-compatible:` server accepts a JSON Schema for its response; absent: the setting
 * `OPENAI_COMPATIBLE_STRUCTURED_OUTPUTS`, else false.
 *
 * @since 0.1.0
 * @category models
 */
export type Options = AiSdkModel.Options & Pick<Provider.Settings, "fetch" | "structuredOutputs">

/**
 * The parts of a model name.
 *
 * @since 0.1.0
 * @category models
 */
export interface Parsed {
  readonly provider: string
  readonly model: string
  /** The part after `@`, if there is one. */
  readonly baseURL: string | undefined
}

/**
 * Parses a name; `undefined` when it is invalid. Pure.
 *
 * @since 0.1.0
 * @category conversions
 */
export const parse = (name: string): Parsed | undefined => {
  const found = /^([a-z][a-z0-9-]*):(?!\/\/)(.+)$/s.exec(name.trim())
  if (found === null) return undefined
  const [, provider = "", rest = ""] = found
  const at = /^(.*?)@(https?:\/\/.+)$/s.exec(rest)
  const model = (at?.[1] ?? rest).trim()
  return model === "" ? undefined : { provider, model, baseURL: at?.[2] }
}

/**
 * The providers that {@link fromConfig} accepts.
 *
 * @since 0.1.0
 * @category constants
 */
export const known: ReadonlyArray<string> = [...Provider.known.keys(), "scripted"]

/**
 * Makes the model of that name. Loads its provider's package; sends no request. Fails when the name is invalid, the
 * provider unknown, its package not installed, or the key missing.
 *
 * @since 0.1.0
 * @category constructors
 */
export const fromConfig = (name: string, options: Options = {}): Effect.Effect<ModelPort, ModelNotMade> =>
  name.trim() === "scripted"
    ? Effect.sync(scripted)
    : Effect.flatMap(settingsOf(name, options), (settled) => load(settled, options))

/**
 * Validates the name, its provider, its address and its key without loading a package, as `fromConfig` does first.
 *
 * @since 0.1.0
 * @category operations
 */
export const validate = (name: string, options: Options = {}): Effect.Effect<void, ModelNotMade> =>
  name.trim() === "scripted" ? Effect.void : Effect.asVoid(settingsOf(name, options))

/**
 * Provides the model of that name under the port's tag.
 *
 * **Example** (A model by name)
 *
 * ```ts
 * import { Models } from "@reins/models"
 *
 * export const layer = Models.layer("openai:gpt-5.2")
 * ```
 *
 * @since 0.1.0
 * @category layers
 */
export const layer = (name: string, options?: Options): Layer.Layer<Model, ModelNotMade> =>
  Layer.effect(Model, fromConfig(name, options))

interface Settled {
  readonly provider: Provider.Provider
  readonly model: string
  readonly settings: Provider.Settings
}

/**
 * Whether a model's own name ends with what can only be meant as an address, and lacks `http://` or what follows it.
 */
const endsWithAddress = (model: string): boolean => {
  const at = model.lastIndexOf("@")
  const last = at < 0 ? "" : model.slice(at + 1)
  return (
    /^[a-z][a-z0-9+.-]*:\/\//i.test(last) ||
    /^localhost([:/]|$)/i.test(last) ||
    /^(\[[\da-f:]+\]|[\w.-]+):\d+(\/|$)/i.test(last) ||
    /^([\w-]+\.)+[a-z]{2,}(\/|$)/i.test(last)
  )
}

/** What errors call the address in a name, which may hold a secret and is not repeated. */
const addressInName = "The address after @ in the model's name"

const settingsOf = Effect.fnUntraced(function* (name: string, options: Options) {
  const parsed = parse(name)
  if (parsed === undefined) return yield* fail(new NameInvalid({ name }))
  if (parsed.baseURL === undefined && endsWithAddress(parsed.model)) {
    const problem = "must be a URL that begins with http:// or https://"
    return yield* fail(new SettingInvalid({ variable: addressInName, problem }))
  }
  const provider = Provider.known.get(parsed.provider)
  if (provider === undefined) return yield* fail(new ProviderUnknown({ name: parsed.provider, known }))
  const baseURL = parsed.baseURL ?? (yield* setting(provider.baseVariable))
  if (baseURL === undefined && provider.name === "openai-compatible") {
    return yield* fail(
      new SettingInvalid({
        variable: provider.baseVariable,
        problem: "is not set. Set it to the server's address, or append the address to the model: MODEL@http://…"
      })
    )
  }
  if (baseURL !== undefined && !(/^https?:\/\//.test(baseURL) && URL.canParse(baseURL))) {
    // The address is in the model's name or in a setting; the error names the one to correct.
    const variable = parsed.baseURL === undefined ? provider.baseVariable : addressInName
    return yield* fail(new SettingInvalid({ variable, problem: "is not a valid URL" }))
  }
  const key = yield* setting(provider.keyVariable)
  if (key === undefined && baseURL === undefined) {
    return yield* fail(new KeyMissing({ provider: provider.name, variable: provider.keyVariable }))
  }
  const structuredOutputs =
    options.structuredOutputs ??
    (provider.name === "openai-compatible" ? yield* flag("OPENAI_COMPATIBLE_STRUCTURED_OUTPUTS") : undefined)
  // Local servers need no key, but the packages require one.
  const settings = { apiKey: key ?? "none", baseURL, fetch: options.fetch, structuredOutputs }
  return { provider, model: parsed.model, settings } satisfies Settled
})

const load = ({ model, provider, settings }: Settled, options: Options): Effect.Effect<ModelPort, ModelNotMade> => {
  const { fetch: _fetch, structuredOutputs: _structured, ...rest } = options
  return Effect.map(
    Effect.tryPromise({
      try: () => provider.load(settings),
      catch: () =>
        new ModelNotMade({ reason: new PackageMissing({ provider: provider.name, package: provider.package }) })
    }),
    (open) =>
      AiSdkModel.make(open(model), {
        provider: provider.name.replace(/^openai-(chat|responses)$/, "openai"),
        withKey: (apiKey, baseURL = settings.baseURL) =>
          provider.load({ ...settings, apiKey, baseURL }).then((openWith) => openWith(model)),
        ...rest
      })
  )
}

/** Reads a setting; an empty one counts as absent. */
const setting = (variable: string): Effect.Effect<string | undefined, ModelNotMade> =>
  Effect.gen(function* () {
    const found = yield* Config.option(Config.String(variable))
    return Option.isSome(found) && found.value !== "" ? found.value : undefined
  }).pipe(Effect.catch(() => fail(new SettingInvalid({ variable, problem: "cannot be read" }))))

/** A setting that is `true` or `false`. */
const flag = (variable: string): Effect.Effect<boolean | undefined, ModelNotMade> =>
  Effect.flatMap(setting(variable), (value) => {
    if (value === undefined) return Effect.succeed(undefined)
    return value === "true" || value === "false"
      ? Effect.succeed(value === "true")
      : fail(new SettingInvalid({ variable, problem: "must be true or false" }))
  })

const fail = (reason: ModelNotMade["reason"]): Effect.Effect<never, ModelNotMade> =>
  Effect.fail(new ModelNotMade({ reason }))

/**
 * For demonstrations without a key: says that it is a script, and repeats the prompt. Asked for a typed answer, it gives
 * some value that fits.
 */
const scripted = (): ModelPort =>
  ScriptedModel.make({
    respond: (request) =>
      request.output === undefined
        ? ScriptedModel.words(
            `This is a scripted model; it cannot think. You said: ${ScriptedModel.lastPrompt(request)}`
          )
        : ScriptedModel.words(JSON.stringify(sampleOf(request.output.schema)))
  })

/**
 * Not of the form `provider:model`.
 *
 * @since 0.1.0
 * @category errors
 */
export class NameInvalid extends Schema.TaggedError<NameInvalid>()("NameInvalid", { name: Schema.String }) {
  override get message() {
    return `Invalid model name ${JSON.stringify(this.name)}. Use provider:model, such as openai:gpt-5.2`
  }
}

/**
 * Unknown provider name.
 *
 * @since 0.1.0
 * @category errors
 */
export class ProviderUnknown extends Schema.TaggedError<ProviderUnknown>()("ProviderUnknown", {
  name: Schema.String,
  known: Schema.Array(Schema.String)
}) {
  override get message() {
    return `Unknown provider ${JSON.stringify(this.name)}. Available providers: ${this.known.join(", ")}`
  }
}

/**
 * The provider's package is not installed, or does not load.
 *
 * @since 0.1.0
 * @category errors
 */
export class PackageMissing extends Schema.TaggedError<PackageMissing>()("PackageMissing", {
  provider: Schema.String,
  package: Schema.String
}) {
  override get message() {
    return `Provider ${this.provider} needs package ${this.package}. Run: npm install ${this.package}`
  }
}

/**
 * No key in the settings, and no custom address that could do without one.
 *
 * @since 0.1.0
 * @category errors
 */
export class KeyMissing extends Schema.TaggedError<KeyMissing>()("KeyMissing", {
  provider: Schema.String,
  variable: Schema.String
}) {
  override get message() {
    return `Missing API key for provider ${this.provider}. Set ${this.variable}`
  }
}

/**
 * A setting is invalid, or missing but required. The message never contains its value.
 *
 * @since 0.1.0
 * @category errors
 */
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

type Document = { readonly [keyword: string]: Json }

const isObject = (value: Json | undefined): value is Document =>
  typeof value === "object" && value !== null && !Array.isArray(value)

/** How deep references are followed: a schema may contain itself. */
const deepest = 24

class Sampling {
  readonly #root: Json

  constructor(root: Json) {
    this.#root = root
  }

  of(schema: Json | undefined, depth: number): Json {
    if (!isObject(schema) || depth > deepest) return null
    const { $ref, allOf, anyOf, default: usual, enum: values, oneOf, type } = schema
    if (typeof $ref === "string") return this.of(this.#at($ref), depth + 1)
    if (schema["const"] !== undefined) return schema["const"]
    if (Array.isArray(values) && values[0] !== undefined) return values[0]
    if (usual !== undefined) return usual
    if (Array.isArray(allOf)) {
      const { allOf: _, ...own } = schema
      return this.#merged([own, ...allOf], depth)
    }
    for (const union of [anyOf, oneOf]) if (Array.isArray(union)) return this.of(union[0], depth + 1)
    return this.#typed(Array.isArray(type) ? type[0] : type, schema, depth)
  }

  #typed(type: Json | undefined, schema: Document, depth: number): Json {
    switch (type ?? (schema["properties"] === undefined ? undefined : "object")) {
      case "object":
        return this.#object(schema, depth)
      case "array": {
        const { items, minItems = 0, prefixItems } = schema
        if (Array.isArray(prefixItems)) return prefixItems.map((one) => this.of(one, depth + 1))
        return Array.from({ length: numberOf(minItems) }, () => this.of(items, depth + 1))
      }
      case "string":
        return "sample".padEnd(numberOf(schema["minLength"]), ".")
      case "integer":
      case "number":
        return leastOf(schema)
      case "boolean":
        return false
      default:
        return null
    }
  }

  #object({ properties, required }: Document, depth: number): Json {
    const fields = isObject(properties) ? properties : {}
    const names = Array.isArray(required) ? required.filter((name) => typeof name === "string") : []
    return Object.fromEntries(names.map((name) => [name, this.of(fields[name], depth + 1)]))
  }

  /** An object that fits all parts; the first part's value where they are not objects. */
  #merged(parts: ReadonlyArray<Json>, depth: number): Json {
    const made = parts
      .filter((part) => isObject(part) && Object.keys(part).length > 0)
      .map((part) => this.of(part, depth + 1))
    return made.every(isObject) ? Object.assign({}, ...made) : (made.find((one) => one !== null) ?? null)
  }

  #at(reference: string): Json | undefined {
    let found: Json | undefined = this.#root
    for (const key of reference.replace(/^#\/?/, "").split("/")) {
      if (key !== "") found = isObject(found) ? found[key.replaceAll("~1", "/").replaceAll("~0", "~")] : undefined
    }
    return found
  }
}

const numberOf = (value: Json | undefined): number => (typeof value === "number" ? value : 0)

const leastOf = ({ exclusiveMinimum, maximum, minimum }: Document): number => {
  const least = typeof exclusiveMinimum === "number" ? Math.floor(exclusiveMinimum) + 1 : Math.ceil(numberOf(minimum))
  return typeof maximum === "number" && maximum < least ? maximum : least
}

/**
 * A value that fits a JSON Schema, for a typed answer of the scripted model. It knows types, `enum`, `const`, unions,
 * references and the least sizes; what else a schema says (patterns, formats) is not looked at.
 */
const sampleOf = (schema: Json): Json => new Sampling(schema).of(schema, 0)
