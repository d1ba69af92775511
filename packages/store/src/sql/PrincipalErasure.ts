/**
 * Erases what a database has of a principal, in one transaction, while others work on it. `Erasure` of the runtime has the
 * rules; `Erasure.ts` beside this file erases threads and runs. No run of the principal is created meanwhile: each is
 * created under the name that this transaction locks.
 */
import { Quota } from "@reins/protocol"
import { type Erasure, Redacted, Erasure as Rules } from "@reins/runtime/journal"
import * as Effect from "effect/Effect"
import type { SqlError } from "effect/sql/SqlError"
import * as Column from "./Column.ts"
import type { Database, Row, Value } from "./Database.ts"
import * as RunData from "./Erasure.ts"
import * as SqlBranches from "./SqlBranches.ts"
import * as SqlMessages from "./SqlMessages.ts"
import * as StoredJson from "./StoredJson.ts"

type Failure = SqlError | StoredJson.CorruptRow

/** The steps that note who began each thread; released ones are never edited. */
export const tables: ReadonlyArray<string> = [
  "ALTER TABLE reins_threads ADD COLUMN principal TEXT",
  `UPDATE reins_threads SET principal = (
     SELECT r.principal FROM reins_runs r WHERE r.thread_id = reins_threads.thread_id AND r.resource_id = reins_threads.resource_id
       AND r.isolated = 0 ORDER BY r.started_at, r.run_id LIMIT 1
   )`,
  "CREATE INDEX reins_threads_principal ON reins_threads (resource_id, principal) WHERE principal IS NOT NULL"
]

/** The name under which runs of a principal are created. */
export const nameOf = ({ principal, resourceId }: Pick<Erasure.Erasing, "principal" | "resourceId">): string =>
  `reins_principal ${JSON.stringify([resourceId, principal])}`

/** A list of column values as one parameter, for `IN (${listed})`. */
const listOf = (values: ReadonlyArray<string>): string => JSON.stringify(values.map((value) => [value]))

const ids = (rows: ReadonlyArray<Row>, column: string): ReadonlyArray<string> => rows.map((row) => String(row[column]))

/** Erases, in an open transaction. */
const erased = Effect.fnUntraced(function* (
  db: Database,
  erasing: Erasure.Erasing
): Effect.fn.Return<Erasure.Outcome, Failure> {
  const { among, lockName, lockRows } = db.dialect
  const [resource, principal] = [Column.encode(erasing.resourceId), Column.encode(erasing.principal)]
  const pseudonym = Column.encode(erasing.pseudonym)
  if (lockName !== undefined) yield* db.rows(lockName, nameOf(erasing))
  // A copy with the mark of an earlier release is found as one.
  yield* SqlMessages.catchUp(db)
  const count = (text: string, ...values: ReadonlyArray<Value>): Effect.Effect<number, SqlError> =>
    Effect.map(db.rows(`${text} RETURNING 1`, ...values), (rows) => rows.length)

  // The threads' rows first: a run that starts on one now waits for them, and finds them gone. What they hold is read by
  // a statement of its own, which sees what a run that ended meanwhile has added.
  const [isReached, reached] = [
    `resource_id = ? AND (principal = ? OR thread_id IN (
       SELECT thread_id FROM reins_runs WHERE resource_id = ? AND principal = ? AND isolated = 0
     ) OR thread_id IN (
       SELECT m.thread_id FROM reins_messages m WHERE ${isCopied}
     ) OR thread_id IN (
       SELECT b.thread_id FROM reins_branch_messages m JOIN reins_branches b ON b.branch_id = m.branch_id WHERE ${isCopied}
     )) ORDER BY thread_id`,
    [resource, principal, resource, principal, resource, principal, resource, principal]
  ]
  if (lockRows !== "") yield* db.rows(`SELECT thread_id FROM reins_threads WHERE ${isReached}${lockRows}`, ...reached)
  const threads = yield* db.rows(
    `SELECT thread_id, run_id, principal, CASE WHEN ${isShared} THEN 1 ELSE 0 END AS shared FROM reins_threads
     WHERE ${isReached}`,
    principal,
    principal,
    principal,
    ...reached
  )
  const runs = yield* db.rows(
    `SELECT run_id, ended_at FROM reins_runs WHERE resource_id = ? AND (principal = ? OR (principal IS NULL AND thread_id ${among}))
     ORDER BY started_at, run_id`,
    resource,
    principal,
    listOf(
      ids(
        threads.filter((row) => row["principal"] === principal),
        "thread_id"
      )
    )
  )
  const own = ids(runs, "run_id")
  const known = new Set(own)
  const open = ids(
    runs.filter((row) => row["ended_at"] == null),
    "run_id"
  )
  const others = ids(
    threads.filter((row) => row["run_id"] != null && !known.has(String(row["run_id"]))),
    "run_id"
  )
  if (open.length + others.length > 0) {
    return { _tag: "Busy", runs: open.map(Column.decode), others: others.map(Column.decode) }
  }
  const isWhole = (row: Row) => Number(row["shared"]) === 0
  const whole = ids(threads.filter(isWhole), "thread_id")
  const shared = threads.filter((row) => !isWhole(row))
  const [inRuns, inThreads] = [listOf(own), listOf(whole)]
  yield* RunData.lockRuns(db, `run_id ${among}`, inRuns)
  // Runs of others that left no messages: what they have elsewhere is theirs.
  const foreign = ids(
    yield* db.rows(`SELECT run_id FROM reins_runs WHERE thread_id ${among}`, inThreads),
    "run_id"
  ).filter((run) => !known.has(run))
  const isOf = (run: string, thread: string) => known.has(run) || (whole.includes(thread) && !foreign.includes(run))

  const grants = yield* revise(db, "reins_grants", "document", StoredJson.grants, erasing, {
    where: "resource_id = ?",
    values: [resource],
    isOwn: (_, { runId, threadId }) => isOf(Column.encode(runId), Column.encode(threadId))
  })
  yield* claims(db, erasing)
  const acts = yield* revise(db, "reins_audit", "act", StoredJson.acts, erasing, {
    where: `resource_id = ? AND (run_id ${among} OR thread_id ${among} OR ${mentions})`,
    values: [resource, inRuns, inThreads, mentionOf(erasing.principal)],
    isOwn: (row) => erasing.acts && isOf(String(row["run_id"]), String(row["thread_id"])),
    also: { set: ", principal = ?", values: ({ by }) => [by === undefined ? null : Column.encode(by)] }
  })
  const files = yield* count(
    `DELETE FROM reins_files WHERE resource_id = ? AND (run_id ${among} OR (thread_id ${among} AND NOT run_id ${among}))`,
    resource,
    inRuns,
    inThreads,
    listOf(foreign)
  )
  let messages = yield* count(`DELETE FROM reins_messages WHERE thread_id ${among}`, inThreads)
  let notes = yield* count(`DELETE FROM reins_notes WHERE resource_id = ? AND thread_id ${among}`, resource, inThreads)
  for (const thread of whole) {
    messages += yield* SqlBranches.count(db, "thread_id = ?", [thread])
    yield* SqlBranches.drop(db, thread)
  }
  for (const row of shared) {
    const isBegun = row["principal"] === principal
    messages += yield* redact(db, String(row["thread_id"]), known, isBegun)
    if (!isBegun) continue
    yield* db.rows(
      "UPDATE reins_threads SET principal = ?, description = NULL WHERE thread_id = ?",
      pseudonym,
      String(row["thread_id"])
    )
    notes += yield* count(
      "DELETE FROM reins_notes WHERE resource_id = ? AND thread_id = ? AND run_id = ''",
      resource,
      String(row["thread_id"])
    )
  }
  yield* db.rows(`DELETE FROM reins_threads WHERE thread_id ${among}`, inThreads)
  let notices = 0
  for (const table of ["reins_notices", "reins_webhooks"]) {
    notices += yield* count(`DELETE FROM ${table} WHERE run_id ${among}`, inRuns)
  }
  const ofRuns = `DELETE FROM reins_notes WHERE resource_id = ? AND run_id <> '' AND run_id ${among}`
  notes += yield* count(ofRuns, resource, inRuns)
  const forgotten = yield* db.rows(
    `UPDATE reins_runs SET last_seq = 0, record = '' WHERE run_id ${among} AND record <> '' RETURNING run_id`,
    inRuns
  )
  yield* RunData.dropRuns(db, ids(forgotten, "run_id"))
  yield* db.rows(
    "UPDATE reins_runs SET principal = ? WHERE resource_id = ? AND principal = ?",
    pseudonym,
    resource,
    principal
  )
  return {
    _tag: "Erased",
    deleted: {
      threads: whole.length,
      messages,
      runs: forgotten.length,
      files,
      grants: grants.deleted,
      memories: yield* count(
        `DELETE FROM reins_memories WHERE resource_id = ? AND (principal = ? OR run_id ${among})`,
        resource,
        principal,
        inRuns
      ),
      acts: acts.deleted,
      notices,
      notes,
      quotas: yield* quotas(db, erasing)
    },
    kept: {
      runIds: own.length,
      costLines: yield* count(
        "UPDATE reins_costs SET principal = ? WHERE resource_id = ? AND principal = ?",
        pseudonym,
        resource,
        principal
      ),
      acts: acts.changed,
      grants: grants.changed,
      sharedThreads: shared.map((row) => Column.decode(row["thread_id"]))
    }
  }
})

/** A message is a copy of one of a principal's run: its tenant and id are the two parameters. */
const isCopied = `${SqlMessages.isCopy("m.run_id")} AND m.run_id IN (
  SELECT ${SqlMessages.copiesOf("r.run_id")} FROM reins_runs r WHERE r.resource_id = ? AND r.principal = ?)`

/** A thread has messages of others than the principal in the parameter. */
const isOfOthers = (messages: string) => `EXISTS (SELECT 1 FROM ${messages} AND
  coalesce(coalesce((SELECT o.principal FROM reins_runs o WHERE o.run_id = ${SqlMessages.writerOf("m.run_id")}), reins_threads.principal) <> ?, true))`

/** Others than the principal in the three parameters began a thread, or have messages in it. */
const isShared = `(coalesce(reins_threads.principal <> ?, false)
  OR ${isOfOthers("reins_messages m WHERE m.thread_id = reins_threads.thread_id")}
  OR ${isOfOthers(
    "reins_branch_messages m JOIN reins_branches b ON b.branch_id = m.branch_id WHERE b.thread_id = reins_threads.thread_id"
  )})`

/** Whether a document may name the principal. */
const mentions = "act LIKE ? ESCAPE '\\'"
const mentionOf = (principal: string): string =>
  `%${JSON.stringify(principal)
    .slice(1, -1)
    .replaceAll(/[\\%_]/g, (sign) => `\\${sign}`)}%`

/** Deletes documents that are the principal's, and replaces its id in the others. One that cannot be read stays. */
const revise = Effect.fnUntraced(function* <A extends { readonly id: string; readonly by?: string }>(
  db: Database,
  table: "reins_grants" | "reins_audit",
  column: "document" | "act",
  read: (
    rows: ReadonlyArray<ReadonlyArray<unknown>>
  ) => Effect.Effect<ReadonlyArray<readonly [A]>, StoredJson.CorruptRow>,
  erasing: Erasure.Erasing,
  asked: {
    readonly where: string
    readonly values: ReadonlyArray<Value>
    readonly isOwn: (row: Row, document: A) => boolean
    /** What else is set. */
    readonly also?: { readonly set: string; readonly values: (after: A) => ReadonlyArray<Value> }
  }
) {
  const rows = yield* db.rows(`SELECT * FROM ${table} WHERE ${asked.where}`, ...asked.values)
  const found = yield* StoredJson.readable(rows, (row) =>
    Effect.map(read([[row[column]]]), (all) => all.map(([document]) => ({ row, document })))
  )
  let [deleted, changed] = [0, 0]
  for (const { document, row } of found.flat()) {
    if (asked.isOwn(row, document)) {
      yield* db.rows(`DELETE FROM ${table} WHERE id = ?`, String(row["id"]))
      deleted++
      continue
    }
    const after = Rules.renamed(document, erasing)
    if (after === document) continue
    yield* db.rows(
      `UPDATE ${table} SET ${column} = ?${asked.also?.set ?? ""} WHERE id = ?`,
      JSON.stringify(after),
      ...(asked.also?.values(after) ?? []),
      String(row["id"])
    )
    changed++
  }
  return { deleted, changed }
})

/** Replaces the id of the principal in what calls of others have taken of its grants. */
const claims = Effect.fnUntraced(function* (db: Database, erasing: Erasure.Erasing) {
  const rows = yield* db.rows(
    `SELECT call_key, document FROM reins_claims WHERE document LIKE ? ESCAPE '\\'`,
    mentionOf(erasing.principal)
  )
  for (const row of rows) {
    const found = yield* StoredJson.readable([row], () => StoredJson.grants([[row["document"]]]))
    for (const [claim] of found.flat()) {
      const after = claim.resourceId === erasing.resourceId ? Rules.renamed(claim, erasing) : claim
      if (after === claim) continue
      yield* db.rows(
        "UPDATE reins_claims SET document = ? WHERE call_key = ?",
        JSON.stringify(after),
        String(row["call_key"])
      )
    }
  }
})

/** Replaces messages in a thread of others, and what was made of them; returns how many there were. */
const redact = Effect.fnUntraced(function* (db: Database, thread: string, own: ReadonlySet<string>, isBegun: boolean) {
  const isOwn = (row: Row) => {
    const owner = String(row["run_id"])
    const original = SqlMessages.copiedRun(owner)
    return own.has(original ?? owner) || (isBegun && original === undefined && !SqlMessages.isRun(owner))
  }
  const [kept] = yield* db.rows("SELECT limits, kept FROM reins_threads WHERE thread_id = ?", thread)
  const standing = yield* StoredJson.readable([kept ?? {}], StoredJson.standing)
  const spent = standing[0]?.kept
  if (spent !== undefined) {
    const left = JSON.stringify({ ...spent, summaries: {} })
    yield* db.rows("UPDATE reins_threads SET kept = ? WHERE thread_id = ?", left, thread)
  }
  yield* db.rows("UPDATE reins_branches SET summaries = '{}' WHERE thread_id = ?", thread)
  let count = 0
  for (const [table, key, of] of [
    ["reins_messages", "thread_id", "thread_id = ?"],
    ["reins_branch_messages", "branch_id", "branch_id IN (SELECT branch_id FROM reins_branches WHERE thread_id = ?)"]
  ] as const) {
    const rows = yield* db.rows(`SELECT ${key}, position, run_id, message FROM ${table} WHERE ${of}`, thread)
    for (const row of rows.filter(isOwn)) {
      // One that cannot be read is replaced, too.
      const [message] = yield* StoredJson.readable([row], () => StoredJson.messages([[row["message"]]]))
      const role = message?.[0]?.[0].role ?? "assistant"
      yield* db.rows(
        `UPDATE ${table} SET message = ? WHERE ${key} = ? AND position = ?`,
        JSON.stringify(Redacted.message({ role })),
        String(row[key]),
        Number(row["position"])
      )
      count++
    }
  }
  return count
})

/** Deletes limits and use of the principal's own quotas; returns of how many. */
const quotas = Effect.fnUntraced(function* (db: Database, erasing: Erasure.Erasing) {
  const pattern = mentionOf(erasing.principal)
  const tables = ["reins_quotas", "reins_quota_used", "reins_quota_runs"] as const
  const found = new Set<string>()
  for (const table of tables) {
    const rows = yield* db.rows(`SELECT DISTINCT quota FROM ${table} WHERE quota LIKE ? ESCAPE '\\'`, pattern)
    for (const key of ids(rows, "quota")) if (Quota.isOfPrincipal(key, erasing)) found.add(key)
  }
  for (const key of found) {
    for (const table of tables) yield* db.rows(`DELETE FROM ${table} WHERE quota = ?`, key)
  }
  return found.size
})

/** Erases what there is of the principal, or nothing while runs have not ended. */
export const erase = (db: Database, erasing: Erasure.Erasing): Effect.Effect<Erasure.Outcome, Failure> =>
  db.atomic(erased(db, erasing))
