/**
 * How the stores talk to a database: statements as text, transactions, and failures of the journal port. Operations on
 * a database that is locked by another process are retried for a while.
 */
import { StoreFailure } from "@reins/runtime/journal"
import * as Effect from "effect/Effect"
import * as Schedule from "effect/Schedule"
import type * as SqlClient from "effect/sql/SqlClient"
import { SqlError } from "effect/sql/SqlError"
import type { Dialect } from "./Dialect.ts"
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
   * that name.
   */
  operation<A>(name: string, effect: Effect.Effect<A, SqlError | CorruptRow>): Effect.Effect<A, StoreFailure> {
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
