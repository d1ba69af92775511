/**
 * Effect's `SqlClient` over `node:sqlite`, which is part of Node: nothing to compile, nothing to download.
 *
 * One connection, synchronous, so a slow statement holds up the whole process; the stores only ask short ones. Statements are
 * prepared once and kept.
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

export interface Options {
  /** The database's file, made where there is none; `":memory:"` for one that ends with the layer. */
  readonly filename: string
  /**
   * What a commit waits for. `"NORMAL"`: survives the death of the process; at a loss of power the last commits may be lost, the
   * file stays sound. `"FULL"`: survives that too, and costs a write to the disk a commit. Default `"NORMAL"`.
   */
  readonly synchronous?: "NORMAL" | "FULL" | undefined
}

/** How long a statement itself waits for a lock, in milliseconds: the whole process waits with it, so the rest is asked again. */
const busyMs = 50

/**
 * How much is written beside the file before it is taken over into it, in pages of 4 KB: 16 MB. Commits write the same few pages
 * again and again, so that four times SQLite's own figure makes them a quarter cheaper.
 */
const checkpointPages = 4000

/** How long a database that another process is just making is asked again. */
const patience = { schedule: Schedule.spaced("50 millis"), times: 40 }

/** Loads `node:sqlite`, which older versions of Node do not have. */
export const load = (filename: string) =>
  Effect.tryPromise({
    try: () => import("node:sqlite"),
    catch: (cause) => new SqliteUnusable({ filename, reason: "NoNodeSqlite", cause })
  })

/** Asks one statement, there and then. */
export type Ask = (sql: string, ...values: ReadonlyArray<SQLInputValue>) => ReadonlyArray<object>

/** A client, and what its connection can do besides. */
export interface Opened {
  readonly client: SqlClient.SqlClient
  /**
   * One transaction in one go: all that `body` asks, or nothing where it throws. Nothing else happens in the process meanwhile,
   * and a statement costs a fraction of what one of the client's does.
   */
  readonly transact: <A>(body: (ask: Ask) => A) => Effect.Effect<A, SqlError>
}

/** A client whose connection is closed with the scope. */
export const make = (options: Options): Effect.Effect<SqlClient.SqlClient, SqliteUnusable, Scope.Scope> =>
  Effect.map(open(options), ({ client }) => client)

/** Opens the file; its connection is closed with the scope. */
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
    executeStream: () => Stream.fail(toSqlError(new Error("results are not streamed"), "stream"))
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
