/** Runs in a database: creating one, taking ownership, and reading it. */
import { type Envelope, ListedRun, QueryRejections } from "@reins/protocol"
import { type Mark, type Opened, type RunRecord, type RunStatus, ThreadChange, Webhook } from "@reins/runtime/journal"
import * as Effect from "effect/Effect"
import type { SqlError } from "effect/sql/SqlError"
import * as Column from "./Column.ts"
import { byKey, type Database, type Row } from "./Database.ts"
import * as Packing from "./Packing.ts"
import * as SqlCommit from "./SqlCommit.ts"
import * as SqlCosts from "./SqlCosts.ts"
import * as SqlRunList from "./SqlRunList.ts"
import * as PrincipalErasure from "./PrincipalErasure.ts"
import * as SqlGrants from "./SqlGrants.ts"
import * as SqlQuotas from "./SqlQuotas.ts"
import * as SqlAnswers from "./SqlAnswers.ts"
import * as SqlBranches from "./SqlBranches.ts"
import * as SqlMessages from "./SqlMessages.ts"
import * as SqlThreads from "./SqlThreads.ts"
import * as SqlNotices from "./SqlNotices.ts"
import * as StoredJson from "./StoredJson.ts"

type Failure = SqlError | StoredJson.CorruptRow
export type Refusal =
  | QueryRejections.PlaceNotFound
  | QueryRejections.QuotaExhausted
  | QueryRejections.RunExists
  | QueryRejections.ThreadBusy
  | QueryRejections.ThreadForbidden

/**
 * Stores a run, leases its thread, does to it what its query says, and counts it in its quotas; returns the reason when
 * that is not allowed. `isCounted` false: for a run that was counted where it started. `opens`: the caller is its first
 * owner, and gets it as from `open`.
 */
export const create = (
  db: Database,
  input: Omit<RunRecord, "historyVersion">,
  {
    change,
    isCounted = true,
    opens = false
  }: { readonly change?: ThreadChange.StartChange; readonly isCounted?: boolean; readonly opens?: boolean } = {}
): Effect.Effect<Opened | Refusal | undefined, Failure> =>
  db
    .atomic(
      Effect.gen(function* () {
        const { isolated, runId, threadId } = input
        const [run, thread] = [Column.encode(runId), Column.encode(threadId)]
        const resource = Column.encode(input.resourceId)
        const { principal } = input
        const { underName } = db.dialect
        // Until it is created, nothing of its principal is erased.
        const isUnder = principal !== undefined && underName !== undefined
        const [made] = yield* db.rows(
          `INSERT INTO reins_runs (run_id, thread_id, resource_id, agent, isolated, record, started_at, last_at, epoch, principal)
           VALUES (?, ?, ?, ?, ?, '', ?, ?, ?, ${isUnder ? underName : "?"}) ON CONFLICT (run_id) DO NOTHING RETURNING 1`,
          run,
          thread,
          resource,
          input.agent,
          isolated ? 1 : 0,
          input.startedAt,
          input.startedAt,
          opens ? 1 : 0,
          principal === undefined ? null : Column.encode(principal),
          ...(isUnder ? [PrincipalErasure.nameOf({ resourceId: input.resourceId, principal })] : [])
        )
        if (made === undefined) return yield* new QueryRejections.RunExists({ runId })
        const leased = isolated
          ? { historyVersion: 0 }
          : yield* lease(db, { thread, resource, run, threadId }, input.principal)
        const found = change === undefined ? leased : yield* laid(db, input, leased, change)
        // A run over unreadable messages could never start, and would keep its lease.
        const history = found.historyVersion > 0 ? yield* SqlMessages.history(db, threadId, found.historyVersion) : []
        const record = StoredJson.encodeRecord({ ...input, ...found })
        yield* db.rows(`UPDATE reins_runs SET record = ?${db.dialect.news} WHERE run_id = ?`, record, run)
        if (isCounted && input.quotas !== undefined) yield* SqlQuotas.take(db, runId, input.quotas, input.startedAt)
        yield* db.tell(run)
        if (!opens) return undefined
        return {
          record: yield* StoredJson.record(record),
          history,
          epoch: 1,
          envelopes: [],
          marks: [],
          answers: new Map(),
          lastAt: input.startedAt
        } satisfies Opened
      })
    )
    .pipe(
      Effect.catchTags({
        PlaceNotFound: (refusal) => Effect.succeed(refusal),
        QuotaExhausted: (refusal) => Effect.succeed(refusal),
        RunExists: (refusal) => Effect.succeed(refusal),
        ThreadBusy: (refusal) => Effect.succeed(refusal),
        ThreadForbidden: (refusal) => Effect.succeed(refusal)
      })
    )

/** Whether `create` has refused the run. */
export const isRefusal = (made: Opened | Refusal | undefined): made is Refusal => made !== undefined && "_tag" in made

/** What a run starts from on the thread that it has leased, after its query has changed it. */
const laid = Effect.fnUntraced(function* (
  db: Database,
  { runId, threadId }: Pick<RunRecord, "runId" | "threadId">,
  { historyVersion, thread = {} }: Pick<RunRecord, "historyVersion" | "thread">,
  change: ThreadChange.StartChange
) {
  const after = yield* SqlBranches.lay(db, { runId, threadId }, { historyVersion, kept: thread.kept }, change)
  if (after === undefined) return yield* ThreadChange.placeNotFound(threadId, change)
  const { kept, limits } = { ...thread, ...after }
  const standing = { ...(limits === undefined ? {} : { limits }), ...(kept === undefined ? {} : { kept }) }
  return {
    historyVersion: after.historyVersion,
    ...(Object.keys(standing).length === 0 ? {} : { thread: standing })
  } satisfies Pick<RunRecord, "historyVersion" | "thread">
})

/**
 * Leases the thread to a run of its tenant, creating it if necessary; returns its number of messages, its limits and
 * what its runs have stored. The tenant check is part of the update itself, so that two tenants cannot lease one new
 * thread.
 */
const lease = (
  db: Database,
  names: Record<"resource" | "run" | "thread" | "threadId", string>,
  principal: string | undefined
): Effect.Effect<Pick<RunRecord, "historyVersion" | "thread">, Failure | Refusal> =>
  Effect.gen(function* () {
    const { resource, run, thread, threadId } = names
    const by = principal === undefined ? null : Column.encode(principal)
    yield* SqlThreads.row(db, thread, resource, by)
    const [leased] = yield* db.rows(
      `UPDATE reins_threads SET run_id = ?${by === null ? "" : begun}
       WHERE thread_id = ? AND ${byKey.isOfTenant} AND run_id IS NULL RETURNING version, limits, kept`,
      run,
      ...(by === null ? [] : [by, run]),
      thread,
      resource
    )
    if (leased !== undefined) {
      const { historyVersion, ...thread } = yield* SqlMessages.standing(leased)
      return { historyVersion, ...(Object.keys(thread).length === 0 ? {} : { thread }) }
    }
    const [found] = yield* db.rows("SELECT resource_id, run_id FROM reins_threads WHERE thread_id = ?", thread)
    if (found !== undefined && found["resource_id"] !== resource) {
      return yield* new QueryRejections.ThreadForbidden({ threadId })
    }
    // The thread was released or deleted between the two statements.
    if (found?.["run_id"] == null) return yield* lease(db, names, principal)
    return yield* new QueryRejections.ThreadBusy({ threadId, runId: Column.decode(found["run_id"]) })
  })

/** The first run on a thread of nobody makes it its principal's. */
const begun = `, principal = coalesce(principal, (SELECT CAST(? AS TEXT) WHERE NOT EXISTS (
  SELECT 1 FROM reins_runs r WHERE r.thread_id = reins_threads.thread_id AND r.resource_id = reins_threads.resource_id
    AND r.isolated = 0 AND r.run_id <> ?)))`

/** Increments the epoch and reads all of the run. */
export const open = (db: Database, runId: string): Effect.Effect<Opened | undefined, Failure> =>
  db.atomic(
    Effect.gen(function* () {
      const [row] = yield* db.rows(
        `UPDATE reins_runs SET epoch = epoch + 1 WHERE run_id = ? AND ${byKey.isOpen} RETURNING ${columns}`,
        Column.encode(runId)
      )
      return row === undefined ? undefined : yield* whole(db, runId, row, behindSnapshot)
    })
  )

const columns = "record, epoch, last_at, last_seq"

/** The number after which an owner reads events. */
export const behindSnapshot = (marks: ReadonlyArray<Mark>): number => snapshotOf(marks)?.seq ?? 0

const snapshotOf = (marks: ReadonlyArray<Mark>) => marks.find(({ kind }) => kind === "snapshot")

/** A run, whether it has ended or not: its events after the position in its marks, or all events when there is none. */
export const stored = (
  db: Database,
  runId: string,
  from: (marks: ReadonlyArray<Mark>) => number = () => 0
): Effect.Effect<Opened | undefined, Failure> =>
  Effect.gen(function* () {
    const run = Column.encode(runId)
    const [row] = yield* db.rows(`SELECT ${columns} FROM reins_runs WHERE run_id = ? AND record <> ''`, run)
    return row === undefined ? undefined : yield* whole(db, runId, row, from)
  })

/** The run of that row. */
const whole = (
  db: Database,
  runId: string,
  row: Row,
  from: (marks: ReadonlyArray<Mark>) => number
): Effect.Effect<Opened, Failure> =>
  Effect.gen(function* () {
    const run = Column.encode(runId)
    const record = yield* StoredJson.record(row["record"])
    const lastAt = yield* StoredJson.number("reins_runs", row["last_at"])
    const epoch = yield* StoredJson.number("reins_runs", row["epoch"])
    yield* StoredJson.number("reins_runs", row["last_seq"])
    const answers = yield* db.rows("SELECT name, at, value FROM reins_answers WHERE run_id = ?", run)
    const given = yield* SqlAnswers.read(answers)
    const marks = yield* readMarks(db, run)
    return {
      record,
      history:
        record.isolated || record.historyVersion === 0
          ? []
          : yield* SqlMessages.history(db, record.threadId, record.historyVersion),
      epoch,
      envelopes: yield* read(db, runId, from(marks), Number.MAX_SAFE_INTEGER),
      marks,
      answers: new Map(
        answers.map((each, index) => [Column.decode(each["name"]), given[index] ?? SqlAnswers.unanswered])
      ),
      lastAt
    }
  })

const readMarks = (db: Database, run: string): Effect.Effect<ReadonlyArray<Mark>, Failure> =>
  Effect.gen(function* () {
    const rows = yield* db.rows(
      "SELECT kind, name, seq, at, path, value, spent FROM reins_marks WHERE run_id = ? ORDER BY seq, at, kind, name",
      run
    )
    const parts = yield* StoredJson.marks(rows.map((row) => [row["path"], row["value"], row["spent"]]))
    const marks: Array<Mark> = []
    for (const [index, [path, value, spent]] of parts.entries()) {
      const row = rows[index] ?? {}
      const kind = kinds.find((each) => each === row["kind"])
      if (kind === undefined || !StoredJson.isNumber(row["seq"]) || !StoredJson.isNumber(row["at"])) {
        return yield* new StoredJson.CorruptRow({ table: "reins_marks" })
      }
      const name = Column.decode(row["name"])
      marks.push({ kind, name, path, seq: Number(row["seq"]), at: Number(row["at"]), value, spent })
    }
    return marks
  })

const kinds = ["result", "emit", "begin", "ask", "note", "snapshot"] as const satisfies ReadonlyArray<Mark["kind"]>

/** Envelopes after `after`. */
export const read = (
  db: Database,
  runId: string,
  after: number,
  limit: number
): Effect.Effect<ReadonlyArray<Envelope.Envelope>, Failure> =>
  Effect.gen(function* () {
    const upTo = after + limit
    const rows = yield* db.rows(
      `SELECT e.seq, e.at, e.path, e.event, e.packed, r.thread_id FROM reins_events e
       JOIN reins_runs r ON r.run_id = e.run_id WHERE e.run_id = ? AND e.seq > ? AND e.seq < ? ORDER BY e.seq`,
      Column.encode(runId),
      after,
      // A row has the number of its last event: the last requested event may be in a row that ends after it.
      Math.min(upTo + Packing.most, Number.MAX_SAFE_INTEGER)
    )
    const threadId = Column.decode(rows[0]?.["thread_id"] ?? "")
    const envelopes: Array<Envelope.Envelope> = []
    for (const pieces of yield* StoredJson.unpacked(rows)) {
      for (const { agentPath, at, event, seq } of pieces) {
        if (seq > after && seq <= upTo) envelopes.push({ seq, at, runId, threadId, agentPath, event })
      }
    }
    return envelopes
  })

/** A damaged number of events counts as 0: reading the run reports the damage, and a list of threads does not fail. */
export const status = (db: Database, runId: string): Effect.Effect<RunStatus | undefined, SqlError> =>
  Effect.map(
    db.rows(
      "SELECT thread_id, resource_id, agent, ended_at, last_seq FROM reins_runs WHERE run_id = ?",
      Column.encode(runId)
    ),
    ([row]) =>
      row === undefined
        ? undefined
        : {
            runId,
            threadId: Column.decode(row["thread_id"]),
            resourceId: Column.decode(row["resource_id"]),
            agent: String(row["agent"]),
            state: row["ended_at"] == null ? "running" : "ended",
            lastSeq: StoredJson.isNumber(row["last_seq"]) ? Number(row["last_seq"]) : 0
          }
  )

/** Ends a run without reading it; see the port. */
export const abandon = (db: Database, runId: string, at: number): Effect.Effect<boolean, SqlError> =>
  db.atomic(
    Effect.gen(function* () {
      const run = Column.encode(runId)
      const [ended] = yield* db.rows(
        `UPDATE reins_runs SET epoch = epoch + 1, ended_at = ?, end_reason = 'abandoned'
         WHERE run_id = ? AND ${byKey.isOpen} RETURNING thread_id`,
        at,
        run
      )
      if (ended === undefined) return false
      yield* db.rows(
        `UPDATE reins_approvals SET outcome = ?, decided_at = ? WHERE run_id = ? AND ${byKey.isUndecided}`,
        '{"outcome":"cancelled"}',
        at,
        run
      )
      yield* db.rows("DELETE FROM reins_client_calls WHERE run_id = ?", run)
      yield* SqlGrants.release(db, run, at)
      yield* SqlQuotas.forfeit(db, run, at)
      const cost = yield* SqlCosts.abandoned(db, run, at)
      const costs = cost === undefined ? {} : ListedRun.costOf(cost)
      if (cost !== undefined) {
        const end = { endedAt: at, endReason: "abandoned", ...costs } as const
        yield* db.rows(`UPDATE reins_runs SET ${SqlRunList.ending} WHERE run_id = ?`, ...SqlRunList.ended(end), run)
      }
      const told = SqlNotices.rowsOf([Webhook.noticeOfEnd({ endedAt: at, endReason: "abandoned", ...costs })])
      yield* db.rows(SqlNotices.addedTo(db.dialect.each), JSON.stringify(told), run)
      for (const statement of SqlCommit.released) yield* db.rows(statement, String(ended["thread_id"]), run)
      yield* db.tell(run)
      return true
    })
  )

export const unfinished = (db: Database): Effect.Effect<ReadonlyArray<string>, SqlError> =>
  Effect.map(db.rows("SELECT run_id FROM reins_runs WHERE ended_at IS NULL ORDER BY started_at, run_id"), (rows) =>
    rows.map((row) => Column.decode(row["run_id"]))
  )
