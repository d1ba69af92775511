/**
 * The log of one run in memory: its envelopes in order, its readers, and the stream that follows it (`follow`).
 *
 * The log only grows. It does not check the order of events: its owner has checked what it appends. Readers are woken
 * once per turn of the microtask queue, after the append, so that a reader never runs inside its writer. `full` is true
 * while a bounded reader is far behind. A log may begin after events that its owner has not loaded; readers of those
 * read the store.
 */
import { Envelope, type Event } from "@reins/protocol"
import * as Erased from "../kernel/Erased.ts"
import * as Task from "../kernel/Task.ts"
import { trimmed } from "../kernel/PlainJson.ts"
import * as Arr from "effect/Array"
import * as Cause from "effect/Cause"
import * as Channel from "effect/Channel"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Predicate from "effect/Predicate"
import type * as Pull from "effect/Pull"
import * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"

/** How far a bounded reader may fall behind before the run waits for it, in events. */
const highWater = 4096

/** How many events a reader takes at once, so that one that does not go on holds no more than these. */
const pieceSize = 1000

/** A reader's position in the log. */
export interface Reader {
  readonly bounded: boolean
  /** Index of the next envelope to read. */
  next: number
  /** Called once when there are new events or the log has ended. */
  wake: (() => void) | undefined
}

const nobody: ReadonlyArray<Reader> = []

/**
 * A source that is read array by array without an effect for each: `take` returns what is available, `wait` calls back
 * once when there is more or the log has ended. `leave` runs once, when reading stops.
 */
export interface Reading<A> {
  readonly take: () => ReadonlyArray<A>
  readonly isOver: () => boolean
  /** Only the latest callback is called. */
  readonly wait: (wake: (() => void) | undefined) => void
  readonly leave: Effect.Effect<void>
}

export class EventLog {
  envelopes: Array<Envelope.Envelope> = []
  /** The number of the run's events before the first one here. */
  readonly before: number
  ended = false
  abandoned = false
  private readers: ReadonlyArray<Reader> = nobody
  private waking = false
  private roomWaiters: Array<() => void> | undefined

  constructor(before = 0) {
    this.before = before
  }

  /**
   * A reader that starts after `after`: an invalid number counts as the start of the log, a number beyond its end as
   * the end.
   */
  reader(after: number, bounded: boolean): Reader {
    const reader: Reader = { bounded, next: after > this.before ? Math.floor(after) - this.before : 0, wake: undefined }
    this.readers = [...this.readers, reader]
    return reader
  }

  leave(reader: Reader): void {
    const left = this.readers.filter((one) => one !== reader)
    this.readers = left.length === 0 ? nobody : left
    this.makeRoom()
  }

  /**
   * Returns the next new envelopes for `reader`, at most `pieceSize`, and advances it. Changes by the reader do not
   * affect the log or other readers.
   */
  take(reader: Reader): ReadonlyArray<Envelope.Envelope> {
    const { envelopes } = this
    const news: Array<Envelope.Envelope> = []
    while (reader.next < envelopes.length && news.length < pieceSize) {
      const envelope = envelopes[reader.next++]
      if (envelope !== undefined) news.push(Envelope.toReader(envelope))
    }
    if (this.roomWaiters !== undefined) this.makeRoom()
    return news
  }

  /** The same for the root view: only its events. Empty only if there is none up to the log's end. */
  takeRootView(reader: Reader): ReadonlyArray<Event> {
    const { envelopes } = this
    const news: Array<Event> = []
    while (reader.next < envelopes.length && news.length < pieceSize) {
      const envelope = envelopes[reader.next++]
      if (envelope !== undefined && Envelope.isRootView(envelope)) news.push(Envelope.eventToReader(envelope))
    }
    if (this.roomWaiters !== undefined) this.makeRoom()
    return news
  }

  /** Notifies the readers after the owner has appended. */
  wake(): void {
    if (this.waking || this.readers.length === 0) return
    this.waking = true
    Task.soon(() => {
      this.waking = false
      for (const reader of this.readers) {
        const wake = reader.wake
        if (wake !== undefined && (this.ended || reader.next < this.envelopes.length)) {
          reader.wake = undefined
          wake()
        }
      }
    })
  }

  /** Frees the spare capacity of grown arrays: nothing may be written for a long time. */
  trim(): void {
    this.envelopes = trimmed(this.envelopes)
  }

  end(): void {
    this.ended = true
    this.wake()
  }

  /** Its owner stopped before the run's end: readers end here and must continue elsewhere. */
  abandon(): void {
    this.abandoned = true
    this.end()
  }

  get full(): boolean {
    for (const reader of this.readers) {
      if (reader.bounded && this.envelopes.length - reader.next > highWater) return true
    }
    return false
  }

  room(): Promise<void> {
    return this.full ? new Promise((resolve) => (this.roomWaiters ??= []).push(resolve)) : Promise.resolve()
  }

  private makeRoom(): void {
    const waiters = this.roomWaiters
    if (waiters === undefined || this.full) return
    this.roomWaiters = undefined
    for (const resolve of waiters) resolve()
  }
}

/**
 * Follows `log` after `after`, each array mapped by `select`. `onLeave` gets whether the log had ended when the reader
 * left.
 */
export const follow = <A>(
  log: EventLog,
  options: {
    readonly after: number
    readonly bounded: boolean
    readonly select: (envelopes: ReadonlyArray<Envelope.Envelope>) => ReadonlyArray<A>
    readonly onLeave?: ((ended: boolean) => void) | undefined
  }
): Stream.Stream<A> =>
  Stream.fromChannel(
    Channel.fromTransform((_: unknown, scope) =>
      Effect.suspend(() => {
        const reader = log.reader(options.after, options.bounded)
        const pull: Effect.Effect<Arr.NonEmptyReadonlyArray<A>, Cause.Done> = Effect.suspend(() => {
          const selected = options.select(log.take(reader))
          if (Arr.isReadonlyArrayNonEmpty(selected)) return Effect.succeed(selected)
          return log.ended && reader.next >= log.envelopes.length
            ? Cause.done()
            : Effect.flatMap(news(log, reader), () => pull)
        })
        const leave = Effect.sync(() => {
          log.leave(reader)
          options.onLeave?.(log.ended)
        })
        return Effect.as(Scope.addFinalizer(scope, leave), pull)
      })
    )
  )

// Checks once more before it waits: the fiber may have yielded since the last check.
const news = (log: EventLog, reader: Reader): Effect.Effect<void> =>
  Effect.callback((resume) => {
    if (log.ended || reader.next < log.envelopes.length) return resume(Effect.void)
    reader.wake = () => resume(Effect.void)
    return Effect.sync(() => {
      reader.wake = undefined
    })
  })

/** The root view of a run, after `after`. `onLeave` runs when the reader leaves. */
export class RootReading implements Reading<Event> {
  readonly leave: Effect.Effect<void>
  private readonly log: EventLog
  private readonly reader: Reader

  constructor(
    log: EventLog,
    options: { readonly after: number; readonly bounded: boolean; readonly onLeave: Effect.Effect<unknown> }
  ) {
    const { after, bounded, onLeave } = options
    this.log = log
    this.reader = log.reader(after, bounded)
    this.leave = Effect.suspend(() => {
      log.leave(this.reader)
      return Effect.asVoid(onLeave)
    })
  }

  take(): ReadonlyArray<Event> {
    return this.log.takeRootView(this.reader)
  }

  isOver(): boolean {
    return this.log.ended && this.reader.next >= this.log.envelopes.length
  }

  wait(wake: (() => void) | undefined): void {
    this.reader.wake = wake
  }
}

/** A view of a run, array by array: one pass and one stage for what every reader of a query reads. */
export const viewOf = (
  envelopes: Stream.Stream<Envelope.Envelope>,
  view: "root" | "progress" = "root",
  isSeen = view === "root" ? Envelope.isRootView : Envelope.isProgressView
): Stream.Stream<Event> =>
  Stream.transformPull(envelopes, (pull) => {
    const next: Pull.Pull<Arr.NonEmptyReadonlyArray<Event>> = Effect.flatMap(pull, (all) => {
      const seen: Array<Event> = []
      for (const envelope of all) if (isSeen(envelope)) seen.push(envelope.event)
      return Arr.isArrayNonEmpty(seen) ? Effect.succeed(seen) : next
    })
    return Effect.succeed(next)
  })

const OpenId = "~@reins/runtime/Reading"

/** A reading as a stream, one effect per array. `open` runs once per reader of the stream, uninterruptibly. */
export const streamOf = <A, E>(open: Effect.Effect<Reading<A>, E>): Stream.Stream<A, E> =>
  Object.assign(
    Stream.fromChannel(
      Channel.fromTransform((_: unknown, scope) =>
        Effect.map(
          Scope.provide(
            Effect.acquireRelease(open, (reading) => reading.leave),
            scope
          ),
          (reading) => pullOf(reading)
        )
      )
    ),
    { [OpenId]: open } as const
  )

/** The plain reading of a stream that `streamOf` made; `undefined` for any other. */
export const readingOf = <A, E, R>(stream: Stream.Stream<A, E, R>): Effect.Effect<Reading<A>, E> | undefined =>
  // Only `streamOf` sets it.
  Predicate.hasProperty(stream, OpenId) ? Erased.as(stream[OpenId]) : undefined

const pullOf = <A>(reading: Reading<A>): Effect.Effect<Arr.NonEmptyReadonlyArray<A>, Cause.Done> => {
  const next = (): Effect.Effect<Arr.NonEmptyReadonlyArray<A>, Cause.Done> | undefined => {
    const items = reading.take()
    if (Arr.isReadonlyArrayNonEmpty(items)) return Exit.succeed(items)
    return reading.isOver() ? Cause.done() : undefined
  }
  const news = Effect.callback<Arr.NonEmptyReadonlyArray<A>, Cause.Done>((resume) => {
    const look = (): void => {
      const found = next()
      if (found === undefined) reading.wait(look)
      else resume(found)
    }
    look()
    return Effect.sync(() => reading.wait(undefined))
  })
  return Effect.suspend(() => next() ?? news)
}
