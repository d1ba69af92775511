/** Every journal store keeps the same promises. */
import { describe, it } from "@effect/vitest"
import { Effect, type Scope } from "effect"
import { type JournalStore, MemoryJournal } from "@reins/runtime/journal"
import { JournalContract } from "@reins/runtime/testing"
import { Sqlite } from "@reins/store/sqlite"
import { mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import * as Opening from "../support/Opening.ts"

const folder = Effect.acquireRelease(
  Effect.sync(() => mkdtempSync(join(tmpdir(), "reins-store-"))),
  (path) => Effect.sync(() => rmSync(path, { recursive: true, force: true }))
)

const stores: ReadonlyArray<{
  readonly name: string
  readonly fresh: Effect.Effect<JournalStore, unknown, Scope.Scope>
}> = [
  { name: "memory", fresh: Effect.sync(() => MemoryJournal.make()) },
  { name: "memory that leaves it to open", fresh: Effect.sync(() => Opening.leftToOpen(MemoryJournal.make())) },
  { name: "SQLite in memory", fresh: Sqlite.journal({ filename: ":memory:" }) },
  {
    name: "SQLite in a file",
    fresh: Effect.flatMap(folder, (path) => Sqlite.journal({ filename: join(path, "runs.db"), synchronous: "FULL" }))
  }
]

describe.each(stores)("a journal: $name", ({ fresh }) => {
  for (const { check, name } of JournalContract.clauses) {
    it.effect(name, () => Effect.flatMap(fresh, check))
  }
})
