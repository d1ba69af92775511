/**
 * Branches in a database: one row per branch, one per message of its own part. The rules are the runtime's (`Branch`,
 * `ThreadChange`); this file reads what they decide by, and moves rows as they say. The caller has locked the thread's
 * row.
 */
import type { Message } from "@reins/protocol"
import { Branch, type Kept, type Summaries, ThreadChange } from "@reins/runtime/journal"
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import type { SqlError } from "effect/sql/SqlError"
import * as Column from "./Column.ts"
import { byKey, type Database, type Row, type Value } from "./Database.ts"
import * as SqlMessages from "./SqlMessages.ts"
import * as StoredJson from "./StoredJson.ts"

type Failure = SqlError | StoredJson.CorruptRow

/** The statements that make the tables; a released one is never edited. `keyed`: as in `Tables`. */
export const tables = (keyed: string): ReadonlyArray<string> => [
  `CREATE TABLE reins_branches (
    branch_id TEXT NOT NULL PRIMARY KEY,
    thread_id TEXT NOT NULL,
    parent TEXT,
    start BIGINT NOT NULL,
    version BIGINT NOT NULL,
    at BIGINT NOT NULL,
    run_id TEXT,
    summaries TEXT NOT NULL
  )`,
  "CREATE INDEX reins_branches_thread ON reins_branches (thread_id, at)",
  `CREATE TABLE reins_branch_messages (
    branch_id TEXT NOT NULL,
    position BIGINT NOT NULL,
    run_id TEXT NOT NULL,
    message TEXT NOT NULL,
    PRIMARY KEY (branch_id, position)
  )${keyed}`
]

const ofThread = "SELECT branch_id FROM reins_branches WHERE thread_id = ?"

/** The branches of a thread, by its column value. */
export const all = (db: Database, thread: string): Effect.Effect<ReadonlyArray<Branch.KeptBranch>, Failure> =>
  Effect.flatMap(
    db.rows(
      `SELECT branch_id, parent, start, version, at, run_id, summaries FROM reins_branches
       WHERE thread_id = ? ORDER BY at, branch_id`,
      thread
    ),
    (rows) =>
      Effect.map(StoredJson.summaries(rows.map((row) => [row["summaries"]])), (summaries) =>
        rows.map((row, index) => branchOf(row, summaries[index]?.[0] ?? {}))
      )
  )

const branchOf = (row: Row, summaries: Summaries): Branch.KeptBranch => ({
  branchId: Column.decode(row["branch_id"]),
  ...(row["parent"] == null ? {} : { of: Column.decode(row["parent"]) }),
  from: Number(row["start"]),
  version: Number(row["version"]),
  replacedAt: Number(row["at"]),
  ...(row["run_id"] == null ? {} : { replacedBy: Column.decode(row["run_id"]) }),
  summaries
})

/** The branches of a thread with the runs in them. */
export const listed = Effect.fnUntraced(function* (db: Database, threadId: string) {
  const thread = Column.encode(threadId)
  const branches = yield* all(db, thread)
  if (branches.length === 0) return []
  const found = yield* db.rows(
    `SELECT branch_id, run_id, min(position) AS first FROM reins_branch_messages
     WHERE branch_id IN (${ofThread}) GROUP BY branch_id, run_id ORDER BY first`,
    thread
  )
  // A run that was cut in its middle is where its first message is.
  const places = new Map(yield* SqlMessages.places(db, thread))
  for (const row of found) {
    const owner = String(row["run_id"])
    places.set(owner, Math.min(Number(row["first"]) - 1, places.get(owner) ?? Number.POSITIVE_INFINITY))
  }
  return branches.map(({ summaries: _, ...branch }): Branch.ListedBranch => ({
    ...branch,
    runs: found.flatMap((row) => {
      const [owner, before] = [String(row["run_id"]), Number(row["first"]) - 1]
      const isHere = Column.decode(row["branch_id"]) === branch.branchId && places.get(owner) === before
      return isHere && SqlMessages.isRun(owner) ? [{ runId: Column.decode(owner), before }] : []
    })
  }))
})

/** The rows of a thread's messages, or of a branch's own. */
const placeOf = (thread: string, branch: string | undefined) =>
  branch === undefined
    ? { table: "reins_messages", key: "thread_id", id: thread }
    : { table: "reins_branch_messages", key: "branch_id", id: Column.encode(branch) }

const within = "position > ? AND position <= ?"

/** The rows of a path, each with `run_id` and `message`, up to a number of messages. */
const rowsOf = (db: Database, thread: string, path: ReadonlyArray<Branch.Span>, version: number) =>
  Effect.map(
    Effect.forEach(path, ({ after, in: branch, upTo }) => {
      const { id, key, table } = placeOf(thread, branch)
      return db.rows(
        `SELECT run_id, message FROM ${table} WHERE ${key} = ? AND ${within} ORDER BY position`,
        id,
        after,
        Math.min(upTo, version)
      )
    }),
    (parts) => parts.flat()
  )

const messagesOf = (rows: ReadonlyArray<Row>): Effect.Effect<ReadonlyArray<Message.Message>, StoredJson.CorruptRow> =>
  Effect.map(StoredJson.messages(rows.map((row) => [row["message"]])), (read) => read.map(([message]) => message))

/** The first `version` messages of a branch; none without it, or when its thread belongs to another tenant. */
export const history = (db: Database, threadId: string, from: Part & { readonly branch: string }) =>
  Effect.flatMap(partOf(db, threadId, from), messagesOf)

/** What of a thread is read, and for whom. `branch`: absent for the thread as it is. */
interface Part {
  readonly branch: string | undefined
  readonly resourceId: string | undefined
  readonly version: number
}

const whole: ReadonlyArray<Branch.Span> = [{ in: undefined, after: 0, upTo: Number.MAX_SAFE_INTEGER }]

/** The rows of that part, each with `run_id` and `message`; none of another tenant's thread. */
const partOf = Effect.fnUntraced(function* (db: Database, threadId: string, { branch, resourceId, version }: Part) {
  const thread = Column.encode(threadId)
  // Messages are not moved while they are read.
  const [owned] = yield* db.rows(
    `SELECT resource_id FROM reins_threads WHERE thread_id = ?${db.dialect.lockRows}`,
    thread
  )
  if (owned === undefined || (resourceId !== undefined && Column.decode(owned["resource_id"]) !== resourceId)) return []
  const path = branch === undefined ? whole : Branch.pathOf(yield* all(db, thread), branch)
  return yield* rowsOf(db, thread, path, version)
})

/** What a fork of that part begins with: messages of which every call has its result, and their owners, as column values. */
export const forked = Effect.fnUntraced(function* (db: Database, threadId: string, from: Part) {
  const rows = yield* partOf(db, threadId, from)
  const messages = ThreadChange.whole(yield* messagesOf(rows))
  return { messages, owners: rows.slice(0, messages.length).map((row) => String(row["run_id"])) }
})

/** The branch with messages of this run; `undefined` if there is none. */
export const branchOfRun = (db: Database, threadId: string, runId: string) =>
  Effect.map(
    db.rows(
      `SELECT m.branch_id FROM reins_branch_messages m JOIN reins_branches b ON b.branch_id = m.branch_id
       WHERE b.thread_id = ? AND m.run_id = ? ORDER BY m.position DESC LIMIT 1`,
      Column.encode(threadId),
      Column.encode(runId)
    ),
    ([row]) => (row === undefined ? undefined : Column.decode(row["branch_id"]))
  )

/** What a run of a branch started from, and what it added; `undefined` if no branch has messages of it. */
export const ofRun = Effect.fnUntraced(function* (
  db: Database,
  { historyVersion, runId, threadId }: Record<"runId" | "threadId", string> & { readonly historyVersion: number }
) {
  const branch = yield* branchOfRun(db, threadId, runId)
  if (branch === undefined) return undefined
  const thread = Column.encode(threadId)
  const path = Branch.pathOf(yield* all(db, thread), branch)
  const rows = yield* rowsOf(db, thread, path, Number.MAX_SAFE_INTEGER)
  const run = Column.encode(runId)
  return {
    history: yield* messagesOf(rows.slice(0, historyVersion)),
    own: yield* messagesOf(rows.filter((row) => row["run_id"] === run))
  }
})

/** A thread before it is changed; its row is locked. */
interface Found {
  readonly thread: string
  readonly version: number
  readonly kept: Kept | undefined
}

/** Carries out a change, without the messages that it adds: these are the caller's. */
const carriedOut = Effect.fnUntraced(function* (
  db: Database,
  { kept, thread, version }: Found,
  asked: ThreadChange.ThreadChange,
  made: { readonly at: number; readonly by?: string | undefined }
): Effect.fn.Return<ThreadChange.Decided | ThreadChange.Misplaced, Failure> {
  const before = yield* all(db, thread)
  const keep = asked._tag === "Rewind" ? yield* keepAt(db, thread, version, asked.to) : undefined
  const needed = ThreadChange.needs(asked, version, keep)
  const read =
    needed === 0
      ? []
      : yield* messagesOf(yield* rowsOf(db, thread, [{ in: undefined, after: 0, upTo: needed }], needed))
  const standing = { version, summaries: kept?.summaries ?? {}, branches: before }
  const decided = ThreadChange.decide(standing, asked, { ...made, keep, read })
  if (decided._tag === "Misplaced") return decided
  for (const move of decided.moves) yield* carry(db, thread, move)
  yield* put(db, thread, before, decided.branches)
  if (decided.moves.length > 0) {
    const left = kept === undefined ? null : JSON.stringify({ ...kept, summaries: decided.summaries })
    yield* db.rows(
      "UPDATE reins_threads SET version = ?, kept = ?, updated_at = ? WHERE thread_id = ?",
      decided.version,
      left,
      made.at,
      thread
    )
  }
  return decided
})

const keepAt = Effect.fnUntraced(function* (db: Database, thread: string, version: number, place: ThreadChange.Place) {
  if (typeof place === "number") return ThreadChange.keepAt(place, version, undefined)
  const [row] = yield* db.rows(
    "SELECT min(position) AS first FROM reins_messages WHERE thread_id = ? AND run_id = ?",
    thread,
    Column.encode(place)
  )
  return row?.["first"] == null ? undefined : Number(row["first"]) - 1
})

const carry = Effect.fnUntraced(function* (db: Database, thread: string, { after, in: branch, to, upTo }: Branch.Move) {
  const [source, target] = [placeOf(thread, branch), placeOf(thread, to)]
  yield* db.rows(
    `INSERT INTO ${target.table} (${target.key}, run_id, position, message)
     SELECT CAST(? AS TEXT), run_id, position, message FROM ${source.table} WHERE ${source.key} = ? AND ${within}`,
    target.id,
    source.id,
    after,
    upTo
  )
  yield* db.rows(`DELETE FROM ${source.table} WHERE ${source.key} = ? AND ${within}`, source.id, after, upTo)
})

/** Writes the branches that have changed. */
const put = Effect.fnUntraced(function* (
  db: Database,
  thread: string,
  before: ReadonlyArray<Branch.KeptBranch>,
  after: ReadonlyArray<Branch.KeptBranch>
) {
  for (const branch of before) {
    if (!after.includes(branch)) {
      yield* db.rows("DELETE FROM reins_branches WHERE branch_id = ?", Column.encode(branch.branchId))
    }
  }
  for (const branch of after) {
    if (before.includes(branch)) continue
    const values: ReadonlyArray<Value> = [
      Column.encode(branch.branchId),
      thread,
      branch.of === undefined ? null : Column.encode(branch.of),
      branch.from,
      branch.version,
      branch.replacedAt,
      branch.replacedBy === undefined ? null : Column.encode(branch.replacedBy),
      JSON.stringify(branch.summaries)
    ]
    yield* db.rows(
      `INSERT INTO reins_branches (branch_id, thread_id, parent, start, version, at, run_id, summaries)
       VALUES (?, ?, ?, ?, ?, ?, ?, ?)`,
      ...values
    )
  }
})

/** Changes a tenant's free thread, whose row is locked by the first statement. */
export const alter = Effect.fnUntraced(function* (
  db: Database,
  { resourceId, threadId }: { readonly resourceId: string; readonly threadId: string },
  given: ThreadChange.ThreadChange
) {
  const thread = Column.encode(threadId)
  const [row] = yield* db.rows(
    `SELECT version, run_id, limits, kept FROM reins_threads WHERE thread_id = ? AND ${byKey.isOfTenant}${db.dialect.lockRows}`,
    thread,
    Column.encode(resourceId)
  )
  if (row === undefined) return { _tag: "Unknown" } satisfies ThreadChange.Changed
  if (row["run_id"] != null) return { _tag: "Busy", runId: Column.decode(row["run_id"]) } satisfies ThreadChange.Changed
  const { historyVersion: version, kept } = yield* SqlMessages.standing(row)
  const at = yield* Clock.currentTimeMillis
  const decided = yield* carriedOut(db, { thread, version, kept }, given, { at })
  return ThreadChange.changed(decided, given)
})

/**
 * Does what a query does to the thread that its run has leased; returns what stands there then, or `undefined` where it
 * has no such place.
 */
export const lay = Effect.fnUntraced(function* (
  db: Database,
  { runId, threadId }: { readonly runId: string; readonly threadId: string },
  found: { readonly historyVersion: number; readonly kept?: Kept | undefined },
  change: ThreadChange.StartChange
): Effect.fn.Return<{ readonly historyVersion: number; readonly kept?: Kept } | undefined, Failure> {
  const made = { at: yield* Clock.currentTimeMillis, by: runId }
  let standing: Found = { thread: Column.encode(threadId), version: found.historyVersion, kept: found.kept }
  let added: ReadonlyArray<Message.Message> = []
  for (const step of ThreadChange.stepsOf(change)) {
    const decided = yield* carriedOut(db, standing, step, made)
    // The caller's transaction undoes an earlier step.
    if (decided._tag === "Misplaced") return undefined
    const { add, summaries, version } = decided
    standing = { ...standing, version, kept: standing.kept === undefined ? undefined : { ...standing.kept, summaries } }
    added = add
  }
  const { kept, version } = standing
  yield* SqlMessages.lay(db, threadId, version === 0 ? SqlMessages.begun : SqlMessages.rewritten(version), added)
  return { historyVersion: version + added.length, ...(kept === undefined ? {} : { kept }) }
})

/** Deletes the branches that need more than the thread's first `keep` messages; they are deleted from it. */
export const prune = Effect.fnUntraced(function* (db: Database, thread: string, keep: number) {
  const before = yield* all(db, thread)
  const after = Branch.prunedAt(before, keep)
  for (const { branchId } of before.filter((branch) => !after.includes(branch))) {
    yield* db.rows("DELETE FROM reins_branch_messages WHERE branch_id = ?", Column.encode(branchId))
    yield* db.rows("DELETE FROM reins_branches WHERE branch_id = ?", Column.encode(branchId))
  }
})

/** Deletes all branches of a thread. */
export const drop = Effect.fnUntraced(function* (db: Database, thread: string) {
  yield* db.rows(`DELETE FROM reins_branch_messages WHERE branch_id IN (${ofThread})`, thread)
  yield* db.rows("DELETE FROM reins_branches WHERE thread_id = ?", thread)
})

/** How many messages there are in branches of threads under a condition on these. */
export const count = (db: Database, condition: string, values: ReadonlyArray<Value>) =>
  Effect.map(
    db.rows(
      `SELECT count(*) AS found FROM reins_branch_messages WHERE branch_id IN
       (SELECT branch_id FROM reins_branches WHERE thread_id IN (SELECT thread_id FROM reins_threads WHERE ${condition}))`,
      ...values
    ),
    ([row]) => Number(row?.["found"] ?? 0)
  )
