/**
 * Copies of a database: SQLite itself writes one as of one moment, with what is in the write-ahead log, while other processes write.
 * Nothing is ever written over a file that is there.
 */
import * as Effect from "effect/Effect"
import * as Predicate from "effect/Predicate"
import * as Schema from "effect/Schema"
import { chmod, link, rename, rm, stat } from "node:fs/promises"
import type { DatabaseSync } from "node:sqlite"
import * as Tables from "../sql/Tables.ts"
import * as NodeSqlite from "./NodeSqlite.ts"
import { SqliteUnusable, from } from "./SqliteUnusable.ts"

/**
 * A copy was not made; nothing has changed.
 *
 * @since 0.1.0
 * @category errors
 */
export class CannotBackUp extends Schema.TaggedError<CannotBackUp>()("CannotBackUp", {
  filename: Schema.String,
  reason: Schema.Literals(["Exists", "CannotWrite", "NotAStore", "Damaged"]),
  cause: Schema.optionalKey(Schema.Defect())
}) {
  override get message() {
    switch (this.reason) {
      case "Exists":
        return `${this.filename} exists already. Name a new file, or move it away together with its -wal and -shm`
      case "CannotWrite":
        return `${this.filename} cannot be written. Its folder must exist and be writable, and the disk have room`
      case "NotAStore":
        return `${this.filename} is not a store of runs. Name a file that a backup has made`
      case "Damaged":
        return `${this.filename} is damaged. Use another backup`
    }
  }
}

/**
 * What a copy holds.
 *
 * @since 0.1.0
 * @category models
 */
export interface Copied {
  readonly sizeBytes: number
  readonly runs: number
  readonly threads: number
}

/** Which file is copied, and where to. */
interface Files {
  readonly filename: string
  readonly to: string
}

const exists = (file: string): Effect.Effect<boolean> =>
  Effect.promise(() =>
    stat(file).then(
      () => true,
      () => false
    )
  )

/** The database of a file that is there, closed with the scope. It is neither migrated nor created. */
const opened = Effect.fnUntraced(function* (filename: string) {
  const { DatabaseSync } = yield* NodeSqlite.load(filename)
  if (!(yield* exists(filename))) return yield* new SqliteUnusable({ filename, reason: "CannotOpen" })
  const fail = (cause: unknown) => from(filename, cause)
  const database = yield* Effect.acquireRelease(
    Effect.try({ try: () => new DatabaseSync(filename), catch: fail }),
    (open) => Effect.sync(() => open.close())
  )
  yield* Effect.try({ try: () => database.exec("PRAGMA busy_timeout = 5000"), catch: fail })
  return database
})

const number = (database: DatabaseSync, sql: string): number =>
  Number(Object.values(database.prepare(sql).get() ?? {})[0])

/** Reads the copy, whole: that it is a store, that it is not damaged, and what it holds. */
const verified = (
  file: string,
  named: string
): Effect.Effect<Omit<Copied, "sizeBytes">, CannotBackUp | SqliteUnusable> =>
  Effect.scoped(
    Effect.gen(function* () {
      const database = yield* opened(file)
      const none = (cause: unknown) => new CannotBackUp({ filename: named, reason: "NotAStore", cause })
      const found = yield* Effect.try({
        try: () => ({
          version: number(database, "SELECT max(version) FROM reins_versions"),
          runs: number(database, "SELECT count(*) FROM reins_runs"),
          threads: number(database, "SELECT count(*) FROM reins_threads")
        }),
        catch: none
      })
      if (found.version > Tables.latest) return yield* new SqliteUnusable({ filename: named, reason: "NewerSchema" })
      const { quick_check: state } = { quick_check: undefined, ...database.prepare("PRAGMA quick_check(1)").get() }
      if (state !== "ok") return yield* new CannotBackUp({ filename: named, reason: "Damaged" })
      return { runs: found.runs, threads: found.threads }
    })
  )

/** Puts a file where nothing is; by a rename on file systems that have no hard links, where it was looked before. */
const placed = (part: string, to: string): Promise<void> =>
  link(part, to).catch((cause: unknown) =>
    Predicate.hasProperty(cause, "code") && cause.code !== "EEXIST" ? rename(part, to) : Promise.reject(cause)
  )

/** Writes the copy beside its place, verifies it, and puts it there, unless something is there meanwhile. */
const copy = ({ filename, to }: Files): Effect.Effect<Copied, CannotBackUp | SqliteUnusable> =>
  Effect.gen(function* () {
    const taken = yield* Effect.filter([to, `${to}-wal`, `${to}-shm`], exists)
    if (taken.length > 0) return yield* new CannotBackUp({ filename: to, reason: "Exists" })
    const part = `${to}.part`
    const unwritten = (cause: unknown) => new CannotBackUp({ filename: to, reason: "CannotWrite", cause })
    const remove = Effect.promise(() => rm(part, { force: true }).catch(() => undefined))
    yield* remove
    return yield* Effect.gen(function* () {
      yield* Effect.scoped(
        Effect.flatMap(opened(filename), (database) =>
          Effect.try({
            try: () => database.prepare("VACUUM INTO ?").run(part),
            catch: (cause) => {
              const known = from(filename, cause)
              const isOurs = known.reason === "CannotOpen" || known.reason === "DiskFull" || known.reason === "Unknown"
              return isOurs ? unwritten(cause) : known
            }
          })
        )
      )
      const holds = yield* verified(part, filename)
      return yield* Effect.tryPromise({
        // A copy is read by whom the original is.
        try: () =>
          stat(filename)
            .then(({ mode }) => chmod(part, mode & 0o777))
            .then(() => placed(part, to))
            .then(() => stat(to))
            .then(({ size }) => ({ ...holds, sizeBytes: size })),
        catch: (cause) =>
          Predicate.hasProperty(cause, "code") && cause.code === "EEXIST"
            ? new CannotBackUp({ filename: to, reason: "Exists", cause })
            : unwritten(cause)
      })
    }).pipe(Effect.ensuring(remove))
  })

/** See `Sqlite.backup`. */
export const backup = (options: { readonly filename: string; readonly to: string }) => copy(options)

/** See `Sqlite.restore`. */
export const restore = (options: { readonly from: string; readonly filename: string }) =>
  copy({ filename: options.from, to: options.filename })
