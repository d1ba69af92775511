/**
 * Administration of stored runs: export one as JSON lines, import such lines into a database, pack ended runs, delete runs
 * that ended long ago, and erase what a person asks for.
 */
import type { ListedRun } from "@reins/protocol"
import { type ErasureReport, Ids, PrincipalBusy } from "@reins/runtime"
import {
  Erasure as Rules,
  type Fenced,
  type Overtaken,
  RunExport,
  type RunRecord,
  type StoreFailure
} from "@reins/runtime/journal"
import * as Effect from "effect/Effect"
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import type { SqlError } from "effect/sql/SqlError"
import type { Database } from "./Database.ts"
import * as Column from "./Column.ts"
import * as Erasure from "./Erasure.ts"
import * as PrincipalErasure from "./PrincipalErasure.ts"
import * as SqlBranches from "./SqlBranches.ts"
import * as SqlCorrections from "./SqlCorrections.ts"
import * as SqlCosts from "./SqlCosts.ts"
import * as SqlFiles from "./SqlFiles.ts"
import * as SqlMemories from "./SqlMemories.ts"
import * as SqlCommit from "./SqlCommit.ts"
import * as SqlPacking from "./SqlPacking.ts"
import * as SqlAnswers from "./SqlAnswers.ts"
import * as SqlRunList from "./SqlRunList.ts"
import * as SqlRuns from "./SqlRuns.ts"
import * as SqlMessages from "./SqlMessages.ts"
import * as SqlThreads from "./SqlThreads.ts"
import * as StoredJson from "./StoredJson.ts"

/**
 * The lines are not an exported run, or the run cannot be imported: its id exists, its thread has an active run, or its
 * thread belongs to another tenant.
 *
 * @since 0.1.0
 * @category errors
 */
export class NotImported extends Schema.TaggedError<NotImported>()("NotImported", {
  reason: Schema.Literals(["NotARun", "RunExists", "ThreadBusy", "ThreadForbidden"]),
  line: Schema.optionalKey(Schema.Natural),
  version: Schema.optionalKey(Schema.Finite)
}) {
  /** The lines cannot be read. */
  static of({ line, version }: RunExport.NotARun): NotImported {
    const where = line === undefined ? {} : { line }
    return new NotImported({ reason: "NotARun", ...where, ...(version === undefined ? {} : { version }) })
  }

  override get message(): string {
    switch (this.reason) {
      case "NotARun": {
        const { line, version } = this
        const where = line === undefined ? {} : { line }
        return new RunExport.NotARun({ ...where, ...(version === undefined ? {} : { version }) }).message
      }
      case "RunExists":
        return "A run with this id exists already"
      case "ThreadBusy":
        return "Another run leases the thread of this run. Import it when that run has ended"
      case "ThreadForbidden":
        return "The thread of this run belongs to another tenant in this store"
    }
  }
}

/**
 * Which runs to list.
 *
 * @since 0.1.0
 * @category models
 */
export interface ListOptions {
  /** Absent: of every tenant. */
  readonly resourceId?: string | undefined
  /** Absent: of every thread. */
  readonly threadId?: string | undefined
  /** Only runs that ended before this time, in epoch milliseconds, and whose data is there. Absent: open ones, too. */
  readonly endedBefore?: number | undefined
  /** The most runs. Default 100. */
  readonly limit?: number | undefined
}

/**
 * Administration of stored runs, also while others execute them.
 *
 * @since 0.1.0
 * @category models
 */
export interface Archive {
  /** Runs, the latest first. Rows that cannot be read are left out: only columns are read. */
  readonly runs: (options?: ListOptions) => Effect.Effect<ReadonlyArray<ListedRun.ListedRun>, StoreFailure>
  /**
   * All of a run, as JSON lines without line ends: its record, thread, events, marks, answers, files, what it has
   * remembered, as far as that is not forgotten, and corrections of its costs. Empty for an unknown run.
   */
  readonly exportRun: (runId: string) => Effect.Effect<ReadonlyArray<string>, StoreFailure>
  /**
   * Imports a run, all of it or nothing. A run that has not ended continues here; one whose data was deleted from this
   * store is whole again. Returns its id.
   */
  readonly importRun: (lines: ReadonlyArray<string>) => Effect.Effect<string, NotImported | StoreFailure>
  /**
   * Deletes the data of runs that ended before a time, in epoch milliseconds: events, marks, answers, questions. Their
   * ids stay reserved, and threads keep their messages. Returns the number of runs.
   */
  readonly forgetEnded: (before: number) => Effect.Effect<number, StoreFailure>
  /** Deletes lines of the cost ledger of runs that ended before a time. Returns their number. */
  readonly forgetCosts: (before: number) => Effect.Effect<number, StoreFailure>
  /** Deletes acts of the audit record from before a time. Returns their number. */
  readonly forgetActs: (before: number) => Effect.Effect<number, StoreFailure>
  /**
   * Packs the streamed text of runs that ended before a time, in epoch milliseconds, into a few rows each. Nothing is
   * lost: readers get the same events as before. Owners pack their own runs; this is for runs left by a process that
   * died or by an earlier version.
   */
  readonly packEnded: (before: number) => Effect.Effect<SqlPacking.Packed, StoreFailure>
  /** What there is of a thread or a run. */
  readonly holdings: (
    subject: Erasure.Subject,
    options?: Pick<Erasure.EraseOptions, "resourceId">
  ) => Effect.Effect<Erasure.Holdings, StoreFailure>
  /**
   * Deletes a thread with its messages, branches, files, grants and the data of its runs; or the data of one run, whose thread
   * keeps its messages. Both at once or nothing. Kept are the ids of runs, what was used of quotas, and, unless it is
   * asked for, the audit record, which has no arguments. Returns what was deleted.
   */
  readonly erase: (
    subject: Erasure.Subject,
    options?: Erasure.EraseOptions
  ) => Effect.Effect<Erasure.Holdings, Erasure.NotErased | StoreFailure>
  /**
   * Deletes all that there is of a principal in a tenant, as `runtime.erase` does, but for the bytes in the file
   * (`compact`). Fails with `PrincipalBusy` while runs have not ended. `keepAudit`: keep acts about its runs under the
   * pseudonym; absent: they are deleted.
   */
  readonly erasePrincipal: (
    principal: string,
    options: { readonly resourceId: string; readonly keepAudit?: boolean | undefined }
  ) => Effect.Effect<ErasureReport, PrincipalBusy | StoreFailure>
  /**
   * SQLite: rewrites the file without what was deleted, whose bytes otherwise stay until others are written over them,
   * and gives the space back to the disk. Writers wait meanwhile. Postgres does it by itself (autovacuum).
   */
  readonly compact: Effect.Effect<void, StoreFailure>
}

export const make = (db: Database, compact: Effect.Effect<void, SqlError> = Effect.void): Archive => ({
  runs: (options = {}) => db.operation("list runs", list(db, options)),
  exportRun: (runId) => db.operation("export", exported(db, runId)),
  importRun: (lines) =>
    Effect.gen(function* () {
      const parsed = yield* Effect.mapError(RunExport.read(lines), NotImported.of)
      const outcome = yield* db.operation("import", settled(db.atomic(take(db, parsed))))
      return yield* Result.match(outcome, { onFailure: Effect.fail, onSuccess: Effect.succeed })
    }),
  forgetEnded: (before) => db.operation("forget", db.atomic(forget(db, SqlCosts.bounded(before)))),
  forgetCosts: (before) => db.operation("forget", older(db, "reins_costs", before)),
  forgetActs: (before) => db.operation("forget", older(db, "reins_audit", before)),
  holdings: (subject, options) =>
    db.operation("holdings", db.atomic(Erasure.holdings(db, subject, options?.resourceId))),
  erase: (subject, options = {}) =>
    Effect.flatMap(db.operation("erase", Erasure.erase(db, subject, options)), (outcome) =>
      Result.match(outcome, { onFailure: Effect.fail, onSuccess: Effect.succeed })
    ),
  erasePrincipal: (principal, { keepAudit = false, resourceId }) =>
    Effect.gen(function* () {
      const pseudonym = (yield* Ids.Ids).make("erased")
      const erasing = { principal, resourceId, pseudonym, acts: !keepAudit }
      const outcome = yield* db.operation("erase", PrincipalErasure.erase(db, erasing))
      if (outcome._tag === "Erased") return Rules.reportOf(erasing, outcome, [])
      const { others, runs } = outcome
      return yield* new PrincipalBusy({ principal, runs, others })
    }),
  compact: db.operation("compact", compact),
  packEnded: (before) =>
    Effect.gen(function* () {
      const runs = yield* db.operation("pack", SqlPacking.loose(db, SqlCosts.bounded(before)))
      // One run after the other, each in its own transaction: a concurrent commit waits for one of them at most.
      // A run that cannot be read stays as it is.
      const pack = (runId: string) =>
        db.operation(
          "pack",
          Effect.catchTag(SqlPacking.pack(db, runId), "CorruptRow", (damage) =>
            Effect.as(Effect.logWarning(`run ${runId} is not packed: ${damage.message}`), 0)
          )
        )
      const rows = yield* Effect.forEach(runs, pack)
      return { runs: runs.length, rows: rows.reduce((sum, each) => sum + each, 0) }
    })
})

const list = (db: Database, { endedBefore, limit = 100, resourceId, threadId }: ListOptions) => {
  const most = Math.max(0, Math.floor(limit) || 0)
  return Effect.map(SqlRunList.list(db, { resourceId, threadId, limit: most }, endedBefore), ({ runs }) => runs)
}

/** Refusals as values, since `operation` only fails with database errors. */
const settled = (
  effect: Effect.Effect<string, NotImported | StoreFailure | Fenced | Overtaken | SqlError | StoredJson.CorruptRow>
): Effect.Effect<Result.Result<string, NotImported | StoreFailure>, SqlError | StoredJson.CorruptRow> =>
  effect.pipe(
    Effect.map((runId) => Result.succeed(runId)),
    Effect.catchTags({
      NotImported: (refusal) => Effect.succeed(Result.fail(refusal)),
      StoreFailure: (failure) => Effect.succeed(Result.fail(failure)),
      Fenced: () => Effect.succeed(Result.fail(new NotImported({ reason: "RunExists" }))),
      // It closes nothing.
      Overtaken: Effect.die
    })
  )

/** All that the store has of a run, as JSON lines; empty for an unknown one. */
export const exported = (
  db: Database,
  runId: string
): Effect.Effect<ReadonlyArray<string>, SqlError | StoredJson.CorruptRow> =>
  Effect.map(db.atomic(gather(db, runId)), (lines) => lines.map(RunExport.write))

const gather = Effect.fnUntraced(function* (db: Database, runId: string) {
  const run = yield* SqlRuns.stored(db, runId)
  if (run === undefined) return []
  const { answers, envelopes, marks, record } = run
  const branched = record.isolated ? undefined : yield* SqlBranches.ofRun(db, record)
  const history = branched?.history ?? (yield* SqlMessages.history(db, record.threadId, record.historyVersion))
  const own = branched?.own ?? (yield* SqlMessages.ofRun(db, record.threadId, runId))
  const lines: Array<RunExport.Line> = [{ kind: "run", version: 1, record }]
  if (!record.isolated) for (const message of history) lines.push({ kind: "history", message })
  for (const message of own) lines.push({ kind: "message", message })
  for (const envelope of envelopes) lines.push({ kind: "event", envelope })
  // A snapshot only saves reading; all the events are here.
  for (const mark of marks) {
    const { kind } = mark
    if (kind !== "snapshot") lines.push({ kind: "mark", mark: { ...mark, kind } })
  }
  for (const [name, { at, value }] of answers) lines.push({ kind: "answer", name, at, value })
  for (const { at, content, fileId, filename, mediaType } of yield* SqlFiles.ofRun(db, runId)) {
    lines.push({ kind: "file", fileId, filename, mediaType, at, content })
  }
  for (const memory of yield* SqlMemories.ofRun(db, runId)) lines.push({ kind: "memory", memory })
  for (const booked of yield* SqlCorrections.ofRun(db, runId)) lines.push({ kind: "correction", ...booked })
  return lines
})

/** Locks what an erasure locks before it comes to the run: the name of its principal, and its thread. */
const ahead = Effect.fnUntraced(function* (
  db: Database,
  { isolated, principal, resourceId, threadId }: Pick<RunRecord, "isolated" | "principal" | "resourceId" | "threadId">
) {
  const { lockRows, underName } = db.dialect
  if (principal !== undefined && underName !== undefined) {
    const name = PrincipalErasure.nameOf({ resourceId, principal })
    yield* db.rows(`SELECT ${underName}`, Column.encode(principal), name)
  }
  if (isolated || lockRows === "") return
  yield* db.rows(`SELECT 1 FROM reins_threads WHERE thread_id = ?${lockRows}`, Column.encode(threadId))
})

const take = Effect.fnUntraced(function* (db: Database, lines: ReadonlyArray<RunExport.Line>) {
  const [first] = lines
  if (first?.kind !== "run") return yield* new NotImported({ reason: "NotARun" })
  const { record } = first
  const { runId, threadId } = record
  const history = lines.flatMap((line) => (line.kind === "history" ? [line.message] : []))
  const own = lines.flatMap((line) => (line.kind === "message" ? [line.message] : []))
  yield* ahead(db, record)
  // What is left of a run whose data was deleted keeps its id reserved, and makes room for the run itself.
  yield* db.rows(
    "DELETE FROM reins_runs WHERE run_id = ? AND record = '' AND ended_at IS NOT NULL",
    Column.encode(runId)
  )
  if (!record.isolated) yield* SqlThreads.restore(db, record, history)
  const refusal = yield* SqlRuns.create(db, record, { isCounted: false })
  // It was counted in its quotas where it started; if it continues here, its use is booked here.
  if (SqlRuns.isRefusal(refusal) && refusal._tag !== "QuotaExhausted" && refusal._tag !== "PlaceNotFound")
    return yield* new NotImported({ reason: refusal._tag })
  const [kept] = yield* db.rows(
    "SELECT min(position) AS first FROM reins_messages WHERE thread_id = ? AND run_id = ?",
    Column.encode(threadId),
    Column.encode(runId)
  )
  const before = kept?.["first"] == null ? undefined : Number(kept["first"]) - 1
  // The thread, or a branch of it, kept the run's messages, and others after them.
  const isBranched = before === undefined && (yield* SqlBranches.branchOfRun(db, threadId, runId)) !== undefined
  if (before !== undefined || isBranched) {
    yield* db.rows(
      "UPDATE reins_runs SET record = ? WHERE run_id = ?",
      StoredJson.encodeRecord({ ...record, historyVersion: before ?? record.historyVersion }),
      Column.encode(runId)
    )
  }
  const opened = yield* SqlRuns.open(db, runId)
  const answer = SqlAnswers.answering(db)
  // A branch of the thread may have kept them.
  if (own.length > 0) yield* SqlMessages.write(db, threadId, runId, own)
  for (const line of lines) {
    if (line.kind === "answer") yield* answer({ runId, name: line.name, value: line.value, at: line.at })
    if (line.kind === "memory") yield* SqlMemories.put(db, { ...line.memory, resourceId: record.resourceId })
    if (line.kind === "file") yield* SqlFiles.put(db, { ...line, runId, threadId, resourceId: record.resourceId })
  }
  const fault = yield* SqlCommit.write(db, {
    runId,
    epoch: opened?.epoch ?? 0,
    envelopes: lines.flatMap((line) => (line.kind === "event" ? [line.envelope] : [])),
    marks: lines.flatMap((line) => (line.kind === "mark" ? [line.mark] : []))
  })
  if (fault !== undefined) return yield* fault
  // Beside the lines that this booked. Quotas and the thread's totals were corrected where it ran.
  for (const line of lines) if (line.kind === "correction") yield* SqlCorrections.put(db, runId, line)
  return runId
})

/** Deletes rows from before a time. */
const older = (db: Database, table: "reins_costs" | "reins_audit", before: number): Effect.Effect<number, SqlError> =>
  Effect.map(db.rows(`DELETE FROM ${table} WHERE at < ? RETURNING 1`, SqlCosts.bounded(before)), (rows) => rows.length)

const forget = Effect.fnUntraced(function* (db: Database, before: number) {
  yield* Erasure.lockRuns(db, "ended_at < ? AND record <> ''", before)
  const gone = yield* db.rows(
    "UPDATE reins_runs SET last_seq = 0, record = '' WHERE ended_at < ? AND record <> '' RETURNING run_id",
    before
  )
  yield* Erasure.dropRuns(
    db,
    gone.map((row) => String(row["run_id"]))
  )
  return gone.length
})
