/**
 * When estimated runs are asked about again, in a database. A run has a row from its first lease until it is too old to
 * be asked about; the ledger's own lines say which runs have estimates.
 */
import type { LeasedRun, ReconciliationLease, ReconciliationStore } from "@reins/runtime/journal"
import * as Effect from "effect/Effect"
import type { SqlError } from "effect/sql/SqlError"
import * as Column from "./Column.ts"
import type { Database } from "./Database.ts"

export const tables = [
  `CREATE TABLE reins_reconciliations (
    run_id TEXT NOT NULL PRIMARY KEY,
    ended_at BIGINT NOT NULL,
    attempts BIGINT NOT NULL DEFAULT 0,
    next_at BIGINT,
    leased_by TEXT,
    leased_until BIGINT NOT NULL DEFAULT 0
  )`,
  "CREATE INDEX reins_costs_estimated ON reins_costs (at) WHERE estimated = 1"
] as const

const lease = (
  db: Database,
  { limit, now, owner, since, until }: ReconciliationLease
): Effect.Effect<ReadonlyArray<LeasedRun>, SqlError> =>
  db.atomic(
    Effect.gen(function* () {
      yield* db.rows("DELETE FROM reins_reconciliations WHERE ended_at < ?", since)
      const due = yield* db.rows(
        // By the index of estimated rows: for the groups alone, SQLite would read the whole ledger in the order of its runs.
        `WITH estimates AS MATERIALIZED (
           SELECT run_id, at FROM reins_costs WHERE estimated = 1 AND kind = 'model' AND at >= ?
         ) SELECT e.run_id, min(e.at) AS ended_at, coalesce(min(r.next_at), 0) AS next_at
         FROM estimates AS e LEFT JOIN reins_reconciliations r ON r.run_id = e.run_id
         WHERE r.run_id IS NULL OR (r.next_at <= ? AND r.leased_until <= ?)
         GROUP BY e.run_id ORDER BY 3, 2, 1 LIMIT ?`,
        since,
        now,
        now,
        limit
      )
      if (due.length === 0) return []
      const rows = yield* db.rows(
        `INSERT INTO reins_reconciliations (run_id, ended_at, next_at, leased_by, leased_until)
         SELECT value ->> 0, CAST(value ->> 1 AS BIGINT), 0, ?, CAST(? AS BIGINT) FROM ${db.dialect.each} WHERE true
         ON CONFLICT (run_id) DO UPDATE SET leased_by = excluded.leased_by, leased_until = excluded.leased_until
         WHERE reins_reconciliations.next_at <= ? AND reins_reconciliations.leased_until <= ?
         RETURNING run_id, attempts`,
        owner,
        until,
        JSON.stringify(due.map((row) => [String(row["run_id"]), Number(row["ended_at"])])),
        now,
        now
      )
      return rows.map((row) => ({ runId: Column.decode(row["run_id"]), attempts: Number(row["attempts"]) }))
    })
  )

export const make = (db: Database): ReconciliationStore => ({
  lease: (asked) => Effect.orDie(db.operation("reconciliations", lease(db, asked))),
  renew: (runId, owner, until) =>
    Effect.orDie(
      db.operation(
        "reconciliations",
        Effect.map(
          db.rows(
            `UPDATE reins_reconciliations SET leased_until = CAST(? AS BIGINT) WHERE run_id = ? AND leased_by = ?
             RETURNING run_id`,
            until,
            Column.encode(runId),
            owner
          ),
          (renewed) => renewed.length > 0
        )
      )
    ),
  release: (runId, owner, nextAt) =>
    Effect.orDie(
      db.operation(
        "reconciliations",
        Effect.asVoid(
          db.rows(
            `UPDATE reins_reconciliations SET attempts = attempts + 1, next_at = CAST(? AS BIGINT), leased_by = NULL,
               leased_until = 0 WHERE run_id = ? AND leased_by = ?`,
            nextAt ?? null,
            Column.encode(runId),
            owner
          )
        )
      )
    )
})
