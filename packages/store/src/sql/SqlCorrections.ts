/**
 * Corrections of the cost ledger in a database: the line beside the one that is corrected, the use of the run's quotas and
 * the totals of its thread, in one transaction. The line's place is that of the corrected row, so that a row is corrected
 * once, whichever processes try.
 */
import { correctedKept, type Corrected, type Correction, firstCorrection } from "@reins/runtime/journal"
import * as Effect from "effect/Effect"
import type { SqlError } from "effect/sql/SqlError"
import * as Column from "./Column.ts"
import type { Database } from "./Database.ts"
import * as SqlCosts from "./SqlCosts.ts"
import * as SqlQuotas from "./SqlQuotas.ts"
import * as StoredJson from "./StoredJson.ts"

/** The line that a correction is about. */
const about = `FROM reins_costs WHERE run_id = ? AND kind = 'model' AND agent = ? AND name = ? AND provider = ?
  AND place < ${firstCorrection} ORDER BY place LIMIT 1`

/** In an open transaction. */
export const correct = Effect.fnUntraced(function* (
  db: Database,
  { agent, change, charges, model, place, provider, resourceId, runId, threadId }: Correction
): Effect.fn.Return<Corrected, SqlError | StoredJson.CorruptRow> {
  const line = [runId, agent, model, provider].map(Column.encode)
  const [booked] = yield* db.rows(`SELECT at ${about}`, ...line)
  if (booked === undefined) return "unbooked"
  const thread = threadId === undefined ? undefined : Column.encode(threadId)
  const [standing] =
    thread === undefined
      ? []
      : yield* db.rows(
          `SELECT run_id, limits, kept FROM reins_threads WHERE thread_id = ? AND resource_id = ?${db.dialect.lockRows}`,
          thread,
          Column.encode(resourceId)
        )
  if (standing?.["run_id"] != null) return "busy"
  const added = yield* db.rows(
    `${SqlCosts.into} SELECT run_id, resource_id, principal, root, CAST(? AS INTEGER), at, agent, kind, name, provider, 0,
       CAST(? AS BIGINT), CAST(? AS BIGINT), CAST(? AS BIGINT), CAST(? AS BIGINT), 0 ${about}
     ON CONFLICT (run_id, place) DO NOTHING RETURNING place`,
    place,
    change.costNanoUsd,
    change.unpriced,
    change.promptTokens,
    change.completionTokens,
    ...line
  )
  if (added.length === 0) return "known"
  yield* SqlQuotas.correct(db, charges, Number(booked["at"]), {
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
