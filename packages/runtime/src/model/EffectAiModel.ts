/**
 * Any `effect/ai` language model as our model port. One request is one step: the model layer runs no handler, checks no
 * arguments and asks for no approval, since all of that is the runtime's.
 *
 * **Gotchas**: `effect/ai` has no common setting for the output cap, the form of the answer and how to sample, so
 * `maxOutputTokens`, `output` and `settings` do not reach the provider, except for the choice of a tool; the budget
 * counts what is reported. It decodes every part by a schema, which costs some microseconds per delta; `@reins/models`
 * connects AI SDK providers without it.
 */
import { type Events, type Json, ModelFailure, type Usage } from "@reins/protocol"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Base64 from "effect/encoding/Base64"
import * as Layer from "effect/Layer"
import * as Stream from "effect/Stream"
import type * as AiError from "effect/ai/AiError"
import * as LanguageModel from "effect/ai/LanguageModel"
import * as Prompt from "effect/ai/Prompt"
import type * as Response from "effect/ai/Response"
import * as Tool from "effect/ai/Tool"
import type * as Toolkit from "effect/ai/Toolkit"
import * as Erased from "../kernel/Erased.ts"
import * as PlainJson from "../kernel/PlainJson.ts"
import {
  Model,
  type ModelPart,
  type ModelPort,
  type ModelRequest,
  type PartMetadata,
  type StopReason
} from "./Model.ts"
import { toPromptMessages } from "./PromptMessages.ts"

/**
 * The model's names in prices and traces.
 *
 * @since 0.1.0
 * @category models
 */
export interface Names {
  readonly provider: string
  readonly model: string
}

type Part = Response.StreamPart<Record<string, Tool.Any>, "deferred">
type Service = (typeof LanguageModel.LanguageModel)["Service"]

/**
 * The port over a language model.
 *
 * @since 0.1.0
 * @category constructors
 */
export const make = (names: Names, service: Service): ModelPort => ({
  ...names,
  // A failure is described by the tag of its reason.
  describesSafely: true,
  attempt: (request, emit) =>
    Effect.suspend(() => {
      const writing: Writing = new Map()
      return stream(service, request).pipe(
        Stream.runForEachArray((parts) => {
          const room = emit(parts.flatMap((part) => partsOf(part, writing)))
          return room === undefined ? Effect.void : Effect.promise(() => room)
        }),
        Effect.mapError((error) => failureOf(names, error))
      )
    })
})

const stream = (service: Service, request: ModelRequest): Stream.Stream<Part, AiError.AiError> =>
  // The toolkit's handlers are never called, so nothing of what handlers may need or fail with is left.
  Erased.as(
    service.streamText({
      prompt: promptOf(request),
      toolkit: toolkitOf(request),
      disableToolCallResolution: true,
      toolCallValidation: "deferred",
      toolChoice: request.tools.length === 0 ? "none" : (request.settings?.toolChoice ?? "auto")
    })
  )

/**
 * Serves a language model, from the context, under the port's tag.
 *
 * @since 0.1.0
 * @category layers
 */
export const layer = (names: Names): Layer.Layer<Model, never, LanguageModel.LanguageModel> =>
  Layer.effect(
    Model,
    Effect.map(LanguageModel.LanguageModel, (service) => make(names, service))
  )

const promptOf = ({ instructions, messages }: ModelRequest): Prompt.Prompt =>
  Prompt.fromMessages([
    ...(instructions === undefined ? [] : [Prompt.systemMessage({ content: instructions })]),
    ...toPromptMessages(messages)
  ])

const noHandler = () => Effect.die(new Error("the model layer must not run tools"))

const toolkitOf = ({ tools }: ModelRequest): Toolkit.WithHandler<Record<string, Tool.Any>> => ({
  tools: Object.fromEntries(
    tools.map(({ description, name, parameters }) => [
      name,
      Tool.dynamic(name, {
        ...(description === undefined ? {} : { description }),
        parameters: Erased.as<Erased.Any>(parameters) // a JSON Schema
      })
    ])
  ),
  handle: noHandler
})

const metadataOf = (metadata: unknown): { readonly metadata?: PartMetadata } => {
  const json = PlainJson.copy(metadata)
  return typeof json === "object" && json !== null && Object.keys(json).length > 0
    ? { metadata: Erased.as<PartMetadata>(json) } // an object of JSON
    : {}
}

const jsonOf = (value: unknown): Json => PlainJson.copy(value) ?? null

/** The calls whose arguments the model is writing, by their ids. */
type Writing = Map<string, Extract<ModelPart, { readonly type: "tool-input" }>>

/** Our parts for one of `effect/ai`'s; none for parts that only frame others. */
const partsOf = (part: Part, writing: Writing): ReadonlyArray<ModelPart> => {
  switch (part.type) {
    case "tool-params-start": {
      const execution = part.providerExecuted ? { execution: "provider" as const } : {}
      const input = { type: "tool-input" as const, id: part.id, name: part.name, text: "", ...execution }
      writing.set(part.id, input)
      return [{ ...input, begins: true }]
    }
    case "tool-params-delta": {
      const input = writing.get(part.id)
      return input === undefined ? [] : [{ ...input, text: part.delta }]
    }
    case "text-delta":
      return [{ type: "text", text: part.delta, part: part.id, ...metadataOf(part.metadata) }]
    case "text-end":
      return isEmpty(part.metadata) ? [] : [{ type: "text", text: "", part: part.id, ...metadataOf(part.metadata) }]
    case "reasoning-delta":
      return [{ type: "reasoning", text: part.delta, part: part.id, ...metadataOf(part.metadata) }]
    case "reasoning-start":
    case "reasoning-end":
      return isEmpty(part.metadata)
        ? []
        : [{ type: "reasoning", text: "", part: part.id, ...metadataOf(part.metadata) }]
    case "tool-call":
      return [
        {
          type: "tool-call",
          id: part.id,
          name: part.name,
          args: jsonOf(part.params),
          ...(part.providerExecuted ? { execution: "provider" as const } : {}),
          ...metadataOf(part.metadata)
        }
      ]
    case "tool-result":
      return [
        {
          type: "tool-result",
          id: part.id,
          name: part.name,
          result: jsonOf(part.encodedResult),
          isFailure: part.isFailure,
          ...metadataOf(part.metadata)
        }
      ]
    case "response-metadata":
      return [{ type: "response", id: part.id, model: part.modelId }]
    case "finish":
      return [{ type: "finish", reason: reasonOf(part.reason), usage: usageOf(part.usage), raw: part.reason }]
    case "file":
      return [
        {
          type: "file",
          mediaType: part.mediaType,
          data: Base64.encode(part.data),
          ...metadataOf(part.metadata)
        }
      ]
    case "source":
      return [{ type: "source", source: sourceOf(part) }]
    default:
      return []
  }
}

const sourceOf = (part: Response.UrlSourcePart | Response.DocumentSourcePart): Events.Source["data"] => {
  const { id, metadata: about, title } = part
  const metadata = isEmpty(about) ? undefined : metadataOf(about).metadata
  const told = { id, title, ...(metadata === undefined ? {} : { providerMetadata: metadata }) }
  return part.sourceType === "url"
    ? { ...told, sourceType: "url", url: part.url.href }
    : {
        ...told,
        sourceType: "document",
        mediaType: part.mediaType,
        ...(part.fileName === undefined ? {} : { filename: part.fileName })
      }
}

const isEmpty = (metadata: object | undefined): boolean => metadata === undefined || Object.keys(metadata).length === 0

const reasonOf = (reason: Response.FinishReason): StopReason => {
  switch (reason) {
    case "stop":
    case "tool-calls":
    case "length":
    case "content-filter":
    case "error":
      return reason
    default:
      return "other"
  }
}

/** Usage as disjoint parts; a total without parts counts entirely as the plain part. */
const usageOf = ({ inputTokens, outputTokens }: Response.Usage): Usage.Usage => {
  const uncached = inputTokens.uncached ?? less(inputTokens.total, inputTokens.cacheRead, inputTokens.cacheWrite)
  const text = outputTokens.text ?? less(outputTokens.total, outputTokens.reasoning)
  return {
    ...(uncached === undefined ? {} : { inputUncached: uncached }),
    ...(inputTokens.cacheRead === undefined ? {} : { inputCacheRead: inputTokens.cacheRead }),
    ...(inputTokens.cacheWrite === undefined ? {} : { inputCacheWrite: inputTokens.cacheWrite }),
    ...(text === undefined ? {} : { outputText: text }),
    ...(outputTokens.reasoning === undefined ? {} : { outputReasoning: outputTokens.reasoning })
  }
}

const less = (total: number | undefined, ...parts: ReadonlyArray<number | undefined>): number | undefined =>
  total === undefined
    ? undefined
    : Math.max(
        0,
        parts.reduce<number>((left, part) => left - (part ?? 0), total)
      )

/** Failure reasons as ours. The provider's message is only logged for the operator. */
const failureOf = (names: Names, { reason }: AiError.AiError): ModelFailure.ModelFailure => {
  const about = { ...names, description: reason._tag }
  switch (reason._tag) {
    case "RateLimitError":
      return new ModelFailure.RateLimited({
        ...names,
        ...(reason.retryAfter === undefined ? {} : { retryAfterMs: Math.ceil(Duration.toMillis(reason.retryAfter)) })
      })
    case "QuotaExhaustedError":
      return new ModelFailure.QuotaExceeded(names)
    case "AuthenticationError":
      return new ModelFailure.AuthenticationFailed(names)
    case "ContentPolicyError":
      return new ModelFailure.ContentRefused(names)
    case "NetworkError":
      return new ModelFailure.NetworkFailed(names)
    case "InternalProviderError":
      return new ModelFailure.ProviderUnavailable(names)
    case "InvalidRequestError":
    case "UnsupportedSchemaError":
    case "ToolConfigurationError":
    case "InvalidUserInputError":
      return new ModelFailure.InvalidRequest(about)
    case "InvalidOutputError":
    case "InvalidResponseError":
    case "StructuredOutputError":
      return new ModelFailure.InvalidModelOutput(about)
    default:
      return new ModelFailure.ModelFailedUnknown(about)
  }
}
