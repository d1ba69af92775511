/**
 * Memories in a database: one row per memory, and its words in the database's full-text index. The index finds what has
 * a word of the query; which of that is best is decided by the port's own rule, which sees only what the asker sees. A
 * store failure is a defect here, as in `SqlThreads`.
 */
import { Memory, MemoryStore, WordSearch } from "@reins/runtime/journal"
import * as Effect from "effect/Effect"
import * as Result from "effect/Result"
import type { SqlError } from "effect/sql/SqlError"
import * as Column from "./Column.ts"
import type { Database, Row, Value } from "./Database.ts"
import * as StoredJson from "./StoredJson.ts"

/** Makes the table and its full-text index. Released, and so never changed. */
export const tables = (db: Database): Effect.Effect<void, SqlError> =>
  Effect.forEach(
    [
      `CREATE TABLE reins_memories (
        place ${db.dialect.numbered},
        id TEXT NOT NULL UNIQUE,
        scope TEXT NOT NULL,
        hash TEXT NOT NULL,
        resource_id TEXT NOT NULL,
        principal TEXT,
        agent TEXT,
        kind TEXT,
        tags TEXT,
        text TEXT NOT NULL,
        size BIGINT NOT NULL,
        run_id TEXT,
        written_by TEXT,
        created_at BIGINT NOT NULL,
        updated_at BIGINT NOT NULL,
        expires_at BIGINT,
        UNIQUE (scope, hash)
      )`,
      "CREATE INDEX reins_memories_latest ON reins_memories (scope, updated_at)",
      "CREATE INDEX reins_memories_listed ON reins_memories (resource_id, created_at, id)",
      "CREATE INDEX reins_memories_principal ON reins_memories (resource_id, principal, created_at, id)",
      "CREATE INDEX reins_memories_run ON reins_memories (run_id) WHERE run_id IS NOT NULL",
      ...db.dialect.words.tables
    ],
    (statement) => db.rows(statement),
    { discard: true }
  )

const columns = `id, resource_id, principal, agent, kind, tags, text, run_id, written_by, created_at, updated_at,
  expires_at`

const named = (column: unknown): string | undefined => (column == null ? undefined : Column.decode(column))

const whole = (row: Row) =>
  Effect.flatMap(
    StoredJson.isNumber(row["created_at"]) && StoredJson.isNumber(row["updated_at"])
      ? StoredJson.tags(row["tags"])
      : Effect.fail(new StoredJson.CorruptRow({ table: "reins_memories" })),
    (tags) => {
      const [principal, agent, kind] = [named(row["principal"]), named(row["agent"]), named(row["kind"])]
      const [runId, writtenBy] = [named(row["run_id"]), named(row["written_by"])]
      const memory: Memory.Memory = {
        id: Column.decode(row["id"]),
        text: Column.decode(row["text"]),
        resourceId: Column.decode(row["resource_id"]),
        ...(principal === undefined ? {} : { principal }),
        ...(agent === undefined ? {} : { agent }),
        ...(kind === undefined ? {} : { kind }),
        ...(tags === undefined ? {} : { tags }),
        createdAt: Number(row["created_at"]),
        updatedAt: Number(row["updated_at"]),
        ...(row["expires_at"] == null ? {} : { expiresAt: Number(row["expires_at"]) }),
        ...(runId === undefined ? {} : { runId }),
        ...(writtenBy === undefined ? {} : { writtenBy })
      }
      return Effect.succeed(memory)
    }
  )

/** The readable memories: a damaged one does not hide the others. */
const readable = (rows: ReadonlyArray<Row>) => StoredJson.readable(rows, whole)

const column = (id: string | undefined): string | null => (id === undefined ? null : Column.encode(id))

/** A condition on rows of memories. */
interface Condition {
  readonly text: string
  readonly values: ReadonlyArray<Value>
}

const conditionOf = ({ agent, isExact = false, principal, resourceId }: MemoryStore.MemoryFilter): Condition => {
  if (isExact) return { text: "scope = ?", values: [Memory.keyOf({ resourceId, principal, agent })] }
  const fields = [
    ["resource_id", resourceId],
    ["principal", principal],
    ["agent", agent]
  ] as const
  const given = fields.flatMap(([name, id]) => (id === undefined ? [] : [[name, Column.encode(id)] as const]))
  return { text: given.map(([name]) => `${name} = ?`).join(" AND "), values: given.map(([, id]) => id) }
}

/** Writes a memory with its words, in an open transaction; once by its id and by its text. */
export const put = Effect.fnUntraced(function* (db: Database, memory: Memory.Memory) {
  const { agent, createdAt, expiresAt, id, kind, principal, resourceId, runId, tags, text, updatedAt, writtenBy } =
    memory
  const [added] = yield* db.rows(
    `INSERT INTO reins_memories (id, scope, hash, resource_id, principal, agent, kind, tags, text, size, run_id, written_by,
       created_at, updated_at, expires_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
     ON CONFLICT DO NOTHING RETURNING 1`,
    Column.encode(id),
    Memory.keyOf(memory),
    Memory.hashOf(text),
    Column.encode(resourceId),
    column(principal),
    column(agent),
    column(kind),
    tags === undefined ? null : JSON.stringify(tags),
    Column.encode(text),
    Memory.sizeOf(text),
    column(runId),
    column(writtenBy),
    createdAt,
    updatedAt,
    expiresAt ?? null
  )
  if (added !== undefined) yield* index(db, memory)
  return added !== undefined
})

const index = (db: Database, memory: Memory.Memory) =>
  db.rows(db.dialect.words.put, Memory.wordsOf(memory).join(" "), Column.encode(memory.id))

const update = Effect.fnUntraced(function* (db: Database, memory: Memory.Memory) {
  yield* db.rows(
    "UPDATE reins_memories SET kind = ?, tags = ?, updated_at = ?, expires_at = ? WHERE id = ?",
    column(memory.kind),
    memory.tags === undefined ? null : JSON.stringify(memory.tags),
    memory.updatedAt,
    memory.expiresAt ?? null,
    Column.encode(memory.id)
  )
  yield* index(db, memory)
})

/** A memory, or the limit that keeps it from being one: an operation of the store fails with database errors only. */
type Outcome = Result.Result<MemoryStore.Remembered, Memory.MemoryFull>

const remember = Effect.fnUntraced(function* (
  db: Database,
  memory: MemoryStore.NewMemory,
  limits: Memory.MemoryLimits
): Effect.fn.Return<Outcome, SqlError | StoredJson.CorruptRow> {
  const scope = Memory.keyOf(memory.scope)
  // Locks the scope until the transaction ends.
  if (db.dialect.lockName !== undefined) yield* db.rows(db.dialect.lockName, `reins_memories ${scope}`)
  yield* db.rows("DELETE FROM reins_memories WHERE scope = ? AND expires_at <= ?", scope, memory.at)
  const other = Memory.idIn(memory.scope, memory.id)
  const ids = [memory.id, other].map(Column.encode)
  const [found] = yield* db.rows(
    `SELECT ${columns} FROM reins_memories WHERE scope = ? AND (id = ? OR id = ? OR hash = ?)
     ORDER BY CASE WHEN id = ? OR id = ? THEN 0 ELSE 1 END LIMIT 1`,
    scope,
    ...ids,
    Memory.hashOf(memory.text),
    ...ids
  )
  if (found !== undefined) {
    const known = yield* whole(found)
    if (known.id === memory.id || known.id === other) return Result.succeed({ memory: known, isNew: false })
    const updated = MemoryStore.again(known, memory)
    yield* update(db, updated)
    return Result.succeed({ memory: updated, isNew: false })
  }
  const [held] = yield* db.rows(
    "SELECT count(*) AS memories, coalesce(sum(size), 0) AS bytes FROM reins_memories WHERE scope = ?",
    scope
  )
  const made = MemoryStore.made(memory)
  const holds = { memories: Number(held?.["memories"] ?? 0), bytes: Number(held?.["bytes"] ?? 0) }
  const refusal = Memory.refusalOf(holds, Memory.sizeOf(made.text), limits)
  if (refusal !== undefined) return Result.fail(refusal)
  if (yield* put(db, made)) return Result.succeed({ memory: made, isNew: true })
  // Another scope has a memory with this id.
  const apart = { ...made, id: other }
  yield* put(db, apart)
  return Result.succeed({ memory: apart, isNew: true })
})

const recall = Effect.fnUntraced(function* (db: Database, query: MemoryStore.MemoryQuery) {
  const { at, kind, scope, text } = query
  const scopes = Memory.seenFrom(scope)
  const asked = WordSearch.askedWords(text)
  const matching = asked.length === 0 ? undefined : db.dialect.words.matching(scopes, asked)
  const rows = yield* db.rows(
    `SELECT ${columns} FROM reins_memories AS m
     WHERE m.scope IN (${scopes.map(() => "?").join(", ")}) AND (m.expires_at IS NULL OR m.expires_at > ?)${
       matching === undefined ? "" : ` AND ${matching.text}`
     }${kind === undefined ? "" : " AND m.kind = ?"} ORDER BY m.updated_at DESC, m.id LIMIT ?`,
    ...scopes,
    at,
    ...(matching === undefined ? [] : [matching.value]),
    ...(kind === undefined ? [] : [Column.encode(kind)]),
    MemoryStore.mostRanked
  )
  return Memory.rank(yield* readable(rows), query)
})

const list = Effect.fnUntraced(function* (db: Database, { after, at, limit, ...filter }: MemoryStore.MemoryList) {
  const { text, values } = conditionOf(filter)
  const from = after === undefined ? undefined : MemoryStore.fromCursor(after)
  const rows = yield* db.rows(
    `SELECT ${columns} FROM reins_memories WHERE ${text} AND (expires_at IS NULL OR expires_at > ?)${
      from === undefined ? "" : " AND (created_at < ? OR (created_at = ? AND id > ?))"
    } ORDER BY created_at DESC, id LIMIT ?`,
    ...values,
    at,
    ...(from === undefined ? [] : [from.at, from.at, Column.encode(from.id)]),
    limit + 1
  )
  return MemoryStore.pageOf(yield* readable(rows), limit)
})

/** The memories that a run has written. */
export const ofRun = (db: Database, runId: string) =>
  Effect.flatMap(
    db.rows(`SELECT ${columns} FROM reins_memories WHERE run_id = ? ORDER BY created_at, id`, Column.encode(runId)),
    Effect.forEach(whole)
  )

export const make = (db: Database): MemoryStore.MemoryStore => ({
  remember: (memory, limits) =>
    Effect.flatMap(Effect.orDie(db.operation("memories", db.atomic(remember(db, memory, limits)))), (outcome) =>
      Result.match(outcome, { onFailure: Effect.fail, onSuccess: Effect.succeed })
    ),
  recall: (query) => Effect.orDie(db.operation("memories", recall(db, query))),
  forget: (id, filter) =>
    Effect.orDie(
      db.operation(
        "memories",
        Effect.suspend(() => {
          const { text, values } = conditionOf(filter)
          return Effect.map(
            db.rows(`DELETE FROM reins_memories WHERE id = ? AND ${text} RETURNING 1`, Column.encode(id), ...values),
            (gone) => gone.length > 0
          )
        })
      )
    ),
  list: (query) => Effect.orDie(db.operation("memories", list(db, query)))
})
