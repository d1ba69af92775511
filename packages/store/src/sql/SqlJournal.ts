/** The journal port over a SQL database. Each operation is one transaction. */
import type { JournalStore, PendingApproval } from "@reins/runtime/journal"
import * as Effect from "effect/Effect"
import type { SqlError } from "effect/sql/SqlError"
import type * as Stream from "effect/Stream"
import * as Archive from "./Archive.ts"
import * as SqlCommit from "./SqlCommit.ts"
import * as Column from "./Column.ts"
import type { Database, Row } from "./Database.ts"
import * as PrincipalErasure from "./PrincipalErasure.ts"
import * as SqlAudit from "./SqlAudit.ts"
import * as SqlCorrections from "./SqlCorrections.ts"
import * as SqlCosts from "./SqlCosts.ts"
import * as SqlFiles from "./SqlFiles.ts"
import * as SqlGrants from "./SqlGrants.ts"
import * as SqlMemories from "./SqlMemories.ts"
import * as SqlPacking from "./SqlPacking.ts"
import * as SqlQuotas from "./SqlQuotas.ts"
import * as SqlAnswers from "./SqlAnswers.ts"
import * as SqlReconciliations from "./SqlReconciliations.ts"
import * as SqlRunList from "./SqlRunList.ts"
import * as SqlRuns from "./SqlRuns.ts"
import * as SqlThreads from "./SqlThreads.ts"
import * as SqlWebhooks from "./SqlWebhooks.ts"
import * as StoredJson from "./StoredJson.ts"

export const make = (
  db: Database,
  wakes: Stream.Stream<string>,
  commit: JournalStore["commit"],
  compact?: Effect.Effect<void, SqlError>
): JournalStore => {
  const answer = SqlAnswers.answering(db)
  return {
    threads: SqlThreads.make(db),
    audit: SqlAudit.make(db),
    costs: SqlCosts.make(db),
    webhooks: SqlWebhooks.make(db),
    grants: SqlGrants.make(db),
    files: SqlFiles.make(db),
    memories: SqlMemories.make(db),
    quotas: SqlQuotas.make(db),
    create: (record, change, opens = false) =>
      Effect.flatMap(
        db.operation("create", SqlRuns.create(db, record, { ...(change === undefined ? {} : { change }), opens })),
        (made) => (SqlRuns.isRefusal(made) ? Effect.fail(made) : Effect.succeed(made))
      ),
    opensOnCreate: true,
    open: (runId) => db.operation("open", SqlRuns.open(db, runId)),
    commit,
    abandon: (runId, at) => db.operation("abandon", SqlRuns.abandon(db, runId, at)),
    check: (runId) =>
      Effect.asVoid(db.operation("check", db.atomic(SqlRuns.stored(db, runId, SqlRuns.behindSnapshot)))),
    answer: (runId, name, value, at, acts) => db.operation("answer", answer({ runId, name, value, at, acts })),
    amend: (runId, prefix, at, change) => db.operation("answer", SqlAnswers.amend(db, { runId, prefix, at }, change)),
    answers: (runId, prefix) => db.operation("find", SqlAnswers.answers(db, runId, prefix)),
    find: (runId, name) => db.operation("find", SqlAnswers.find(db, runId, name)),
    read: (runId, after, limit) => db.operation("read", SqlRuns.read(db, runId, after, limit)),
    status: (runId) => db.operation("status", SqlRuns.status(db, runId)),
    correct: (correction) => db.operation("correct", db.atomic(SqlCorrections.correct(db, correction))),
    bill: (runId) => db.operation("bill", SqlCorrections.bill(db, runId)),
    reconciliations: SqlReconciliations.make(db),
    exported: (runId) => db.operation("export", Archive.exported(db, runId)),
    erase: (erasing) => db.operation("erase", PrincipalErasure.erase(db, erasing)),
    ...(compact === undefined ? {} : { compact: db.operation("compact", compact) }),
    list: (query) => db.operation("list", SqlRunList.list(db, query)),
    waiting: db.operation("list", SqlRunList.waiting(db)),
    unfinished: db.operation("unfinished", SqlRuns.unfinished(db)),
    pending: (resourceId) =>
      db.operation(
        "pending",
        Effect.flatMap(
          db.rows(
            `SELECT ${columns} FROM reins_approvals WHERE resource_id = ? AND outcome IS NULL ORDER BY asked_at, run_id, seq`,
            Column.encode(resourceId)
          ),
          // Unreadable ones are left out; their runs report the damage.
          (rows) => Effect.map(whole(rows), (all) => all.map(({ asked }) => asked))
        )
      ),
    approval: (id) =>
      db.operation(
        "approval",
        Effect.flatMap(db.rows(`SELECT ${columns} FROM reins_approvals WHERE id = ?`, Column.encode(id)), (rows) =>
          Effect.map(questions(rows), ([found]) => found)
        )
      ),
    hasClientCall: (runId, path, callId) =>
      db.operation(
        "hasClientCall",
        Effect.map(
          db.rows(
            "SELECT 1 FROM reins_client_calls WHERE run_id = ? AND path = ? AND call_id = ?",
            Column.encode(runId),
            SqlCommit.pathOf(path),
            Column.encode(callId)
          ),
          (rows) => rows.length > 0
        )
      ),
    pack: (runId) => Effect.asVoid(db.operation("pack", SqlPacking.pack(db, runId))),
    wakes
  }
}

const columns = "run_id, asked_at, path, request, outcome"

const whole = (rows: ReadonlyArray<Row>) =>
  Effect.catch(questions(rows), () =>
    Effect.map(
      StoredJson.readable(rows, (row) => questions([row])),
      (each) => each.flat()
    )
  )

const questions = (rows: ReadonlyArray<Row>) =>
  Effect.map(
    rows.every((row) => StoredJson.isNumber(row["asked_at"]))
      ? StoredJson.approvals(rows.map((row) => [row["path"], row["request"], row["outcome"] ?? "null"]))
      : Effect.fail(new StoredJson.CorruptRow({ table: "reins_approvals" })),
    (parts) =>
      parts.map(([agentPath, request, outcome], index) => {
        const row = rows[index] ?? {}
        const runId = Column.decode(row["run_id"])
        const asked: PendingApproval = { runId, request, agentPath, askedAt: Number(row["asked_at"]) }
        return { asked, outcome: outcome ?? undefined }
      })
  )
