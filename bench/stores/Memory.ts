/**
 * Memory: runs without storage, and a journal in memory.
 */
import { Deployment } from "@reins/runtime"
import { MemoryJournal } from "@reins/runtime/journal"
import { Effect } from "effect"
import type { Store } from "./Store.ts"

export const memory: Store = {
  place: Effect.sync(() => {
    const journal = MemoryJournal.make()
    return { deployment: () => Deployment.layerMemory(), journal: Effect.succeed(journal) }
  })
}
