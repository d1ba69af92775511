/**
 * Streams a run to one reader: its envelopes through an encoder, a comment when idle, and the end when the run ends,
 * the answer is detached, or the server closes. Each reader has its own position in the log, so that a slow one does
 * not block others.
 */
import { Budget, ContentFree, type Envelope } from "@reins/protocol"
import { type Dialect, type Frame, Refusal, Sse, Cursor, Ndjson, PlainText } from "@reins/wire"
import * as Arr from "effect/Array"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Pull from "effect/Pull"
import * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import * as ThreadName from "../thread/ThreadName.ts"
import * as Heartbeat from "./Heartbeat.ts"
import type { Feed } from "./Outcome.ts"
import type { ServerContext } from "./ServerContext.ts"
import type { Opening } from "../thread/ThreadBook.ts"

type Streamed = Extract<Dialect.Answer, { readonly _tag: "Stream" }>

/** How frames are written, and the headers of the response. */
export const formats = { sse: Sse, ndjson: Ndjson, text: PlainText } as const

/** How long a text may get before it waits for its reader, in characters; one frame may exceed it. */
const textSize = 64 * 1024

/** Envelopes that a reader has taken, and the first of them that it has not been sent. */
interface Batch {
  readonly all: ReadonlyArray<Envelope.Envelope>
  next: number
}

/** Encodes one answer: envelopes in, text out, through its dialect's encoder. Mutable; owned by one answer. */
class Transmission {
  readonly #encoder: Dialect.Encoder
  readonly #answer: Streamed
  readonly #feed: Feed
  readonly #write: (frame: Frame.Frame) => string
  /** The positions of user messages, by their ids. */
  readonly #received = new Map<string, number>()
  #openings = 0
  #isOver = false

  /** `write`: a frame as text, in place of the answer's own format. */
  constructor(answer: Streamed, feed: Feed, write?: (frame: Frame.Frame) => string) {
    this.#encoder = answer.open(feed.inputTokens)
    this.#answer = answer
    this.#feed = feed
    this.#write = write ?? formats[answer.format].encode
  }

  /** True when the answer has ended, whether or not the run has. */
  get isOver(): boolean {
    return this.#isOver
  }

  /** Why the answer that has ended is not complete. */
  get failure(): Refusal.Refusal | undefined {
    return this.#isOver ? this.#encoder.failure : undefined
  }

  /**
   * The text for the next envelopes, until it has `textSize`; including the closing frames when the answer ends with
   * them.
   */
  take(batch: Batch): string {
    let text = ""
    let seq = 0
    while (text.length < textSize) {
      const envelope = batch.all[batch.next]
      if (envelope === undefined) break
      batch.next += 1
      seq = envelope.seq
      text += this.#reopen(seq)
      if (envelope.event.type === "message-received") this.#received.set(envelope.event.data.messageId, seq)
      const frames = this.#encoder.step(envelope)
      if (this.#isSilent || frames.length === 0) continue
      const stamped = this.#answer.isStamped ? Cursor.rest(this.#feed.cursor, seq, Cursor.stamp(seq, frames)) : frames
      for (const frame of stamped) text += this.#write(frame)
    }
    if (!this.#isSilent && seq >= this.#feed.settled && this.#encoder.isDetached) text += this.#finish()
    return text
  }

  /** The closing text after the run's last envelope. */
  close(): string {
    return this.#isOver ? "" : this.#reopen(Number.POSITIVE_INFINITY) + this.#finish()
  }

  /** True for what earlier answers already sent. */
  get #isSilent(): boolean {
    return this.#openings < this.#feed.openings.length
  }

  #reopen(seq: number): string {
    const { openings } = this.#feed
    if (this.#openings >= openings.length) return ""
    // A message may enter later than a following answer: the last one that has entered counts for those before it.
    const next = openings.findLastIndex((opening, index) => index >= this.#openings && this.#placeOf(opening) < seq) + 1
    let text = ""
    while (this.#openings < next) {
      const opening = openings[this.#openings]
      if (opening === undefined) break
      this.#encoder.finish()
      const frames = this.#encoder.reopen(opening.answered, opening.messageId ?? opening.follows)
      this.#openings += 1
      if (!this.#isSilent) for (const frame of frames) text += this.#write(frame)
    }
    return text
  }

  /** The envelope after which an answer begins. */
  #placeOf({ after, messageId }: Opening): number {
    return messageId === undefined ? after : (this.#received.get(messageId) ?? Number.MAX_SAFE_INTEGER)
  }

  #finish(): string {
    this.#isOver = true
    let text = ""
    for (const frame of this.#encoder.finish()) text += this.#write(frame)
    return text
  }
}

/** A folding driven like an encoder, so that non-streaming answers begin and end where streamed ones do. */
const silent = (folding: Dialect.Folding): Streamed => ({
  _tag: "Stream",
  format: "ndjson",
  isStamped: false,
  open: () => ({
    step: (envelope) => {
      folding.step(envelope)
      return []
    },
    finish: () => [],
    reopen: (answered) => {
      folding.reopen(answered)
      return []
    },
    get isDetached() {
      return folding.isDetached
    }
  })
})

const encoder = new TextEncoder()

/**
 * The answer's bytes. Each element is whole frames, so that a reader can resume after any of them. `quiet` is sent when
 * idle; absent: a comment.
 */
export const stream = (
  serving: ServerContext,
  feed: Feed,
  answer: Streamed,
  quiet: Frame.Frame | undefined
): Stream.Stream<Uint8Array> =>
  Stream.suspend(() => {
    const isSse = answer.format === "sse"
    const comment = isSse ? (quiet === undefined ? Sse.comment("keep-alive") : Sse.encode(quiet)) : "\n"
    const transmission = new Transmission(answer, feed)
    const told = watched(serving, feed, Heartbeat.attended(text(serving, feed, transmission), serving.bell, comment))
    return (isSse ? Stream.concat(opened, told) : told).pipe(
      Stream.mapArray((parts): readonly [Uint8Array] => [encoder.encode(parts.join(""))])
    )
  })

/**
 * The answer as plain text. It begins when there is something to send: where it fails before that, it is refused.
 * Afterwards a failure breaks the connection. What it has begun to read is released with the request, also where the
 * answer is not sent: its reader is gone then.
 */
export const plain = Effect.fnUntraced(function* (
  serving: ServerContext,
  feed: Feed,
  answer: Streamed
): Effect.fn.Return<Stream.Stream<Uint8Array, Refusal.Refusal>, Refusal.Refusal, Scope.Scope> {
  const transmission = new Transmission(answer, feed)
  const source = Heartbeat.attended(text(serving, feed, transmission), serving.bell, undefined)
  const scope = yield* Scope.make()
  yield* Effect.addFinalizer(() => Scope.close(scope, Exit.interrupt()))
  return yield* Effect.gen(function* () {
    const pull = yield* Scope.provide(Stream.toPull(watched(serving, feed, source)), scope)
    const first = yield* Pull.catchDone(pull, () => Effect.succeed<ReadonlyArray<string>>([]))
    if (transmission.failure !== undefined) return yield* Effect.fail(transmission.failure)
    if (first.length === 0 && !transmission.isOver) return yield* Effect.fail(closed)
    const rest = first.length === 0 ? Stream.empty : Stream.fromPull(Effect.succeed(pull))
    const end = Stream.suspend(() => {
      const { failure = transmission.isOver ? undefined : closed } = transmission
      return failure === undefined ? Stream.empty : Stream.fail(failure)
    })
    return Stream.concat(Stream.fromIterable(first), rest).pipe(
      Stream.concat(end),
      Stream.map((part) => encoder.encode(part)),
      Stream.onExit((exit) => closing(scope, exit))
    )
  }).pipe(Effect.onExit((exit) => (Exit.isSuccess(exit) ? Effect.void : closing(scope, exit))))
})

/** An answer that fails has been read to its end; one that is interrupted has lost its reader. */
const closing = (scope: Scope.Closeable, exit: Exit.Exit<unknown, unknown>): Effect.Effect<void> =>
  Scope.close(scope, Exit.hasInterrupts(exit) ? exit : Exit.void)

/**
 * The answer as lines, one for each frame that `write` has a word for, for connections that carry several answers. Ends
 * like a stream; keeping the connection open is its owner's.
 */
export const lines = (
  serving: ServerContext,
  feed: Feed,
  answer: Streamed,
  write: (frame: Frame.Frame) => string | undefined
): Stream.Stream<string> =>
  Stream.suspend(() => {
    const written = (frame: Frame.Frame) => {
      const line = write(frame)
      return line === undefined ? "" : `${line}\n`
    }
    const transmission = new Transmission(answer, feed, written)
    const told = Heartbeat.attended(text(serving, feed, transmission), serving.bell, undefined)
    return Stream.mapArray(watched(serving, feed, told), (parts) => {
      const all = parts.join("").split("\n").slice(0, -1)
      return Arr.isArrayNonEmpty(all) ? all : [""]
    })
  })

/** Sends the headers at once, however long the run is idle. */
const opened = Stream.make(Sse.comment("open"))

const closed = Refusal.make("unavailable", "Closing", "The server is shutting down. Retry", 1)

/** The non-streaming reply, once the run has ended, is waiting or, with `until: "stored"`, as far as it is stored. */
export const whole = (
  serving: ServerContext,
  feed: Feed,
  folding: Dialect.Folding
): Effect.Effect<Dialect.Reply, Refusal.Refusal> =>
  Effect.suspend(() => {
    const transmission = new Transmission(silent(folding), feed)
    const told = watched(serving, feed, Heartbeat.attended(text(serving, feed, transmission), serving.bell, undefined))
    return Effect.flatMap(Stream.runDrain(told), () =>
      transmission.isOver ? Effect.succeed(folding.reply()) : Effect.fail(closed)
    )
  })

const text = (serving: ServerContext, feed: Feed, transmission: Transmission): Stream.Stream<string> => {
  const named = ThreadName.envelopes(serving.naming, feed.tenant)
  const rename = feed.hidesContent === true ? (one: Envelope.Envelope) => ContentFree.envelope(named(one)) : named
  const source = feed.isThread
    ? thread(serving, feed)
    : run(serving, feed.runId, feed.upTo ?? (feed.until === "stored" ? feed.settled : undefined))
  return Stream.transformPull(source, (pull) => Effect.sync(() => texts(pull, rename, transmission))).pipe(
    Stream.takeUntil(() => transmission.isOver),
    Stream.concat(Stream.sync(() => transmission.close())),
    Stream.filter((part) => part !== "")
  )
}

/** What a reader that does not go on holds is one text and references to envelopes of the log. */
const texts = (
  pull: Pull.Pull<Arr.NonEmptyReadonlyArray<Envelope.Envelope>>,
  rename: (envelope: Envelope.Envelope) => Envelope.Envelope,
  transmission: Transmission
): Pull.Pull<Arr.NonEmptyReadonlyArray<string>> => {
  let batch: Batch = { all: [], next: 0 }
  const next: Pull.Pull<Arr.NonEmptyReadonlyArray<string>> = Effect.suspend(() =>
    batch.next < batch.all.length
      ? Effect.succeed([transmission.take(batch)])
      : Effect.flatMap(pull, (all) => {
          batch = { all: all.map(rename), next: 0 }
          return Effect.succeed([transmission.take(batch)])
        })
  )
  return next
}

const run = ({ runtime }: ServerContext, runId: string, upTo: number | undefined): Stream.Stream<Envelope.Envelope> => {
  // A run that no longer exists has no more events.
  const envelopes = Stream.catchTag(runtime.watch(runId), "RunNotFound", () => Stream.empty)
  return upTo === undefined ? envelopes : Stream.take(envelopes, upTo)
}

/** The runs of a thread in order, including future ones. */
const thread = (serving: ServerContext, { tenant, threadId, until }: Feed): Stream.Stream<Envelope.Envelope> =>
  Stream.unfold(0, (index) =>
    Effect.gen(function* () {
      if (until === "end") yield* serving.book.more(tenant, threadId, index)
      const note = (yield* serving.book.get(tenant, threadId))?.runs[index]
      if (note === undefined) return undefined
      const status = yield* serving.runtime.status(note.runId)
      return [run(serving, note.runId, until === "stored" ? (status?.lastSeq ?? 0) : undefined), index + 1] as const
    })
  ).pipe(Stream.flatten())

/** Counts the reader; when the last reader of a run disconnects, `onDisconnect` applies. */
const watched = <A>(serving: ServerContext, feed: Feed, said: Stream.Stream<A>): Stream.Stream<A> => {
  const { watchers } = serving
  return Stream.suspend(() => {
    watchers.join(feed.runId)
    return said
  }).pipe(
    Stream.onExit((exit) =>
      Effect.suspend(() => {
        const left = watchers.leave(feed.runId)
        return left === 0 && Exit.isFailure(exit) && !feed.isThread ? abandon(serving, feed) : Effect.void
      })
    )
  )
}

/** Applies `onDisconnect` to a run without readers. */
export const abandon = (
  { fork, runtime, watchers }: ServerContext,
  { onDisconnect = "keep", runId }: Pick<Feed, "onDisconnect" | "runId">
): Effect.Effect<void> => {
  if (onDisconnect === "keep") return Effect.void
  const cancel = Effect.suspend(() => (watchers.isWatched(runId) ? Effect.void : runtime.cancel(runId)))
  return onDisconnect === "cancel"
    ? fork(cancel)
    : fork(Effect.delay(cancel, Budget.milliseconds(onDisconnect.cancelAfter)))
}
