/** The messages of threads in a database, and what stands with a thread besides: one row per message, and a column. */
import type { Message } from "@reins/protocol"
import type { Kept, RunRecord } from "@reins/runtime/journal"
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import type { SqlError } from "effect/sql/SqlError"
import * as Column from "./Column.ts"
import type { Database, Row } from "./Database.ts"
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
          : " AND EXISTS (SELECT 1 FROM reins_threads t WHERE t.thread_id = m.thread_id AND t.resource_id = ?)"
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

/** The owner of a thread's seed messages. No run has this id, nor the two below. */
export const begun = "at the beginning"

/** The owner of messages that were laid after the first `keep`; earlier ones of it were replaced. */
export const rewritten = (keep: number): string => `rewritten after ${keep}`

/** The owner of messages that a run found which was imported. */
export const restored = (runId: string): string => `before ${runId}`

const copied = "copied of "

/** The owner of the copy of a message in a fork, by the message's own: both are column values. */
const copyOf = (owner: string): string => (owner.startsWith(copied) ? owner : `${copied}${owner}`)

/** A condition for copies, as the index of them has it. */
export const isCopy = (column: string): string => `${column} LIKE '${copied}%'`

/** The run that wrote a message or its original, of a column with its owner; and the owner of its copies. */
export const writerOf = (column: string): string =>
  `CASE WHEN ${isCopy(column)} THEN substr(${column}, ${copied.length + 1}) ELSE ${column} END`
export const copiesOf = (run: string): string => `'${copied}' || ${run}`

/** The run that a message is a copy of, by its owner; `undefined`: it is no copy. */
export const copiedRun = (owner: string): string | undefined =>
  owner.startsWith(copied) ? owner.slice(copied.length) : undefined

/** The steps that find copies; released ones are never edited. */
export const copies: ReadonlyArray<string> = ["reins_messages", "reins_branch_messages"].map(
  (table) => `CREATE INDEX ${table}_copies ON ${table} (run_id) WHERE ${isCopy("run_id")}`
)

/** Gives the first messages of a fork the authors of what they are copies of; `owners`: of these, as column values. */
export const sign = (db: Database, threadId: string, owners: ReadonlyArray<string>): Effect.Effect<void, SqlError> => {
  const positions = new Map<string, Array<readonly [number]>>()
  for (const [index, owner] of owners.entries()) {
    if (!isRun(Column.decode(owner)) && copiedRun(owner) === undefined) continue
    const key = copyOf(owner)
    positions.set(key, [...(positions.get(key) ?? []), [index + 1]])
  }
  return Effect.forEach(
    positions,
    ([owner, at]) =>
      db.rows(
        `UPDATE reins_messages SET run_id = ? WHERE thread_id = ?
         AND position IN (SELECT CAST(value ->> 0 AS BIGINT) FROM ${db.dialect.each})`,
        owner,
        Column.encode(threadId),
        JSON.stringify(at)
      ),
    { discard: true }
  )
}

/** Whether the owner of messages is a run. */
export const isRun = (owner: string): boolean =>
  !owner.startsWith(copied) && owner !== begun && !/^rewritten after \d+$/.test(owner) && !owner.startsWith("before ")

/** How many messages are before the first one of each owner in a thread, by its column value. */
export const places = (db: Database, thread: string): Effect.Effect<ReadonlyMap<string, number>, SqlError> =>
  Effect.map(
    db.rows("SELECT run_id, min(position) AS first FROM reins_messages WHERE thread_id = ? GROUP BY run_id", thread),
    (rows) => new Map(rows.map((row) => [Column.decode(row["run_id"]), Number(row["first"]) - 1]))
  )

/**
 * Appends a run's messages, unless it has already done so; stores what the run leaves. `isOfRun`: not again where they
 * were moved to a branch, either.
 */
export const write = Effect.fnUntraced(function* (
  db: Database,
  threadId: string,
  runId: string,
  messages: ReadonlyArray<Message.Message>,
  leaves?: Kept,
  isOfRun = false
) {
  const [thread, run] = [Column.encode(threadId), Column.encode(runId)]
  const left = leaves === undefined ? null : JSON.stringify(leaves)
  if (messages.length === 0) {
    if (left !== null) {
      yield* db.rows(kept, left, thread, run)
    }
    return
  }
  const [grown] = yield* db.rows(
    `UPDATE reins_threads SET version = version + ?, kept = coalesce(CAST(? AS TEXT), kept), updated_at = ?
     WHERE thread_id = ? AND NOT EXISTS (SELECT 1 FROM reins_messages WHERE thread_id = ? AND run_id = ?)${
       isOfRun ? inNoBranch : ""
     } RETURNING version`,
    messages.length,
    left,
    yield* Clock.currentTimeMillis,
    thread,
    thread,
    run,
    ...(isOfRun ? [thread, run] : [])
  )
  if (grown === undefined) return
  const from = Number(grown["version"]) - messages.length
  yield* db.rows(
    `INSERT INTO reins_messages (thread_id, run_id, position, message)
     SELECT ?, ?, CAST(value ->> 0 AS BIGINT), value ->> 1 FROM ${db.dialect.each}`,
    thread,
    run,
    JSON.stringify(messages.map((message, index) => [from + index + 1, JSON.stringify(message)]))
  )
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

/** No message of the run is in thread `t` or a branch of it. */
export const isNew = (run: string): string =>
  `NOT EXISTS (SELECT 1 FROM reins_messages AS m WHERE m.thread_id = t.thread_id AND m.run_id = ${run})
  AND NOT EXISTS (SELECT 1 FROM reins_branches AS b JOIN reins_branch_messages AS m ON m.branch_id = b.branch_id
    WHERE b.thread_id = t.thread_id AND m.run_id = ${run})`

/**
 * Counts the messages that the statement before, `added`, has added to a thread, and releases it. For SQLite. Parameters:
 * what is kept with the thread, when it was written, the thread, and the run.
 */
export const grown = `UPDATE reins_threads SET version = version + changes(), run_id = NULL,
  kept = CASE WHEN changes() = 0 THEN kept ELSE ? END, updated_at = CASE WHEN changes() = 0 THEN updated_at ELSE ? END
  WHERE thread_id = ? AND run_id = ?`

/** Sets what is kept with a thread. Parameters: that, the thread, and the run that leases it. */
export const kept = "UPDATE reins_threads SET kept = ? WHERE thread_id = ? AND run_id = ?"

const inNoBranch = ` AND NOT EXISTS (SELECT 1 FROM reins_branches b JOIN reins_branch_messages m ON m.branch_id = b.branch_id
  WHERE b.thread_id = ? AND m.run_id = ?)`
