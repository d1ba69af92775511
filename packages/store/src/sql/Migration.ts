/**
 * Migrates a database to the version of this program, or fails if it has a later one. All steps are one transaction: a
 * process that dies during it leaves the database unchanged.
 */
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import type { SqlError } from "effect/sql/SqlError"
import type { Database } from "./Database.ts"
import { versions } from "./Tables.ts"

/** The database was written by a later version of this program, which may use its rows differently. */
export class NewerSchema extends Schema.TaggedError<NewerSchema>()("NewerSchema", {
  found: Schema.Natural,
  known: Schema.Natural
}) {
  override get message() {
    return `Database schema version ${this.found} is newer than the supported version ${this.known}. Use a later @reins/store`
  }
}

/** `lock` keeps other processes from migrating at the same time; `keyed` as in `Tables`. */
export const run = (
  db: Database,
  options: { readonly keyed: string; readonly lock: Effect.Effect<unknown, SqlError> }
): Effect.Effect<void, SqlError | NewerSchema> => {
  const steps = versions(options.keyed)
  return db.atomic(
    Effect.gen(function* () {
      yield* options.lock
      yield* db.rows("CREATE TABLE IF NOT EXISTS reins_versions (version INTEGER NOT NULL PRIMARY KEY)")
      const [row] = yield* db.rows("SELECT max(version) AS version FROM reins_versions")
      const found = Number(row?.["version"] ?? 0)
      if (found > steps.length) return yield* new NewerSchema({ found, known: steps.length })
      for (const [index, statements] of steps.entries()) {
        if (index < found) continue
        for (const statement of statements) yield* db.rows(statement)
        yield* db.rows("INSERT INTO reins_versions (version) VALUES (?)", index + 1)
      }
    })
  )
}
