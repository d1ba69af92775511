/**
 * Erases runs and threads at once, while others work on the store. What goes on is refused, never cut. The ids of runs stay reserved,
 * so that a late retry does not start one again; what they used of quotas stays counted.
 */
import * as Effect from "effect/Effect"
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import type { SqlError } from "effect/sql/SqlError"
import * as Column from "./Column.ts"
import { byKey, type Database, type Row, type Value } from "./Database.ts"
import * as SqlBranches from "./SqlBranches.ts"
import * as StoredJson from "./StoredJson.ts"

/**
 * What a thread or a run holds in a store, and what erasing it deletes.
 *
 * @since 0.1.0
 * @category models
 */
export interface Holdings {
  /** Runs whose data is there. */
  readonly runs: number
  /** Those of a thread's branches included. */
  readonly messages: number
  readonly files: number
  /** Remembered approvals that reach no further. */
  readonly grants: number
  /** Acts of the audit record, which are kept unless they are asked for. */
  readonly acts: number
}

/**
 * What is meant: a thread with all of its runs, or one run.
 *
 * @since 0.1.0
 * @category models
 */
export type Subject = { readonly threadId: string } | { readonly runId: string }

/**
 * Whose data is erased, and how much of it.
 *
 * @since 0.1.0
 * @category models
 */
export interface EraseOptions {
  /** Absent: of whichever tenant. */
  readonly resourceId?: string | undefined
  /** Whether the audit record of it is erased, too. Absent: false. */
  readonly audit?: boolean | undefined
  /**
   * Whether the ids of who started the runs are removed from lists of runs and from the cost ledger, too, also of runs
   * whose data was deleted before. What the runs cost stays. Absent: false.
   */
  readonly principals?: boolean | undefined
}

/**
 * Nothing was erased: there is no such thread or run, or one of its runs has not ended.
 *
 * @since 0.1.0
 * @category errors
 */
export class NotErased extends Schema.TaggedError<NotErased>()("NotErased", {
  reason: Schema.Literals(["NotFound", "RunOpen"]),
  /** The run that has not ended. */
  runId: Schema.optionalKey(Schema.String)
}) {
  override get message() {
    return this.reason === "NotFound"
      ? "There is nothing of that name in this store"
      : `Run ${this.runId ?? ""} has not ended. Cancel it first, or wait for its end`
  }
}

/** The tables with a run's data, besides its files. */
const tables = [
  "reins_events",
  "reins_marks",
  "reins_answers",
  "reins_approvals",
  "reins_client_calls",
  "reins_claims",
  "reins_notes"
] as const

/** A file whose thread is gone. Looked up for each: for `NOT IN`, Postgres reads all threads. */
const isOfGoneThread = "(SELECT 1 FROM reins_threads t WHERE t.thread_id = reins_files.thread_id LIMIT 1) IS NULL"

/** Deletes the data of runs, by the column values of their ids. */
export const dropRuns = Effect.fnUntraced(function* (db: Database, runs: ReadonlyArray<string>) {
  for (const run of runs) {
    // No run has an empty id: so the index of notes of runs, which leaves it out, is used.
    for (const table of tables) yield* db.rows(`DELETE FROM ${table} WHERE run_id = ? AND run_id <> ''`, run)
    yield* db.rows(`DELETE FROM reins_files WHERE run_id = ? AND ${isOfGoneThread}`, run)
  }
})

/**
 * Locks the rows of ended runs, in one order, so that two transactions that erase or forget the same runs never wait for
 * each other. What reaches ended runs locks the name of their principal first, then threads, then runs.
 */
export const lockRuns = (db: Database, condition: string, ...values: ReadonlyArray<Value>) =>
  db.dialect.lockRows === ""
    ? Effect.void
    : db.rows(`SELECT 1 FROM reins_runs WHERE ${condition} ORDER BY run_id${db.dialect.lockRows}`, ...values)

/** A condition on rows that have the columns `run_id`, `thread_id` and `resource_id`. */
interface Condition {
  readonly text: string
  readonly values: ReadonlyArray<Value>
}

const conditionOf = (subject: Subject, resourceId: string | undefined): Condition => {
  const [column, id] = "threadId" in subject ? ["thread_id", subject.threadId] : ["run_id", subject.runId]
  return {
    text: `${column} = ?${resourceId === undefined ? "" : ` AND ${byKey.isOfTenant}`}`,
    values: [Column.encode(id), ...(resourceId === undefined ? [] : [Column.encode(resourceId)])]
  }
}

/** Ids of grants that reach no further than the subject. A grant that cannot be read allows nothing, and stays. */
const grantsOf = Effect.fnUntraced(function* (db: Database, subject: Subject, resourceId: string | undefined) {
  const rows = yield* resourceId === undefined
    ? db.rows("SELECT id, document FROM reins_grants")
    : db.rows("SELECT id, document FROM reins_grants WHERE resource_id = ?", Column.encode(resourceId))
  const read = (row: Row) =>
    Effect.match(StoredJson.grants([[row["document"]]]), {
      onFailure: () => [],
      onSuccess: ([found]) => {
        const grant = found?.[0]
        if (grant === undefined) return []
        const isOf =
          "threadId" in subject
            ? grant.threadId === subject.threadId
            : grant.runId === subject.runId && grant.scope !== "thread"
        return isOf ? [String(row["id"])] : []
      }
    })
  return (yield* Effect.forEach(rows, read)).flat()
})

const count = (db: Database, table: string, { text, values }: Condition, more = "") =>
  Effect.map(db.rows(`SELECT count(*) AS found FROM ${table} WHERE ${text}${more}`, ...values), ([row]) =>
    Number(row?.["found"] ?? 0)
  )

/** What there is of the subject. */
export const holdings = Effect.fnUntraced(function* (db: Database, subject: Subject, resourceId: string | undefined) {
  const condition = conditionOf(subject, resourceId)
  // A run's files go with its thread; those of a thread that is gone, with the run.
  const gone = "threadId" in subject ? "" : ` AND ${isOfGoneThread}`
  const messages =
    "threadId" in subject
      ? (yield* count(db, "reins_messages", {
          text: `thread_id IN (SELECT thread_id FROM reins_threads WHERE ${condition.text})`,
          values: condition.values
        })) + (yield* SqlBranches.count(db, condition.text, condition.values))
      : 0
  return {
    runs: yield* count(db, "reins_runs", condition, " AND record <> ''"),
    messages,
    files: yield* count(db, "reins_files", condition, gone),
    grants: (yield* grantsOf(db, subject, resourceId)).length,
    acts: yield* count(db, "reins_audit", condition)
  }
})

/** Whether there is anything to erase. */
const isThere = Effect.fnUntraced(function* (
  db: Database,
  subject: Subject,
  condition: Condition,
  { audit, principals }: EraseOptions
) {
  if (principals === true && (yield* count(db, "reins_runs", condition, " AND principal IS NOT NULL")) > 0) return true
  if ((yield* count(db, "reins_runs", condition, " AND record <> ''")) > 0) return true
  if ("threadId" in subject) {
    for (const table of ["reins_threads", "reins_notes"]) if ((yield* count(db, table, condition)) > 0) return true
  }
  return audit === true && (yield* count(db, "reins_audit", condition)) > 0
})

/** Erases the subject, in an open transaction. Returns what was deleted. */
const erased = Effect.fnUntraced(function* (db: Database, subject: Subject, options: EraseOptions) {
  const { audit, principals, resourceId } = options
  const condition = conditionOf(subject, resourceId)
  if (!(yield* isThere(db, subject, condition, options))) return yield* new NotErased({ reason: "NotFound" })
  // The thread's row first: a run that starts now waits for it, and finds it gone.
  const thread = "threadId" in subject ? Column.encode(subject.threadId) : undefined
  if (thread !== undefined) {
    yield* db.rows(`SELECT 1 FROM reins_threads WHERE ${condition.text}${db.dialect.lockRows}`, ...condition.values)
  }
  const [open] = yield* db.rows(
    `SELECT run_id FROM reins_runs WHERE ${condition.text} AND ${byKey.isOpen} ORDER BY started_at LIMIT 1`,
    ...condition.values
  )
  if (open !== undefined) return yield* new NotErased({ reason: "RunOpen", runId: Column.decode(open["run_id"]) })
  yield* lockRuns(db, condition.text, ...condition.values)
  const found = yield* holdings(db, subject, resourceId)
  const grants = yield* grantsOf(db, subject, resourceId)
  if (thread !== undefined) {
    const [owned] = yield* db.rows(`DELETE FROM reins_threads WHERE ${condition.text} RETURNING 1`, ...condition.values)
    if (owned !== undefined) {
      yield* db.rows("DELETE FROM reins_messages WHERE thread_id = ?", thread)
      yield* SqlBranches.drop(db, thread)
    }
    yield* db.rows(`DELETE FROM reins_files WHERE ${condition.text}`, ...condition.values)
    yield* db.rows(`DELETE FROM reins_notes WHERE ${condition.text}`, ...condition.values)
  }
  const runs = yield* db.rows(
    `UPDATE reins_runs SET last_seq = 0, record = '' WHERE ${condition.text} AND record <> '' RETURNING run_id`,
    ...condition.values
  )
  yield* dropRuns(
    db,
    runs.map((row) => String(row["run_id"]))
  )
  // What was not told yet, and where it was to be told.
  const known = yield* db.rows(`SELECT run_id FROM reins_runs WHERE ${condition.text}`, ...condition.values)
  const each = JSON.stringify(known.map((row) => [row["run_id"]]))
  const isOfRuns = `run_id ${db.dialect.among}`
  for (const table of ["reins_notices", "reins_webhooks"]) {
    yield* db.rows(`DELETE FROM ${table} WHERE ${isOfRuns}`, each)
  }
  for (const id of grants) yield* db.rows("DELETE FROM reins_grants WHERE id = ?", id)
  if (principals === true) {
    yield* db.rows(`UPDATE reins_costs SET principal = NULL WHERE ${isOfRuns} AND principal IS NOT NULL`, each)
    yield* db.rows(`UPDATE reins_runs SET principal = NULL WHERE ${condition.text}`, ...condition.values)
  }
  if (audit === true) yield* db.rows(`DELETE FROM reins_audit WHERE ${condition.text}`, ...condition.values)
  return { ...found, acts: audit === true ? found.acts : 0 }
})

/** Erases the subject or nothing. A refusal is a value, since an operation of the store fails with database errors only. */
export const erase = (
  db: Database,
  subject: Subject,
  options: EraseOptions
): Effect.Effect<Result.Result<Holdings, NotErased>, SqlError | StoredJson.CorruptRow> =>
  db.atomic(erased(db, subject, options)).pipe(
    Effect.map((deleted): Result.Result<Holdings, NotErased> => Result.succeed(deleted)),
    Effect.catchTag("NotErased", (refusal) => Effect.succeed(Result.fail(refusal)))
  )
