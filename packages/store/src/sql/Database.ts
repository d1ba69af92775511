/**
 * The stores' access to a database: statements as text, transactions, and failures of the journal port. Operations on a
 * database that is locked by another process are retried for a while. A `Dialect` holds the differences between
 * databases.
 */
import { StoreFailure, WordSearch } from "@reins/runtime/journal"
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
  private readonly telling: string | undefined

  constructor(sql: SqlClient.SqlClient, dialect: Dialect) {
    this.sql = sql
    this.dialect = dialect
    this.telling = dialect.notice && `SELECT ${dialect.notice("CAST(? AS TEXT)")}`
  }

  /** Runs one statement, with `?` for its parameters. */
  rows(text: string, ...values: ReadonlyArray<Value>): Effect.Effect<ReadonlyArray<Row>, SqlError> {
    let prepared = this.texts.get(text)
    if (prepared === undefined) this.texts.set(text, (prepared = this.dialect.statement(text)))
    return this.sql.unsafe<Row>(prepared, values)
  }

  /** Notifies other processes of the run, once everything is committed. */
  tell(run: string): Effect.Effect<unknown, SqlError> {
    return this.telling === undefined ? Effect.void : this.rows(this.telling, run, run)
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

/** Others hold what it needs, or it was rolled back for one of them: nothing took effect. */
const isLocked = (error: unknown): boolean =>
  error instanceof SqlError && (error.reason._tag === "LockTimeoutError" || error.reason._tag === "DeadlockError")

/** Retries what took no effect because others held what it needs. */
export const untilFree = <A, E, R>(effect: Effect.Effect<A, E, R>): Effect.Effect<A, E, R> =>
  Effect.retry(effect, { ...patience, while: isLocked })

const isGone = (error: SqlError | CorruptRow): boolean =>
  error._tag === "SqlError" && error.reason._tag === "ConnectionError"

/** The differences between databases: parameter syntax, rows from a JSON array, notifications to other processes. */
export interface Dialect {
  /** Converts a statement with `?` to the database's parameter syntax. */
  readonly statement: (text: string) => string
  /** A table expression `each(value)` with the elements of the JSON array in the next parameter. */
  readonly each: string
  /** A condition, after a column: that it is the first cell of a row of the JSON array in the next parameter. */
  readonly among: string
  /** Ends a `SELECT` whose rows the same transaction will change. */
  readonly lockRows: string
  /**
   * An expression that notifies other processes of the run that `run` names. Absent where they poll the rows; where
   * present, one statement may write several tables.
   */
  readonly notice: ((run: string) => string) | undefined
  /** Assignments, after a comma, that mark a row of `reins_runs` as changed. */
  readonly news: string
  /**
   * A statement that waits for the name in its parameter, and keeps it until the transaction ends. Absent where a
   * transaction that writes is alone.
   */
  readonly lockName: string | undefined
  /**
   * A value, in the first parameter, that waits for who has the name in the second (`lockName`), and keeps others from
   * it until the transaction ends. Absent as `lockName` is.
   */
  readonly underName: string | undefined
  /** The type of a column that numbers rows, as a primary key. */
  readonly numbered: string
  /** The full-text index of memories. */
  readonly words: {
    /** The statements that make it. */
    readonly tables: ReadonlyArray<string>
    /** Sets the words of a memory: in the first parameter, separated by spaces; its id in the second. */
    readonly put: string
    /** A condition with one parameter: row `m` of `reins_memories` has one of these words. `scopes`: where it may be. */
    readonly matching: (
      scopes: ReadonlyArray<string>,
      words: ReadonlyArray<string>
    ) => { readonly text: string; readonly value: string }
  }
}

/**
 * SQLite: every write takes the next number of a counter, and other processes poll for numbers above the last they saw.
 */
export const sqlite: Dialect = {
  statement: (text) => text,
  each: "json_each(?) AS each",
  among: "IN (SELECT value ->> 0 FROM json_each(?))",
  lockRows: "",
  notice: undefined,
  news: ", changed = (SELECT max(changed) + 1 FROM reins_runs)",
  lockName: undefined,
  underName: undefined,
  numbered: "INTEGER PRIMARY KEY",
  words: {
    tables: [
      "CREATE VIRTUAL TABLE reins_memory_words USING fts5(scope, words)",
      // What is deleted leaves no words in the index.
      "INSERT INTO reins_memory_words (reins_memory_words, rank) VALUES ('secure-delete', 1)",
      `CREATE TRIGGER reins_memories_gone AFTER DELETE ON reins_memories
       BEGIN DELETE FROM reins_memory_words WHERE rowid = old.place; END`
    ],
    put: `INSERT OR REPLACE INTO reins_memory_words (rowid, scope, words)
      SELECT m.place, m.scope, given.words FROM (SELECT ? AS words) AS given, reins_memories AS m WHERE m.id = ?`,
    // With the scope in the index, words of other tenants are not looked at.
    matching: (scopes, words) => ({
      text: "m.place IN (SELECT rowid FROM reins_memory_words WHERE reins_memory_words MATCH ?)",
      value: `scope : (${scopes.map((scope) => `"${scope}"`).join(" OR ")}) AND words : (${words
        .map((word) => `"${word}"${WordSearch.isPrefix(word) ? "*" : ""}`)
        .join(" OR ")})`
    })
  }
}

/** Postgres: other processes listen. `self` names this process, so that it does not wake itself. */
export const postgres = (self: string): Dialect => ({
  statement: (text) => {
    let count = 0
    return text.replaceAll("?", () => `$${++count}`)
  },
  each: "json_array_elements(CAST(? AS json)) AS each(value)",
  // As an array: for a subquery it would plan for a hundred rows, and may read the whole table.
  among: "= ANY (ARRAY(SELECT value ->> 0 FROM json_array_elements(CAST(? AS json)) AS each(value)))",
  lockRows: " FOR UPDATE",
  notice: (run) => notify(self, run),
  news: "",
  lockName: "SELECT pg_advisory_xact_lock(hashtextextended(?, 0))",
  underName: "(SELECT CAST(? AS TEXT) FROM pg_advisory_xact_lock_shared(hashtextextended(?, 0)))",
  numbered: "BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY",
  words: {
    tables: [
      "ALTER TABLE reins_memories ADD COLUMN words TSVECTOR",
      "CREATE INDEX reins_memories_words ON reins_memories USING GIN (words)"
    ],
    // From words and not from a text: the parser of a text search configuration would divide some of them again.
    put: "UPDATE reins_memories SET words = array_to_tsvector(string_to_array(?, ' ')) WHERE id = ?",
    matching: (_scopes, words) => ({
      text: "m.words @@ CAST(? AS TSQUERY)",
      value: words.map((word) => `'${word}'${WordSearch.isPrefix(word) ? ":*" : ""}`).join(" | ")
    })
  }
})

/**
 * Conditions on a row that is found by its key, written so that no index matches them. Postgres plans a statement once
 * per connection, also while its tables are new and without statistics. Then an index of a tenant's rows, or of all open
 * runs, seems as good as the primary key, and each statement reads all that it holds.
 */
export const byKey = {
  /** Of a run. */
  isOpen: "coalesce(ended_at, -1) = -1",
  /** Of an approval. */
  isUndecided: "coalesce(outcome, '') = ''",
  /** Of a row with a tenant. */
  isOfTenant: "resource_id || '' = ?"
}

/** The channel on which processes announce runs. */
export const channel = "reins_runs"

/**
 * Announces the run that the SQL expression `run` names. A very long id is not announced; other processes find it by
 * polling.
 */
export const notify = (self: string, run: string): string =>
  `CASE WHEN length(${run}) < 2000 THEN pg_notify('${channel}', '${self} ' || ${run}) END`
