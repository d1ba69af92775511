/**
 * A stream as an async iterator over one fiber. The fiber passes an array at a time and waits until it is read, so that
 * an element costs no fiber and no effect. A stream that can be read in plain code (`EventLog.readingOf`) does not need
 * the fiber for arrays either: it only waits for the end.
 */
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Stream from "effect/Stream"
import { type Reading, readingOf } from "../engine/EventLog.ts"
import * as Types from "../kernel/Erased.ts"

interface Waiting<A> {
  readonly resolve: (result: IteratorResult<A, undefined>) => void
  readonly reject: (error: unknown) => void
}

export interface Options<R> {
  /** Runs the stream. */
  readonly fork: (effect: Effect.Effect<void, unknown, R>) => Fiber.Fiber<void, unknown>
  readonly signal?: AbortSignal | undefined
  /** What an abort does. Absent: reading ends with the signal's reason. */
  readonly onAbort?: ((stop: () => void) => void) | undefined
}

const over = { done: true, value: undefined } as const

/** Reads the stream once, starting with the first `next`. Leaving early interrupts it and waits for its end. */
export class Iteration<A, R> implements AsyncIterableIterator<A, undefined> {
  private items: ReadonlyArray<A> = []
  /** How many of the items were read. */
  private read = 0
  private readonly waiting: Array<Waiting<A>> = []
  private more: (() => void) | undefined
  private fiber: Fiber.Fiber<void, unknown> | undefined
  private ended = false
  private failure: { readonly error: unknown } | undefined
  /** The reading in plain code, once it is open. */
  private reading: Reading<A> | undefined
  /** Ends the fiber that holds `reading` open. */
  private close: (() => void) | undefined
  private readonly stream: Effect.Effect<Stream.Stream<A, unknown, R>, unknown, R>
  private readonly options: Options<R>

  constructor(stream: Effect.Effect<Stream.Stream<A, unknown, R>, unknown, R>, options: Options<R>) {
    this.stream = stream
    this.options = options
  }

  [Symbol.asyncIterator](): this {
    return this
  }

  next(): Promise<IteratorResult<A, undefined>> {
    const item = this.take()
    if (item !== undefined) return Promise.resolve(item)
    if (this.ended) return this.last()
    return new Promise((resolve, reject) => {
      this.waiting.push({ resolve, reject })
      if (this.fiber === undefined) return this.begin()
      if (this.reading !== undefined) return this.look()
      const { more } = this
      this.more = undefined
      more?.()
    })
  }

  return(): Promise<IteratorResult<A, undefined>> {
    this.items = []
    this.read = 0
    this.reading = undefined
    const { fiber } = this
    if (fiber === undefined) this.ended = true
    return fiber === undefined || this.ended
      ? Promise.resolve(over)
      : new Promise((resolve) => {
          fiber.addObserver(() => resolve(over))
          fiber.interruptUnsafe()
        })
  }

  private begin(): void {
    const { fork, onAbort, signal } = this.options
    if (signal?.aborted === true) return this.end(signal.reason)
    const stop = () => {
      if (this.ended) return
      this.failure = { error: signal?.reason }
      this.fiber?.interruptUnsafe()
    }
    const aborted = () => (onAbort === undefined ? stop() : onAbort(stop))
    signal?.addEventListener("abort", aborted, { once: true })
    const fiber = fork(
      Effect.flatMap(this.stream, (stream): Effect.Effect<void, unknown, R> => {
        const open = readingOf(stream)
        return open === undefined
          ? Stream.runForEachArray(stream, (items) =>
              Effect.callback((resume) => this.offer(items, () => resume(Effect.void)))
            )
          : Effect.acquireUseRelease(
              open,
              (reading) => this.follow(reading),
              (reading) => reading.leave
            )
      })
    )
    this.fiber = fiber
    fiber.addObserver((exit) => {
      signal?.removeEventListener("abort", aborted)
      if (Exit.isSuccess(exit) || Cause.hasInterruptsOnly(exit.cause)) this.end()
      else this.end(Cause.squash(exit.cause))
    })
  }

  /** Reads from `reading` from now on. Completes when it has ended and was read to its end. */
  private follow(reading: Reading<A>): Effect.Effect<void> {
    return Effect.callback((resume) => {
      this.reading = reading
      this.close = () => {
        this.reading = undefined
        resume(Effect.void)
      }
      this.look()
      return Effect.sync(() => {
        this.reading = undefined
        reading.wait(undefined)
      })
    })
  }

  /** Serves the waiting reads with the available items; if there are too few, continues when there are more. */
  private readonly look = (): void => {
    const { reading } = this
    if (reading === undefined) return
    while (this.waiting.length > 0) {
      const item = this.take()
      if (item !== undefined) {
        this.waiting.shift()?.resolve(item)
        continue
      }
      this.items = reading.take()
      this.read = 0
      if (this.items.length > 0) continue
      return reading.isOver() ? this.close?.() : reading.wait(this.look)
    }
  }

  /** The next available item; `undefined` when all were read. */
  private take(): IteratorResult<A, undefined> | undefined {
    const { items, read } = this
    if (read >= items.length) return undefined
    this.read++
    return { done: false, value: Types.as<A>(items[read]) } // at least one is waiting
  }

  private offer(items: ReadonlyArray<A>, more: () => void): void {
    this.items = items
    this.read = 0
    while (this.waiting.length > 0) {
      const item = this.take()
      if (item === undefined) return more()
      this.waiting.shift()?.resolve(item)
    }
    this.more = more
  }

  private end(...error: ReadonlyArray<unknown>): void {
    this.ended = true
    if (error.length > 0) this.failure ??= { error: error[0] }
    for (const { reject, resolve } of this.waiting.splice(0)) this.last().then(resolve, reject)
  }

  /** The failure, once; then nothing more. */
  private last(): Promise<IteratorResult<A, undefined>> {
    const { failure } = this
    this.failure = undefined
    return failure === undefined ? Promise.resolve(over) : Promise.reject(failure.error)
  }
}

/**
 * Runs the effect; an abort of `signal` runs `onAbort`. An effect that is stopped by it, or not begun since the signal
 * was aborted before, fails with the signal's reason.
 */
export const untilAborted = <A, E>(
  effect: Effect.Effect<A, E>,
  signal: AbortSignal,
  onAbort: (stop: () => void) => void
): Effect.Effect<A, E> =>
  Effect.callback((resume) => {
    if (signal.aborted) return resume(Effect.die(signal.reason))
    let isStopped = false
    const fiber = Effect.runFork(effect)
    const stop = () => {
      isStopped = true
      fiber.interruptUnsafe()
    }
    const aborted = () => onAbort(stop)
    signal.addEventListener("abort", aborted, { once: true })
    fiber.addObserver((exit) => {
      signal.removeEventListener("abort", aborted)
      const isCut = isStopped && Exit.isFailure(exit) && Cause.hasInterruptsOnly(exit.cause)
      resume(isCut ? Effect.die(signal.reason) : exit)
    })
    return Fiber.interrupt(fiber)
  })
