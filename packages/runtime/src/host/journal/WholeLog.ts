/**
 * Logs whose beginning their owner has not read, because a snapshot stands for it, and the two cases in which it must be read after
 * all.
 */
import { type Envelope, Ordering } from "@reins/protocol"
import * as Effect from "effect/Effect"
import type { EventLog } from "../../engine/EventLog.ts"
import type { JournalStore, Opened, StoreFailure } from "./JournalStore.ts"
import * as RunPast from "./RunPast.ts"

/** The run as this version can carry it: with all its events, where its snapshot was taken by a version that said it otherwise. */
export const readable = (store: JournalStore, opened: Opened): Effect.Effect<Opened, StoreFailure> => {
  const snapshot = RunPast.snapshotOf(opened.marks)
  if (snapshot === undefined || Ordering.Automaton.restore(snapshot.value) !== undefined) return Effect.succeed(opened)
  return Effect.map(store.read(opened.record.runId, 0, snapshot.seq), (earlier) => ({
    ...opened,
    envelopes: [...earlier, ...opened.envelopes],
    marks: opened.marks.filter((mark) => mark !== snapshot)
  }))
}

/** All events of a run whose owner holds `log`, for who has to see what is open in it. */
export const envelopes = (
  store: JournalStore,
  runId: string,
  log: EventLog
): Effect.Effect<ReadonlyArray<Envelope.Envelope>, StoreFailure> =>
  log.before === 0
    ? Effect.succeed(log.envelopes)
    : Effect.map(store.read(runId, 0, log.before), (earlier) => [...earlier, ...log.envelopes])
