/**
 * News from other processes on the same file: SQLite tells a connection, almost for free, whether another one has committed;
 * only then is asked for which runs.
 */
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import * as Column from "../sql/Column.ts"
import type { Database } from "../sql/Database.ts"

/** Runs with news, looked for every `pollMs` milliseconds. A database that fails is asked again. */
export const make = (db: Database, pollMs: number): Stream.Stream<string> =>
  Stream.unwrap(
    Effect.sync(() => {
      let version: number | undefined
      let seen: number | undefined
      const look = db.operation(
        "wakes",
        Effect.gen(function* () {
          const [state] = yield* db.rows("PRAGMA data_version")
          const found = Number(state?.["data_version"])
          if (found === version) return []
          const rows =
            seen === undefined
              ? yield* db.rows("SELECT max(changed) AS changed FROM reins_runs")
              : yield* db.rows("SELECT run_id, changed FROM reins_runs WHERE changed > ? ORDER BY changed", seen)
          const isFirst = seen === undefined
          version = found
          seen = Number(rows.at(-1)?.["changed"] ?? seen ?? 0)
          return isFirst ? [] : rows.map((row) => Column.decode(row["run_id"]))
        })
      )
      return Stream.fromEffectRepeat(
        Effect.andThen(
          Effect.sleep(pollMs),
          Effect.orElseSucceed(look, () => none)
        )
      ).pipe(Stream.flattenIterable)
    })
  )

const none: ReadonlyArray<string> = []
