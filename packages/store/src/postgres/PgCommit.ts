/** One commit of a run's owner as a single statement: one round trip, whatever the batch contains. */
import { type Batch, type Rejected, Webhook } from "@reins/runtime/journal"
import * as Effect from "effect/Effect"
import * as Column from "../sql/Column.ts"
import { type Database, notify } from "../sql/Database.ts"
import * as SqlAudit from "../sql/SqlAudit.ts"
import * as SqlCommit from "../sql/SqlCommit.ts"
import * as SqlCosts from "../sql/SqlCosts.ts"
import * as SqlMessages from "../sql/SqlMessages.ts"
import * as SqlQuotas from "../sql/SqlQuotas.ts"
import * as SqlRunList from "../sql/SqlRunList.ts"
import * as SqlNotices from "../sql/SqlNotices.ts"

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
    FROM run, json_array_elements(CAST(? AS json)) AS each(value) WHERE a.run_id = run.run_id AND a.id = value ->> 0`,
  opened: `INSERT INTO reins_client_calls (run_id, path, call_id) SELECT run.run_id, value ->> 0, value ->> 1
    FROM run, json_array_elements(CAST(? AS json)) AS each(value) ON CONFLICT DO NOTHING`,
  closed: `DELETE FROM reins_client_calls AS c USING run, json_array_elements(CAST(? AS json)) AS each(value)
    WHERE c.run_id = run.run_id AND c.path = value ->> 0 AND c.call_id = value ->> 1`,
  acts: `${SqlAudit.into} SELECT ${SqlAudit.columns}
    FROM run, json_array_elements(CAST(? AS json)) AS each(value) ON CONFLICT (id) DO NOTHING`,
  costs: `${SqlCosts.into} SELECT ${SqlCosts.columns("run")}
    FROM run, json_array_elements(CAST(? AS json)) AS each(value) ON CONFLICT (run_id, place) DO NOTHING`,
  notices: `${SqlNotices.added("json_array_elements(CAST(? AS json)) AS each(value)", "run")}
    ON CONFLICT (webhook_id, run_id, name) DO NOTHING`
}

type Part = keyof typeof parts

const branches = "SELECT 1 FROM reins_branches AS b WHERE b.thread_id = t.thread_id"

/** Releases the thread. `kept`: what is kept with it is in the next parameter. */
const released = (kept: boolean) => `, gone AS (
  DELETE FROM reins_threads AS t USING run
  WHERE t.thread_id = run.thread_id AND t.run_id = run.run_id AND t.version = 0 AND t.limits IS NULL AND t.description IS NULL
    AND NOT EXISTS (${branches})
), freed AS (
  UPDATE reins_threads AS t SET run_id = NULL${kept ? ", kept = ?" : ""} FROM run
  WHERE t.thread_id = run.thread_id AND t.run_id = run.run_id AND (t.version > 0 OR t.limits IS NOT NULL OR t.description IS NOT NULL
    OR EXISTS (${branches}))
)`

/** Adds messages to the thread, and releases it. */
const grown = `, said AS (
  INSERT INTO reins_messages (thread_id, run_id, position, message)
  SELECT t.thread_id, run.run_id, t.version + CAST(value ->> 0 AS BIGINT), value ->> 1
  FROM run, json_array_elements(CAST(? AS json)) AS each(value), reins_threads AS t
  WHERE t.thread_id = run.thread_id AND ${SqlMessages.isNew("run.run_id")}
  RETURNING 1
), freed AS (
  UPDATE reins_threads AS t SET run_id = NULL, version = t.version + (SELECT count(*) FROM said),
    kept = CASE WHEN EXISTS (SELECT 1 FROM said) THEN ? ELSE t.kept END,
    updated_at = CASE WHEN EXISTS (SELECT 1 FROM said) THEN CAST(? AS BIGINT) ELSE t.updated_at END
  FROM run WHERE t.thread_id = run.thread_id AND t.run_id = run.run_id
)`

/**
 * Closes an answer by a row of its own, unless there is one: then the statement writes nothing. The run's row is locked
 * first, as by whoever answers, and the row of the answer is unique: so neither of two at once misses the other, as a
 * mere look would.
 */
const closing = `held AS (
  SELECT run_id FROM reins_runs WHERE run_id = ? AND epoch = ? AND last_seq = coalesce(CAST(? AS BIGINT), last_seq) FOR UPDATE
), closing AS (
  INSERT INTO reins_answers (run_id, name, at, value) SELECT held.run_id, ?, CAST(? AS BIGINT), '{"closed":true}' FROM held
  ON CONFLICT (run_id, name) DO NOTHING RETURNING run_id
), `

/** Books the run's use of its quotas, and releases its lease of them. */
const counted = `, released AS (
  DELETE FROM reins_quota_runs AS q USING run WHERE q.run_id = run.run_id
  RETURNING q.quota, q.grain, q.booked_at, q.booked_nano_usd, q.booked_tokens
), counted AS (${SqlQuotas.counted("json_array_elements(CAST(? AS json)) AS each(value)", "released")})`

/** What a commit does besides its parts. */
interface Shape {
  readonly closes: boolean
  readonly ends: boolean
  readonly isCounted: boolean
  /** What it adds to the thread. */
  readonly leaves: "nothing" | "kept" | "messages"
}

/** The statement of a commit with these parts. There are few combinations, and each is planned once per connection. */
const statement = (self: string, present: ReadonlyArray<Part>, { closes, ends, isCounted, leaves }: Shape) => `
WITH ${closes ? closing : ""}run AS (
  UPDATE reins_runs SET last_seq = last_seq + CAST(? AS BIGINT), last_at = coalesce(CAST(? AS BIGINT), last_at)${
    ends ? `, ended_at = CAST(? AS BIGINT), ${SqlRunList.ending}` : ""
  }
  WHERE run_id = ${closes ? "(SELECT run_id FROM closing)" : "?"} AND epoch = ?
    AND last_seq = coalesce(CAST(? AS BIGINT), last_seq)
  RETURNING run_id, thread_id, resource_id, principal, agent
)${present.map((part) => `, ${part} AS (${parts[part]})`).join("")}${isCounted ? counted : ""}${
  leaves === "messages" ? grown : ends ? released(leaves === "kept") : ""
}
SELECT ${notify(self, "run.run_id")} FROM run`

/** Commits for the process whose listener name is `self`. */
export const commit = (db: Database, self: string) => {
  const texts = new Map<string, string>()
  const textOf = (present: ReadonlyArray<Part>, shape: Shape): string => {
    const { closes, ends, isCounted, leaves } = shape
    const key = `${present.join()} ${closes} ${ends} ${isCounted} ${leaves}`
    let text = texts.get(key)
    if (text === undefined) texts.set(key, (text = statement(self, present, shape)))
    return text
  }
  return (batch: Batch): Effect.Effect<void, Rejected> =>
    Effect.suspend(() => {
      const { closes, envelopes, epoch, left, used } = batch
      const runId = Column.encode(batch.runId)
      const first = envelopes[0]?.seq
      const { end, ...projection } = SqlCommit.projectionOf(batch)
      const rows = {
        new_events: SqlCommit.eventRows(batch),
        new_marks: SqlCommit.markRows(batch),
        acts: SqlCommit.actRows(batch),
        costs: SqlCosts.linesIn(envelopes),
        notices: SqlNotices.rowsOf(Webhook.noticesIn(envelopes, end)),
        ...projection
      }
      const present = names.filter((part) => rows[part].length > 0)
      const leaves =
        left === undefined || end === undefined ? "nothing" : left.messages.length > 0 ? "messages" : "kept"
      const before = first === undefined ? null : first - 1
      const at = SqlCommit.lastAt(batch)
      const written = db.rows(
        textOf(present, {
          closes: closes !== undefined,
          ends: end !== undefined,
          isCounted: used !== undefined,
          leaves
        }),
        ...(closes === undefined ? [] : [runId, epoch, before, Column.encode(closes), at]),
        envelopes.length,
        at,
        ...(end === undefined ? [] : [end.endedAt, ...SqlRunList.ended(end)]),
        ...(closes === undefined ? [runId] : []),
        epoch,
        before,
        ...present.map((part) => JSON.stringify(rows[part])),
        ...(used === undefined ? [] : [SqlQuotas.settlement(used)]),
        ...(leaves === "messages" ? [SqlMessages.rows(left?.messages ?? [])] : []),
        ...(leaves === "nothing" ? [] : [JSON.stringify(left?.kept)]),
        ...(leaves === "messages" ? [at] : [])
      )
      const { text: asks, values } = SqlCommit.standing(batch)
      return Effect.flatMap(db.operation("commit", written), (done) =>
        done.length > 0
          ? Effect.void
          : Effect.flatMap(db.operation("commit", db.rows(asks, ...values)), ([found]) =>
              Effect.fail(SqlCommit.fault(batch, found))
            )
      )
    })
}

const names = ["new_events", "new_marks", "asked", "decided", "opened", "closed", "acts", "costs", "notices"] as const
