/**
 * The audit record of approvals in a database: one row per act, in the order that pages are read in. Acts are written
 * in the transaction of what they record; a store failure of the port's own operations is a defect, as in `SqlThreads`.
 */
import type { Audit } from "@reins/protocol"
import { AuditStore } from "@reins/runtime/journal"
import * as Effect from "effect/Effect"
import type { SqlError } from "effect/sql/SqlError"
import * as Column from "./Column.ts"
import { byKey, type Database, type Value } from "./Database.ts"
import * as StoredJson from "./StoredJson.ts"

/** The columns of a row, from a JSON array of `row`. */
export const columns = `value ->> 0, value ->> 1, CAST(value ->> 2 AS BIGINT), CAST(value ->> 3 AS INTEGER), value ->> 4,
  value ->> 5, value ->> 6, value ->> 7`

/** Where rows go. */
export const into = "INSERT INTO reins_audit (id, resource_id, at, place, thread_id, run_id, principal, act)"

/** An act as a row. */
export const row = (act: Audit.Act): ReadonlyArray<string | number | null> => {
  const { at, id, rank } = AuditStore.placeOf(act)
  return [
    id,
    Column.encode(act.resourceId),
    at,
    rank,
    Column.encode(act.threadId),
    Column.encode(act.runId),
    act.by === undefined ? null : Column.encode(act.by),
    JSON.stringify(act)
  ]
}

/** Writes acts inside an open transaction, each once by its id. */
export const write = (db: Database, acts: ReadonlyArray<Audit.Act>): Effect.Effect<unknown, SqlError> =>
  acts.length === 0
    ? Effect.void
    : db.rows(
        `${into} SELECT ${columns} FROM ${db.dialect.each} WHERE true ON CONFLICT (id) DO NOTHING`,
        JSON.stringify(acts.map(row))
      )

export const make = (db: Database): AuditStore.AuditStore => ({
  record: (acts) => Effect.asVoid(Effect.orDie(db.operation("audit", write(db, acts)))),
  read: (query) =>
    Effect.suspend(() => {
      const { text, values } = reading(query)
      return db.operation(
        "audit",
        Effect.flatMap(db.rows(text, ...values), (rows) => StoredJson.acts(rows.map((found) => [found["act"]])))
      )
    }).pipe(
      Effect.orDie,
      Effect.map((rows) =>
        AuditStore.pageOf(
          rows.map(([act]) => act),
          query.limit
        )
      )
    )
})

const reading = (query: AuditStore.AuditQuery): { readonly text: string; readonly values: ReadonlyArray<Value> } => {
  const { limit, principal, resourceId, runId, since, threadId, until } = query
  const after = query.after === undefined ? undefined : AuditStore.fromCursor(query.after)
  const isKeyed = runId !== undefined || threadId !== undefined
  const conditions: Array<readonly [string, ReadonlyArray<Value>]> = [
    [isKeyed ? byKey.isOfTenant : "resource_id = ?", [Column.encode(resourceId)]]
  ]
  const where = (condition: string, ...values: ReadonlyArray<Value>) => conditions.push([condition, values])
  if (threadId !== undefined) where("thread_id = ?", Column.encode(threadId))
  if (runId !== undefined) where("run_id = ?", Column.encode(runId))
  if (principal !== undefined) where("principal = ?", Column.encode(principal))
  if (since !== undefined) where("at >= ?", Math.ceil(since))
  if (until !== undefined) where("at < ?", Math.ceil(until))
  if (after !== undefined) {
    const { at, id, rank } = after
    where("(at > ? OR (at = ? AND (place > ? OR (place = ? AND id > ?))))", at, at, rank, rank, Column.encode(id))
  }
  return {
    text: `SELECT act FROM reins_audit WHERE ${conditions.map(([text]) => text).join(" AND ")}
      ORDER BY at, place, id LIMIT ?`,
    values: [...conditions.flatMap(([, values]) => values), limit + 1]
  }
}
