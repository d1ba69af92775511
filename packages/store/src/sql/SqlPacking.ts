/** Packs the streamed text and input of ended runs, which was committed in many small pieces. */
import * as Effect from "effect/Effect"
import type { SqlError } from "effect/sql/SqlError"
import * as Column from "./Column.ts"
import type { Database } from "./Database.ts"
import * as Packing from "./Packing.ts"
import * as SqlCommit from "./SqlCommit.ts"
import * as StoredJson from "./StoredJson.ts"

/** The result of packing. */
export interface Packed {
  /** The number of runs that were examined. */
  readonly runs: number
  /** The number of rows removed from the log. */
  readonly rows: number
}

/** Packs a run that has ended and is not packed yet; returns the number of rows removed. */
export const pack = (db: Database, runId: string): Effect.Effect<number, SqlError | StoredJson.CorruptRow> =>
  db.atomic(
    Effect.gen(function* () {
      const run = Column.encode(runId)
      const [taken] = yield* db.rows(
        "UPDATE reins_runs SET packed = 1 WHERE run_id = ? AND ended_at IS NOT NULL AND packed = 0 RETURNING 1",
        run
      )
      if (taken === undefined) return 0
      const rows = yield* db.rows(
        `SELECT seq, at, path, event, packed FROM reins_events
         WHERE run_id = ? AND (event LIKE '{"type":"text"%' OR event LIKE '{"type":"reasoning"%'
           OR event LIKE '{"type":"tool-input-delta"%') ORDER BY seq`,
        run
      )
      const stored = yield* StoredJson.unpacked(rows)
      const firsts = new Map(stored.map((pieces) => [pieces.at(-1)?.seq, pieces[0]?.seq]))
      const packs = Packing.pack(stored.flat())
      const news = packs.filter(({ first, seq }) => firsts.get(seq) !== first)
      const kept = new Set(packs.map(({ seq }) => seq))
      const gone = rows.flatMap(({ seq }) => (kept.has(Number(seq)) ? [] : [[Number(seq)]]))
      if (news.length === 0) return 0
      yield* db.rows(
        `INSERT INTO reins_events (run_id, seq, at, path, event, packed)
         SELECT ?, ${SqlCommit.eventColumns} FROM ${db.dialect.each} WHERE true
         ON CONFLICT (run_id, seq) DO UPDATE SET at = excluded.at, event = excluded.event, packed = excluded.packed`,
        run,
        JSON.stringify(news.map(SqlCommit.eventRow))
      )
      yield* db.rows(
        `DELETE FROM reins_events WHERE run_id = ?
         AND seq IN (SELECT CAST(value ->> 0 AS BIGINT) FROM ${db.dialect.each})`,
        run,
        JSON.stringify(gone)
      )
      return rows.length - packs.length
    })
  )

/** Runs that ended before a time, in epoch milliseconds, and are not packed yet. */
export const loose = (db: Database, before: number): Effect.Effect<ReadonlyArray<string>, SqlError> =>
  Effect.map(db.rows("SELECT run_id FROM reins_runs WHERE ended_at < ? AND packed = 0", before), (rows) =>
    rows.map((row) => Column.decode(row["run_id"]))
  )
