/**
 * Records each request of a model: a `chat` span and the client metrics of OpenTelemetry's conventions. Wrap any model:
 * `ModelTelemetry.layer(AiSdkModel.layer(…))`. `effect/observability` exports them, for example with `Otlp`.
 *
 * Content is left out unless content capture is on.
 */
import { type ModelFailure, Usage } from "@reins/protocol"
import { Model, type ModelPart, type ModelPort, type ModelRequest, ReceivedPart } from "@reins/runtime"
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Layer from "effect/Layer"
import * as Metric from "effect/Metric"
import * as Option from "effect/Option"
import type * as Tracer from "effect/Tracer"
import * as GenAi from "./GenAi.ts"
import * as Spans from "./Spans.ts"

/**
 * What telemetry records.
 *
 * @since 0.1.0
 * @category models
 */
export interface Options {
  /** Whether spans contain instructions, messages and responses. Default false. */
  readonly captureContent?: boolean | undefined
}

/**
 * Adds telemetry to the model of a layer.
 *
 * @since 0.1.0
 * @category layers
 */
export const layer = <E, R>(model: Layer.Layer<Model, E, R>, options?: Options): Layer.Layer<Model, E, R> =>
  Layer.effect(
    Model,
    Effect.map(Model, (port) => traced(port, options))
  ).pipe(Layer.provide(model))

/**
 * Adds telemetry to a model.
 *
 * @since 0.1.0
 * @category operations
 */
export const traced = (port: ModelPort, options: Options = {}): ModelPort => {
  const about = {
    [GenAi.attribute.operation]: GenAi.operation.chat,
    [GenAi.attribute.provider]: GenAi.providerName(port.provider),
    [GenAi.attribute.requestModel]: port.model
  }
  // Each is named, because a model may be of a class.
  const { describesSafely, model, provider, takesKeys, takesOutput } = port
  const named: Required<Omit<ModelPort, "attempt">> = { provider, model, describesSafely, takesKeys, takesOutput }
  return {
    ...named,
    attempt: (request, emit) =>
      Spans.around(
        `${GenAi.operation.chat} ${port.model}`,
        { kind: "client", attributes: { ...about, ...requested(request, options) } },
        options.captureContent === true || port.describesSafely === true,
        (span) =>
          Clock.clockWith((clock) => {
            const heard = new Heard(clock, options.captureContent === true)
            return Effect.onExit(
              Effect.withParentSpan(
                port.attempt(request, (parts) => {
                  heard.take(parts)
                  return emit(parts)
                }),
                span
              ),
              (exit) => report(span, about, heard, exit)
            )
          })
      )
  }
}

const requested = (request: ModelRequest, options: Options) => {
  const { metadata } = request
  return {
    [GenAi.attribute.agentName]: metadata.agent,
    [GenAi.attribute.conversation]: metadata.threadId,
    [GenAi.attribute.run]: metadata.runId,
    [GenAi.attribute.agentPath]: metadata.agentPath.join("/"),
    [GenAi.attribute.step]: metadata.step,
    [GenAi.attribute.attempt]: metadata.attempt,
    [GenAi.attribute.requestStream]: true,
    [GenAi.attribute.outputType]: request.output === undefined ? "text" : "json",
    ...(request.maxOutputTokens === undefined ? {} : { [GenAi.attribute.requestMaxTokens]: request.maxOutputTokens }),
    ...(options.captureContent === true
      ? {
          [GenAi.attribute.instructions]: request.instructions ?? "",
          [GenAi.attribute.inputMessages]: JSON.stringify(request.messages)
        }
      : {})
  }
}

/** For durations: a wall clock can be set back. */
const monotonicMs = (clock: Clock.Clock): number => Number(clock.monotonicTimeNanosUnsafe()) / 1e6

/** Collects the span's data of a response; plain code, since every delta passes through it. */
class Heard {
  readonly startedAt: number
  firstAt: number | undefined
  id: string | undefined
  model: string | undefined
  usage: Usage.Usage = Usage.empty
  finish: string | undefined
  text = ""
  readonly clock: Clock.Clock
  private readonly captures: boolean

  constructor(clock: Clock.Clock, captures: boolean) {
    this.clock = clock
    this.captures = captures
    this.startedAt = monotonicMs(clock)
  }

  take(parts: ReadonlyArray<ModelPart>): void {
    if (!Array.isArray(parts)) return
    for (const handed of parts) {
      const part = ReceivedPart.isPlain(handed) ? handed : ReceivedPart.read(handed, () => {})
      if (part === undefined || part instanceof ReceivedPart.Flaw) continue
      switch (part.type) {
        case "text":
        case "reasoning":
        case "tool-input":
        case "tool-call":
          this.firstAt ??= monotonicMs(this.clock)
          if (this.captures && part.type === "text") this.text += part.text
          break
        case "response":
          this.id = part.id ?? this.id
          this.model = part.model ?? this.model
          break
        case "usage":
          this.usage = part.usage
          break
        case "finish":
          this.finish = part.reason
          this.usage = part.usage ?? this.usage
          break
        default:
          break
      }
    }
  }
}

const tokenUsage = Metric.histogram(GenAi.metric.tokenUsage, { boundaries: GenAi.boundaries.tokens })
const duration = Metric.histogram(GenAi.metric.operationDuration, { boundaries: GenAi.boundaries.seconds })
const firstChunk = Metric.histogram(GenAi.metric.timeToFirstChunk, { boundaries: GenAi.boundaries.seconds })

const report = (
  span: Tracer.Span,
  about: { readonly [name: string]: string },
  heard: Heard,
  exit: Exit.Exit<void, ModelFailure.ModelFailure>
): Effect.Effect<void> => {
  const { usage } = heard
  const isUnknown = Usage.isUnknown(usage)
  const input = Usage.inputTokens(usage)
  const output = Usage.outputTokens(usage)
  const waited = heard.firstAt === undefined ? undefined : (heard.firstAt - heard.startedAt) / 1000
  const error = errorType(exit)
  const told: { readonly [name: string]: unknown } = {
    [GenAi.attribute.responseId]: heard.id,
    [GenAi.attribute.responseModel]: heard.model,
    [GenAi.attribute.finishReasons]: heard.finish === undefined ? undefined : [heard.finish],
    [GenAi.attribute.timeToFirstChunk]: waited,
    [GenAi.attribute.inputTokens]: isUnknown ? undefined : input,
    [GenAi.attribute.outputTokens]: isUnknown ? undefined : output,
    [GenAi.attribute.cacheReadTokens]: usage.inputCacheRead,
    [GenAi.attribute.cacheWriteTokens]: written(usage),
    [GenAi.attribute.reasoningTokens]: usage.outputReasoning,
    [GenAi.attribute.errorType]: error,
    [GenAi.attribute.outputMessages]: heard.text === "" ? undefined : heard.text
  }
  for (const [name, value] of Object.entries(told)) if (value !== undefined) span.attribute(name, value)
  const names = {
    ...about,
    ...(heard.model === undefined ? {} : { [GenAi.attribute.responseModel]: heard.model }),
    ...(error === undefined ? {} : { [GenAi.attribute.errorType]: error })
  }
  const tokens = (type: string, count: number) =>
    Metric.update(Metric.withAttributes(tokenUsage, { ...names, [GenAi.attribute.tokenType]: type }), count)
  const seconds = (monotonicMs(heard.clock) - heard.startedAt) / 1000
  return Effect.all(
    [
      Metric.update(Metric.withAttributes(duration, names), seconds),
      ...(waited === undefined ? [] : [Metric.update(Metric.withAttributes(firstChunk, names), waited)]),
      ...(isUnknown ? [] : [tokens("input", input), tokens("output", output)])
    ],
    { discard: true }
  )
}

/** Tokens written to a cache, for any duration. */
const written = ({ inputCacheWrite, inputCacheWriteLong }: Usage.Usage): number | undefined =>
  inputCacheWrite === undefined && inputCacheWriteLong === undefined
    ? undefined
    : (inputCacheWrite ?? 0) + (inputCacheWriteLong ?? 0)

/** The reason's tag; `cancelled` when the request was interrupted. */
const errorType = (exit: Exit.Exit<void, ModelFailure.ModelFailure>): string | undefined => {
  if (Exit.isSuccess(exit)) return undefined
  const failure = Exit.findErrorOption(exit)
  if (Option.isSome(failure)) return failure.value._tag
  return Exit.hasInterrupts(exit) ? "cancelled" : "crashed"
}
