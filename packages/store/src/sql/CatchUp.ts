/**
 * Runs that a process of an earlier release ended after this database was migrated, such as during a rolling update: it
 * wrote neither what lists tell of them nor their lines of the ledger. Both are derived when the next process opens the
 * database.
 */
import * as Effect from "effect/Effect"
import type { SqlError } from "effect/sql/SqlError"
import type { Database } from "./Database.ts"
import * as SqlCosts from "./SqlCosts.ts"
import * as SqlRunList from "./SqlRunList.ts"

/** How many runs are read at once. */
const portion = 200

/** Lists and books runs that have ended and are neither; they are found in an index of their own. */
export const run = (db: Database): Effect.Effect<void, SqlError> =>
  Effect.gen(function* () {
    let after = ""
    for (;;) {
      const runs = yield* db.rows(
        `SELECT run_id, record FROM reins_runs
         WHERE ended_at IS NOT NULL AND end_reason IS NULL AND run_id > ? AND record <> '' ORDER BY run_id LIMIT ?`,
        after,
        portion
      )
      const last = runs.at(-1)
      if (last === undefined) return
      after = String(last["run_id"])
      yield* SqlRunList.derive(db, runs)
      // With the principal that was just derived.
      yield* SqlCosts.derive(db, runs)
    }
  })
