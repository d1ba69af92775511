/**
 * Corrections of the cost ledger in a database: the line beside the one that is corrected, the use of the run's quotas and
 * the totals of its thread, in one transaction. The line's place is that of the corrected row, so that a row is corrected
 * once, whichever processes try.
 */
import {
  type Bill,
  correctedKept,
  type Corrected,
  type Correction,
  firstCorrection,
  type RunExport
} from "@reins/runtime/journal"
import * as Effect from "effect/Effect"
import type { SqlError } from "effect/sql/SqlError"
import * as Column from "./Column.ts"
import { byKey, type Database, type Row } from "./Database.ts"
import * as SqlCosts from "./SqlCosts.ts"
import * as SqlQuotas from "./SqlQuotas.ts"
import * as StoredJson from "./StoredJson.ts"

/** The line that a correction is about. */
const about = `FROM reins_costs WHERE run_id = ? AND kind = 'model' AND agent = ? AND name = ? AND provider = ?
  AND place < ${firstCorrection} ORDER BY place LIMIT 1`

/** Adds the line of a correction, once, in an open transaction; returns a row if it did. */
export const put = (
  db: Database,
  runId: string,
  { agent, change, model, place, provider }: RunExport.BookedCorrection
): Effect.Effect<ReadonlyArray<Row>, SqlError> =>
  db.rows(
    `${SqlCosts.into} SELECT run_id, resource_id, principal, root, CAST(? AS INTEGER), at, agent, kind, name, provider, 0,
       CAST(? AS BIGINT), CAST(? AS BIGINT), CAST(? AS BIGINT), CAST(? AS BIGINT), 0 ${about}
     ON CONFLICT (run_id, place) DO NOTHING RETURNING place`,
    place,
    change.costNanoUsd,
    change.unpriced,
    change.promptTokens,
    change.completionTokens,
    ...[runId, agent, model, provider].map(Column.encode)
  )

/** The corrections of a run, as its export has them. */
export const ofRun = (
  db: Database,
  runId: string
): Effect.Effect<ReadonlyArray<RunExport.BookedCorrection>, SqlError> =>
  Effect.map(
    db.rows(
      `SELECT place, agent, provider, name, cost_nano_usd, unpriced, prompt_tokens, completion_tokens FROM reins_costs
       WHERE run_id = ? AND place >= ${firstCorrection} ORDER BY place`,
      Column.encode(runId)
    ),
    (rows) =>
      rows.map((row) => ({
        place: Number(row["place"]),
        agent: Column.decode(row["agent"]),
        provider: Column.decode(row["provider"]),
        model: Column.decode(row["name"]),
        change: {
          costNanoUsd: Number(row["cost_nano_usd"]),
          unpriced: Number(row["unpriced"]),
          promptTokens: Number(row["prompt_tokens"]),
          completionTokens: Number(row["completion_tokens"])
        }
      }))
  )

/**
 * A run with the rows of its ledger, from its marks alone; `undefined` for one that is unknown or whose rows were
 * deleted.
 */
export const bill = (db: Database, runId: string): Effect.Effect<Bill | undefined, SqlError | StoredJson.CorruptRow> =>
  db.atomic(
    Effect.gen(function* () {
      const run = Column.encode(runId)
      const [row] = yield* db.rows("SELECT record, ended_at FROM reins_runs WHERE run_id = ? AND record <> ''", run)
      if (row === undefined) return undefined
      const marks = yield* db.rows(
        "SELECT spent FROM reins_marks WHERE run_id = ? AND spent <> '[]' ORDER BY seq, at, kind, name",
        run
      )
      const parts = yield* StoredJson.marks(marks.map(({ spent }) => ["[]", "null", spent]))
      return {
        record: yield* StoredJson.record(row["record"]),
        entries: parts.flatMap(([, , spent]) => spent),
        isOver: row["ended_at"] != null,
        corrected: (yield* ofRun(db, runId)).map(({ place }) => place)
      }
    })
  )

/** In an open transaction. */
export const correct = Effect.fnUntraced(function* (
  db: Database,
  { agent, change, charges, model, now, place, provider, resourceId, runId, threadId, usedAt }: Correction
): Effect.fn.Return<Corrected, SqlError | StoredJson.CorruptRow> {
  const line = [runId, agent, model, provider].map(Column.encode)
  const [booked] = yield* db.rows(`SELECT 1 ${about}`, ...line)
  if (booked === undefined) return "unbooked"
  const thread = threadId === undefined ? undefined : Column.encode(threadId)
  const [standing] =
    thread === undefined
      ? []
      : yield* db.rows(
          `SELECT run_id, limits, kept FROM reins_threads WHERE thread_id = ? AND ${byKey.isOfTenant}${db.dialect.lockRows}`,
          thread,
          Column.encode(resourceId)
        )
  if (standing?.["run_id"] != null) return "busy"
  const added = yield* put(db, runId, { place, agent, provider, model, change })
  if (added.length === 0) return "known"
  yield* SqlQuotas.correct(db, charges, usedAt, now, {
    nanoUsd: change.costNanoUsd,
    tokens: change.promptTokens + change.completionTokens
  })
  if (thread === undefined || standing === undefined) return "corrected"
  const { kept } = yield* StoredJson.standing(standing)
  if (kept !== undefined) {
    const left = JSON.stringify(correctedKept(change)(kept))
    yield* db.rows("UPDATE reins_threads SET kept = ? WHERE thread_id = ?", left, thread)
  }
  return "corrected"
})
