/** What a run has said so far, and what it waits for, by its events. */
import type { RuntimeShape } from "@reins/runtime"
import { Accumulation } from "@reins/wire"
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import * as ThreadName from "../thread/ThreadName.ts"

/** Which run, and how many of its events are read. */
interface Read {
  readonly runId: string
  readonly resourceId: string
  readonly lastSeq: number
}

/** Threads are named as the tenant does. A run that no longer exists has no events. */
export const of = Effect.fnUntraced(function* (
  runtime: RuntimeShape,
  naming: ThreadName.Naming,
  { lastSeq, resourceId, runId }: Read
) {
  const accumulation = new Accumulation.Accumulation()
  const rename = ThreadName.envelopes(naming, resourceId)
  yield* runtime.watch(runId).pipe(
    Stream.take(lastSeq),
    Stream.runForEachArray((envelopes) =>
      Effect.sync(() => {
        for (const envelope of envelopes) accumulation.step(rename(envelope))
      })
    ),
    Effect.ignore
  )
  return accumulation.result()
})
