/**
 * The stores' access to a database: statements as text, transactions, and failures of the journal port. Operations on a
 * database that is locked by another process are retried for a while. A `Dialect` holds the differences between
 * databases.
 */
import { StoreFailure } from "@reins/runtime/journal"
import * as Effect from "effect/Effect"
import * as Schedule from "effect/Schedule"
import type * as SqlClient from "effect/sql/SqlClient"
import { SqlError } from "effect/sql/SqlError"
import type { CorruptRow } from "./StoredJson.ts"

export type Row = { readonly [column: string]: unknown }

/** A statement's parameter. */
export type Value = string | number | null

/** How long a locked database is retried, in addition to the database's own waiting. */
const patience = { schedule: Schedule.spaced("20 millis"), times: 70 }

/** How long an unreachable server is retried: a minute. */
const endurance = { schedule: Schedule.spaced("250 millis"), times: 240 }

/** The delay before the first retry, in milliseconds. */
const firstMs = 20

/**
 * Operations that may have taken effect although no response came: they are not retried, since their caller can find
 * out.
 */
const once = new Set(["create", "commit", "import"])

export class Database {
  readonly dialect: Dialect
  private readonly sql: SqlClient.SqlClient
  private readonly texts = new Map<string, string>()

  constructor(sql: SqlClient.SqlClient, dialect: Dialect) {
    this.sql = sql
    this.dialect = dialect
  }

  /** Runs one statement, with `?` for its parameters. */
  rows(text: string, ...values: ReadonlyArray<Value>): Effect.Effect<ReadonlyArray<Row>, SqlError> {
    let prepared = this.texts.get(text)
    if (prepared === undefined) this.texts.set(text, (prepared = this.dialect.statement(text)))
    return this.sql.unsafe<Row>(prepared, values)
  }

  /** Notifies other processes of the run, once everything is committed. */
  tell(run: string): Effect.Effect<unknown, SqlError> {
    return this.dialect.tell === undefined ? Effect.void : this.rows(this.dialect.tell, run, run)
  }

  /**
   * Runs a transaction. A connection that ends during it makes the rollback fail, too, which the client reports as a
   * defect: it is mapped to a database failure like any other.
   */
  atomic<A, E>(effect: Effect.Effect<A, E>): Effect.Effect<A, E | SqlError> {
    return Effect.catchDefect(this.sql.withTransaction(effect), (defect) =>
      defect instanceof SqlError ? Effect.fail(defect) : Effect.die(defect)
    )
  }

  /**
   * Runs a store operation: retried while the database is locked or unreachable, then failed as a `StoreFailure` of
   * that name. Its statements make no spans: a database quotes rows in its errors, and an exporter would record them.
   */
  operation<A>(name: string, statements: Effect.Effect<A, SqlError | CorruptRow>): Effect.Effect<A, StoreFailure> {
    const effect = Effect.withTracerEnabled(statements, false)
    const mayAsk = (error: SqlError | CorruptRow) => isGone(error) && !once.has(name)
    return effect.pipe(
      // The schedule is only started after a failure: the first attempt, which nearly always succeeds, has no overhead.
      Effect.catch((error) =>
        isLocked(error) || mayAsk(error)
          ? Effect.delay(
              effect.pipe(
                Effect.retry({ ...patience, while: isLocked }),
                Effect.retry({ ...endurance, while: mayAsk })
              ),
              firstMs
            )
          : Effect.fail(error)
      ),
      Effect.mapError((cause) =>
        cause._tag === "CorruptRow"
          ? new StoreFailure({ operation: name, damaged: cause.table, cause })
          : new StoreFailure({ operation: name, cause })
      )
    )
  }
}

const isLocked = (error: SqlError | CorruptRow): boolean =>
  error._tag === "SqlError" && error.reason._tag === "LockTimeoutError"

const isGone = (error: SqlError | CorruptRow): boolean =>
  error._tag === "SqlError" && error.reason._tag === "ConnectionError"

/** The differences between databases: parameter syntax, rows from a JSON array, notifications to other processes. */
export interface Dialect {
  /** Converts a statement with `?` to the database's parameter syntax. */
  readonly statement: (text: string) => string
  /** A table expression `each(value)` with the elements of the JSON array in the next parameter. */
  readonly each: string
  /** Ends a `SELECT` whose rows the same transaction will change. */
  readonly lockRows: string
  /** A statement that notifies other processes of the run in its parameter; absent where they poll the rows. */
  readonly tell: string | undefined
  /** Assignments, after a comma, that mark a row of `reins_runs` as changed. */
  readonly news: string
}

/**
 * SQLite: every write takes the next number of a counter, and other processes poll for numbers above the last they saw.
 */
export const sqlite: Dialect = {
  statement: (text) => text,
  each: "json_each(?) AS each",
  lockRows: "",
  tell: undefined,
  news: ", changed = (SELECT max(changed) + 1 FROM reins_runs)"
}

/** Postgres: other processes listen. `self` names this process, so that it does not wake itself. */
export const postgres = (self: string): Dialect => ({
  statement: (text) => {
    let count = 0
    return text.replaceAll("?", () => `$${++count}`)
  },
  each: "json_array_elements(CAST(? AS json)) AS each(value)",
  lockRows: " FOR UPDATE",
  tell: `SELECT ${notify(self, "CAST(? AS TEXT)")}`,
  news: ""
})

/** The channel on which processes announce runs. */
export const channel = "reins_runs"

/**
 * Announces the run that the SQL expression `run` names. A very long id is not announced; other processes find it by
 * polling.
 */
export const notify = (self: string, run: string): string =>
  `CASE WHEN length(${run}) < 2000 THEN pg_notify('${channel}', '${self} ' || ${run}) END`
