/** The databases that runs are killed on: a SQLite file, or a Postgres database by its URL. */
import type { JournalStore } from "@reins/runtime/journal"
import { PostgresCluster } from "@reins/store/cluster"
import { Postgres } from "@reins/store/postgres"
import { Sqlite } from "@reins/store/sqlite"
import { Effect, Layer, Redacted, type Scope } from "effect"
import { mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"

const isPostgres = (database: string) => database.startsWith("postgres:")

/** A new deployment at each call. */
export const layer = (database: string, carries: boolean, hibernateMs?: number): Layer.Layer<never> => {
  const options = { gatherMs: 0, carries, hibernateMs }
  return Layer.fresh(
    isPostgres(database)
      ? Layer.orDie(Postgres.layer({ url: Redacted.make(database), ...options }))
      : Layer.orDie(Sqlite.layer({ filename: database, ...options }))
  )
}

/** A process of a cluster, on its default settings. */
export const cluster = (database: string, carries: boolean): Layer.Layer<never> =>
  Layer.fresh(Layer.orDie(PostgresCluster.layer({ url: Redacted.make(database), carries })))

export const journal = (database: string): Effect.Effect<JournalStore, never, Scope.Scope> =>
  isPostgres(database)
    ? Effect.orDie(Postgres.journal({ url: Redacted.make(database) }))
    : Effect.orDie(Sqlite.journal({ filename: database }))

/** A new folder, deleted with the scope. */
export const folder = Effect.acquireRelease(
  Effect.sync(() => mkdtempSync(join(tmpdir(), "reins-crash-"))),
  (path) => Effect.sync(() => rmSync(path, { recursive: true, force: true }))
)

/** A new database in a file. */
export const file = Effect.map(folder, (path) => join(path, "runs.db"))
