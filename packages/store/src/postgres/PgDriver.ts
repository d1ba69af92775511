/**
 * Loads the client of `@effect/sql-pg` when a database is opened. The package is an optional peer: programs without
 * Postgres are bundled and started without it. The import stands in a `try`, because a bundler then leaves a missing
 * package out instead of failing.
 */

/** The client's module; rejects where the package is not installed. */
export const load = async () => {
  try {
    return await import("@effect/sql-pg/PgClient")
  } catch (cause) {
    return absent(cause)
  }
}

const absent = (cause: unknown): never => {
  throw cause
}
