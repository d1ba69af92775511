/** Every host of runs keeps the promises of `HostContract`. */
import { describe, it } from "@effect/vitest"
import { Effect, References } from "effect"
import { Deployment } from "@reins/runtime"
import { journalHost, MemoryJournal } from "@reins/runtime/journal"
import { HostContract } from "@reins/runtime/testing"
import { Sqlite } from "@reins/store/sqlite"

const hosts = {
  memory: () => Deployment.memoryHost(),
  "a journal in memory": () => journalHost(MemoryJournal.make(), { gatherMs: 0, pollMs: Number.POSITIVE_INFINITY })
}

describe("the host: SQLite", () => {
  for (const clause of HostContract.clauses) {
    it.live(clause.name, () =>
      Sqlite.journal({ filename: ":memory:" }).pipe(
        Effect.flatMap((store) => clause.check(journalHost(store, { gatherMs: 0, pollMs: Number.POSITIVE_INFINITY }))),
        Effect.scoped,
        Effect.provideService(References.MinimumLogLevel, "None")
      )
    )
  }
})

for (const [name, make] of Object.entries(hosts)) {
  describe(`the host: ${name}`, () => {
    for (const clause of HostContract.clauses) {
      it.live(clause.name, () => clause.check(make()).pipe(Effect.provideService(References.MinimumLogLevel, "None")))
    }
  })
}
