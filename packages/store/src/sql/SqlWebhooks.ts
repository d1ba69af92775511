/**
 * Web hooks in a database: a row for each, with its standing and its lease. `SqlNotices` has what each is to be told. A
 * store failure is a defect here, as in `SqlThreads`.
 */
import {
  Webhook,
  type StoredWebhook,
  type WebhookCount,
  type WebhookStanding,
  type WebhookStore
} from "@reins/runtime/journal"
import * as Effect from "effect/Effect"
import type { SqlError } from "effect/sql/SqlError"
import * as Column from "./Column.ts"
import type { Database, Row } from "./Database.ts"
import * as SqlNotices from "./SqlNotices.ts"
import * as StoredJson from "./StoredJson.ts"

type Failure = SqlError | StoredJson.CorruptRow

const columns = `id, document, failures, failing_since, last_error, accepted_at, lost, told_seq`

/** A web hook that can be read, and its row. */
const read = (rows: ReadonlyArray<Row>) =>
  StoredJson.readable(rows, (row) =>
    Effect.map(StoredJson.webhooks([[row["document"]]]), (found) => found.map(([webhook]) => ({ row, webhook })))
  ).pipe(Effect.map((all) => all.flat()))

const isThere = (column: unknown): boolean => column !== null && column !== undefined

const optional = (row: Row, column: string): number | undefined =>
  isThere(row[column]) ? Number(row[column]) : undefined

const standingOf = (row: Row, webhook: StoredWebhook): WebhookStanding => {
  const failingSince = optional(row, "failing_since")
  const acceptedAt = optional(row, "accepted_at")
  const oldestAt = optional(row, "oldest")
  return {
    webhook,
    waiting: Number(row["waiting"]),
    ...(oldestAt === undefined ? {} : { oldestAt }),
    failures: Number(row["failures"]),
    ...(failingSince === undefined ? {} : { failingSince }),
    ...(isThere(row["last_error"]) ? { lastError: String(row["last_error"]) } : {}),
    ...(acceptedAt === undefined ? {} : { acceptedAt }),
    lost: Number(row["lost"])
  }
}

const put = (db: Database, webhook: StoredWebhook, toldSeq: number): Effect.Effect<unknown, SqlError> =>
  db.rows(
    `INSERT INTO reins_webhooks (id, resource_id, run_id, source, on_question, on_end, document, created_at, told_seq)
     VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)
     ON CONFLICT (id) DO UPDATE SET resource_id = excluded.resource_id, run_id = excluded.run_id,
       source = excluded.source, on_question = excluded.on_question, on_end = excluded.on_end,
       document = excluded.document`,
    Column.encode(webhook.id),
    webhook.resourceId === undefined ? null : Column.encode(webhook.resourceId),
    webhook.runId === undefined ? null : Column.encode(webhook.runId),
    webhook.source,
    webhook.events.includes("approval.required") ? 1 : 0,
    webhook.events.includes("run.ended") ? 1 : 0,
    JSON.stringify(webhook),
    webhook.createdAt,
    toldSeq
  )

const add = (db: Database, webhook: StoredWebhook, most: number, toldSeq: number) =>
  db.atomic(
    Effect.gen(function* () {
      const id = Column.encode(webhook.id)
      const [resource, run] = [webhook.resourceId, webhook.runId].map((one) =>
        one === undefined ? null : Column.encode(one)
      )
      const name = `reins_webhooks ${JSON.stringify([resource, run])}`
      if (db.dialect.lockName !== undefined) yield* db.rows(db.dialect.lockName, name)
      const [others] = yield* db.rows(
        `SELECT count(*) AS found FROM reins_webhooks WHERE ${
          run == null
            ? "run_id IS NULL AND resource_id IS NOT DISTINCT FROM CAST(? AS TEXT) AND source = ?"
            : "run_id = ?"
        } AND id <> ?`,
        ...(run == null ? [resource ?? null, webhook.source] : [run]),
        id
      )
      if (Number(others?.["found"]) >= most) return false
      yield* db.rows("DELETE FROM reins_notices WHERE webhook_id = ?", id)
      yield* db.rows("DELETE FROM reins_webhooks WHERE id = ?", id)
      yield* put(db, webhook, toldSeq)
      return true
    })
  )

/** A condition on the tenant of a web hook; none without one. `besides`: further ones of a tenant. */
const ofTenant = (resourceId: string | undefined, besides = "") =>
  resourceId === undefined
    ? { text: "", values: [] }
    : { text: ` AND resource_id = ?${besides}`, values: [Column.encode(resourceId)] }

/** The same for what a tenant manages: those of the settings are the program's. */
const ofManaged = (resourceId: string | undefined) => ofTenant(resourceId, " AND source <> 'settings'")

const rotate = (db: Database, id: string, secret: string, resourceId: string | undefined) =>
  db.atomic(
    Effect.gen(function* () {
      const { text, values } = ofTenant(resourceId)
      const rows = yield* db.rows(
        `SELECT ${columns} FROM reins_webhooks WHERE id = ? AND source = 'api'${text}${db.dialect.lockRows}`,
        Column.encode(id),
        ...values
      )
      const [found] = yield* read(rows)
      if (found === undefined) return false
      const { webhook } = found
      yield* put(db, { ...webhook, secrets: [secret, ...webhook.secrets.slice(0, 1)] }, 0)
      yield* db.rows("UPDATE reins_webhooks SET leased_by = NULL, leased_until = 0 WHERE id = ?", Column.encode(id))
      return true
    })
  )

const remove = (db: Database, id: string, resourceId: string | undefined) =>
  db.atomic(
    Effect.gen(function* () {
      const { text, values } = ofManaged(resourceId)
      const gone = yield* db.rows(
        `DELETE FROM reins_webhooks WHERE id = ?${text} RETURNING 1`,
        Column.encode(id),
        ...values
      )
      if (gone.length === 0) return false
      yield* db.rows("DELETE FROM reins_notices WHERE webhook_id = ?", Column.encode(id))
      return true
    })
  )

const list = (db: Database, { id, isOfRun = false, limit, resourceId, runId }: Parameters<WebhookStore["list"]>[0]) =>
  Effect.gen(function* () {
    const { text, values } = ofTenant(resourceId)
    const of =
      id !== undefined ? "id = ?" : runId !== undefined ? "run_id = ?" : `run_id IS ${isOfRun ? "NOT " : ""}NULL`
    const rows = yield* db.rows(
      `SELECT ${columns}, (SELECT count(*) FROM reins_notices n WHERE n.webhook_id = w.id) AS waiting,
         (SELECT min(at) FROM reins_notices n WHERE n.webhook_id = w.id) AS oldest
       FROM reins_webhooks w WHERE ${of}${text}
       ORDER BY created_at, id${limit === undefined ? "" : " LIMIT ?"}`,
      ...[id ?? runId].flatMap((one) => (one === undefined ? [] : [Column.encode(one)])),
      ...values,
      ...(limit === undefined ? [] : [limit])
    )
    return (yield* read(rows)).map(({ row, webhook }) => standingOf(row, webhook))
  })

const count = (db: Database): Effect.Effect<WebhookCount, SqlError> =>
  Effect.map(
    db.rows(
      `SELECT sum(n.waiting) AS waiting, min(n.oldest) AS oldest,
         sum(CASE WHEN run_id IS NULL AND failures > 0 THEN 1 ELSE 0 END) AS failing, count(run_id) AS of_runs,
         sum(CASE WHEN run_id IS NOT NULL AND failures > 0 THEN 1 ELSE 0 END) AS of_runs_failing
       FROM reins_webhooks w LEFT JOIN
         (SELECT webhook_id, count(*) AS waiting, min(at) AS oldest FROM reins_notices GROUP BY webhook_id) n
         ON n.webhook_id = w.id`
    ),
    ([row = {}]) => {
      const columns = ["waiting", "failing", "of_runs", "of_runs_failing"]
      const [waiting = 0, failing = 0, ofRuns = 0, ofRunsFailing = 0] = columns.map((name) => optional(row, name))
      const oldestAt = optional(row, "oldest")
      return { waiting, ...(oldestAt === undefined ? {} : { oldestAt }), failing, ofRuns, ofRunsFailing }
    }
  )

const retry = (db: Database, id: string, now: number, resourceId: string | undefined) =>
  db.atomic(
    Effect.gen(function* () {
      const { text, values } = ofManaged(resourceId)
      const update = `UPDATE reins_webhooks SET next_at = ? WHERE id = ?${text} RETURNING 1`
      const found = yield* db.rows(update, now, Column.encode(id), ...values)
      if (found.length > 0) yield* SqlNotices.dueAt(db, id, now)
      return found.length > 0
    })
  )

/**
 * Nothing is written while nothing is due. The condition is repeated in the update, which reads rows again that another
 * process has just leased.
 */
const lease = (db: Database, { known, limit, now, owner, protocols, until }: Parameters<WebhookStore["lease"]>[0]) =>
  Effect.gen(function* () {
    const due = yield* db.rows(
      `SELECT id FROM reins_webhooks w WHERE next_at <= ? AND leased_until <= ?
         AND (source <> 'settings' OR id ${db.dialect.among})
         AND (source <> 'protocol' OR CAST(? AS INTEGER) = 1)
         AND (run_id IS NOT NULL OR (SELECT 1 FROM reins_notices n WHERE n.webhook_id = w.id AND n.next_at <= ? LIMIT 1) = 1)
       ORDER BY next_at, id LIMIT ?`,
      now,
      now,
      JSON.stringify(known.map((id) => [Column.encode(id)])),
      protocols ? 1 : 0,
      now,
      limit
    )
    if (due.length === 0) return []
    const rows = yield* db.rows(
      `UPDATE reins_webhooks SET leased_by = ?, leased_until = ?
       WHERE id ${db.dialect.among} AND leased_until <= ? RETURNING ${columns}`,
      owner,
      until,
      JSON.stringify(due.map((row) => [row["id"]])),
      now
    )
    return (yield* read(rows)).map(({ row, webhook }) => {
      const failingSince = optional(row, "failing_since")
      return {
        webhook,
        toldSeq: Number(row["told_seq"]),
        failures: Number(row["failures"]),
        ...(failingSince === undefined ? {} : { failingSince })
      }
    })
  })

const release = (db: Database, id: string, owner: string, outcome: Parameters<WebhookStore["release"]>[2]) =>
  db.atomic(
    Effect.gen(function* () {
      const { accepted, at, failure = null, nextAt = 0 } = outcome
      const [was, failed] = [accepted ? 1 : 0, failure === null ? 0 : 1]
      const [row] = yield* db.rows(
        `SELECT failures FROM reins_webhooks WHERE id = ? AND leased_by = ?${db.dialect.lockRows}`,
        Column.encode(id),
        owner
      )
      if (row === undefined) return
      if (accepted && Number(row["failures"]) >= Webhook.recovering) yield* SqlNotices.dueAt(db, id, at)
      const before = `CASE WHEN CAST(? AS INTEGER) = 1 THEN`
      yield* db.rows(
        `UPDATE reins_webhooks SET leased_by = NULL, leased_until = 0, next_at = ?,
           accepted_at = ${before} CAST(? AS BIGINT) ELSE accepted_at END,
           failures = ${before} 0 ELSE failures END + CAST(? AS BIGINT),
           failing_since = CASE WHEN CAST(? AS INTEGER) = 1
             THEN coalesce(${before} NULL ELSE failing_since END, CAST(? AS BIGINT))
             ELSE ${before} NULL ELSE failing_since END END,
           last_error = coalesce(CAST(? AS TEXT), ${before} NULL ELSE last_error END)
         WHERE id = ? AND leased_by = ?`,
        nextAt,
        was,
        at,
        was,
        failed,
        failed,
        was,
        at,
        was,
        failure,
        was,
        Column.encode(id),
        owner
      )
    })
  )

const extend = (db: Database, id: string, owner: string, until: number) =>
  Effect.map(
    db.rows(
      "UPDATE reins_webhooks SET leased_until = ? WHERE id = ? AND leased_by = ? RETURNING 1",
      until,
      Column.encode(id),
      owner
    ),
    (rows) => rows.length > 0
  )

const told = (db: Database, id: string, seq: number) =>
  db.rows("UPDATE reins_webhooks SET told_seq = ? WHERE id = ? AND told_seq < ?", seq, Column.encode(id), seq)

/** Web hooks and their outbox in a database. */
export const make = (db: Database): WebhookStore => {
  const done = <A>(effect: Effect.Effect<A, Failure>): Effect.Effect<A> =>
    Effect.orDie(db.operation("webhooks", effect))
  const written = (effect: Effect.Effect<unknown, Failure>) => Effect.asVoid(done(effect))
  return {
    put: (webhook, toldSeq = 0) => written(put(db, webhook, toldSeq)),
    add: (webhook, most, toldSeq = 0) => done(add(db, webhook, most, toldSeq)),
    rotate: (id, secret, resourceId) => done(rotate(db, id, secret, resourceId)),
    remove: (id, resourceId) => done(remove(db, id, resourceId)),
    list: (query) => done(list(db, query)),
    count: done(count(db)),
    retry: (id, now, resourceId) => done(retry(db, id, now, resourceId)),
    lease: (asked) => done(lease(db, asked)),
    extend: (id, owner, until) => done(extend(db, id, owner, until)),
    release: (id, owner, outcome) => done(release(db, id, owner, outcome)),
    due: (id, now, limit) => done(SqlNotices.due(db, id, now, limit)),
    accepted: (notice) => written(SqlNotices.accepted(db, notice)),
    refused: (notice, nextAt) =>
      written(nextAt === undefined ? SqlNotices.giveUp(db, notice) : SqlNotices.refused(db, notice, nextAt)),
    told: (id, seq) => written(told(db, id, seq))
  }
}
