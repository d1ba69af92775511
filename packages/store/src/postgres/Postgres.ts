/**
 * The Postgres deployment: runs are stored in a Postgres database and survive their process. Needs `@effect/sql-pg`.
 *
 * One process at a time owns and executes the runs; every other process on the same database is a client, as with
 * SQLite, on any number of machines. When the owner's connection ends, one of the others takes over. An owner that was
 * replaced is fenced: it can write nothing more.
 */
import type * as PgClient from "@effect/sql-pg/PgClient"
import { Deployment } from "@reins/runtime"
import { type JournalStore, journalHost } from "@reins/runtime/journal"
import { OptionRule } from "@reins/runtime/promise"
import * as Config from "effect/Config"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Layer from "effect/Layer"
import * as Reactivity from "effect/reactivity/Reactivity"
import * as Redacted from "effect/Redacted"
import * as Schedule from "effect/Schedule"
import * as Schema from "effect/Schema"
import * as Scope from "effect/Scope"
import type * as SqlClient from "effect/sql/SqlClient"
import type { SqlError } from "effect/sql/SqlError"
import * as Stream from "effect/Stream"
import * as Column from "../sql/Column.ts"
import * as Archive from "../sql/Archive.ts"
import { Database, channel, postgres, untilFree } from "../sql/Database.ts"
import * as SqlJournal from "../sql/SqlJournal.ts"
import * as PgCommit from "./PgCommit.ts"
import * as PgDriver from "./PgDriver.ts"
import * as Tables from "../sql/Tables.ts"

/**
 * Where the database is, and how it is used.
 *
 * @since 0.1.0
 * @category models
 */
export interface Options {
  /** The database: `postgres://user:password@host:port/database`. */
  readonly url: Redacted.Redacted
  /** The largest number of open connections, including the listener's and the owner lock's: at least 2, or 1 for an archive. Default 10. */
  readonly maxConnections?: number | undefined
  /** Whether this process may become the owner. False: it stays a client. Default true. */
  readonly carries?: boolean | undefined
  /** How long streamed text may be buffered before it is committed, in milliseconds. Default 25. */
  readonly gatherMs?: number | undefined
  /**
   * How long a run may only wait before it is unloaded from memory, in milliseconds; an answer, a cancel or its expiry
   * loads it again. Default 60,000.
   */
  readonly hibernateMs?: number | undefined
}

/**
 * What the options must be. `PostgresCluster` has the same, and more.
 *
 * @since 0.2.0
 * @category constants
 */
export const rules: OptionRule.Rules<Options> = {
  url: OptionRule.secret(OptionRule.must('Use Redacted.make("postgres://…")', Redacted.isRedacted)),
  maxConnections: OptionRule.optional(OptionRule.count(2)),
  carries: OptionRule.optional(OptionRule.flag),
  gatherMs: OptionRule.optional(OptionRule.atLeast(0)),
  hibernateMs: OptionRule.optional(OptionRule.atLeast(0))
}

const rule = OptionRule.fields<Options>("Give an object such as { url }", rules)

/** What neither listens nor locks needs one connection. */
const ruleOfOne = OptionRule.fields<Options>("Give an object such as { url }", {
  ...rules,
  maxConnections: OptionRule.optional(OptionRule.count(1))
})

/** Dies with the message about an invalid option. */
const checked = (options: Options, isOneEnough = false): Effect.Effect<Options> => {
  const issue = OptionRule.problemOf("of the Postgres store", options, isOneEnough ? ruleOfOne : rule)
  return issue === undefined ? Effect.succeed(options) : Effect.die(new Error(issue))
}

/**
 * The database cannot be used. Raised when the deployment's layer is built, before any run is touched.
 *
 * @since 0.1.0
 * @category errors
 */
export class PostgresUnusable extends Schema.TaggedError<PostgresUnusable>()("PostgresUnusable", {
  reason: Schema.Literals(["CannotConnect", "DriverMissing", "NewerSchema", "Unknown"]),
  cause: Schema.optionalKey(Schema.Defect())
}) {
  override get message() {
    switch (this.reason) {
      case "CannotConnect":
        return "Cannot connect to Postgres. Check the url option (host, port, user, password); see the cause"
      case "DriverMissing":
        return "A Postgres store needs package @effect/sql-pg. Run: npm install @effect/sql-pg"
      case "NewerSchema":
        return "The Postgres database was written by a later version. Use a later @reins/store"
      case "Unknown":
        return "Cannot use Postgres. See the cause"
    }
  }
}

/**
 * Maps a database failure to the error that the layer fails with.
 *
 * @since 0.1.0
 * @category operations
 */
export const unusable = (cause: SqlError | Tables.NewerSchema): PostgresUnusable => {
  if (cause._tag === "NewerSchema") return new PostgresUnusable({ reason: "NewerSchema", cause })
  const tag = cause.reason._tag
  const reason = tag === "ConnectionError" || tag === "AuthenticationError" ? "CannotConnect" : "Unknown"
  return new PostgresUnusable({ reason, cause })
}

/** Two numbers that no other locks on the same database use. */
const locks = { migration: "726569, 1", owner: "726569, 2" } as const

/** How often a client tries to become the owner. */
const takeOver = "1 second"

/**
 * How often waits and watchers poll, in milliseconds, in case a notification was lost.
 *
 * @since 0.1.0
 * @category constants
 */
export const safetyMs = 5000

/** A frozen process must not hold locks that others wait for: the server ends its transaction after ten seconds. */
const patience = "-c idle_in_transaction_session_timeout=10000"

const connect = ({ maxConnections, url }: Options) =>
  Effect.tryPromise({
    try: () => PgDriver.load(),
    catch: (cause) => new PostgresUnusable({ reason: "DriverMissing", cause })
  }).pipe(
    Effect.flatMap((driver) =>
      Effect.mapError(
        driver.make({ url, maxConnections, applicationName: "reins", startupOptions: patience }),
        unusable
      )
    ),
    Effect.provideServiceEffect(Reactivity.Reactivity, Reactivity.make)
  )

const open = (
  client: PgClient.PgClient
): Effect.Effect<{ readonly db: Database; readonly store: JournalStore }, PostgresUnusable> =>
  Effect.gen(function* () {
    const [named] = yield* client.unsafe<{ readonly self: unknown }>("SELECT gen_random_uuid()::text AS self")
    const self = String(named?.self)
    const db = new Database(client, postgres(self))
    // Steps lock tables, and a process of an earlier release may work on them in another order.
    yield* untilFree(
      Tables.migrate(db, { keyed: "", lock: db.rows(`SELECT pg_advisory_xact_lock(${locks.migration})`) })
    )
    return { db, store: SqlJournal.make(db, wakes(client, self), PgCommit.commit(db, self)) }
  }).pipe(Effect.mapError(unusable))

/** Runs that other processes announce. A lost connection is reopened. */
const wakes = (client: PgClient.PgClient, self: string): Stream.Stream<string> =>
  Stream.unwrap(Effect.map(client.listen(channel), Stream.fromQueue)).pipe(
    Stream.filter(({ payload }) => !payload.startsWith(`${self} `)),
    Stream.map(({ payload }) => Column.decode(payload.slice(payload.indexOf(" ") + 1))),
    Stream.retry(Schedule.spaced("1 second")),
    Stream.catchCause(() => Stream.empty)
  )

/**
 * Connects to the database, migrates it, and opens its journal. For deployments.
 *
 * @since 0.1.0
 * @category operations
 */
export const connected = Effect.fnUntraced(function* (options: Options) {
  const client = yield* connect(options)
  const { store } = yield* open(client)
  return { client, store }
})

/**
 * The journal alone, over a database that is migrated first. For tests and tools.
 *
 * @since 0.1.0
 * @category operations
 */
export const journal = (options: Options): Effect.Effect<JournalStore, PostgresUnusable, Scope.Scope> =>
  Effect.map(Effect.flatMap(checked(options), connected), ({ store }) => store)

/**
 * Administration of stored runs, also while others execute them.
 *
 * @since 0.1.0
 * @category operations
 */
export const archive = (options: Options): Effect.Effect<Archive.Archive, PostgresUnusable, Scope.Scope> =>
  Effect.flatMap(Effect.flatMap(checked(options, true), connect), (client) =>
    Effect.map(open(client), ({ db }) => Archive.make(db))
  )

/**
 * Runs in Postgres: provide it to `Runtime.layer`, and they survive their process. Fails with `PostgresUnusable` before
 * any run is touched. **Errors**: dies with the message about an invalid option.
 *
 * @since 0.1.0
 * @category layers
 */
export const layer = (options: Options): Layer.Layer<never, PostgresUnusable> =>
  Deployment.layerStore(
    "Postgres",
    Effect.gen(function* () {
      const { carries = true, gatherMs, hibernateMs } = yield* checked(options)
      const { client, store } = yield* connected(options)
      const common = { gatherMs, hibernateMs, pollMs: safetyMs, isCarried: isOwned(client) }
      if (!carries) return journalHost(store, { ...common, carries })
      const acquire = own(client, yield* Effect.scope)
      const isOwner = yield* Effect.mapError(acquire, unusable)
      return journalHost(store, { ...common, carries: isOwner || succession(acquire) })
    })
  )

/**
 * As `layer`, with options from the configuration: `layerConfig({ url: Config.Redacted("DATABASE_URL") })`.
 *
 * @since 0.1.0
 * @category layers
 */
export const layerConfig = (options: Config.Wrap<Options>): Layer.Layer<never, PostgresUnusable | Config.ConfigError> =>
  Layer.unwrap(Effect.map(Config.unwrap(options), layer))

/** Whether a process is the owner of this database: it holds the lock. */
const isOwned = (client: SqlClient.SqlClient): Effect.Effect<boolean> => {
  const [space, key] = locks.owner.split(", ")
  const found = client.unsafe(
    `SELECT 1 FROM pg_locks WHERE locktype = 'advisory' AND granted AND classid = ${space} AND objid = ${key} AND objsubid = 2
     AND database = (SELECT oid FROM pg_database WHERE datname = current_database())`
  )
  return Effect.withTracerEnabled(Effect.orDie(Effect.map(found, (rows) => rows.length > 0)), false)
}

/** Tries to become the owner, for as long as its dedicated connection lives. */
const own = (client: SqlClient.SqlClient, scope: Scope.Scope): Effect.Effect<boolean, SqlError> =>
  Effect.gen(function* () {
    const inner = yield* Scope.fork(scope)
    const held = yield* client.reserve.pipe(
      Scope.provide(inner),
      Effect.flatMap((connection) => connection.executeValues(`SELECT pg_try_advisory_lock(${locks.owner})`, [])),
      Effect.onError(() => Scope.close(inner, Exit.void))
    )
    if (held[0]?.[0] === true) return true
    yield* Scope.close(inner, Exit.void)
    return false
  })

/** Completes when this process has become the owner. */
const succession = (acquire: Effect.Effect<boolean, SqlError>): Effect.Effect<void> => {
  const again: Effect.Effect<void> = Effect.flatMap(
    Effect.delay(
      Effect.orElseSucceed(acquire, () => false),
      takeOver
    ),
    (isOwner) => (isOwner ? Effect.void : again)
  )
  return again
}
