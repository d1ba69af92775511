/** Both ways in which a new run gets its first owner: a store opens it as it creates it, or leaves that to `open`. */
import type { JournalStore } from "@reins/runtime/journal"

/** The store, whose `create` opens nothing. */
export const leftToOpen = <Store extends JournalStore>(store: Store): Store => ({
  ...store,
  opensOnCreate: false,
  create: (record, change) => store.create(record, change)
})

/** How a store does it, and the store that does. */
export interface Way {
  readonly way: string
  readonly of: <Store extends JournalStore>(store: Store) => Store
}

/** For `describe.each`. */
export const ways: ReadonlyArray<Way> = [
  { way: "a store that opens runs as it creates them", of: (store) => store },
  { way: "a store that leaves it to open", of: leftToOpen }
]
