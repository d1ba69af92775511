/**
 * Sits between a server and its runtime, so that a test can wait for what the server does with its runs instead of
 * polling.
 */
import { Runtime } from "@reins/runtime"
import { Deferred, Effect, Latch, Layer, Schema, Stream } from "effect"

/** How the server waits for a run's end, which does not count as a reader. */
const endOnly = Number.MAX_SAFE_INTEGER

const asRun: (started: unknown) => ReturnType<Runtime["Service"]["start"]> = Schema.decodeUnknownSync(Schema.Any)

export const make = Effect.gen(function* () {
  const first = yield* Deferred.make<string>()
  const unread = yield* Latch.make(false)
  const read = yield* Latch.make(false)
  let readers = 0
  const counted = <A, E>(stream: Stream.Stream<A, E>) =>
    Stream.suspend(() => {
      readers++
      read.openUnsafe()
      unread.closeUnsafe()
      return stream
    }).pipe(
      Stream.ensuring(
        Effect.sync(() => {
          if (--readers > 0) return
          read.closeUnsafe()
          unread.openUnsafe()
        })
      )
    )
  const tapped = (runtime: Runtime["Service"]): Runtime["Service"] => ({
    ...runtime,
    start: new Proxy(runtime.start, {
      apply: (start, self, given) =>
        Effect.tap(asRun(Reflect.apply(start, self, given)), ({ runId }) => Deferred.succeed(first, runId))
    }),
    watch: (runId, options) => {
      const stream = runtime.watch(runId, options)
      return options?.after === endOnly ? stream : counted(stream)
    }
  })
  return {
    /** The id of the first run that the server starts. */
    firstRun: Deferred.await(first),
    /** Completes when a run is read by a response. */
    isRead: read.await,
    /** Completes when the last reader of a run has disconnected. */
    isUnread: unread.await,
    layer: (runtime: Layer.Layer<Runtime>): Layer.Layer<Runtime> =>
      Layer.provide(Layer.effect(Runtime, Effect.map(Runtime, tapped)), runtime)
  }
})
