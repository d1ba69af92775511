/**
 * What a run may wait for besides an answer from outside: its cancel, an hour at which the wait ends, and one at which
 * something is said about it while it goes on.
 */
import type { AgentPath, Entry } from "@reins/protocol"
import * as Effect from "effect/Effect"

/** What a wait answers when nobody does. */
export interface WaitEnd<A> {
  readonly cancelled: A
  /** At this time (epoch milliseconds) the wait answers `value`. Absent: it waits for ever. */
  readonly expires?: { readonly at: number; readonly value: A } | undefined
  /** Done at this time (epoch milliseconds) where the wait has not ended by then: an `emit`, so that it is done once. */
  readonly reminder?: { readonly at: number; readonly emit: Effect.Effect<void> } | undefined
}

/** For the ledger: who waits, for what. */
export interface WaitRow {
  readonly path: AgentPath.AgentPath
  readonly reason: Entry.WaitEntry["reason"]
  readonly id: string
}

/** For engines: `wait`, and beside it the reminder of its `end`. */
export const reminding = <A, B>(
  run: { readonly now: () => number },
  { reminder }: WaitEnd<A>,
  wait: Effect.Effect<B>
): Effect.Effect<B> => {
  if (reminder === undefined) return wait
  const { at, emit } = reminder
  const reminded = Effect.suspend(() => Effect.sleep(Math.max(0, at - run.now()))).pipe(
    Effect.andThen(emit),
    Effect.andThen(Effect.never)
  )
  return Effect.raceFirst(wait, reminded)
}
