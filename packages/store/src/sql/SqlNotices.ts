/**
 * The outbox of web hooks in a database: a row for each notice until it is accepted. Notices are added in the commit of their
 * event, for each web hook that gets it.
 */
import { Webhook, type Notice } from "@reins/runtime/journal"
import * as Effect from "effect/Effect"
import type { SqlError } from "effect/sql/SqlError"
import * as Column from "./Column.ts"
import type { Database } from "./Database.ts"
import * as StoredJson from "./StoredJson.ts"

/** The notices, as rows of a JSON array: name, event, time, facts. */
export const rowsOf = (told: ReadonlyArray<Webhook.NewNotice>): ReadonlyArray<ReadonlyArray<string | number>> =>
  told.map(({ at, event, facts, name }) => [Column.encode(name), event, at, JSON.stringify(facts)])

/**
 * Adds the notices in the JSON array `each` for every web hook of the run in `run`, a table with its row.
 */
export const added = (each: string, run: string): string =>
  `INSERT INTO reins_notices (webhook_id, run_id, name, event, at, facts, next_at)
   SELECT w.id, r.run_id, value ->> 0, value ->> 1, CAST(value ->> 2 AS BIGINT), value ->> 3, CAST(value ->> 2 AS BIGINT)
   FROM ${run} AS r JOIN reins_webhooks AS w ON w.resource_id IS NULL OR w.resource_id = r.resource_id, ${each}
   WHERE CASE value ->> 1 WHEN 'run.ended' THEN w.on_end ELSE w.on_question END = 1`

/** As `added`, for the run in the last parameter. */
export const addedTo = (each: string): string =>
  `${added(each, "reins_runs")} AND r.run_id = ? ON CONFLICT (webhook_id, run_id, name) DO NOTHING`

/** Notices of a web hook that are due at `now`, the longest due first. */
export const due = (
  db: Database,
  id: string,
  now: number,
  limit: number
): Effect.Effect<ReadonlyArray<Notice>, SqlError | StoredJson.CorruptRow> =>
  Effect.gen(function* () {
    const rows = yield* db.rows(
      `SELECT n.name, n.event, n.at, n.facts, n.attempts, n.next_at, r.run_id, r.thread_id, r.resource_id, r.agent, r.principal,
         r.started_at
       FROM (
         SELECT * FROM reins_notices WHERE webhook_id = ? AND next_at <= ? ORDER BY next_at, at LIMIT ?
       ) AS n JOIN reins_runs r ON r.run_id = n.run_id ORDER BY n.next_at, n.at`,
      Column.encode(id),
      now,
      limit
    )
    const all = yield* StoredJson.readable(rows, (row) =>
      Effect.map(StoredJson.facts([[row["facts"]]]), (found) => found.map(([facts]) => ({ row, facts })))
    )
    return all.flat().flatMap(({ facts, row }) => {
      const event = Webhook.events.find((each) => each === row["event"])
      if (event === undefined) return []
      const notice: Notice = {
        webhookId: id,
        name: Column.decode(row["name"]),
        event,
        at: Number(row["at"]),
        facts,
        attempts: Number(row["attempts"]),
        nextAt: Number(row["next_at"]),
        run: {
          runId: Column.decode(row["run_id"]),
          threadId: Column.decode(row["thread_id"]),
          resourceId: Column.decode(row["resource_id"]),
          agent: String(row["agent"]),
          ...(row["principal"] == null ? {} : { principal: Column.decode(row["principal"]) }),
          startedAt: Number(row["started_at"])
        }
      }
      return [notice]
    })
  })

const placeOf = ({ name, run, webhookId }: Notice): ReadonlyArray<string> => [
  Column.encode(webhookId),
  Column.encode(run.runId),
  Column.encode(name)
]

const here = "webhook_id = ? AND run_id = ? AND name = ?"

/** Deletes a notice that is not sent any more, and counts it as lost. */
export const giveUp = (db: Database, notice: Notice) =>
  db.atomic(
    Effect.gen(function* () {
      const gone = yield* db.rows(`DELETE FROM reins_notices WHERE ${here} RETURNING 1`, ...placeOf(notice))
      if (gone.length === 0) return
      yield* db.rows("UPDATE reins_webhooks SET lost = lost + 1 WHERE id = ?", Column.encode(notice.webhookId))
    })
  )

/** Counts an attempt that failed. */
export const refused = (db: Database, notice: Notice, nextAt: number) =>
  db.rows(`UPDATE reins_notices SET attempts = attempts + 1, next_at = ? WHERE ${here}`, nextAt, ...placeOf(notice))

export const accepted = (db: Database, notice: Notice) =>
  db.rows(`DELETE FROM reins_notices WHERE ${here}`, ...placeOf(notice))

/** All notices of a web hook are due at that time. */
export const dueAt = (db: Database, id: string, at: number) =>
  db.rows("UPDATE reins_notices SET next_at = ? WHERE webhook_id = ?", at, Column.encode(id))
