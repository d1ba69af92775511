/**
 * Effect's `SqlClient` over `node:sqlite`, which is part of Node: nothing to compile or download.
 *
 * One synchronous connection, so a slow statement blocks the whole process; the stores run short ones only. Statements
 * are prepared once and cached.
 */
import type { DatabaseSync, SQLInputValue, StatementSync } from "node:sqlite"
import * as Effect from "effect/Effect"
import * as Predicate from "effect/Predicate"
import * as Reactivity from "effect/reactivity/Reactivity"
import * as Schedule from "effect/Schedule"
import type * as Scope from "effect/Scope"
import * as Semaphore from "effect/Semaphore"
import * as SqlClient from "effect/sql/SqlClient"
import type { Connection } from "effect/sql/SqlConnection"
import type { SqlError } from "effect/sql/SqlError"
import * as Statement from "effect/sql/Statement"
import * as Stream from "effect/Stream"
import { SqliteUnusable, attempt, from, toSqlError } from "./SqliteUnusable.ts"

/**
 * Where the database file is, and what a commit waits for.
 *
 * @since 0.1.0
 * @category models
 */
export interface Options {
  /** The database file, created if missing; `":memory:"` for a database that ends with the layer. */
  readonly filename: string
  /**
   * What a commit waits for. `"NORMAL"`: survives the death of the process; after a power loss the last commits may be
   * missing, but the file is intact. `"FULL"`: survives that too, at the cost of one disk write per commit. Default
   * `"NORMAL"`.
   */
  readonly synchronous?: "NORMAL" | "FULL" | undefined
}

/**
 * How long a statement itself waits for a lock, in milliseconds: it blocks the whole process, so longer waits are
 * retries.
 */
const busyMs = 50

/**
 * The size of the write-ahead log before a checkpoint, in pages of 4 KB: 16 MB. Commits rewrite the same few pages, so
 * four times SQLite's default makes them a quarter cheaper.
 */
const checkpointPages = 4000

/**
 * How much of the file a connection keeps in memory at most, in KiB. Ids are random, so that a commit writes to pages all
 * over the file: with SQLite's default of 2,000 it reads 130 times for a run of 2,000 that is answered, and 40 with this.
 */
const cacheKib = 16_384

/** How long opening a database that another process is just creating is retried. */
const patience = { schedule: Schedule.spaced("50 millis"), times: 40 }

/**
 * Loads `node:sqlite`, which older versions of Node do not have.
 *
 * @since 0.1.0
 * @category operations
 */
export const load = (filename: string) =>
  Effect.tryPromise({
    try: () => import("node:sqlite"),
    catch: (cause) => new SqliteUnusable({ filename, reason: "NoNodeSqlite", cause })
  })

/**
 * Runs one statement synchronously.
 *
 * @since 0.1.0
 * @category models
 */
export type Ask = (sql: string, ...values: ReadonlyArray<SQLInputValue>) => ReadonlyArray<object>

/**
 * A client, with access to its connection.
 *
 * @since 0.1.0
 * @category models
 */
export interface Opened {
  readonly client: SqlClient.SqlClient
  /**
   * Runs one transaction synchronously: all statements of `body`, or none when it throws. Nothing else runs in the
   * process meanwhile, and a statement costs a fraction of one through the client.
   */
  readonly transact: <A>(body: (ask: Ask) => A) => Effect.Effect<A, SqlError>
}

/**
 * A client whose connection is closed with the scope.
 *
 * @since 0.1.0
 * @category constructors
 */
export const make = (options: Options): Effect.Effect<SqlClient.SqlClient, SqliteUnusable, Scope.Scope> =>
  Effect.map(open(options), ({ client }) => client)

/**
 * Opens the file; its connection is closed with the scope.
 *
 * @since 0.1.0
 * @category operations
 */
export const open = ({
  filename,
  synchronous = "NORMAL"
}: Options): Effect.Effect<Opened, SqliteUnusable, Scope.Scope> =>
  Effect.gen(function* () {
    const { DatabaseSync } = yield* load(filename)
    const database = yield* Effect.acquireRelease(
      Effect.try({ try: () => new DatabaseSync(filename), catch: (cause) => from(filename, cause) }),
      (open) => Effect.sync(() => open.close())
    )
    yield* Effect.try({
      try: () => {
        database.exec(`PRAGMA busy_timeout = ${busyMs}`)
        database.exec("PRAGMA journal_mode = WAL")
        database.exec(`PRAGMA wal_autocheckpoint = ${checkpointPages}`)
        database.exec(`PRAGMA synchronous = ${synchronous}`)
        database.exec(`PRAGMA cache_size = -${cacheKib}`)
      },
      catch: (cause) => from(filename, cause)
    }).pipe(Effect.retry({ ...patience, while: ({ reason }) => reason === "Locked" }))
    const semaphore = yield* Semaphore.make(1)
    const prepare = preparing(database)
    const acquirers = SqlClient.makeSqliteAcquirers({
      connection: Effect.succeed(connect(database, prepare)),
      semaphore,
      isTransaction: () => database.isTransaction
    })
    const client = yield* SqlClient.make({
      ...acquirers,
      compiler: Statement.makeCompilerSqlite(),
      driver: "node:sqlite",
      beginTransaction: "BEGIN IMMEDIATE",
      prepareTransactionControls: true,
      releaseSavepoint: (name) => `RELEASE SAVEPOINT ${name}`,
      spanAttributes: [["db.system.name", "sqlite"]]
    }).pipe(Effect.provideServiceEffect(Reactivity.Reactivity, Reactivity.make))
    return { client, transact: transactions(database, semaphore, prepare) }
  })

type Prepare = (sql: string) => StatementSync

/** Prepares each statement once. */
const preparing = (database: DatabaseSync): Prepare => {
  const kept = new Map<string, StatementSync>()
  return (sql) => {
    const known = kept.get(sql)
    if (known !== undefined) return known
    if (kept.size > 500) kept.clear()
    const prepared = database.prepare(sql)
    kept.set(sql, prepared)
    return prepared
  }
}

const transactions = (database: DatabaseSync, semaphore: Semaphore.Semaphore, prepare: Prepare): Opened["transact"] => {
  const ask: Ask = (sql, ...values) => {
    const statement = prepare(sql)
    statement.setReturnArrays(false)
    return statement.all(...values)
  }
  const undo = attempt("rollback", () => {
    if (database.isTransaction) database.exec("ROLLBACK")
  })
  return (body) =>
    attempt("transact", () => {
      prepare("BEGIN IMMEDIATE").run()
      const done = body(ask)
      prepare("COMMIT").run()
      return done
    }).pipe(
      Effect.onError(() => Effect.ignore(undo)),
      semaphore.withPermits(1)
    )
}

const connect = (database: DatabaseSync, prepare: Prepare): Connection => {
  const ask = <A>(
    sql: string,
    params: ReadonlyArray<unknown>,
    read: (statement: StatementSync, values: Array<SQLInputValue>) => A,
    statement: (sql: string) => StatementSync = prepare
  ): Effect.Effect<A, SqlError> =>
    attempt("execute", () => {
      const found = statement(sql)
      return read(found, params.map(bind))
    })
  const rows = (statement: StatementSync, values: Array<SQLInputValue>): ReadonlyArray<object> => {
    statement.setReturnArrays(false)
    return statement.all(...values)
  }
  const values = (statement: StatementSync, given: Array<SQLInputValue>): ReadonlyArray<ReadonlyArray<unknown>> => {
    statement.setReturnArrays(true)
    const all: ReadonlyArray<unknown> = statement.all(...given)
    return all.filter(Array.isArray)
  }
  const once = (sql: string) => database.prepare(sql)
  return {
    execute: (sql, params, transform) => transformed(ask(sql, params, rows), transform),
    executeRaw: (sql, params) => ask(sql, params, (statement, given) => statement.run(...given)),
    executeValues: (sql, params) => ask(sql, params, values),
    executeValuesUnprepared: (sql, params) => ask(sql, params, values, once),
    executeUnprepared: (sql, params, transform) => transformed(ask(sql, params, rows, once), transform),
    executeStream: () => Stream.fail(toSqlError(new Error("Streaming of results is not supported"), "stream"))
  }
}

const transformed = (
  rows: Effect.Effect<ReadonlyArray<object>, SqlError>,
  transform: ((rows: ReadonlyArray<object>) => ReadonlyArray<object>) | undefined
) => (transform === undefined ? rows : Effect.map(rows, transform))

const bind = (value: unknown): SQLInputValue => {
  if (value === undefined || value === null) return null
  if (Predicate.isBoolean(value)) return value ? 1 : 0
  if (Predicate.isString(value) || Predicate.isNumber(value) || Predicate.isBigInt(value)) return value
  return value instanceof Uint8Array ? value : String(value)
}
