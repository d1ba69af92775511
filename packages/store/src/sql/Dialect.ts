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
  /** A statement that tells other processes of the run in its parameter, where the rows alone do not. */
  readonly tell: string | undefined
  /** Assignments, behind a comma, that mark a row of `reins_runs` as news. */
  readonly news: string
}

/** SQLite: every write takes the next number of a counter, and other processes ask what is behind the last they saw. */
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

/** The channel on which processes tell each other of runs. */
export const channel = "reins_runs"

/** Tells of the run that the SQL expression `run` names; of one with a very long id nobody is told, and finds it by looking. */
export const notify = (self: string, run: string): string =>
  `CASE WHEN length(${run}) < 2000 THEN pg_notify('${channel}', '${self} ' || ${run}) END`
