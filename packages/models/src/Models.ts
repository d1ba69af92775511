/**
 * A model by its name, as it stands in a setting: `openai:gpt-5.2`, `anthropic:claude-sonnet-5`,
 * `openai-compatible:qwen3@http://localhost:8080/v1`, `scripted`.
 *
 * Keys and addresses come from the settings that the providers' own packages use (`OPENAI_API_KEY`, `OPENAI_BASE_URL`). With
 * an address of one's own a key is not required, so that local servers work.
 */
import { Model, type ModelPort } from "@reins/runtime"
import { ScriptedModel } from "@reins/runtime/testing"
import * as Config from "effect/Config"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as AiSdkModel from "./AiSdkModel.ts"
import {
  KeyMissing,
  ModelNotMade,
  NameInvalid,
  PackageMissing,
  ProviderUnknown,
  SettingInvalid
} from "./ModelNotMade.ts"
import * as Provider from "./Provider.ts"

/** What a model made by its name is called with, and what asks for it: `fetch` takes the place of the platform's. */
export type Options = AiSdkModel.Options & Pick<Provider.Settings, "fetch">

/** What a name says. */
export interface Parsed {
  readonly provider: string
  readonly model: string
  /** Only after an `@`. */
  readonly baseURL: string | undefined
}

/** Takes a name apart; `undefined` where it is none. Pure. */
export const parse = (name: string): Parsed | undefined => {
  const found = /^([a-z][a-z0-9-]*):(?!\/\/)(.+)$/s.exec(name.trim())
  if (found === null) return undefined
  const [, provider = "", rest = ""] = found
  const at = /^(.*?)@(https?:\/\/.+)$/s.exec(rest)
  const model = (at?.[1] ?? rest).trim()
  return model === "" ? undefined : { provider, model, baseURL: at?.[2] }
}

/** The names that {@link fromConfig} knows. */
export const known: ReadonlyArray<string> = [...Provider.known.keys(), "scripted"]

/**
 * The model of that name. Loads its provider's package; makes no request. Fails when the name is none, when nobody knows the
 * provider, when its package is not installed, or when there is no key.
 */
export const fromConfig = (name: string, options: Options = {}): Effect.Effect<ModelPort, ModelNotMade> => {
  if (name.trim() === "scripted") return Effect.sync(scripted)
  const parsed = parse(name)
  if (parsed === undefined) return fail(new NameInvalid({ name }))
  const provider = Provider.known.get(parsed.provider)
  return provider === undefined
    ? fail(new ProviderUnknown({ name: parsed.provider, known: known }))
    : make(provider, parsed, options)
}

/** Provides the model of that name under the port's tag. */
export const layer = (name: string, options?: Options): Layer.Layer<Model, ModelNotMade> =>
  Layer.effect(Model, fromConfig(name, options))

const make = Effect.fnUntraced(function* (provider: Provider.Provider, parsed: Parsed, options: Options) {
  const baseURL = parsed.baseURL ?? (yield* setting(provider.baseVariable))
  if (baseURL === undefined && provider.name === "openai-compatible") {
    return yield* fail(
      new SettingInvalid({
        variable: provider.baseVariable,
        problem: "is not set; write the address into it, or behind the model: MODEL@http://…"
      })
    )
  }
  if (baseURL !== undefined && !(/^https?:\/\//.test(baseURL) && URL.canParse(baseURL))) {
    return yield* fail(new SettingInvalid({ variable: provider.baseVariable, problem: "is no address" }))
  }
  const key = yield* setting(provider.keyVariable)
  if (key === undefined && baseURL === undefined) {
    return yield* fail(new KeyMissing({ provider: provider.name, variable: provider.keyVariable }))
  }
  const open = yield* Effect.tryPromise({
    try: () =>
      provider.load({
        // Local servers ask for none, the packages do.
        apiKey: key ?? "none",
        baseURL,
        fetch: options.fetch
      }),
    catch: () =>
      new ModelNotMade({ reason: new PackageMissing({ provider: provider.name, package: provider.package }) })
  })
  const { fetch: _fetch, ...rest } = options
  return AiSdkModel.make(open(parsed.model), {
    provider: provider.name.replace(/^openai-(chat|responses)$/, "openai"),
    ...rest
  })
})

/** A setting; an empty one is none. */
const setting = (variable: string): Effect.Effect<string | undefined, ModelNotMade> =>
  Effect.gen(function* () {
    const found = yield* Config.option(Config.String(variable))
    return Option.isSome(found) && found.value !== "" ? found.value : undefined
  }).pipe(Effect.catch(() => fail(new SettingInvalid({ variable, problem: "cannot be read" }))))

const fail = (reason: ModelNotMade["reason"]): Effect.Effect<never, ModelNotMade> =>
  Effect.fail(new ModelNotMade({ reason }))

/** For demonstrations without a key: says that it is a script, and what it was asked. */
const scripted = (): ModelPort =>
  ScriptedModel.make({
    respond: (request) =>
      ScriptedModel.words(`This is a scripted model; it cannot think. You said: ${ScriptedModel.lastPrompt(request)}`)
  })
