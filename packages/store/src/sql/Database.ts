/**
 * What the stores ask a database with: statements by text, transactions, and failures in the words of the journal port. A
 * database that is locked by another process is asked again for a while.
 */
import { StoreFailure } from "@reins/runtime/journal"
import * as Effect from "effect/Effect"
import * as Schedule from "effect/Schedule"
import type * as SqlClient from "effect/sql/SqlClient"
import { SqlError } from "effect/sql/SqlError"
import type { Dialect } from "./Dialect.ts"
import type { CorruptRow } from "./StoredJson.ts"

export type Row = { readonly [column: string]: unknown }

/** A value that a statement takes. */
export type Value = string | number | null

/** How long, together with the database's own waiting, a locked database is asked again. */
const patience = { schedule: Schedule.spaced("20 millis"), times: 70 }

/** How long a server that cannot be reached is asked again: a minute. */
const endurance = { schedule: Schedule.spaced("250 millis"), times: 240 }

/** How long after the first failure it is asked again, in milliseconds. */
const firstMs = 20

/** Operations that may have been done although no answer came: their caller has a way to find out, asking twice is none. */
const once = new Set(["create", "commit", "import"])

export class Database {
  readonly dialect: Dialect
  private readonly sql: SqlClient.SqlClient
  private readonly texts = new Map<string, string>()

  constructor(sql: SqlClient.SqlClient, dialect: Dialect) {
    this.sql = sql
    this.dialect = dialect
  }

  /** Runs one statement, written with `?` for its parameters. */
  rows(text: string, ...values: ReadonlyArray<Value>): Effect.Effect<ReadonlyArray<Row>, SqlError> {
    let prepared = this.texts.get(text)
    if (prepared === undefined) this.texts.set(text, (prepared = this.dialect.statement(text)))
    return this.sql.unsafe<Row>(prepared, values)
  }

  /** Tells other processes of the run, once all is committed. */
  tell(run: string): Effect.Effect<unknown, SqlError> {
    return this.dialect.tell === undefined ? Effect.void : this.rows(this.dialect.tell, run, run)
  }

  /**
   * All of it or nothing. A connection that ends in the middle makes the rollback fail, too, which the client takes for a defect: it
   * is a failure of the database like any other.
   */
  atomic<A, E>(effect: Effect.Effect<A, E>): Effect.Effect<A, E | SqlError> {
    return Effect.catchDefect(this.sql.withTransaction(effect), (defect) =>
      defect instanceof SqlError ? Effect.fail(defect) : Effect.die(defect)
    )
  }

  /** An operation of the store: asked again while the database is locked or gone, then failed as a `StoreFailure` of that name. */
  operation<A>(name: string, effect: Effect.Effect<A, SqlError | CorruptRow>): Effect.Effect<A, StoreFailure> {
    const mayAsk = (error: SqlError | CorruptRow) => isGone(error) && !once.has(name)
    return effect.pipe(
      // Schedules are begun only where there is something to wait for: the first time, nearly always, costs nothing but itself.
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
      Effect.mapError((cause) => new StoreFailure({ operation: name, cause }))
    )
  }
}

const isLocked = (error: SqlError | CorruptRow): boolean =>
  error._tag === "SqlError" && error.reason._tag === "LockTimeoutError"

const isGone = (error: SqlError | CorruptRow): boolean =>
  error._tag === "SqlError" && error.reason._tag === "ConnectionError"
