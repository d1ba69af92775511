/** Every journal store keeps the same promises. */
import { describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { type JournalStore, MemoryJournal } from "@reins/runtime/journal"
import { JournalContract } from "@reins/runtime/testing"

const stores: ReadonlyArray<{
  readonly name: string
  readonly fresh: Effect.Effect<JournalStore>
}> = [{ name: "memory", fresh: Effect.sync(() => MemoryJournal.make()) }]

describe.each(stores)("a journal: $name", ({ fresh }) => {
  for (const { check, name } of JournalContract.clauses) {
    it.effect(name, () => Effect.flatMap(fresh, check))
  }
})
