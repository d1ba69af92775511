/**
 * Any AI SDK provider's model as the runtime's model: `AiSdkModel.layer(anthropic("claude-sonnet-5"))`.
 *
 * It sends one request and passes on the response, without a schema or an effect per delta. Retries, tools and the
 * conversation belong to the runtime; keys and addresses to the provider package.
 */
import {
  type LanguageModelV4,
  type LanguageModelV4StreamPart,
  type LanguageModelV4StreamResult,
  UnsupportedFunctionalityError
} from "@ai-sdk/provider"
import { Budget, ModelFailure } from "@reins/protocol"
import { type Emit, Model, type ModelPort, type ModelRequest, ModelStream } from "@reins/runtime"
import { OptionRule, requireFitting } from "@reins/runtime/promise"
import * as Clock from "effect/Clock"
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Predicate from "effect/Predicate"
import * as Redacted from "effect/Redacted"
import * as CallOptions from "./aisdk/CallOptions.ts"
import * as Failure from "./aisdk/Failure.ts"
import { SentFiles } from "./aisdk/FileForm.ts"
import { Parts } from "./aisdk/Parts.ts"
import * as Prompt from "./aisdk/Prompt.ts"
import type { ToolNames } from "./aisdk/CallNames.ts"

/**
 * Settings of every call of a model.
 *
 * @since 0.1.0
 * @category models
 */
export interface Options extends CallOptions.Defaults {
  /** The provider's name in prices and traces. Absent: the AI SDK's name, up to its first dot. */
  readonly provider?: string | undefined
  /** The model's name in prices and traces. Absent: its id. */
  readonly model?: string | undefined
  /**
   * Makes the same model with another key, for callers and tenants with their own: `(apiKey) => createOpenAI({ apiKey
   * })("gpt-5.2")`. `baseURL`: the address that the key is for; absent: the model's. Absent: a request with such a key is
   * refused.
   */
  readonly withKey?:
    | ((apiKey: string, baseURL: string | undefined) => LanguageModelV4 | Promise<LanguageModelV4>)
    | undefined
  /** The longest silence before and during a response; then it fails with `ModelTimedOut`. Default 10 minutes. */
  readonly idleTimeout?: Duration.Input | undefined
}

const timeRules = { idleTimeout: OptionRule.optional(OptionRule.duration) }

/**
 * Provides the model under the port's tag.
 *
 * **Example** (A model of a provider's package)
 *
 * ```ts
 * import { anthropic } from "@ai-sdk/anthropic"
 * import { AiSdkModel } from "@reins/models"
 *
 * export const layer = AiSdkModel.layer(anthropic("claude-sonnet-5"))
 * ```
 *
 * @since 0.1.0
 * @category layers
 */
export const layer = (model: LanguageModelV4, options?: Options): Layer.Layer<Model> =>
  Layer.succeed(Model, make(model, options))

/**
 * The model as a value, for a custom service key. **Errors**: throws on an `idleTimeout` that is no time.
 *
 * @since 0.1.0
 * @category constructors
 */
export const make = (model: LanguageModelV4, options: Options = {}): ModelPort => {
  const provider = options.provider ?? model.provider.split(".")[0] ?? model.provider
  const name = options.model ?? model.modelId
  const { idleTimeout } = options
  requireFitting<Pick<Options, "idleTimeout">>("of the model", { idleTimeout }, timeRules)
  const idleMs = Budget.milliseconds(idleTimeout ?? "10 minutes")
  const known: Known = {
    takesSchema: !saysNoSchema(model),
    isTextOnly: Prompt.isTextOnly(model.provider) || Predicate.hasProperty(model, "supportsStructuredOutputs"),
    refusedFiles: new Set(),
    warnings: new Set()
  }
  return {
    provider,
    model: name,
    describesSafely: true,
    takesKeys: options.withKey !== undefined,
    takesOutput: true,
    attempt: (request, emit) =>
      Clock.clockWith((clock) => {
        const about = (): Failure.About => ({ provider, model: name, now: clock.currentTimeMillisUnsafe() })
        const silence = new ModelFailure.ModelTimedOut({ provider, model: name, afterMs: Math.ceil(idleMs) })
        const context = { defaults: options, about, idleMs, silence, known }
        const { baseURL, key } = request
        const { withKey } = options
        if (key === undefined || withKey === undefined) return attempt(model, request, emit, context)
        return Effect.flatMap(
          Effect.tryPromise({
            try: () => Promise.resolve(withKey(Redacted.value(key), baseURL)),
            catch: (error) => Failure.fromUnknown(error, about())
          }),
          (own) => attempt(own, request, emit, context)
        )
      })
  }
}

/** What was learned about a provider package from its warnings. */
interface Known {
  /** Whether it sends the schema of an output to the provider. */
  takesSchema: boolean
  /** Whether it sends tools' results as text only. The packages for compatible servers do, and have this property. */
  readonly isTextOnly: boolean
  /** Files that it refuses to send, by key. */
  readonly refusedFiles: Set<string>
  /** Its warnings so far. Each is logged once. */
  readonly warnings: Set<string>
}

/** Some packages declare this in advance. */
const saysNoSchema = (model: LanguageModelV4): boolean =>
  Predicate.hasProperty(model, "supportsStructuredOutputs") && model.supportsStructuredOutputs === false

interface Context {
  readonly known: Known
  readonly defaults: CallOptions.Defaults
  readonly about: () => Failure.About
  readonly idleMs: number
  readonly silence: ModelFailure.ModelFailure
}

const attempt = (
  model: LanguageModelV4,
  request: ModelRequest,
  emit: Emit,
  context: Context
): Effect.Effect<void, ModelFailure.ModelFailure> =>
  Effect.suspend(() => {
    const controller = new AbortController()
    let ended = false
    const names = CallOptions.namesOf(request, context.defaults, model.provider)
    return open(model, request, context, names, controller.signal).pipe(
      Effect.flatMap(({ omitted, stream }) => {
        const parts = new Parts(names)
        const warnings = Array.from(omitted, (mediaType) =>
          parts.warn(`files of type ${mediaType} cannot be sent to this model: a text in their place says so`)
        )
        const room = warnings.length === 0 ? undefined : emit(warnings)
        const received = Effect.ensuring(
          receive(stream, parts, emit, context),
          Effect.suspend(() => learn(parts, context))
        )
        return room === undefined
          ? received
          : Effect.andThen(
              Effect.promise(() => room),
              received
            )
      }),
      Effect.tap(() =>
        Effect.sync(() => {
          ended = true
        })
      ),
      Effect.ensuring(
        Effect.sync(() => {
          if (!ended) controller.abort()
        })
      )
    )
  })

/** Records and logs the package's warnings. */
const learn = (parts: Parts, { about, known }: Context): Effect.Effect<void> => {
  if (parts.dropsSchema) known.takesSchema = false
  const fresh = parts.warnings.filter((message) => !known.warnings.has(message))
  for (const message of fresh) known.warnings.add(message)
  const { model, provider } = about()
  return Effect.forEach(new Set(fresh), (message) => Effect.logWarning(`${provider}/${model}: ${message}`), {
    discard: true
  })
}

interface Opened {
  readonly result: LanguageModelV4StreamResult
  /** Media types of files that were left out of the request. */
  readonly omitted: ReadonlySet<string>
}

const open = (
  model: LanguageModelV4,
  request: ModelRequest,
  context: Context,
  names: ToolNames,
  signal: AbortSignal
) => {
  const { isTextOnly, refusedFiles, takesSchema } = context.known
  /** Sends the request; if the package refuses files, which it does before sending, sends it again without them. */
  const send = (refused: ReadonlySet<string>): Promise<Opened> => {
    const files = new SentFiles(refused, Prompt.isPlainAssistant(model.provider))
    const border = { provider: model.provider, names, takesSchema, files, isTextOnly }
    const options = CallOptions.make(request, context.defaults, border, signal)
    return Promise.resolve(model.doStream(options)).then(
      (result) => {
        for (const key of refused) refusedFiles.add(key)
        return { result, omitted: files.omitted }
      },
      (error: unknown) => {
        const meant = UnsupportedFunctionalityError.isInstance(error) ? files.meant(error.functionality) : []
        if (meant.length === 0) throw error
        return send(new Set([...refused, ...meant]))
      }
    )
  }
  const opened = Effect.tryPromise({
    try: () => send(refusedFiles),
    catch: (error) => Failure.fromUnknown(error, context.about())
  }).pipe(
    Effect.flatMap(({ omitted, result }) => {
      const mediaType = result.response?.headers?.["content-type"]
      return mediaType !== undefined && /^\s*text\/html\b/i.test(mediaType)
        ? Effect.fail(Failure.notAStream(mediaType, context.about()))
        : Effect.succeed({ stream: result.stream, omitted })
    })
  )
  return Number.isFinite(context.idleMs)
    ? Effect.timeoutOrElse(opened, { duration: context.idleMs, orElse: () => Effect.fail(context.silence) })
    : opened
}

const receive = (stream: ReadableStream<LanguageModelV4StreamPart>, parts: Parts, emit: Emit, context: Context) => {
  const failed = (failure: () => ModelFailure.ModelFailure) =>
    // A response that has finished is complete, whatever happens to its connection.
    Effect.suspend(() => (parts.finish === undefined ? Effect.fail(failure()) : Effect.void))
  const reader = stream.getReader()
  const source: ModelStream.Source<LanguageModelV4StreamPart> = {
    next: () => reader.read(),
    leave: () => reader.cancel(),
    isNative: true
  }
  return ModelStream.pump(source, {
    take: (arrived) => {
      const out = parts.take(arrived)
      return out.length === 0 ? undefined : emit(out)
    },
    // An error part is more specific than the disconnect that may follow it.
    onError: (error) => failed(() => Failure.fromUnknown((parts.error ?? { value: error }).value, context.about())),
    idle: Number.isFinite(context.idleMs) ? { afterMs: context.idleMs, end: failed(() => context.silence) } : undefined
  }).pipe(
    Effect.flatMap(() => {
      const { error, finish, interrupted } = parts
      const room = finish === undefined || interrupted ? undefined : emit([finish])
      const ending =
        error !== undefined
          ? Effect.fail(Failure.fromUnknown(error.value, context.about()))
          : interrupted
            ? Effect.fail(Failure.interrupted(context.about()))
            : Effect.void
      return room === undefined
        ? ending
        : Effect.andThen(
            Effect.promise(() => room),
            ending
          )
    })
  )
}
