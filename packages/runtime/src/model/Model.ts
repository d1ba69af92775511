/**
 * The model port: one request to a language model, answered in typed parts.
 *
 * A `ModelPort` sends one request and passes on the response. It never runs a tool, retries or keeps a conversation;
 * the loop does. Adapters to providers live in other packages; `ScriptedModel` in `@reins/runtime/testing` answers from
 * a script.
 */
import type { AgentPath, Events, Json, Message, ModelFailure, Usage } from "@reins/protocol"
import * as Context from "effect/Context"
import type * as Effect from "effect/Effect"
import type * as Redacted from "effect/Redacted"
import * as Layer from "effect/Layer"
import * as Schema from "effect/Schema"
import type * as Erased from "../kernel/Erased.ts"

const Count = Schema.Int.check(Schema.isGreaterThan(0))

const SettingsStruct = Schema.Struct({
  temperature: Schema.optionalKey(Schema.Finite),
  topP: Schema.optionalKey(Schema.Finite),
  topK: Schema.optionalKey(Count),
  seed: Schema.optionalKey(Schema.Int),
  presencePenalty: Schema.optionalKey(Schema.Finite),
  frequencyPenalty: Schema.optionalKey(Schema.Finite),
  stopSequences: Schema.optionalKey(Schema.Array(Schema.NonEmptyString)),
  reasoning: Schema.optionalKey(Schema.Literals(["none", "minimal", "low", "medium", "high", "xhigh"])),
  parallelToolCalls: Schema.optionalKey(Schema.Boolean),
  toolChoice: Schema.optionalKey(
    Schema.Union([Schema.Literals(["auto", "none", "required"]), Schema.Struct({ tool: Schema.String })])
  )
}).annotate({ identifier: "ModelSettings" })

/**
 * How a model samples and what it may call, as providers name it. What is absent is the model's own setting.
 *
 * **Details**
 * - `stopSequences`: texts at which an answer ends; they are not part of it.
 * - `reasoning`: how much the model thinks, for providers that have such levels.
 * - `parallelToolCalls`: `false`, a step makes one call; further ones of the model's are left out.
 * - `toolChoice`: `none`, no step may call a tool; `required` and `{ tool }`, the first step must call one, or this
 *   one.
 *
 * @since 0.1.0
 * @category schemas
 */
export interface ModelSettings extends Schema.Schema.Type<typeof SettingsStruct> {}
export const ModelSettings: Schema.Codec<ModelSettings> = SettingsStruct

/**
 * A tool as it is described to a model. `parameters` is a JSON Schema of an object.
 *
 * @since 0.1.0
 * @category models
 */
export interface ToolDefinition {
  readonly name: string
  readonly description: string | undefined
  readonly parameters: Json
  readonly strict: boolean | undefined
}

/**
 * One request.
 *
 * **Details**
 * - `messages`: the whole conversation, pair-complete. The array is the run's own and grows later: read it now, or copy
 *   it.
 * - `tools`: what the model may call; empty means it may call nothing.
 * - `maxOutputTokens`: the most it may write, already clamped to what the budget has left; absent means the provider's
 *   own limit.
 * - `output`: JSON Schema that the final text must fit, where the agent has a typed output.
 * - `settings`: how to sample and what to call, as the query asks; they come before an adapter's own. `toolChoice` is
 *   that of this step. Absent: nothing is asked.
 * - `key`: the caller's or its tenant's own key for the provider; absent: the model's. `baseURL`: the address that goes
 *   with it; absent: the model's. Only models with `takesKeys` are given one.
 * - `metadata`: which run, thread, agent and step this is for; adapters may send it along as tracing data.
 *
 * @since 0.1.0
 * @category models
 */
export interface ModelRequest {
  readonly instructions: string | undefined
  readonly messages: ReadonlyArray<Message.Message>
  readonly tools: ReadonlyArray<ToolDefinition>
  readonly maxOutputTokens: number | undefined
  readonly output: { readonly name: string; readonly schema: Json } | undefined
  readonly providerOptions: { readonly [provider: string]: Json } | undefined
  readonly settings?: ModelSettings | undefined
  readonly key?: Redacted.Redacted | undefined
  readonly baseURL?: string | undefined
  readonly metadata: {
    readonly runId: string
    readonly threadId: string
    readonly agent: string
    readonly agentPath: AgentPath.AgentPath
    readonly step: number
    readonly attempt: number
  }
}

/**
 * Provider data that must be sent back with a part on the next step, by provider name.
 *
 * @since 0.1.0
 * @category models
 */
export type PartMetadata = { readonly [provider: string]: Json }

/**
 * Why a model stopped. The calls of its answer run after `stop`, `tool-calls` and `other`, and never after an answer
 * that was cut (`length`), filtered or broken off. `paused`: the provider has interrupted a long turn (`pause_turn`)
 * and continues when the answer is sent back unchanged.
 *
 * @since 0.1.0
 * @category models
 */
export type StopReason = "stop" | "tool-calls" | "length" | "content-filter" | "error" | "other" | "paused"

/**
 * One piece of an answer, in the order the model gave it.
 *
 * **Details**
 * - `text`, `reasoning`: increments. `metadata` belongs to the part that the increments add up to. `part` says which
 *   part that is, also when others came between; absent, an increment grows the part before it where that is of its
 *   kind.
 * - `tool-input`: an increment of the arguments of a call that the model is writing, in its own JSON text. The whole
 *   call follows under the same id. It is only shown (`tool-input-delta`): leave it out, and the call is shown when it
 *   is made. `begins`: it is the first of its call, which matters where calls have the same id.
 * - `source`: what the answer cites, after the text that it is for.
 * - `file`: what the model made; `data` is Base64, or a URL. `purpose: "reasoning"`: it is not part of the answer.
 * - `tool-call`: a whole call; `args` is parsed JSON, or the raw string where it was not JSON. With `execution:
 *   "provider"` the provider runs it itself and a `tool-result` follows.
 * - `usage`: cumulative for this request; the last one counts, and stands even when the stream is cut after it.
 * - `finish`: exactly one, last. `stopSequence`: the one of the request's stop sequences that ended the answer, if the
 *   provider names it.
 *
 * The parts of an adapter are validated on receipt (`ReceivedPart`): an invalid part fails the step with
 * `InvalidModelOutput`; optional data that is invalid, such as metadata that is not JSON, is left out with a warning.
 *
 * @since 0.1.0
 * @category models
 */
export type ModelPart =
  | {
      readonly type: "text"
      readonly text: string
      readonly part?: string | undefined
      readonly metadata?: PartMetadata | undefined
    }
  | {
      readonly type: "reasoning"
      readonly text: string
      readonly part?: string | undefined
      readonly metadata?: PartMetadata | undefined
    }
  | {
      readonly type: "tool-input"
      readonly id: string
      readonly name: string
      readonly text: string
      readonly begins?: boolean | undefined
      readonly execution?: "provider" | undefined
    }
  | {
      readonly type: "tool-call"
      readonly id: string
      readonly name: string
      readonly args: Json
      readonly execution?: "provider" | undefined
      readonly metadata?: PartMetadata | undefined
    }
  | {
      readonly type: "tool-result"
      readonly id: string
      readonly name: string
      readonly result: Json
      readonly isFailure?: boolean | undefined
      readonly metadata?: PartMetadata | undefined
    }
  | {
      readonly type: "file"
      readonly mediaType: string
      readonly data: string
      readonly purpose?: "reasoning" | undefined
      readonly metadata?: PartMetadata | undefined
    }
  | { readonly type: "source"; readonly source: Events.Source["data"] }
  | { readonly type: "response"; readonly id?: string | undefined; readonly model?: string | undefined }
  | { readonly type: "warning"; readonly message: string }
  | { readonly type: "usage"; readonly usage: Usage.Usage }
  | {
      readonly type: "finish"
      readonly reason: StopReason
      readonly usage?: Usage.Usage | undefined
      readonly raw?: string | undefined
      readonly stopSequence?: string | undefined
    }

/**
 * Takes parts as they arrive, in arrays: pass all parts of one turn of the event loop together, without delay. A
 * returned promise means that the reader is behind: wait for it before reading more from the provider.
 *
 * @since 0.1.0
 * @category models
 */
export type Emit = (parts: ReadonlyArray<ModelPart>) => void | Promise<void>

/**
 * A language model. `provider` and `model` are its names in prices and traces.
 *
 * @since 0.1.0
 * @category models
 */
export interface ModelPort {
  readonly provider: string
  readonly model: string
  /**
   * Whether the descriptions of its failures are free of provider messages, prompts and keys, so that clients may see
   * them. Absent: they are left out of the run's events while content capture is off.
   */
  readonly describesSafely?: boolean | undefined
  /**
   * Whether requests may bring a key of the caller's. Absent: one that has such a key is refused, and not sent with the
   * model's own.
   */
  readonly takesKeys?: boolean | undefined
  /**
   * Whether it tells its provider the JSON Schema of a typed answer (`output`) itself: by the provider's own option, or
   * in words where that provider has none. Absent: the runtime adds the schema to the instructions of such requests.
   */
  readonly takesOutput?: boolean | undefined
  /**
   * Sends one request and emits the answer's parts. Completes when the answer is complete; fails with a typed reason;
   * when interrupted, aborts the request and returns promptly.
   */
  readonly attempt: (request: ModelRequest, emit: Emit) => Effect.Effect<void, ModelFailure.ModelFailure>
}

/**
 * The model of every agent that names no other. An agent with a model of its own has a service key for it:
 * `class Fast extends Context.Service<Fast, ModelPort>()("acme/Fast") {}` and `model: Fast`.
 *
 * @since 0.1.0
 * @category services
 */
export class Model extends Context.Service<Model, ModelPort>()("@reins/runtime/Model") {
  /** Serves the model that `layer` makes under another agent's key: `Model.layerFor(Fast, AiSdkModel.layer(…))`. */
  static layerFor<I, E, R>(key: Context.Key<I, ModelPort>, layer: Layer.Layer<Model, E, R>): Layer.Layer<I, E, R> {
    return Layer.effect(key, Model).pipe(Layer.provide(layer))
  }
}

/** The service key of some model. */
export type ModelKey = Context.Key<Erased.Any, ModelPort>
