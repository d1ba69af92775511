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
