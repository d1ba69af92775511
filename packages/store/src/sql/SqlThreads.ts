/**
 * Threads in a database: one row per thread with its active run, one row per message. A store failure is a defect here,
 * since the port has no error for it; the run's host recognizes it.
 */
import type { Budget, Message } from "@reins/protocol"
import { keptAt, ThreadDescription } from "@reins/runtime/journal"
import type {
  ForkedFrom,
  Kept,
  ReadOptions,
  Rewrite,
  ThreadChange,
  ThreadInfo,
  ThreadStore
} from "@reins/runtime/journal"
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import type { SqlError } from "effect/sql/SqlError"
import * as Column from "./Column.ts"
import { byKey, type Database, type Row } from "./Database.ts"
import * as SqlBranches from "./SqlBranches.ts"
import * as SqlMessages from "./SqlMessages.ts"
import * as SqlNotes from "./SqlNotes.ts"
import * as StoredJson from "./StoredJson.ts"

const columns = "thread_id, resource_id, version, run_id, limits, kept, created_at, updated_at, description, principal"

export const make = (db: Database): ThreadStore => {
  const done = <A>(effect: Effect.Effect<A, SqlError | StoredJson.CorruptRow>): Effect.Effect<A> =>
    Effect.orDie(db.operation("threads", effect))

  const begin = (
    threadId: string,
    resourceId: string,
    messages: ReadonlyArray<Message.Message>,
    principal?: string
  ): Effect.Effect<boolean> =>
    done(db.atomic(insert(db, { threadId, resourceId, principal }, SqlMessages.begun, messages)))

  const fork = (threadId: string, resourceId: string, from: ForkedFrom, principal?: string): Effect.Effect<boolean> =>
    done(db.atomic(copy(db, { threadId, resourceId, principal }, from)))

  const info = (threadId: string): Effect.Effect<ThreadInfo | undefined> =>
    db
      .operation(
        "threads",
        db.rows(`SELECT ${columns} FROM reins_threads WHERE thread_id = ?`, Column.encode(threadId))
      )
      .pipe(
        Effect.flatMap(([row]) => (row === undefined ? Effect.succeed(undefined) : about(row))),
        Effect.orDie
      )

  const read = (
    threadId: string,
    { branch, resourceId, version = Number.MAX_SAFE_INTEGER }: ReadOptions = {}
  ): Effect.Effect<ReadonlyArray<Message.Message>> =>
    done(
      branch === undefined
        ? SqlMessages.history(db, threadId, version, resourceId)
        : db.atomic(SqlBranches.history(db, threadId, { branch, resourceId, version }))
    )

  const append = (
    threadId: string,
    runId: string,
    messages: ReadonlyArray<Message.Message>,
    kept?: Kept
  ): Effect.Effect<void> => done(db.atomic(SqlMessages.write(db, threadId, runId, messages, kept)))

  const before = (threadId: string, runId: string): Effect.Effect<number | undefined> =>
    Effect.map(
      done(
        db.rows(
          "SELECT min(position) AS first FROM reins_messages WHERE thread_id = ? AND run_id = ?",
          Column.encode(threadId),
          Column.encode(runId)
        )
      ),
      ([found]) => (found?.["first"] == null ? undefined : Number(found["first"]) - 1)
    )

  const places = (threadId: string): Effect.Effect<ReadonlyMap<string, number>> =>
    Effect.map(
      done(SqlMessages.places(db, Column.encode(threadId))),
      (found) =>
        new Map(
          [...found].flatMap(([owner, before]) => (SqlMessages.isRun(owner) ? [[Column.decode(owner), before]] : []))
        )
    )

  const change = (threadId: string, resourceId: string, given: ThreadChange.ThreadChange) =>
    done(db.atomic(SqlBranches.alter(db, { threadId, resourceId }, given)))

  const branches = (threadId: string) => done(SqlBranches.listed(db, threadId))

  const rewrite = (threadId: string, resourceId: string, given: Rewrite): Effect.Effect<boolean> =>
    done(db.atomic(replace(db, { threadId, resourceId }, given)))

  const limit = (threadId: string, resourceId: string, limits: Budget.Budget | undefined): Effect.Effect<boolean> =>
    done(db.atomic(setLimits(db, { threadId, resourceId }, limits)))

  const describe = (threadId: string, resourceId: string, change: ThreadDescription.DescriptionChange) =>
    done(db.atomic(say(db, { threadId, resourceId }, change)))

  const list = (resourceId: string): Effect.Effect<ReadonlyArray<ThreadInfo>> =>
    db
      .operation(
        "threads",
        db.rows(
          `SELECT ${columns} FROM reins_threads WHERE resource_id = ? ORDER BY begun, thread_id`,
          Column.encode(resourceId)
        )
      )
      .pipe(
        Effect.flatMap((rows) => Effect.forEach(rows, about)),
        Effect.orDie
      )

  const remove = (threadId: string, resourceId?: string): Effect.Effect<boolean> =>
    done(db.atomic(erase(db, threadId, resourceId)))

  const known = { info, read, before, places, branches, list, notes: SqlNotes.make(db) }
  return { ...known, begin, fork, append, change, rewrite, limit, describe, remove }
}

/** A damaged row still has the thread's tenant and run, so that the thread is listed and can be deleted. */
const about = (row: Row): Effect.Effect<ThreadInfo> => {
  const version = Number(row["version"])
  const named = {
    threadId: Column.decode(row["thread_id"]),
    resourceId: Column.decode(row["resource_id"]),
    version: Number.isSafeInteger(version) ? version : 0,
    runId: row["run_id"] == null ? undefined : Column.decode(row["run_id"]),
    ...(row["created_at"] == null ? {} : { createdAt: Number(row["created_at"]) }),
    ...(row["updated_at"] == null ? {} : { updatedAt: Number(row["updated_at"]) }),
    ...(row["principal"] == null ? {} : { principal: Column.decode(row["principal"]) })
  }
  return Effect.match(Effect.zip(SqlMessages.standing(row), StoredJson.description(row["description"])), {
    onFailure: () => ({ ...named, isDamaged: true }),
    onSuccess: ([{ kept, limits }, description]) => ({
      ...named,
      ...(ThreadDescription.isEmpty(description) ? {} : { description }),
      ...(limits === undefined ? {} : { limits }),
      ...(kept === undefined ? {} : { spent: kept.spent })
    })
  })
}

/** Creates a thread with copies of messages of another one, unless one with that id exists; returns whether it did. */
const copy = Effect.fnUntraced(function* (
  db: Database,
  thread: { readonly resourceId: string; readonly threadId: string; readonly principal: string | undefined },
  { branch, threadId, version = Number.MAX_SAFE_INTEGER }: ForkedFrom
) {
  const { resourceId } = thread
  // Of a mark of an earlier release, a copy would have none.
  yield* SqlMessages.catchUp(db)
  const { messages, owners } = yield* SqlBranches.forked(db, threadId, { branch, resourceId, version })
  return yield* insert(db, thread, owners.map(SqlMessages.copyOf), messages)
})

/** Creates a thread as a run found it, unless it exists. */
export const restore = (
  db: Database,
  { runId, ...thread }: { readonly resourceId: string; readonly runId: string; readonly threadId: string },
  messages: ReadonlyArray<Message.Message>
) => insert(db, thread, SqlMessages.restored(runId), messages)

/** Creates a thread with messages of these owners, of all or of each, unless one with that id exists; returns whether it did. */
const insert = Effect.fnUntraced(function* (
  db: Database,
  thread: { readonly resourceId: string; readonly threadId: string; readonly principal?: string | undefined },
  owners: string | ReadonlyArray<string>,
  messages: ReadonlyArray<Message.Message>
) {
  const made = yield* row(db, Column.encode(thread.threadId), Column.encode(thread.resourceId))
  const isOpen = made || (yield* isEmpty(db, thread))
  if (isOpen && thread.principal !== undefined) {
    yield* db.rows(
      "UPDATE reins_threads SET principal = coalesce(principal, ?) WHERE thread_id = ?",
      Column.encode(thread.principal),
      Column.encode(thread.threadId)
    )
  }
  if (isOpen) yield* SqlMessages.lay(db, thread.threadId, owners, messages)
  return isOpen
})

/** Creates a thread unless one with that id exists; returns whether it did. `principal`: whose it is, as a column value. */
export const row = Effect.fnUntraced(function* (
  db: Database,
  thread: string,
  resource: string,
  principal: string | null = null
) {
  const at = yield* Clock.currentTimeMillis
  const [made] = yield* db.rows(
    `INSERT INTO reins_threads (thread_id, resource_id, principal, created_at, updated_at, begun)
     SELECT ?, ?, CAST(? AS TEXT), CAST(? AS BIGINT), CAST(? AS BIGINT), coalesce(max(begun), 0) + 1 FROM reins_threads WHERE true
     ON CONFLICT (thread_id) DO NOTHING RETURNING 1`,
    thread,
    resource,
    principal,
    at,
    at
  )
  return made !== undefined
})

/** Whether the tenant's thread has limits and nothing else. */
const isEmpty = (db: Database, { resourceId, threadId }: { readonly resourceId: string; readonly threadId: string }) =>
  Effect.map(
    db.rows(
      `SELECT 1 FROM reins_threads WHERE thread_id = ? AND ${byKey.isOfTenant} AND version = 0 AND run_id IS NULL${db.dialect.lockRows}`,
      Column.encode(threadId),
      Column.encode(resourceId)
    ),
    (found) => found.length > 0
  )

const setLimits = Effect.fnUntraced(function* (
  db: Database,
  thread: { readonly resourceId: string; readonly threadId: string },
  limits: Budget.Budget | undefined
) {
  const [id, resource] = [Column.encode(thread.threadId), Column.encode(thread.resourceId)]
  yield* row(db, id, resource)
  const set = yield* db.rows(
    `UPDATE reins_threads SET limits = ?, updated_at = ? WHERE thread_id = ? AND ${byKey.isOfTenant} RETURNING 1`,
    limits === undefined ? null : StoredJson.encodeLimits(limits),
    yield* Clock.currentTimeMillis,
    id,
    resource
  )
  if (limits === undefined) yield* dropEmpty(db, id)
  return set.length > 0
})

/** Changes what is said of a thread, whose row is locked by the first statement. */
const say = Effect.fnUntraced(function* (
  db: Database,
  thread: { readonly resourceId: string; readonly threadId: string },
  change: ThreadDescription.DescriptionChange
) {
  const [id, resource] = [Column.encode(thread.threadId), Column.encode(thread.resourceId)]
  yield* row(db, id, resource)
  const [found] = yield* db.rows(
    `UPDATE reins_threads SET updated_at = ? WHERE thread_id = ? AND ${byKey.isOfTenant} RETURNING description`,
    yield* Clock.currentTimeMillis,
    id,
    resource
  )
  if (found === undefined) return false
  const after = ThreadDescription.changed(yield* StoredJson.description(found["description"]), change)
  const isEmpty = ThreadDescription.isEmpty(after)
  const text = isEmpty ? null : JSON.stringify(after)
  yield* db.rows("UPDATE reins_threads SET description = ? WHERE thread_id = ?", text, id)
  if (isEmpty) yield* dropEmpty(db, id)
  return true
})

/** Deletes a thread that exists only for limits or a description which it no longer has. */
const dropEmpty = (db: Database, id: string) =>
  db.rows(`DELETE FROM reins_threads WHERE thread_id = ? AND run_id IS NULL AND ${hasNothing}`, id)

/** A thread's row without messages, branches, limits and description. */
export const hasNothing = `version = 0 AND limits IS NULL AND description IS NULL
  AND NOT EXISTS (SELECT 1 FROM reins_branches b WHERE b.thread_id = reins_threads.thread_id)`

/** Keeps the first messages of a free thread and writes others after them. */
const replace = Effect.fnUntraced(function* (
  db: Database,
  { resourceId, threadId }: { readonly resourceId: string; readonly threadId: string },
  { keep, messages, version }: Rewrite
) {
  const thread = Column.encode(threadId)
  const [found] = yield* db.rows(
    `UPDATE reins_threads SET version = ?, updated_at = ? WHERE thread_id = ? AND ${byKey.isOfTenant} AND run_id IS NULL AND version = ?
     RETURNING limits, kept`,
    keep,
    yield* Clock.currentTimeMillis,
    thread,
    Column.encode(resourceId),
    version
  )
  if (found === undefined) return false
  yield* db.rows("DELETE FROM reins_messages WHERE thread_id = ? AND position > ?", thread, keep)
  yield* SqlBranches.prune(db, thread, keep)
  const { kept } = yield* StoredJson.standing(found)
  if (kept !== undefined) {
    const left = JSON.stringify(keptAt(kept, keep))
    yield* db.rows("UPDATE reins_threads SET kept = ? WHERE thread_id = ?", left, thread)
  }
  yield* SqlMessages.lay(db, threadId, SqlMessages.rewritten(keep), messages)
  return true
})

const erase = Effect.fnUntraced(function* (db: Database, threadId: string, resourceId: string | undefined) {
  const thread = Column.encode(threadId)
  const [gone] = yield* db.rows(
    `DELETE FROM reins_threads WHERE thread_id = ? AND run_id IS NULL${
      resourceId === undefined ? "" : ` AND ${byKey.isOfTenant}`
    } RETURNING 1`,
    thread,
    ...(resourceId === undefined ? [] : [Column.encode(resourceId)])
  )
  if (gone === undefined) return false
  yield* db.rows("DELETE FROM reins_messages WHERE thread_id = ?", thread)
  yield* SqlBranches.drop(db, thread)
  yield* db.rows("DELETE FROM reins_files WHERE thread_id = ?", thread)
  yield* db.rows("DELETE FROM reins_notes WHERE thread_id = ?", thread)
  return true
})
