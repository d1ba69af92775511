/** The messages of threads in a database, and what stands with a thread besides: one row per message, and a column. */
import type { Message } from "@reins/protocol"
import type { Kept, RunRecord } from "@reins/runtime/journal"
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import type { SqlError } from "effect/sql/SqlError"
import * as Column from "./Column.ts"
import { byKey, type Database, type Row, type Value } from "./Database.ts"
import * as StoredJson from "./StoredJson.ts"

/** A thread's state besides its messages, and their number. */
export const standing = (
  row: Row
): Effect.Effect<NonNullable<RunRecord["thread"]> & Pick<RunRecord, "historyVersion">, StoredJson.CorruptRow> =>
  Effect.zipWith(
    StoredJson.standing(row),
    StoredJson.number("reins_threads", row["version"]),
    (thread, historyVersion) => ({ ...thread, historyVersion })
  )

/** The first `version` messages of a thread; none when it belongs to another tenant than `resourceId`, if given. */
export const history = (
  db: Database,
  threadId: string,
  version: number,
  resourceId?: string
): Effect.Effect<ReadonlyArray<Message.Message>, SqlError | StoredJson.CorruptRow> =>
  db
    .rows(
      `SELECT message FROM reins_messages m WHERE thread_id = ? AND position <= ?${
        resourceId === undefined
          ? ""
          : ` AND EXISTS (SELECT 1 FROM reins_threads t WHERE t.thread_id = m.thread_id AND ${byKey.isOfTenant})`
      } ORDER BY position`,
      Column.encode(threadId),
      version,
      ...(resourceId === undefined ? [] : [Column.encode(resourceId)])
    )
    .pipe(
      Effect.flatMap((rows) => StoredJson.messages(rows.map((row) => [row["message"]]))),
      Effect.map((rows) => rows.map(([message]) => message))
    )

/** The messages that a run added to a thread. */
export const ofRun = (
  db: Database,
  threadId: string,
  runId: string
): Effect.Effect<ReadonlyArray<Message.Message>, SqlError | StoredJson.CorruptRow> =>
  db
    .rows(
      "SELECT message FROM reins_messages WHERE thread_id = ? AND run_id = ? ORDER BY position",
      Column.encode(threadId),
      Column.encode(runId)
    )
    .pipe(
      Effect.flatMap((rows) => StoredJson.messages(rows.map((row) => [row["message"]]))),
      Effect.map((rows) => rows.map(([message]) => message))
    )

/** The owners of messages, as column values: a run's id, or one of the marks below, which no run's id is. */
export const begun = Column.mark("at the beginning")

/** The owner of messages that were laid after the first `keep`; earlier ones of it were replaced. */
export const rewritten = (keep: number): string => Column.mark(`rewritten after ${keep}`)

/** The owner of messages that a run found which was imported. */
export const restored = (runId: string): string => Column.mark(`before ${Column.encode(runId)}`)

const copied = Column.mark("copied of ")

/** Whether the owner of messages is a run. */
export const isRun = (owner: string): boolean => !Column.isMark(owner)

/** The owner of the copy of a message in a fork, by the message's own. */
export const copyOf = (owner: string): string => {
  if (isRun(owner)) return copied + owner
  return copiedRun(owner) === undefined ? begun : owner
}

/** The run that a message is a copy of, by its owner; `undefined`: it is no copy. */
export const copiedRun = (owner: string): string | undefined =>
  owner.startsWith(copied) ? owner.slice(copied.length) : undefined

/** A condition for copies, as the index of them has it. */
export const isCopy = (column: string): string => `substr(${column}, 1, ${copied.length}) = '${copied}'`

/** The run that wrote a message or its original, of a column with its owner; and the owner of its copies. */
export const writerOf = (column: string): string =>
  `CASE WHEN ${isCopy(column)} THEN substr(${column}, ${copied.length + 1}) ELSE ${column} END`
export const copiesOf = (run: string): string => `'${copied}' || ${run}`

const tables = ["reins_messages", "reins_branch_messages"] as const

/** The steps that find copies; released ones are never edited. */
export const copies: ReadonlyArray<string> = tables.map(
  (table) => `CREATE INDEX ${table}_copies ON ${table} (run_id) WHERE run_id LIKE 'copied of %'`
)

/** The thread of a row of a table of messages. */
const threadOf = {
  reins_messages: "reins_messages.thread_id",
  reins_branch_messages:
    "(SELECT b.thread_id FROM reins_branches b WHERE b.branch_id = reins_branch_messages.branch_id)"
} as const

/**
 * A condition for owners that begin with a text. Postgres estimates by `LIKE` how few there are; in SQLite that ignores
 * case.
 */
const begins = (text: string): string => `(run_id LIKE '${text}%' AND substr(run_id, 1, ${text.length}) = '${text}')`

/**
 * A condition for marks as earlier releases write them, as the index of them has it: words without a prefix, as a run's id
 * may be. One with the id of a run that text columns do not hold is stored as an identifier.
 */
const isUnmarked = `(run_id = 'at the beginning' OR ${[
  "rewritten after ",
  "before ",
  "copied of ",
  Column.mark('"before ')
]
  .map(begins)
  .join(" OR ")})`

type Table = (typeof tables)[number]

/** The rows with such marks: no run of the thread has that id. */
const unmarked = (table: Table): string => `${isUnmarked}
  AND NOT EXISTS (SELECT 1 FROM reins_runs r WHERE r.run_id = ${table}.run_id AND r.thread_id = ${threadOf[table]})`

/** Rewrites them. An earlier release takes the marks of this one for runs, and copies them: those stay marks. */
const mark = (table: Table): string => {
  const [stored, twice, other] = [Column.mark('"before '), `copied of ${copied}`, `copied of ${Column.mark("")}`]
  return `UPDATE ${table} SET run_id = CASE
     WHEN substr(run_id, 1, ${stored.length}) = '${stored}'
       THEN '${Column.mark(`before ${Column.mark('"')}`)}' || substr(run_id, ${stored.length + 1})
     WHEN substr(run_id, 1, ${twice.length}) = '${twice}' THEN substr(run_id, ${"copied of ".length + 1})
     WHEN substr(run_id, 1, ${other.length}) = '${other}' AND substr(run_id, ${other.length + 1}, 1) <> '"' THEN '${begun}'
     ELSE '${Column.mark("")}' || run_id END
   WHERE ${unmarked(table)}`
}

/**
 * The steps that rewrite marks of earlier releases, and find those written later. Rows are rewritten first and the indexes
 * dropped last, so that others can read until then.
 */
export const marked: ReadonlyArray<string> = [
  ...tables.map(mark),
  ...tables.flatMap((table) => [
    `CREATE INDEX ${table}_copied ON ${table} (run_id) WHERE ${isCopy("run_id")}`,
    `CREATE INDEX ${table}_unmarked ON ${table} (run_id) WHERE ${isUnmarked}`
  ]),
  ...tables.map((table) => `DROP INDEX ${table}_copies`)
]

/**
 * Rewrites marks that a process of an earlier release wrote after this database was migrated, such as during a rolling
 * update, in an open transaction. They are found in an index of their own.
 */
export const catchUp = Effect.fnUntraced(function* (db: Database): Effect.fn.Return<void, SqlError> {
  const { among, lockRows } = db.dialect
  const threads = tables.map((table) => `SELECT ${threadOf[table]} AS thread_id FROM ${table} WHERE ${unmarked(table)}`)
  const found = yield* db.rows(threads.join(" UNION ALL "))
  if (found.length === 0) return
  // Threads before messages, and in order, as everything that changes messages.
  if (lockRows !== "") {
    yield* db.rows(
      `SELECT 1 FROM reins_threads WHERE thread_id ${among} ORDER BY thread_id${lockRows}`,
      JSON.stringify(found.map((row) => [row["thread_id"]]))
    )
  }
  for (const table of tables) yield* db.rows(mark(table))
})

/** How many messages are before the first one of each owner in a thread, by its column value. */
export const places = (db: Database, thread: string): Effect.Effect<ReadonlyMap<string, number>, SqlError> =>
  Effect.map(
    db.rows("SELECT run_id, min(position) AS first FROM reins_messages WHERE thread_id = ? GROUP BY run_id", thread),
    (rows) => new Map(rows.map((row) => [String(row["run_id"]), Number(row["first"]) - 1]))
  )

/** Messages that are appended to a thread. `owners`: of each, as column values; one text: of all. */
interface Appended {
  readonly messages: ReadonlyArray<Message.Message>
  readonly owners: string | ReadonlyArray<string>
  /** What is kept with the thread, as text. */
  readonly left?: string | null
  /** A further condition on the thread, with its parameters. */
  readonly unless?: { readonly text: string; readonly values: ReadonlyArray<Value> }
}

const append = Effect.fnUntraced(function* (
  db: Database,
  thread: string,
  { left = null, messages, owners, unless = { text: "", values: [] } }: Appended
) {
  if (messages.length === 0) return
  const [grown] = yield* db.rows(
    `UPDATE reins_threads SET version = version + ?, kept = coalesce(CAST(? AS TEXT), kept), updated_at = ?
     WHERE thread_id = ?${unless.text} RETURNING version`,
    messages.length,
    left,
    yield* Clock.currentTimeMillis,
    thread,
    ...unless.values
  )
  if (grown === undefined) return
  const from = Number(grown["version"]) - messages.length
  yield* db.rows(
    `INSERT INTO reins_messages (thread_id, run_id, position, message)
     SELECT ?, value ->> 0, CAST(value ->> 1 AS BIGINT), value ->> 2 FROM ${db.dialect.each}`,
    thread,
    JSON.stringify(
      messages.map((message, index) => [
        typeof owners === "string" ? owners : owners[index],
        from + index + 1,
        JSON.stringify(message)
      ])
    )
  )
})

/** Appends messages of no run of the thread: `owners` are marks, one of all messages or one of each. */
export const lay = (
  db: Database,
  threadId: string,
  owners: string | ReadonlyArray<string>,
  messages: ReadonlyArray<Message.Message>
): Effect.Effect<void, SqlError> => append(db, Column.encode(threadId), { messages, owners })

/**
 * Appends a run's messages, unless it has already done so, here or in what was moved to a branch; stores what the run
 * leaves.
 */
export const write = Effect.fnUntraced(function* (
  db: Database,
  threadId: string,
  runId: string,
  messages: ReadonlyArray<Message.Message>,
  leaves?: Kept
) {
  const [thread, run] = [Column.encode(threadId), Column.encode(runId)]
  const left = leaves === undefined ? null : JSON.stringify(leaves)
  if (messages.length === 0 && left !== null) yield* db.rows(kept, left, thread, run)
  const unless = { text: ` AND ${isNew("?", "reins_threads")}`, values: [run, run] }
  yield* append(db, thread, { messages, owners: run, left, unless })
})

/**
 * Adds the messages of a run that ends to its thread, in a dialect, unless it has already done so; `grown` counts them.
 * Parameters: the run, the messages, the thread, and the run twice.
 */
export const added = (each: string): string => `INSERT INTO reins_messages (thread_id, run_id, position, message)
  SELECT t.thread_id, ?, t.version + CAST(value ->> 0 AS BIGINT), value ->> 1 FROM ${each}, reins_threads AS t
  WHERE t.thread_id = ? AND ${isNew("?")}`

/** The rows of messages, as the parameter of a statement that adds them. */
export const rows = (messages: ReadonlyArray<Message.Message>): string =>
  JSON.stringify(messages.map((message, index) => [index + 1, JSON.stringify(message)]))

/** No message of the run is in a thread or a branch of it. `thread`: its row. */
export const isNew = (run: string, thread = "t"): string =>
  `NOT EXISTS (SELECT 1 FROM reins_messages AS m WHERE m.thread_id = ${thread}.thread_id AND m.run_id = ${run})
  AND NOT EXISTS (SELECT 1 FROM reins_branches AS b JOIN reins_branch_messages AS m ON m.branch_id = b.branch_id
    WHERE b.thread_id = ${thread}.thread_id AND m.run_id = ${run})`

/**
 * Counts the messages that the statement before, `added`, has added to a thread, and releases it. For SQLite. Parameters:
 * what is kept with the thread, when it was written, the thread, and the run.
 */
export const grown = `UPDATE reins_threads SET version = version + changes(), run_id = NULL,
  kept = CASE WHEN changes() = 0 THEN kept ELSE ? END, updated_at = CASE WHEN changes() = 0 THEN updated_at ELSE ? END
  WHERE thread_id = ? AND run_id = ?`

/** Sets what is kept with a thread. Parameters: that, the thread, and the run that leases it. */
export const kept = "UPDATE reins_threads SET kept = ? WHERE thread_id = ? AND run_id = ?"
