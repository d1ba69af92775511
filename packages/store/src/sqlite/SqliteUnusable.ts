/** Why a SQLite database cannot be used; each message names the cure. */
import * as Effect from "effect/Effect"
import * as Predicate from "effect/Predicate"
import * as Schema from "effect/Schema"
import { SqlError, classifySqliteError } from "effect/sql/SqlError"

const cures = {
  NoNodeSqlite: "This version of Node has no node:sqlite. Use Node 22.13 or later",
  CannotOpen: "Cannot open the file. Its folder must exist, and both must be writable",
  NotADatabase: "The file is not a SQLite database. Choose another filename",
  Damaged: "The file is damaged. Restore it from a backup",
  Locked: "The database stayed locked by another process. End that process, or wait until it has committed",
  DiskFull: "The disk is full. Free some space",
  NewerSchema: "The database was written by a later version. Use a later @reins/store",
  Unknown: "Cannot use the database. See the cause"
} as const

type Reason = keyof typeof cures

/**
 * The database cannot be used. Raised when the deployment's layer is built, before any run is touched.
 *
 * @since 0.1.0
 * @category errors
 */
export class SqliteUnusable extends Schema.TaggedError<SqliteUnusable>()("SqliteUnusable", {
  filename: Schema.String,
  reason: Schema.Literals([
    "NoNodeSqlite",
    "CannotOpen",
    "NotADatabase",
    "Damaged",
    "Locked",
    "DiskFull",
    "NewerSchema",
    "Unknown"
  ]),
  cause: Schema.optionalKey(Schema.Defect())
}) {
  override get message() {
    return `SQLite at ${this.filename}: ${cures[this.reason]}`
  }
}

/** SQLite's primary error code, without its extension. */
const codeOf = (cause: unknown): number | undefined =>
  Predicate.hasProperty(cause, "errcode") && Predicate.isNumber(cause.errcode) ? cause.errcode & 0xff : undefined

const reasons: { readonly [code: number]: Reason } = {
  5: "Locked",
  6: "Locked",
  8: "CannotOpen",
  11: "Damaged",
  13: "DiskFull",
  14: "CannotOpen",
  26: "NotADatabase"
}

/** The reason for a failure. */
export const from = (filename: string, cause: unknown): SqliteUnusable => {
  const inner = cause instanceof SqlError ? cause.reason.cause : cause
  return new SqliteUnusable({ filename, reason: reasons[codeOf(inner) ?? 0] ?? "Unknown", cause })
}

/** Converts an error of `node:sqlite` to Effect's form, which has the code under another name. */
export const toSqlError = (cause: unknown, operation: string): SqlError => {
  const numbered =
    Predicate.hasProperty(cause, "errcode") && cause instanceof Error
      ? Object.assign(cause, { errno: cause.errcode })
      : cause
  return new SqlError({ reason: classifySqliteError(numbered, { message: `sqlite: ${operation} failed`, operation }) })
}

/** Runs a synchronous `node:sqlite` call and maps its errors. */
export const attempt = <A>(operation: string, body: () => A): Effect.Effect<A, SqlError> =>
  Effect.try({ try: body, catch: (cause) => toSqlError(cause, operation) })
