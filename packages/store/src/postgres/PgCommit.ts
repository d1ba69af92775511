/** One commit of a run's owner as a single statement: one round trip, whatever the batch contains. */
import { type Batch, type Fenced, type StoreFailure, Webhook } from "@reins/runtime/journal"
import * as Effect from "effect/Effect"
import * as Column from "../sql/Column.ts"
import { type Database, notify } from "../sql/Database.ts"
import * as Projection from "../sql/Projection.ts"
import * as SqlAudit from "../sql/SqlAudit.ts"
import * as SqlCommit from "../sql/SqlCommit.ts"
import * as SqlCosts from "../sql/SqlCosts.ts"
import * as SqlQuotas from "../sql/SqlQuotas.ts"
import * as SqlRunList from "../sql/SqlRunList.ts"
import * as SqlWebhooks from "../sql/SqlWebhooks.ts"

/**
 * The parts of the statement; the rows of each are the JSON array in its parameter. A part without rows is left out.
 */
const parts = {
  new_events: `INSERT INTO reins_events (run_id, seq, at, path, event, packed)
    SELECT run.run_id, ${SqlCommit.eventColumns}
    FROM run, json_array_elements(CAST(? AS json)) AS each(value)`,
  new_marks: `INSERT INTO reins_marks (run_id, kind, name, seq, at, path, value, spent)
    SELECT run.run_id, value ->> 0, value ->> 1, CAST(value ->> 2 AS BIGINT), CAST(value ->> 3 AS BIGINT), value ->> 4,
      value ->> 5, value ->> 6
    FROM run, json_array_elements(CAST(? AS json)) AS each(value)
    ON CONFLICT (run_id, kind, name) DO UPDATE SET seq = excluded.seq, at = excluded.at, path = excluded.path,
      value = excluded.value, spent = excluded.spent`,
  asked: `INSERT INTO reins_approvals (run_id, id, resource_id, path, seq, asked_at, request, outcome, decided_at)
    SELECT run.run_id, value ->> 0, value ->> 1, value ->> 2, CAST(value ->> 3 AS BIGINT), CAST(value ->> 4 AS BIGINT),
      value ->> 5, value ->> 6, CAST(value ->> 7 AS BIGINT)
    FROM run, json_array_elements(CAST(? AS json)) AS each(value) ON CONFLICT (id) DO NOTHING`,
  decided: `UPDATE reins_approvals AS a SET outcome = value ->> 1, decided_at = CAST(value ->> 2 AS BIGINT)
    FROM run, json_array_elements(CAST(? AS json)) AS each(value) WHERE a.id = value ->> 0`,
  opened: `INSERT INTO reins_client_calls (run_id, path, call_id) SELECT run.run_id, value ->> 0, value ->> 1
    FROM run, json_array_elements(CAST(? AS json)) AS each(value) ON CONFLICT DO NOTHING`,
  closed: `DELETE FROM reins_client_calls AS c USING run, json_array_elements(CAST(? AS json)) AS each(value)
    WHERE c.run_id = run.run_id AND c.path = value ->> 0 AND c.call_id = value ->> 1`,
  acts: `${SqlAudit.into} SELECT ${SqlAudit.columns}
    FROM run, json_array_elements(CAST(? AS json)) AS each(value) ON CONFLICT (id) DO NOTHING`,
  costs: `${SqlCosts.into} SELECT ${SqlCosts.columns("run")}
    FROM run, json_array_elements(CAST(? AS json)) AS each(value) ON CONFLICT (run_id, place) DO NOTHING`,
  notices: `${SqlWebhooks.added("json_array_elements(CAST(? AS json)) AS each(value)", "run")}
    ON CONFLICT (webhook_id, run_id, name) DO NOTHING`
}

type Part = keyof typeof parts

const branches = "SELECT 1 FROM reins_branches AS b WHERE b.thread_id = t.thread_id"

/** Releases the thread. */
const released = `, gone AS (
  DELETE FROM reins_threads AS t USING run
  WHERE t.thread_id = run.thread_id AND t.run_id = run.run_id AND t.version = 0 AND t.limits IS NULL AND t.description IS NULL
    AND NOT EXISTS (${branches})
), freed AS (
  UPDATE reins_threads AS t SET run_id = NULL FROM run
  WHERE t.thread_id = run.thread_id AND t.run_id = run.run_id AND (t.version > 0 OR t.limits IS NOT NULL OR t.description IS NOT NULL
    OR EXISTS (${branches}))
)`

/** Books the run's use of its quotas, and releases its lease of them. */
const counted = `, released AS (
  DELETE FROM reins_quota_runs AS q USING run WHERE q.run_id = run.run_id
  RETURNING q.quota, q.grain, q.booked_at, q.booked_nano_usd, q.booked_tokens
), counted AS (${SqlQuotas.counted("json_array_elements(CAST(? AS json)) AS each(value)", "released")})`

/** The statement of a commit with these parts. There are few combinations, and each is planned once per connection. */
const statement = (self: string, present: ReadonlyArray<Part>, ends: boolean, isCounted: boolean) => `
WITH run AS (
  UPDATE reins_runs SET last_seq = last_seq + CAST(? AS BIGINT), last_at = coalesce(CAST(? AS BIGINT), last_at)${
    ends ? `, ended_at = CAST(? AS BIGINT), ${SqlRunList.ending}` : ""
  }
  WHERE run_id = ? AND epoch = ? AND last_seq = coalesce(CAST(? AS BIGINT), last_seq)
  RETURNING run_id, thread_id, resource_id, principal, agent
)${present.map((part) => `, ${part} AS (${parts[part]})`).join("")}${isCounted ? counted : ""}${ends ? released : ""}
SELECT ${notify(self, "run.run_id")} FROM run`

/** Commits for the process whose listener name is `self`. */
export const commit = (db: Database, self: string) => {
  const texts = new Map<string, string>()
  const textOf = (present: ReadonlyArray<Part>, ends: boolean, isCounted: boolean): string => {
    const key = `${present.join()} ${ends} ${isCounted}`
    let text = texts.get(key)
    if (text === undefined) texts.set(key, (text = statement(self, present, ends, isCounted)))
    return text
  }
  return (batch: Batch): Effect.Effect<void, Fenced | StoreFailure> =>
    Effect.suspend(() => {
      const { envelopes, epoch, used } = batch
      const runId = Column.encode(batch.runId)
      const first = envelopes[0]?.seq
      const { end, ...projection } = Projection.fold(batch)
      const rows = {
        new_events: SqlCommit.eventRows(batch),
        new_marks: SqlCommit.markRows(batch),
        acts: SqlCommit.actRows(batch),
        costs: SqlCosts.linesIn(envelopes),
        notices: SqlWebhooks.rowsOf(Webhook.noticesIn(envelopes, end)),
        ...projection
      }
      const present = names.filter((part) => rows[part].length > 0)
      const written = db.rows(
        textOf(present, end !== undefined, used !== undefined),
        envelopes.length,
        SqlCommit.lastAt(batch),
        ...(end === undefined ? [] : [end.endedAt, ...SqlRunList.ended(end)]),
        runId,
        epoch,
        first === undefined ? null : first - 1,
        ...present.map((part) => JSON.stringify(rows[part])),
        ...(used === undefined ? [] : [SqlQuotas.settlement(used)])
      )
      const { text: asks, values } = SqlCommit.ownership(batch)
      return Effect.flatMap(db.operation("commit", written), (done) =>
        done.length > 0
          ? Effect.void
          : Effect.flatMap(db.operation("commit", db.rows(asks, ...values)), (found) =>
              Effect.fail(SqlCommit.fault(batch, found.length > 0))
            )
      )
    })
}

const names = ["new_events", "new_marks", "asked", "decided", "opened", "closed", "acts", "costs", "notices"] as const
