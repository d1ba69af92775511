/**
 * One commit of a run's owner: its events, its marks and all that follows from them, or nothing of it.
 */
import { type Batch, Fenced, StoreFailure } from "@reins/runtime/journal"
import * as Effect from "effect/Effect"
import type { SqlError } from "effect/sql/SqlError"
import * as Column from "./Column.ts"
import type { Database } from "./Database.ts"
import * as Projection from "./Projection.ts"

type Rows = ReadonlyArray<ReadonlyArray<string | number | null>>

/** Commits by statements in a transaction: for a database without a wire between. */
export const commit =
  (db: Database) =>
  (batch: Batch): Effect.Effect<void, Fenced | StoreFailure> =>
    Effect.flatMap(db.operation("commit", db.atomic(write(db, batch))), (fault) =>
      fault === undefined ? Effect.void : Effect.fail(fault)
    )

/** What keeps the batch out, before any of it was written. */
type Fault = Fenced | StoreFailure | undefined

const write = (db: Database, batch: Batch): Effect.Effect<Fault, SqlError> =>
  Effect.gen(function* () {
    const { envelopes, epoch, marks } = batch
    const runId = Column.encode(batch.runId)
    const { each, news } = db.dialect
    const put = (into: string, rows: Rows) =>
      rows.length === 0 ? Effect.void : db.rows(into, runId, JSON.stringify(rows))

    const [run] = yield* db.rows("SELECT last_seq FROM reins_runs WHERE run_id = ? AND epoch = ?", runId, epoch)
    if (run === undefined) return new Fenced({ runId: batch.runId })
    const first = envelopes[0]?.seq
    if (first !== undefined && first !== Number(run["last_seq"]) + 1) {
      return new StoreFailure({ operation: "commit", cause: new Error("the events are not the next of their log") })
    }
    const projection = Projection.fold(batch)
    yield* db.rows(
      `UPDATE reins_runs SET last_seq = last_seq + ?, last_at = coalesce(?, last_at), ended_at = ?${news} WHERE run_id = ?`,
      envelopes.length,
      lastAt(batch),
      projection.endedAt ?? null,
      runId
    )
    yield* put(
      `INSERT INTO reins_events (run_id, seq, at, path, event)
       SELECT ?, CAST(value ->> 0 AS BIGINT), CAST(value ->> 1 AS BIGINT), value ->> 2, value ->> 3 FROM ${each}`,
      eventRows(batch)
    )
    if (marks.length > 0) {
      yield* put(
        `INSERT INTO reins_marks (run_id, kind, name, seq, at, path, value, spent)
         SELECT ?, value ->> 0, value ->> 1, CAST(value ->> 2 AS BIGINT), CAST(value ->> 3 AS BIGINT), value ->> 4, value ->> 5,
         value ->> 6
         FROM ${each} WHERE true
         ON CONFLICT (run_id, kind, name) DO UPDATE SET seq = excluded.seq, at = excluded.at, path = excluded.path,
           value = excluded.value, spent = excluded.spent`,
        markRows(batch)
      )
    }
    yield* put(
      `INSERT INTO reins_approvals (run_id, id, resource_id, path, seq, asked_at, request, outcome, decided_at)
       SELECT ?, value ->> 0, value ->> 1, value ->> 2, CAST(value ->> 3 AS BIGINT), CAST(value ->> 4 AS BIGINT), value ->> 5,
         value ->> 6, CAST(value ->> 7 AS BIGINT)
       FROM ${each} WHERE true ON CONFLICT (id) DO NOTHING`,
      projection.asked
    )
    for (const [id = null, outcome = null, at = null] of projection.decided) {
      yield* db.rows("UPDATE reins_approvals SET outcome = ?, decided_at = ? WHERE id = ?", outcome, at, id)
    }
    yield* put(
      `INSERT INTO reins_client_calls (run_id, path, call_id)
       SELECT ?, value ->> 0, value ->> 1 FROM ${each} WHERE true ON CONFLICT DO NOTHING`,
      projection.opened
    )
    for (const [path = null, callId = null] of projection.closed) {
      yield* db.rows(
        "DELETE FROM reins_client_calls WHERE run_id = ? AND path = ? AND call_id = ?",
        runId,
        path,
        callId
      )
    }
    if (projection.endedAt !== undefined) {
      const threadId = Column.encode(envelopes[0]?.threadId ?? "")
      yield* db.rows("DELETE FROM reins_threads WHERE thread_id = ? AND run_id = ? AND version = 0", threadId, runId)
      yield* db.rows("UPDATE reins_threads SET run_id = NULL WHERE thread_id = ? AND run_id = ?", threadId, runId)
    }
    return undefined
  })

/** seq, at, path, event */
export const eventRows = ({ envelopes }: Batch): Rows =>
  envelopes.map(({ agentPath, at, event, seq }) => [seq, at, Projection.pathOf(agentPath), JSON.stringify(event)])

/** kind, name, seq, at, path, value, spent; of one kind and name only the last. */
export const markRows = ({ marks }: Batch): Rows => [
  ...new Map(
    marks.map((mark) => [
      `${mark.kind} ${mark.name}`,
      [
        mark.kind,
        Column.encode(mark.name),
        mark.seq,
        mark.at,
        Projection.pathOf(mark.path),
        JSON.stringify(mark.value),
        JSON.stringify(mark.spent)
      ]
    ])
  ).values()
]

/** When the batch was made, in epoch milliseconds. */
export const lastAt = ({ envelopes, marks }: Batch): number | null => {
  const times = [...envelopes.slice(-1), ...marks].map(({ at }) => at)
  return times.length === 0 ? null : Math.max(...times)
}
