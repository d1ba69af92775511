/**
 * Runs that a process of an earlier release ended after this database was migrated, such as during a rolling update: it
 * wrote neither the fields of lists nor the lines of the ledger. Both are derived when the next process opens the
 * database.
 */
import * as Effect from "effect/Effect"
import type { SqlError } from "effect/sql/SqlError"
import type { Database } from "./Database.ts"
import * as SqlCosts from "./SqlCosts.ts"
import * as SqlRunList from "./SqlRunList.ts"

/** Lists and books runs that have ended and are neither; they are found in an index of their own. */
export const run = (db: Database): Effect.Effect<void, SqlError> =>
  SqlRunList.inPortions(
    db,
    { columns: ", record", condition: "ended_at IS NOT NULL AND end_reason IS NULL" },
    // The ledger with the principal that was just derived.
    (runs) => Effect.andThen(SqlRunList.derive(db, runs), SqlCosts.derive(db, runs))
  )
