/**
 * Changes by other processes on the same file: SQLite tells a connection cheaply whether another one has committed;
 * only then are the changed runs queried.
 */
import type { StoreFailure } from "@reins/runtime/journal"
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import * as Column from "../sql/Column.ts"
import type { Database } from "../sql/Database.ts"

/**
 * Runs that change from now on, polled every `pollMs` milliseconds. From now, not from the first subscription: changes
 * in between are delivered then. A failing database is retried.
 */
export const make = (db: Database, pollMs: number): Effect.Effect<Stream.Stream<string>, StoreFailure> =>
  Effect.gen(function* () {
    let version = yield* db.operation("wakes", versionOf(db))
    let seen = yield* db.operation("wakes", lastOf(db))
    const look = db.operation(
      "wakes",
      Effect.gen(function* () {
        const found = yield* versionOf(db)
        if (found === version) return none
        const rows = yield* db.rows("SELECT run_id, changed FROM reins_runs WHERE changed > ? ORDER BY changed", seen)
        version = found
        seen = Number(rows.at(-1)?.["changed"] ?? seen)
        return rows.map((row) => Column.decode(row["run_id"]))
      })
    )
    return Stream.fromEffectRepeat(
      Effect.andThen(
        Effect.sleep(pollMs),
        Effect.orElseSucceed(look, () => none)
      )
    ).pipe(Stream.flattenIterable)
  })

const none: ReadonlyArray<string> = []

const versionOf = (db: Database) => Effect.map(db.rows("PRAGMA data_version"), ([row]) => Number(row?.["data_version"]))

const lastOf = (db: Database) =>
  Effect.map(db.rows("SELECT coalesce(max(changed), 0) AS changed FROM reins_runs"), ([row]) =>
    Number(row?.["changed"])
  )
