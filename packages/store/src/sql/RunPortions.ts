/** Goes over stored runs in portions, by their ids, so that work on all of them needs little memory. */
import * as Effect from "effect/Effect"
import type { SqlError } from "effect/sql/SqlError"
import type { Database, Row } from "./Database.ts"

/** How many runs are read at once. */
const size = 200

/**
 * Calls `each` with the rows of the runs that meet `condition` and whose record is stored; `columns`: what is read
 * besides `run_id`. A run that no longer meets it once its portion was handled is not read again.
 */
export const forEach = <E>(
  db: Database,
  { columns = "", condition }: { readonly columns?: string; readonly condition?: string },
  each: (runs: ReadonlyArray<Row>) => Effect.Effect<unknown, E>
): Effect.Effect<void, E | SqlError> =>
  Effect.gen(function* () {
    let after = ""
    for (;;) {
      const runs = yield* db.rows(
        `SELECT run_id${columns} FROM reins_runs
         WHERE run_id > ? AND record <> ''${condition === undefined ? "" : ` AND ${condition}`} ORDER BY run_id LIMIT ?`,
        after,
        size
      )
      const last = runs.at(-1)
      if (last === undefined) return
      after = String(last["run_id"])
      yield* each(runs)
    }
  })
