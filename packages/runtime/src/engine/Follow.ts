/**
 * A stream over a reader of a log: everything from its place on, in arrays of what is there, then waiting for more until the
 * log has ended. One wait per array, no queue and no fiber of its own.
 */
import type { Envelope } from "@reins/protocol"
import * as Arr from "effect/Array"
import * as Cause from "effect/Cause"
import * as Channel from "effect/Channel"
import * as Effect from "effect/Effect"
import * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import type { EventLog, Reader } from "./EventLog.ts"

/**
 * Follows `log` from behind `after`, each array mapped by `select` (drop what the reader should not see). `onLeave` is told
 * whether the log had ended when the reader left.
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

// Looks once more before it waits: the fiber may have yielded between its last look and this.
const news = (log: EventLog, reader: Reader): Effect.Effect<void> =>
  Effect.callback((resume) => {
    if (log.ended || reader.next < log.envelopes.length) return resume(Effect.void)
    reader.wake = () => resume(Effect.void)
    return Effect.sync(() => {
      reader.wake = undefined
    })
  })
