/** Runs in SQLite whose process is really killed. To kill at every event: `npm run crash -- sqlite`. */
import { assert, describe, it } from "@effect/vitest"
import { Effect, References } from "effect"
import { onSqlite } from "./crash/Faults.ts"
import { scenarios } from "./crash/Scenarios.ts"
import * as Stores from "./crash/Stores.ts"

const quiet = Effect.provideService(References.MinimumLogLevel, "None")

describe.concurrent("a run whose process is killed keeps its invariants", () => {
  for (const { name, run, says } of [...scenarios(Stores.file), ...onSqlite].filter(({ short }) => short)) {
    it.live(
      `${name}: ${says}`,
      () =>
        Effect.gen(function* () {
          assert.deepStrictEqual(yield* run, [])
        }).pipe(quiet),
      240_000
    )
  }
})
