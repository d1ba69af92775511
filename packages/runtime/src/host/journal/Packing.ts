/**
 * When a store is asked to pack a run: once it has ended, and was committed in many small portions of text.
 */
import * as Effect from "effect/Effect"
import type { JournalRun } from "./JournalRun.ts"
import type { JournalStore } from "./JournalStore.ts"

/** How many portions of streamed text make it worth it. */
const worth = 8

/** Packs a run that has ended, where it is worth it. A store that fails leaves the run as it is, and may be asked another time. */
export const pack = (store: JournalStore, { runId, writer }: JournalRun): Effect.Effect<void> =>
  store.pack === undefined || writer.seams < worth ? Effect.void : Effect.ignore(store.pack(runId))
