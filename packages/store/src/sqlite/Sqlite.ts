/**
 * The SQLite deployment: runs are stored in a file and survive their process. The default for one machine.
 *
 * One process at a time owns the file and executes its runs; every other process on the same file is a client: the
 * owner executes what it starts, answers and cancels, and it can watch every run. When the owner ends, for whatever
 * reason, another process takes over within a second.
 */
import { Deployment } from "@reins/runtime"
import { type JournalStore, journalHost, type StoreFailure } from "@reins/runtime/journal"
import { OptionRule } from "@reins/runtime/promise"
import * as Config from "effect/Config"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Schedule from "effect/Schedule"
import * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import * as Archive from "../sql/Archive.ts"
import { Database, sqlite } from "../sql/Database.ts"
import * as SqlJournal from "../sql/SqlJournal.ts"
import * as NodeSqlite from "./NodeSqlite.ts"
import * as SqliteBackup from "./SqliteBackup.ts"
import * as SqliteCommit from "./SqliteCommit.ts"
import { SqliteUnusable, from } from "./SqliteUnusable.ts"
import * as Tables from "../sql/Tables.ts"
import * as Column from "../sql/Column.ts"
import * as Result from "effect/Result"

/**
 * Where the database file is, and what this process does with it.
 *
 * @since 0.1.0
 * @category models
 */
export interface Options extends NodeSqlite.Options {
  /** Whether this process may become the owner. False: it stays a client, even when there is no owner. Default true. */
  readonly carries?: boolean | undefined
  /** How long streamed text may be buffered before it is committed, in milliseconds. Default 25. */
  readonly gatherMs?: number | undefined
  /**
   * How long a run may only wait before it is unloaded from memory, in milliseconds; an answer, a cancel or its expiry
   * loads it again. Default 60,000.
   */
  readonly hibernateMs?: number | undefined
  /** How often to poll for changes by other processes, in milliseconds. Default 50. */
  readonly pollMs?: number | undefined
}

const rule = OptionRule.fields<Options>('Give an object such as { filename: "runs.db" }', {
  filename: OptionRule.name('Give the path of a file, or ":memory:"'),
  synchronous: OptionRule.optional(OptionRule.oneOf("NORMAL", "FULL")),
  carries: OptionRule.optional(OptionRule.flag),
  gatherMs: OptionRule.optional(OptionRule.atLeast(0)),
  hibernateMs: OptionRule.optional(OptionRule.atLeast(0)),
  pollMs: OptionRule.optional(OptionRule.atLeast(1))
})

/** How often a client tries to become the owner, in milliseconds. */
const takeOverMs = 1000

/** How often waits and watchers poll, in milliseconds, in case a notification is lost. */
const safetyMs = 10_000

const isMemory = (filename: string) => filename === ":memory:"

/** The database, migrated to this version. Dies with the message about an invalid option. */
const database = (options: Options) =>
  Effect.gen(function* () {
    const issue = OptionRule.problemOf("of the SQLite store", options, rule)
    if (issue !== undefined) return yield* Effect.die(new Error(issue))
    const { filename } = options
    const { client, transact } = yield* NodeSqlite.open(options)
    const db = new Database(client, sqlite)
    yield* Tables.migrate(db, { keyed: " WITHOUT ROWID", lock: Effect.void }).pipe(
      Effect.mapError((cause) =>
        cause._tag === "NewerSchema"
          ? new SqliteUnusable({ filename, reason: "NewerSchema", cause })
          : from(filename, cause)
      ),
      Effect.retry({ schedule: Schedule.spaced("50 millis"), times: 40, while: ({ reason }) => reason === "Locked" })
    )
    return { db, transact }
  })

/**
 * The journal alone. For tests and tools.
 *
 * @since 0.1.0
 * @category operations
 */
export const journal = (options: Options): Effect.Effect<JournalStore, SqliteUnusable, Scope.Scope> =>
  Effect.gen(function* () {
    const { filename, pollMs = 50 } = options
    const { db, transact } = yield* database(options)
    const changes = isMemory(filename)
      ? Stream.never
      : yield* Effect.mapError(wakes(db, pollMs), (failure) => from(filename, failure.cause))
    return SqlJournal.make(db, changes, SqliteCommit.make(db, transact), compact(db))
  })

/**
 * Administration of stored runs, also while others execute them.
 *
 * @since 0.1.0
 * @category operations
 */
export const archive = (options: Options): Effect.Effect<Archive.Archive, SqliteUnusable, Scope.Scope> =>
  Effect.map(database(options), ({ db }) => Archive.make(db, compact(db)))

/** Rewrites the file. The log that commits go through first is emptied, too, unless somebody reads just then. */
const compact = (db: Database) =>
  Effect.asVoid(Effect.andThen(db.rows("VACUUM"), db.rows("PRAGMA wal_checkpoint(TRUNCATE)")))

/**
 * Copies the whole database into a new file `to` as it is at one moment, while others write. The copy is there as a
 * whole or not at all. Fails with `CannotBackUp` where `to` exists already, cannot be written, or does not verify.
 *
 * @since 0.1.0
 * @category operations
 */
export const backup = SqliteBackup.backup

/**
 * Makes the database of a backup, under a filename that has none yet. Fails with `CannotBackUp` where there is one, or
 * if a later version wrote the backup.
 *
 * @since 0.1.0
 * @category operations
 */
export const restore = SqliteBackup.restore

/**
 * Runs in a SQLite file: provide it to `Runtime.layer`, and they survive their process. Fails with `SqliteUnusable`,
 * whose message names the cure, before any run is touched. **Errors**: dies with the message about an invalid option.
 *
 * **Example** (Runs that survive their process)
 *
 * ```ts
 * import { Agent, Runtime } from "@reins/runtime"
 * import { Sqlite } from "@reins/store/sqlite"
 * import { Layer } from "effect"
 *
 * const Desk = Agent.make("desk", {})
 *
 * export const RuntimeLive = Runtime.layer({ agents: [Desk] }).pipe(Layer.provide(Sqlite.layer({ filename: "runs.db" })))
 * ```
 *
 * @since 0.1.0
 * @category layers
 */
export const layer = (options: Options): Layer.Layer<never, SqliteUnusable> =>
  Deployment.layerStore(
    "SQLite",
    Effect.gen(function* () {
      const { carries = true, filename, gatherMs, hibernateMs } = options
      const store = yield* journal(options)
      const pollMs = isMemory(filename) ? Number.POSITIVE_INFINITY : safetyMs
      if (!carries || isMemory(filename)) return journalHost(store, { gatherMs, hibernateMs, pollMs, carries })
      const scope = yield* Effect.scope
      const acquire = acquireOwnerLock(filename, scope)
      const isOwner = yield* acquire
      return journalHost(store, { gatherMs, hibernateMs, pollMs, carries: isOwner || succession(acquire) })
    })
  )

/**
 * As `layer`, with options from the configuration: `layerConfig({ filename: Config.String("REINS_DATABASE") })`.
 *
 * @since 0.1.0
 * @category layers
 */
export const layerConfig = (options: Config.Wrap<Options>): Layer.Layer<never, SqliteUnusable | Config.ConfigError> =>
  Layer.unwrap(Effect.map(Config.unwrap(options), layer))

/** Completes when this process has become the owner. */
const succession = (acquire: Effect.Effect<boolean, SqliteUnusable>): Effect.Effect<void> => {
  const again: Effect.Effect<void> = Effect.flatMap(
    Effect.delay(
      Effect.orElseSucceed(acquire, () => false),
      takeOverMs
    ),
    (isOwner) => (isOwner ? Effect.void : again)
  )
  return again
}

/**
 * Runs that change from now on, polled every `pollMs` milliseconds. From now, not from the first subscription: changes
 * in between are delivered then. A failing database is retried.
 */
const wakes = (db: Database, pollMs: number): Effect.Effect<Stream.Stream<string>, StoreFailure> =>
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

/**
 * Tries to become the owner of the database `filename` until `scope` closes. False: another process is the owner. The
 * lock is an exclusive transaction on a file beside the database; the operating system releases it when the process
 * dies, however it dies.
 */
const acquireOwnerLock = (filename: string, scope: Scope.Scope): Effect.Effect<boolean, SqliteUnusable> =>
  Effect.gen(function* () {
    const { DatabaseSync } = yield* NodeSqlite.load(filename)
    const path = `${filename}.owner.lock`
    const fail = (cause: unknown) => from(path, cause)
    const database = yield* Effect.try({ try: () => new DatabaseSync(path), catch: fail })
    const locked = yield* Effect.result(
      Effect.try({
        try: () => {
          database.exec("PRAGMA busy_timeout = 0")
          database.exec("BEGIN EXCLUSIVE")
        },
        catch: fail
      })
    )
    const close = Effect.sync(() => database.close())
    if (Result.isSuccess(locked)) return yield* Effect.as(Scope.addFinalizer(scope, close), true)
    yield* close
    return locked.failure.reason === "Locked" ? false : yield* locked.failure
  }).pipe(Effect.uninterruptible)
