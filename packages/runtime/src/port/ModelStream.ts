/**
 * A model over any source that yields its parts one by one, such as an async generator around a provider's stream.
 *
 * Reads ahead of the run, and hands over in one array whatever one turn of the event loop brought: no part waits for
 * another, and a fast source does not cost an effect per part. When the run is behind, the source is held.
 */
import { ModelFailure } from "@reins/protocol"
import * as Effect from "effect/Effect"
import type { SchedulerDispatcher } from "effect/Scheduler"
import type { Emit, ModelPart, ModelPort, ModelRequest } from "./Model.ts"

/** How a source is read. */
export interface Options {
  /** The names that prices and traces know the model by. */
  readonly provider: string
  readonly model: string
  /** Opens one answer. `signal` is aborted as soon as nobody wants it any more. */
  readonly open: (request: ModelRequest, signal: AbortSignal) => AsyncIterable<ModelPart>
  /**
   * What it means that the source threw. Absent: a thrown `ModelFailure` is taken for what it says, and anything else is a
   * crash of the adapter, which is not tried again.
   */
  readonly onError?: ((error: unknown) => ModelFailure.ModelFailure) | undefined
}

/** The model of a source. */
export const fromAsyncIterable = (options: Options): ModelPort => ({
  provider: options.provider,
  model: options.model,
  attempt: (request, emit) =>
    Effect.withFiber(({ currentDispatcher }) => {
      const controller = new AbortController()
      const source = options.open(request, controller.signal)[Symbol.asyncIterator]()
      const intake = new Intake(source, currentDispatcher)
      return Effect.onInterrupt(carry(intake, emit, options), () =>
        Effect.sync(() => {
          controller.abort()
          intake.leave()
        })
      )
    })
})

const carry = Effect.fnUntraced(function* (intake: Intake, emit: Emit, options: Options) {
  intake.read()
  for (;;) {
    yield* intake.gathered
    const parts = intake.take()
    const room = parts.length === 0 ? undefined : emit(parts)
    if (room !== undefined) yield* Effect.promise(() => room)
    else if (intake.end !== undefined) break
  }
  if (intake.end.error !== undefined) return yield* failed(intake.end.error, options)
})

const failed = (error: unknown, { onError }: Options): Effect.Effect<never, ModelFailure.ModelFailure> => {
  if (onError !== undefined) return Effect.fail(onError(error))
  return isModelFailure(error) ? Effect.fail(error) : Effect.die(error)
}

const isModelFailure = (error: unknown): error is ModelFailure.ModelFailure =>
  ModelFailure.members.some((member) => error instanceof member)

/** The most parts that wait for the run; then the source is held. */
const most = 512

/** What has come of an answer and was not handed over. */
class Intake {
  end: { readonly error?: unknown } | undefined
  private parts: Array<ModelPart> = []
  private wake: (() => void) | undefined
  private turning = false
  private left = false
  private readonly source: AsyncIterator<ModelPart>
  private readonly dispatcher: SchedulerDispatcher

  constructor(source: AsyncIterator<ModelPart>, dispatcher: SchedulerDispatcher) {
    this.source = source
    this.dispatcher = dispatcher
  }

  /** Completes when a turn of the event loop that brought something is over, when the answer ended, when no room is left. */
  readonly gathered: Effect.Effect<void> = Effect.callback((resume) => {
    if (this.end !== undefined || this.parts.length >= most) return resume(Effect.void)
    this.wake = () => resume(Effect.void)
    if (this.parts.length > 0) this.awaitTurn()
    return Effect.sync(() => {
      this.wake = undefined
    })
  })

  readonly read = (): void => {
    this.source.next().then(this.took, this.broke)
  }

  take(): ReadonlyArray<ModelPart> {
    const { parts } = this
    this.parts = []
    if (parts.length >= most && this.end === undefined) this.read()
    return parts
  }

  /** Lets go of the source without waiting for it. */
  leave(): void {
    this.left = true
    if (this.end === undefined) this.source.return?.().then(ignore, ignore)
  }

  private readonly took = (next: IteratorResult<ModelPart>): void => {
    if (this.left) return
    if (next.done === true) {
      this.end = {}
      return this.ring()
    }
    this.parts.push(next.value)
    if (this.parts.length >= most) return this.ring()
    if (this.wake !== undefined) this.awaitTurn()
    this.read()
  }

  private readonly broke = (error: unknown): void => {
    this.end = { error: error ?? new Error("the source failed without a reason") }
    this.ring()
  }

  private awaitTurn(): void {
    if (this.turning) return
    this.turning = true
    this.dispatcher.scheduleTask(this.turned, 0)
  }

  private readonly turned = (): void => {
    this.turning = false
    if (this.parts.length > 0) this.ring()
  }

  private ring(): void {
    const { wake } = this
    this.wake = undefined
    wake?.()
  }
}

const ignore = (): void => {}
