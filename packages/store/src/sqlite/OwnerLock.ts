/**
 * The lock that makes one process the owner of a database: an exclusive transaction on a file beside it, held for the
 * lifetime of the process. The operating system releases it when the process dies, however it dies.
 */
import * as Effect from "effect/Effect"
import * as Result from "effect/Result"
import * as Scope from "effect/Scope"
import * as NodeSqlite from "./NodeSqlite.ts"
import { type SqliteUnusable, from } from "./SqliteUnusable.ts"

/** Tries to become the owner of the database `filename` until `scope` closes. False: another process is the owner. */
export const acquire = (filename: string, scope: Scope.Scope): Effect.Effect<boolean, SqliteUnusable> =>
  Effect.gen(function* () {
    const { DatabaseSync } = yield* NodeSqlite.load(filename)
    const path = `${filename}.owner.lock`
    const fail = (cause: unknown) => from(path, cause)
    const database = yield* Effect.try({ try: () => new DatabaseSync(path), catch: fail })
    const locked = yield* Effect.result(
      Effect.try({
        try: () => {
          database.exec("PRAGMA busy_timeout = 0")
          database.exec("BEGIN EXCLUSIVE")
        },
        catch: fail
      })
    )
    const close = Effect.sync(() => database.close())
    if (Result.isSuccess(locked)) return yield* Effect.as(Scope.addFinalizer(scope, close), true)
    yield* close
    return locked.failure.reason === "Locked" ? false : yield* locked.failure
  }).pipe(Effect.uninterruptible)
