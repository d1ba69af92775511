/**
 * Tells a run to one reader: its envelopes through an encoder, a comment while nothing is said, and the end where the run
 * ends, where the answer is detached, or where the server closes. Each reader has a place of its own in the log, so that a
 * slow one holds up nobody.
 */
import type { Envelope } from "@reins/protocol"
import type { Dialect, Frame } from "@reins/wire"
import { Refusal, Sse } from "@reins/wire"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Stream from "effect/Stream"
import * as ThreadName from "../thread/ThreadName.ts"
import * as Heartbeat from "./Heartbeat.ts"
import type { Feed } from "./Outcome.ts"
import type { ServerContext } from "./ServerContext.ts"
import * as Transmission from "./Transmission.ts"

type Streamed = Extract<Dialect.Answer, { readonly _tag: "Stream" }>

const encoder = new TextEncoder()

/**
 * The answer's bytes. Each element is whole frames, so that a cut between two is a place to go on from. `quiet` is what breaks
 * a silence; absent, a comment.
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
    const transmission = new Transmission.Transmission(answer, feed)
    const told = watched(serving, feed, Heartbeat.attended(text(serving, feed, transmission), serving.bell, comment))
    return (isSse ? Stream.concat(opened, told) : told).pipe(
      Stream.mapArray((parts): readonly [Uint8Array] => [encoder.encode(parts.join(""))])
    )
  })

/** Sends the headers off, however long the run is silent. */
const opened = Stream.make(Sse.comment("open"))

const closed = Refusal.make("unavailable", "Closing", "the server is closing", 1)

/** The reply that a run comes to, once it has ended, is waiting or, where only that is asked, as far as it is. */
export const whole = (
  serving: ServerContext,
  feed: Feed,
  folding: Dialect.Folding
): Effect.Effect<Dialect.Reply, Refusal.Refusal> =>
  Effect.suspend(() => {
    const transmission = new Transmission.Transmission(Transmission.silent(folding), feed)
    const told = watched(serving, feed, Heartbeat.attended(text(serving, feed, transmission), serving.bell, undefined))
    return Effect.flatMap(Stream.runDrain(told), () =>
      transmission.isOver ? Effect.succeed(folding.reply()) : Effect.fail(closed)
    )
  })

const text = (serving: ServerContext, feed: Feed, transmission: Transmission.Transmission): Stream.Stream<string> => {
  const rename = ThreadName.envelopes(serving.naming, feed.tenant)
  const source = feed.isThread ? thread(serving, feed) : run(serving, feed.runId, feed.until, feed.settled)
  return source.pipe(
    Stream.mapArray((envelopes): readonly [string] => [transmission.take(envelopes.map(rename))]),
    Stream.takeUntil(() => transmission.isOver),
    Stream.concat(Stream.sync(() => transmission.close())),
    Stream.filter((part) => part !== "")
  )
}

const run = (
  { runtime }: ServerContext,
  runId: string,
  until: Feed["until"],
  settled: number
): Stream.Stream<Envelope.Envelope> => {
  // A run that nobody knows any more has nothing more to say.
  const envelopes = Stream.catchTag(runtime.watch(runId), "RunNotFound", () => Stream.empty)
  return until === "stored" ? Stream.take(envelopes, settled) : envelopes
}

/** The runs of a thread one behind the other, and those to come. */
const thread = (serving: ServerContext, { tenant, threadId, until }: Feed): Stream.Stream<Envelope.Envelope> =>
  Stream.unfold(0, (index) =>
    Effect.gen(function* () {
      if (until === "end") yield* serving.book.more(tenant, threadId, index)
      const note = (yield* serving.book.get(tenant, threadId))?.runs[index]
      if (note === undefined) return undefined
      const status = yield* serving.runtime.status(note.runId)
      return [run(serving, note.runId, until, status?.lastSeq ?? 0), index + 1] as const
    })
  ).pipe(Stream.flatten())

/** Counts the reader in and out; when the last one of a run is cut off, the run goes the way of `onDisconnect`. */
const watched = <A>(serving: ServerContext, feed: Feed, said: Stream.Stream<A>): Stream.Stream<A> => {
  const { watchers } = serving
  return Stream.suspend(() => {
    watchers.join(feed.runId)
    return said
  }).pipe(
    Stream.onExit((exit) =>
      Effect.suspend(() => {
        const left = watchers.leave(feed.runId)
        return left === 0 && Exit.isFailure(exit) && !feed.isThread ? abandon(serving, feed.runId) : Effect.void
      })
    )
  )
}

/** A run that nobody watches any more goes the way of `onDisconnect`. */
export const abandon = (
  { fork, onDisconnect, runtime, watchers }: ServerContext,
  runId: string
): Effect.Effect<void> => {
  if (onDisconnect === "keep") return Effect.void
  const cancel = Effect.suspend(() => (watchers.isWatched(runId) ? Effect.void : runtime.cancel(runId)))
  return onDisconnect === "cancel"
    ? fork(cancel)
    : fork(Effect.delay(cancel, Duration.fromInputUnsafe(onDisconnect.cancelAfter)))
}
