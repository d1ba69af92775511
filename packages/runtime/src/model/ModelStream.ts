/**
 * A model over any source that yields its parts one by one, such as an async generator around a provider's stream.
 *
 * All parts of one turn of the event loop are passed in one array (`pump`): no part waits for another, and a fast
 * source does not cost an effect per part. While the run is behind, the source is paused.
 */
import { ModelFailure } from "@reins/protocol"
import * as Effect from "effect/Effect"
import type { Emit, ModelPart, ModelPort, ModelRequest } from "./Model.ts"
import { pumpFrom, type PumpOptions, type Source } from "./Pump.ts"

export { pump, pumpFrom } from "./Pump.ts"
export type { PumpOptions, Source } from "./Pump.ts"

/**
 * How a source is read.
 *
 * @since 0.1.0
 * @category models
 */
export interface Options {
  /** The model's names in prices and traces. */
  readonly provider: string
  readonly model: string
  /** Opens one answer. `signal` is aborted when the answer is not needed any more. */
  readonly open: (request: ModelRequest, signal: AbortSignal) => AsyncIterable<ModelPart>
  /**
   * Converts an error of the source. Absent: a thrown `ModelFailure` is used as it is, and anything else is a crash of
   * the adapter, which is not retried.
   */
  readonly onError?: ((error: unknown) => ModelFailure.ModelFailure) | undefined
}

/**
 * The model of a source.
 *
 * @since 0.1.0
 * @category constructors
 */
export const fromAsyncIterable = (options: Options): ModelPort => ({
  provider: options.provider,
  model: options.model,
  attempt: (request, emit) => pumpFrom(() => new Iterated(options, request), new Reception(options, emit))
})

/** Whether it is an async generator of the language, not an iterator of the program's own. */
const isGenerator = (parts: object): boolean => Object.prototype.toString.call(parts) === "[object AsyncGenerator]"

/** A source that was opened for a request. */
class Iterated implements Source<ModelPart> {
  declare private readonly controller: AbortController
  declare private readonly parts: AsyncIterator<ModelPart>
  declare readonly isNative: boolean

  constructor({ open }: Options, request: ModelRequest) {
    this.controller = new AbortController()
    this.parts = open(request, this.controller.signal)[Symbol.asyncIterator]()
    this.isNative = isGenerator(this.parts)
  }

  next(): ReturnType<Source<ModelPart>["next"]> {
    return this.parts.next()
  }

  leave(): Promise<unknown> | undefined {
    this.controller.abort()
    return this.parts.return?.()
  }
}

/** How its parts are passed on, and what its failure means. */
class Reception implements PumpOptions<ModelPart, ModelFailure.ModelFailure> {
  declare readonly take: Emit
  declare private readonly options: Options

  constructor(options: Options, take: Emit) {
    this.options = options
    this.take = take
  }

  onError(error: unknown): Effect.Effect<void, ModelFailure.ModelFailure> {
    return failed(error ?? new Error("the source failed without a reason"), this.options)
  }
}

const failed = (error: unknown, { onError }: Options): Effect.Effect<never, ModelFailure.ModelFailure> => {
  if (onError !== undefined) return Effect.fail(onError(error))
  return isModelFailure(error) ? Effect.fail(error) : Effect.die(error)
}

const isModelFailure = (error: unknown): error is ModelFailure.ModelFailure =>
  ModelFailure.members.some((member) => error instanceof member)
