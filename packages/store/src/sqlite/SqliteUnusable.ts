/**
 * Why a SQLite database cannot be used, in words that name the cure.
 */
import * as Effect from "effect/Effect"
import * as Predicate from "effect/Predicate"
import * as Schema from "effect/Schema"
import { SqlError, classifySqliteError } from "effect/sql/SqlError"

const cures = {
  NoNodeSqlite: "this Node has no node:sqlite; use Node 22.13 or later",
  CannotOpen: "the file cannot be opened; its folder must exist, and both must be writable",
  NotADatabase: "the file is no SQLite database",
  Damaged: "the file is damaged; restore it from a backup",
  Locked: "another process keeps the database locked",
  DiskFull: "the disk is full",
  NewerSchema: "the database was written by a later version; use a later @reins/store",
  Unknown: "see the cause"
} as const

type Reason = keyof typeof cures

/** The database cannot be used. Given when the deployment's layer is built, before any run is touched. */
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

/** The number that SQLite gave an error, its extension left out. */
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

/** Why, from whatever went wrong. */
export const from = (filename: string, cause: unknown): SqliteUnusable => {
  const inner = cause instanceof SqlError ? cause.reason.cause : cause
  return new SqliteUnusable({ filename, reason: reasons[codeOf(inner) ?? 0] ?? "Unknown", cause })
}

/** An error of `node:sqlite` in Effect's terms, which reads the number under another name. */
export const toSqlError = (cause: unknown, operation: string): SqlError => {
  const numbered =
    Predicate.hasProperty(cause, "errcode") && cause instanceof Error
      ? Object.assign(cause, { errno: cause.errcode })
      : cause
  return new SqlError({ reason: classifySqliteError(numbered, { message: `sqlite: ${operation} failed`, operation }) })
}

/** Tries what `node:sqlite` does synchronously. */
export const attempt = <A>(operation: string, body: () => A): Effect.Effect<A, SqlError> =>
  Effect.try({ try: body, catch: (cause) => toSqlError(cause, operation) })
