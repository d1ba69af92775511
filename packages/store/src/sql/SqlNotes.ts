/**
 * Notes on threads and runs in a database: a row per thread, whose `run_id` is empty and whose `place` is the version of
 * its notes, and a row per run, whose `place` is the version with which it came. A version begins with the time in
 * milliseconds, so that notes that were deleted and written again have another. A store failure is a defect here, as in
 * `SqlThreads`.
 */
import type { NotedThread, ThreadNotes, ThreadNoteStore } from "@reins/runtime/journal"
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Column from "./Column.ts"
import type { Database } from "./Database.ts"

/** The statements that make the table; a released one is never edited. `keyed`: as in `Tables`. */
export const tables = (keyed: string): ReadonlyArray<string> => [
  `CREATE TABLE reins_notes (
    thread_id TEXT NOT NULL,
    resource_id TEXT NOT NULL,
    run_id TEXT NOT NULL,
    place BIGINT NOT NULL,
    at BIGINT NOT NULL,
    note TEXT NOT NULL,
    PRIMARY KEY (thread_id, resource_id, run_id)
  )${keyed}`,
  "CREATE INDEX reins_notes_threads ON reins_notes (resource_id, at) WHERE run_id = ''",
  "CREATE INDEX reins_notes_runs ON reins_notes (run_id) WHERE run_id <> ''"
]

/** Stands for the thread in `run_id`. No run has this id. */
const ofThread = ""

const place = ({ resourceId, threadId }: NotedThread) => [Column.encode(threadId), Column.encode(resourceId)] as const

const read = Effect.fnUntraced(function* (db: Database, thread: NotedThread) {
  const rows = yield* db.rows(
    "SELECT run_id, note, place FROM reins_notes WHERE thread_id = ? AND resource_id = ? ORDER BY place, run_id",
    ...place(thread)
  )
  const root = rows.find((row) => row["run_id"] === ofThread)
  if (root === undefined) return undefined
  return {
    version: Number(root["place"]),
    thread: Column.decode(root["note"]),
    runs: rows
      .filter((row) => row !== root)
      .map((row) => ({ runId: Column.decode(row["run_id"]), note: Column.decode(row["note"]) }))
  } satisfies ThreadNotes
})

const write = Effect.fnUntraced(function* (
  db: Database,
  thread: NotedThread,
  { runs, thread: note, version }: ThreadNotes
) {
  const at = yield* Clock.currentTimeMillis
  const text = Column.encode(note)
  const [done] =
    version === 0
      ? yield* db.rows(
          `INSERT INTO reins_notes (thread_id, resource_id, run_id, place, at, note)
           VALUES (?, ?, ?, CAST(? AS BIGINT), CAST(? AS BIGINT), ?) ON CONFLICT DO NOTHING RETURNING place`,
          ...place(thread),
          ofThread,
          at + 1,
          at,
          text
        )
      : yield* db.rows(
          `UPDATE reins_notes SET note = ?, place = place + 1
           WHERE thread_id = ? AND resource_id = ? AND run_id = ? AND place = ? RETURNING place`,
          text,
          ...place(thread),
          ofThread,
          version
        )
  if (done === undefined) return 0
  const after = Number(done["place"])
  for (const run of runs) {
    yield* db.rows(
      `INSERT INTO reins_notes (thread_id, resource_id, run_id, place, at, note)
       VALUES (?, ?, ?, CAST(? AS BIGINT), CAST(? AS BIGINT), ?)
       ON CONFLICT (thread_id, resource_id, run_id) DO UPDATE SET note = excluded.note`,
      ...place(thread),
      Column.encode(run.runId),
      after,
      at,
      Column.encode(run.note)
    )
  }
  return after
})

export const make = (db: Database): ThreadNoteStore => ({
  version: (thread) =>
    db
      .operation(
        "threads",
        db.rows(
          "SELECT place FROM reins_notes WHERE thread_id = ? AND resource_id = ? AND run_id = ?",
          ...place(thread),
          ofThread
        )
      )
      .pipe(
        Effect.map(([row]) => Number(row?.["place"] ?? 0)),
        Effect.orDie
      ),
  get: (thread) => Effect.orDie(db.operation("threads", read(db, thread))),
  put: (thread, notes) => Effect.orDie(db.operation("threads", db.atomic(write(db, thread, notes)))),
  list: (resourceId) =>
    db
      .operation(
        "threads",
        db.rows(
          "SELECT thread_id, at FROM reins_notes WHERE resource_id = ? AND run_id = ? ORDER BY at, thread_id",
          Column.encode(resourceId),
          ofThread
        )
      )
      .pipe(
        Effect.map((rows) =>
          rows.map((row) => ({ threadId: Column.decode(row["thread_id"]), createdAt: Number(row["at"]) }))
        ),
        Effect.orDie
      ),
  remove: (thread) =>
    db
      .operation(
        "threads",
        db.rows("DELETE FROM reins_notes WHERE thread_id = ? AND resource_id = ?", ...place(thread))
      )
      .pipe(Effect.asVoid, Effect.orDie)
})
