/**
 * The SQLite deployment: runs are stored in a file and survive their process. The default for one machine.
 *
 * One process at a time owns the file and executes its runs; every other process on the same file is a client: the
 * owner executes what it starts, answers and cancels, and it can watch every run. When the owner ends, for whatever
 * reason, another process takes over within a second.
 */
import { Deployment } from "@reins/runtime"
import { type JournalStore, journalHost } from "@reins/runtime/journal"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Schedule from "effect/Schedule"
import type * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import * as Archive from "../sql/Archive.ts"
import { Database, sqlite } from "../sql/Database.ts"
import * as SqlJournal from "../sql/SqlJournal.ts"
import * as NodeSqlite from "./NodeSqlite.ts"
import * as OwnerLock from "./OwnerLock.ts"
import * as SqliteCommit from "./SqliteCommit.ts"
import { SqliteUnusable, from } from "./SqliteUnusable.ts"
import * as Wakes from "./Wakes.ts"
import * as Tables from "../sql/Tables.ts"

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

/** How often a client tries to become the owner, in milliseconds. */
const takeOverMs = 1000

/** How often waits and watchers poll, in milliseconds, in case a notification is lost. */
const safetyMs = 10_000

const isMemory = (filename: string) => filename === ":memory:"

/** The database, migrated to this version. */
const database = (options: Options) =>
  Effect.gen(function* () {
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

/** The journal alone. For tests and tools. */
export const journal = (options: Options): Effect.Effect<JournalStore, SqliteUnusable, Scope.Scope> =>
  Effect.gen(function* () {
    const { filename, pollMs = 50 } = options
    const { db, transact } = yield* database(options)
    const wakes = isMemory(filename)
      ? Stream.never
      : yield* Effect.mapError(Wakes.make(db, pollMs), (failure) => from(filename, failure.cause))
    return SqlJournal.make(db, wakes, SqliteCommit.make(db, transact))
  })

/** Administration of stored runs, also while others execute them. */
export const archive = (options: Options): Effect.Effect<Archive.Archive, SqliteUnusable, Scope.Scope> =>
  Effect.map(database(options), ({ db }) => Archive.make(db))

/**
 * Runs in a SQLite file: provide it to `Runtime.layer`, and they survive their process. Fails with `SqliteUnusable`,
 * whose message names the cure, before any run is touched.
 */
export const layer = (options: Options): Layer.Layer<never, SqliteUnusable> =>
  Layer.effect(
    Deployment.Deployment,
    Effect.gen(function* () {
      const { carries = true, filename, gatherMs, hibernateMs } = options
      const store = yield* journal(options)
      const pollMs = isMemory(filename) ? Number.POSITIVE_INFINITY : safetyMs
      if (!carries || isMemory(filename)) return journalHost(store, { gatherMs, hibernateMs, pollMs, carries })
      const scope = yield* Effect.scope
      const acquire = OwnerLock.acquire(filename, scope)
      const isOwner = yield* acquire
      return journalHost(store, { gatherMs, hibernateMs, pollMs, carries: isOwner || succession(acquire) })
    })
  )

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
