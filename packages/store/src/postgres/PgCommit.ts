/**
 * One commit of a run's owner as a single statement: one way to the server and back, whatever the batch holds.
 */
import { type Batch, Fenced, StoreFailure } from "@reins/runtime/journal"
import * as Effect from "effect/Effect"
import * as Column from "../sql/Column.ts"
import type { Database } from "../sql/Database.ts"
import * as Dialect from "../sql/Dialect.ts"
import * as Projection from "../sql/Projection.ts"
import * as SqlCommit from "../sql/SqlCommit.ts"

const statement = (self: string) => `
WITH run AS (
  UPDATE reins_runs SET last_seq = last_seq + CAST(? AS BIGINT), last_at = coalesce(CAST(? AS BIGINT), last_at),
    ended_at = CAST(? AS BIGINT)
  WHERE run_id = ? AND epoch = ? AND last_seq = coalesce(CAST(? AS BIGINT), last_seq)
  RETURNING run_id, thread_id, ended_at
), new_events AS (
  INSERT INTO reins_events (run_id, seq, at, path, event)
  SELECT run.run_id, CAST(value ->> 0 AS BIGINT), CAST(value ->> 1 AS BIGINT), value ->> 2, value ->> 3
  FROM run, json_array_elements(CAST(? AS json)) AS each(value)
), new_marks AS (
  INSERT INTO reins_marks (run_id, kind, name, seq, at, path, value, spent)
  SELECT run.run_id, value ->> 0, value ->> 1, CAST(value ->> 2 AS BIGINT), CAST(value ->> 3 AS BIGINT), value ->> 4,
    value ->> 5, value ->> 6
  FROM run, json_array_elements(CAST(? AS json)) AS each(value)
  ON CONFLICT (run_id, kind, name) DO UPDATE SET seq = excluded.seq, at = excluded.at, path = excluded.path,
    value = excluded.value, spent = excluded.spent
), asked AS (
  INSERT INTO reins_approvals (run_id, id, resource_id, path, seq, asked_at, request, outcome, decided_at)
  SELECT run.run_id, value ->> 0, value ->> 1, value ->> 2, CAST(value ->> 3 AS BIGINT), CAST(value ->> 4 AS BIGINT),
    value ->> 5, value ->> 6, CAST(value ->> 7 AS BIGINT)
  FROM run, json_array_elements(CAST(? AS json)) AS each(value) ON CONFLICT (id) DO NOTHING
), decided AS (
  UPDATE reins_approvals AS a SET outcome = value ->> 1, decided_at = CAST(value ->> 2 AS BIGINT)
  FROM run, json_array_elements(CAST(? AS json)) AS each(value) WHERE a.id = value ->> 0
), opened AS (
  INSERT INTO reins_client_calls (run_id, path, call_id) SELECT run.run_id, value ->> 0, value ->> 1
  FROM run, json_array_elements(CAST(? AS json)) AS each(value) ON CONFLICT DO NOTHING
), closed AS (
  DELETE FROM reins_client_calls AS c USING run, json_array_elements(CAST(? AS json)) AS each(value)
  WHERE c.run_id = run.run_id AND c.path = value ->> 0 AND c.call_id = value ->> 1
), gone AS (
  DELETE FROM reins_threads AS t USING run
  WHERE run.ended_at IS NOT NULL AND t.thread_id = run.thread_id AND t.run_id = run.run_id AND t.version = 0
), freed AS (
  UPDATE reins_threads AS t SET run_id = NULL FROM run
  WHERE run.ended_at IS NOT NULL AND t.thread_id = run.thread_id AND t.run_id = run.run_id AND t.version > 0
)
SELECT ${Dialect.notify(self, "run.run_id")} FROM run`

/** Commits for the process that is named `self` among those that listen. */
export const commit = (db: Database, self: string) => {
  const text = statement(self)
  return (batch: Batch): Effect.Effect<void, Fenced | StoreFailure> =>
    Effect.suspend(() => {
      const { envelopes, epoch } = batch
      const runId = Column.encode(batch.runId)
      const first = envelopes[0]?.seq
      const projection = Projection.fold(batch)
      const rows = [
        SqlCommit.eventRows(batch),
        SqlCommit.markRows(batch),
        projection.asked,
        projection.decided,
        projection.opened,
        projection.closed
      ]
      const written = db.rows(
        text,
        envelopes.length,
        SqlCommit.lastAt(batch),
        projection.endedAt ?? null,
        runId,
        epoch,
        first === undefined ? null : first - 1,
        ...rows.map((each) => JSON.stringify(each))
      )
      return Effect.flatMap(db.operation("commit", written), (done) =>
        done.length > 0 ? Effect.void : refused(db, batch, runId)
      )
    })
}

/** Why nothing was written. */
const refused = (db: Database, { epoch, runId }: Batch, run: string): Effect.Effect<never, Fenced | StoreFailure> =>
  Effect.flatMap(
    db.operation("commit", db.rows("SELECT 1 FROM reins_runs WHERE run_id = ? AND epoch = ?", run, epoch)),
    (rows): Effect.Effect<never, Fenced | StoreFailure> =>
      rows.length === 0
        ? Effect.fail(new Fenced({ runId }))
        : Effect.fail(
            new StoreFailure({ operation: "commit", cause: new Error("the events are not the next of their log") })
          )
  )
