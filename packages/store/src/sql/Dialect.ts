/**
 * Where the databases differ: how a parameter is written, how rows come out of a JSON array, how other processes are told.
 */
export interface Dialect {
  /** A statement written with `?`, as the database wants its parameters. */
  readonly statement: (text: string) => string
  /** A table expression `each(value)` of the elements of the JSON array in the next parameter. */
  readonly each: string
  /** Ends a `SELECT` whose rows the same transaction is about to change. */
  readonly lockRows: string
  /** Assignments, behind a comma, that mark a row of `reins_runs` as news. */
  readonly news: string
}

/** SQLite: every write takes the next number of a counter, and other processes ask what is behind the last they saw. */
export const sqlite: Dialect = {
  statement: (text) => text,
  each: "json_each(?) AS each",
  lockRows: "",
  news: ", changed = (SELECT max(changed) + 1 FROM reins_runs)"
}
