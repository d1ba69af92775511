/**
 * Random runs side by side under one quota, on every kind of store: at any cost, the quota is exceeded only by
 * undeclared costs of tools, its use equals their cost, and nothing is held when they have ended.
 */
import { describe, it } from "@effect/vitest"
import { MemoryJournal } from "@reins/runtime/journal"
import { Sqlite } from "@reins/store/sqlite"
import { Effect } from "effect"
import * as SharedQuota from "../support/SharedQuota.ts"

const stores: ReadonlyArray<{ readonly name: string; readonly seeds: number; readonly store: SharedQuota.Store }> = [
  { name: "memory", seeds: 60, store: Effect.succeed(undefined) },
  { name: "a journal in memory", seeds: 30, store: Effect.sync(() => MemoryJournal.make()) },
  { name: "SQLite", seeds: 10, store: Sqlite.journal({ filename: ":memory:" }) }
]

describe.each(stores)("runs that share a quota ($name)", ({ seeds, store }) => {
  it.live("stay within it, end validly and are booked exactly", () => SharedQuota.check(store, seeds), 240_000)
})
