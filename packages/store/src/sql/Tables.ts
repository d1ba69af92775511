/**
 * The tables of a store, as migration steps: version n is the result of the first n steps. Released steps are never
 * edited; a change is another step. `migrate` brings a database to the version of this program, or fails if it has a
 * later one. All steps are one transaction: a process that dies during it leaves the database unchanged.
 */
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import type { SqlError } from "effect/sql/SqlError"
import type { Database } from "./Database.ts"
import * as PrincipalErasure from "./PrincipalErasure.ts"
import * as SqlBranches from "./SqlBranches.ts"
import * as SqlCosts from "./SqlCosts.ts"
import * as SqlMessages from "./SqlMessages.ts"
import * as SqlMemories from "./SqlMemories.ts"
import * as SqlNotes from "./SqlNotes.ts"
import * as SqlReconciliations from "./SqlReconciliations.ts"
import * as SqlRunList from "./SqlRunList.ts"

/** A statement, or what needs more than one can say. */
type Step = string | ((db: Database) => Effect.Effect<void, SqlError>)

/** The steps of each version, in order. `keyed` ends a table that is stored in its primary key. */
const versions = (keyed: string): ReadonlyArray<ReadonlyArray<Step>> => [
  [
    `CREATE TABLE reins_runs (
      run_id TEXT NOT NULL PRIMARY KEY,
      thread_id TEXT NOT NULL,
      resource_id TEXT NOT NULL,
      agent TEXT NOT NULL,
      isolated INTEGER NOT NULL,
      record TEXT NOT NULL,
      epoch INTEGER NOT NULL DEFAULT 0,
      last_seq BIGINT NOT NULL DEFAULT 0,
      started_at BIGINT NOT NULL,
      last_at BIGINT NOT NULL,
      ended_at BIGINT,
      changed BIGINT NOT NULL DEFAULT 0
    )`,
    "CREATE INDEX reins_runs_open ON reins_runs (started_at) WHERE ended_at IS NULL",
    "CREATE INDEX reins_runs_changed ON reins_runs (changed)",
    `CREATE TABLE reins_events (
      run_id TEXT NOT NULL,
      seq BIGINT NOT NULL,
      at BIGINT NOT NULL,
      path TEXT NOT NULL,
      event TEXT NOT NULL,
      PRIMARY KEY (run_id, seq)
    )${keyed}`,
    `CREATE TABLE reins_marks (
      run_id TEXT NOT NULL,
      kind TEXT NOT NULL,
      name TEXT NOT NULL,
      seq BIGINT NOT NULL,
      at BIGINT NOT NULL,
      path TEXT NOT NULL,
      value TEXT NOT NULL,
      spent TEXT NOT NULL,
      PRIMARY KEY (run_id, kind, name)
    )${keyed}`,
    `CREATE TABLE reins_answers (
      run_id TEXT NOT NULL,
      name TEXT NOT NULL,
      at BIGINT NOT NULL,
      value TEXT NOT NULL,
      PRIMARY KEY (run_id, name)
    )${keyed}`,
    `CREATE TABLE reins_approvals (
      id TEXT NOT NULL PRIMARY KEY,
      run_id TEXT NOT NULL,
      resource_id TEXT NOT NULL,
      path TEXT NOT NULL,
      seq BIGINT NOT NULL,
      asked_at BIGINT NOT NULL,
      request TEXT NOT NULL,
      outcome TEXT,
      decided_at BIGINT
    )`,
    "CREATE INDEX reins_approvals_open ON reins_approvals (resource_id, asked_at) WHERE outcome IS NULL",
    "CREATE INDEX reins_approvals_run ON reins_approvals (run_id)",
    `CREATE TABLE reins_client_calls (
      run_id TEXT NOT NULL,
      path TEXT NOT NULL,
      call_id TEXT NOT NULL,
      PRIMARY KEY (run_id, path, call_id)
    )${keyed}`,
    `CREATE TABLE reins_threads (
      thread_id TEXT NOT NULL PRIMARY KEY,
      resource_id TEXT NOT NULL,
      begun BIGINT NOT NULL,
      version BIGINT NOT NULL DEFAULT 0,
      run_id TEXT
    )`,
    "CREATE INDEX reins_threads_begun ON reins_threads (begun)",
    "CREATE INDEX reins_threads_resource ON reins_threads (resource_id, begun)",
    `CREATE TABLE reins_messages (
      thread_id TEXT NOT NULL,
      position BIGINT NOT NULL,
      run_id TEXT NOT NULL,
      message TEXT NOT NULL,
      PRIMARY KEY (thread_id, position)
    )${keyed}`,
    `CREATE TABLE reins_grants (
      id TEXT NOT NULL PRIMARY KEY,
      resource_id TEXT NOT NULL,
      granted_at BIGINT NOT NULL,
      document TEXT NOT NULL
    )`,
    "CREATE INDEX reins_grants_resource ON reins_grants (resource_id, granted_at)",
    `CREATE TABLE reins_claims (
      call_key TEXT NOT NULL PRIMARY KEY,
      document TEXT NOT NULL
    )${keyed}`
  ],
  // A row of a log may hold many events: `seq` and `at` are those of its last, `packed` says how to split it.
  [
    "ALTER TABLE reins_events ADD COLUMN packed TEXT",
    "ALTER TABLE reins_runs ADD COLUMN packed INTEGER NOT NULL DEFAULT 0"
  ],
  [
    `CREATE TABLE reins_files (
      file_id TEXT NOT NULL PRIMARY KEY,
      run_id TEXT NOT NULL,
      thread_id TEXT NOT NULL,
      resource_id TEXT NOT NULL,
      filename TEXT NOT NULL,
      media_type TEXT NOT NULL,
      size BIGINT NOT NULL,
      at BIGINT NOT NULL,
      content TEXT NOT NULL
    )`,
    "CREATE INDEX reins_files_thread ON reins_files (thread_id, at)",
    "CREATE INDEX reins_files_run ON reins_files (run_id)"
  ],
  // Values that span the runs of a thread: limits that are set from outside, and what its runs leave.
  ["ALTER TABLE reins_threads ADD COLUMN limits TEXT", "ALTER TABLE reins_threads ADD COLUMN kept TEXT"],
  // Quotas: limits that were set, what is used by buckets of time, and what runs that have not ended hold.
  [
    "CREATE TABLE reins_quotas (quota TEXT NOT NULL PRIMARY KEY, limits TEXT)",
    `CREATE TABLE reins_quota_used (
      quota TEXT NOT NULL,
      ends BIGINT NOT NULL,
      nano_usd BIGINT NOT NULL,
      tokens BIGINT NOT NULL,
      runs BIGINT NOT NULL,
      PRIMARY KEY (quota, ends)
    )${keyed}`,
    `CREATE TABLE reins_quota_runs (
      run_id TEXT NOT NULL,
      quota TEXT NOT NULL,
      grain BIGINT NOT NULL,
      booked_nano_usd BIGINT NOT NULL,
      booked_tokens BIGINT NOT NULL,
      held_nano_usd BIGINT NOT NULL,
      held_tokens BIGINT NOT NULL,
      PRIMARY KEY (run_id, quota)
    )${keyed}`,
    "CREATE INDEX reins_quota_runs_quota ON reins_quota_runs (quota)"
  ],
  // The audit record of approvals. `place` orders acts of one millisecond. Deleting runs or threads does not delete it.
  [
    `CREATE TABLE reins_audit (
      id TEXT NOT NULL PRIMARY KEY,
      resource_id TEXT NOT NULL,
      at BIGINT NOT NULL,
      place INTEGER NOT NULL,
      thread_id TEXT NOT NULL,
      run_id TEXT NOT NULL,
      principal TEXT,
      act TEXT NOT NULL
    )`,
    "CREATE INDEX reins_audit_at ON reins_audit (resource_id, at, place, id)",
    "CREATE INDEX reins_audit_thread ON reins_audit (thread_id, at)",
    "CREATE INDEX reins_audit_run ON reins_audit (run_id, at)"
  ],
  // Whose calls have claims, so that a run that ends early gives back what they hold.
  [
    "ALTER TABLE reins_claims ADD COLUMN run_id TEXT",
    "CREATE INDEX reins_claims_run ON reins_claims (run_id) WHERE run_id IS NOT NULL"
  ],
  // The times of threads, of earlier ones as far as their runs have them, and their descriptions.
  [
    "ALTER TABLE reins_threads ADD COLUMN created_at BIGINT",
    "ALTER TABLE reins_threads ADD COLUMN updated_at BIGINT",
    "ALTER TABLE reins_threads ADD COLUMN description TEXT",
    `UPDATE reins_threads SET created_at = r.first, updated_at = r.last
     FROM (SELECT thread_id, min(started_at) AS first, max(last_at) AS last FROM reins_runs GROUP BY thread_id) AS r
     WHERE r.thread_id = reins_threads.thread_id`
  ],
  // The fields and filters of lists of runs: who started a run, how it ended, and what it cost.
  [
    "ALTER TABLE reins_runs ADD COLUMN principal TEXT",
    "ALTER TABLE reins_runs ADD COLUMN end_reason TEXT",
    "ALTER TABLE reins_runs ADD COLUMN error_code TEXT",
    "ALTER TABLE reins_runs ADD COLUMN cost_nano_usd BIGINT",
    "ALTER TABLE reins_runs ADD COLUMN unpriced BIGINT",
    "ALTER TABLE reins_runs ADD COLUMN prompt_tokens BIGINT",
    "ALTER TABLE reins_runs ADD COLUMN completion_tokens BIGINT",
    SqlRunList.backfill,
    "CREATE INDEX reins_runs_listed ON reins_runs (resource_id, started_at, run_id)",
    "CREATE INDEX reins_runs_unended ON reins_runs (resource_id, started_at, run_id) WHERE ended_at IS NULL",
    "CREATE INDEX reins_runs_thread ON reins_runs (thread_id, started_at, run_id)",
    "CREATE INDEX reins_runs_agent ON reins_runs (resource_id, agent, started_at, run_id)",
    `CREATE INDEX reins_runs_principal ON reins_runs (resource_id, principal, started_at, run_id)
     WHERE principal IS NOT NULL`,
    `CREATE INDEX reins_runs_reason ON reins_runs (resource_id, end_reason, started_at, run_id)
     WHERE end_reason IS NOT NULL`
  ],
  // What programs, such as servers, note of threads (an empty `run_id`) and of their runs.
  SqlNotes.tables(keyed),
  // The cost ledger: what each run cost, per agent, model and tool. Deleting runs or threads does not delete it.
  [
    `CREATE TABLE reins_costs (
      run_id TEXT NOT NULL,
      place INTEGER NOT NULL,
      at BIGINT NOT NULL,
      resource_id TEXT NOT NULL,
      principal TEXT,
      root TEXT NOT NULL,
      agent TEXT NOT NULL,
      kind TEXT NOT NULL,
      name TEXT NOT NULL,
      provider TEXT,
      calls BIGINT NOT NULL,
      cost_nano_usd BIGINT NOT NULL,
      unpriced BIGINT NOT NULL,
      prompt_tokens BIGINT NOT NULL,
      completion_tokens BIGINT NOT NULL,
      estimated INTEGER NOT NULL,
      PRIMARY KEY (run_id, place)
    )${keyed}`,
    "CREATE INDEX reins_costs_at ON reins_costs (resource_id, at)",
    SqlCosts.backfill
  ],
  // With its tenant, so that a thread's runs are not looked for among all of the tenant.
  [
    "DROP INDEX reins_runs_thread",
    "CREATE INDEX reins_runs_thread ON reins_runs (thread_id, resource_id, started_at, run_id)"
  ],
  // Runs that ended without being listed, so that looking for them costs nothing; see `SqlCosts.catchUp`.
  ["CREATE INDEX reins_runs_unlisted ON reins_runs (run_id) WHERE ended_at IS NOT NULL AND end_reason IS NULL"],
  // When a run's use was booked last, so that what a lost step was booked for is taken back there.
  ["ALTER TABLE reins_quota_runs ADD COLUMN booked_at BIGINT NOT NULL DEFAULT 0"],
  // Web hooks and their outbox. A tenant of NULL: every tenant's. A run: its states are sent, as its log has them.
  [
    `CREATE TABLE reins_webhooks (
      id TEXT NOT NULL PRIMARY KEY,
      resource_id TEXT,
      run_id TEXT,
      source TEXT NOT NULL,
      on_question INTEGER NOT NULL,
      on_end INTEGER NOT NULL,
      document TEXT NOT NULL,
      created_at BIGINT NOT NULL,
      told_seq BIGINT NOT NULL DEFAULT 0,
      failures BIGINT NOT NULL DEFAULT 0,
      failing_since BIGINT,
      last_error TEXT,
      accepted_at BIGINT,
      lost BIGINT NOT NULL DEFAULT 0,
      next_at BIGINT NOT NULL DEFAULT 0,
      leased_by TEXT,
      leased_until BIGINT NOT NULL DEFAULT 0
    )`,
    "CREATE INDEX reins_webhooks_run ON reins_webhooks (run_id) WHERE run_id IS NOT NULL",
    `CREATE TABLE reins_notices (
      webhook_id TEXT NOT NULL,
      run_id TEXT NOT NULL,
      name TEXT NOT NULL,
      event TEXT NOT NULL,
      at BIGINT NOT NULL,
      facts TEXT NOT NULL,
      attempts BIGINT NOT NULL DEFAULT 0,
      next_at BIGINT NOT NULL,
      PRIMARY KEY (webhook_id, run_id, name)
    )${keyed}`,
    "CREATE INDEX reins_notices_due ON reins_notices (webhook_id, next_at)",
    "CREATE INDEX reins_notices_run ON reins_notices (run_id)"
  ],
  // What was replaced of threads: each branch from where it departs from its thread, or from the branch `parent`.
  SqlBranches.tables(keyed),
  // What agents remember across threads. Deleting runs or threads does not delete it.
  [SqlMemories.tables],
  // When runs with estimated rows are asked about again.
  SqlReconciliations.tables,
  // Who began a thread, so that all of a principal's can be erased.
  PrincipalErasure.tables,
  // Whose the messages of forks are.
  SqlMessages.copies,
  // Owners of messages that are no runs have a prefix which no run's id has.
  SqlMessages.marked,
  // Lists of the runs of all tenants.
  ["CREATE INDEX reins_runs_started ON reins_runs (started_at, run_id)"]
]

/** The version of this program. */
export const latest: number = versions("").length

/** The database was written by a later version of this program, which may use its rows differently. */
export class NewerSchema extends Schema.TaggedError<NewerSchema>()("NewerSchema", {
  found: Schema.Natural,
  known: Schema.Natural
}) {
  override get message() {
    return `Database schema version ${this.found} is newer than the supported version ${this.known}. Use a later @reins/store`
  }
}

/** Migrates `db`. `lock` keeps other processes from migrating at the same time; `keyed` as in `versions`. */
export const migrate = (
  db: Database,
  options: { readonly keyed: string; readonly lock: Effect.Effect<unknown, SqlError> }
): Effect.Effect<void, SqlError | NewerSchema> =>
  db
    .atomic(
      Effect.gen(function* () {
        const all = versions(options.keyed)
        yield* options.lock
        yield* db.rows("CREATE TABLE IF NOT EXISTS reins_versions (version INTEGER NOT NULL PRIMARY KEY)")
        const [row] = yield* db.rows("SELECT max(version) AS version FROM reins_versions")
        const found = Number(row?.["version"] ?? 0)
        if (found > all.length) return yield* new NewerSchema({ found, known: all.length })
        for (const [index, steps] of [...all.entries()].slice(found)) {
          for (const step of steps) yield* typeof step === "string" ? db.rows(step) : step(db)
          yield* db.rows("INSERT INTO reins_versions (version) VALUES (?)", index + 1)
        }
        yield* SqlCosts.catchUp(db)
        yield* SqlMessages.catchUp(db)
      })
    )
    .pipe(Effect.withTracerEnabled(false))
