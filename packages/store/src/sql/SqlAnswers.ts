/** The answers of runs in a database: one row per name, written once. */
import type { Audit, Json } from "@reins/protocol"
import type { Answered, Quorum, StoredAnswer } from "@reins/runtime/journal"
import * as Data from "effect/Data"
import * as Effect from "effect/Effect"
import type { SqlError } from "effect/sql/SqlError"
import * as Column from "./Column.ts"
import { byKey, type Database, type Row } from "./Database.ts"
import * as SqlAudit from "./SqlAudit.ts"
import * as StoredJson from "./StoredJson.ts"

type Failure = SqlError | StoredJson.CorruptRow

/** An answer without a value. */
export const unanswered: StoredAnswer = { value: null, at: 0 }

/** Answers from their rows. */
export const read = (rows: ReadonlyArray<Row>): Effect.Effect<ReadonlyArray<StoredAnswer>, StoredJson.CorruptRow> =>
  Effect.flatMap(StoredJson.answers(rows.map((row) => [row["value"]])), (values) =>
    rows.every(({ at }) => StoredJson.isNumber(at))
      ? Effect.succeed(values.map(([value], index) => ({ value, at: Number(rows[index]?.["at"]) })))
      : Effect.fail(new StoredJson.CorruptRow({ table: "reins_answers" }))
  )

export const find = (db: Database, runId: string, name: string): Effect.Effect<StoredAnswer | undefined, Failure> =>
  db
    .rows(
      "SELECT at, value FROM reins_answers WHERE run_id = ? AND name = ?",
      Column.encode(runId),
      Column.encode(name)
    )
    .pipe(
      Effect.flatMap(read),
      Effect.map(([answer]) => answer)
    )

/** An answer to be stored, and the acts to record with it. */
interface Given {
  readonly runId: string
  readonly name: string
  readonly value: Json
  readonly at: number
  readonly acts?: ReadonlyArray<Audit.Act> | undefined
}

/**
 * Stores an answer unless one is stored, or the run has ended: in one statement where the database lets a statement
 * write several tables, since each costs a round trip there.
 */
export const answering = (db: Database): ((given: Given) => Effect.Effect<Answered, Failure>) => {
  const { each, lockRows, news, notice } = db.dialect
  const inserted = `INSERT INTO reins_answers (run_id, name, at, value)
    SELECT run_id, CAST(? AS TEXT), CAST(? AS BIGINT), CAST(? AS TEXT) FROM reins_runs
    WHERE run_id = ? AND ${byKey.isOpen}${lockRows} ON CONFLICT (run_id, name) DO NOTHING RETURNING run_id`
  const changed = `UPDATE reins_runs SET epoch = epoch${news} WHERE run_id = ?`
  const whole =
    notice &&
    `WITH taken AS (${inserted}), acts AS (
      ${SqlAudit.into} SELECT ${SqlAudit.columns} FROM taken, ${each} ON CONFLICT (id) DO NOTHING
    ) SELECT ${notice("taken.run_id")} FROM taken`
  return ({ acts = [], at, name, runId, value }) => {
    const run = Column.encode(runId)
    const row = [Column.encode(name), at, JSON.stringify(value), run] as const
    const settled = (taken: ReadonlyArray<Row>): Effect.Effect<Answered, Failure> =>
      taken.length > 0 ? Effect.succeed({ _tag: "Taken" }) : first(db, runId, name)
    if (whole !== undefined) {
      return Effect.flatMap(db.rows(whole, ...row, JSON.stringify(acts.map(SqlAudit.row))), settled)
    }
    return db.atomic(
      Effect.gen(function* () {
        const taken = yield* db.rows(inserted, ...row)
        if (taken.length > 0) {
          yield* SqlAudit.write(db, acts)
          yield* db.rows(changed, run)
        }
        return yield* settled(taken)
      })
    )
  }
}

/** The answer of an open run that came first. */
const first = (db: Database, runId: string, name: string): Effect.Effect<Answered, Failure> =>
  Effect.gen(function* () {
    const [open] = yield* db.rows(`SELECT 1 FROM reins_runs WHERE run_id = ? AND ${byKey.isOpen}`, Column.encode(runId))
    const stored = open === undefined ? undefined : yield* find(db, runId, name)
    return stored === undefined ? { _tag: "Unknown" } : { _tag: "Resolved", value: stored.value }
  })

/** Answers whose names begin with `prefix`, by name. */
export const answers = (
  db: Database,
  runId: string,
  prefix: string
): Effect.Effect<ReadonlyMap<string, Json>, Failure> =>
  Effect.gen(function* () {
    const rows = yield* db.rows(
      "SELECT name, at, value FROM reins_answers WHERE run_id = ? AND substr(name, 1, length(CAST(? AS TEXT))) = ?",
      Column.encode(runId),
      Column.encode(prefix),
      Column.encode(prefix)
    )
    const given = yield* read(rows)
    return new Map(rows.map((row, index) => [Column.decode(row["name"]), given[index]?.value ?? null]))
  })

/** Another answer of the same name was stored meanwhile. */
class Overtaken extends Data.TaggedError("Overtaken") {}

/**
 * Stores the result of `change` for the answers with names that begin with `prefix`. The run's row is locked first, so
 * that this is serialized; an answer stored without the lock is detected by its name, and the change is repeated.
 */
export const amend = <A>(
  db: Database,
  { at, prefix, runId }: { readonly runId: string; readonly prefix: string; readonly at: number },
  change: (answers: ReadonlyMap<string, Json>) => Quorum.Amendment<A>
): Effect.Effect<A | undefined, Failure> =>
  db
    .atomic(
      Effect.gen(function* () {
        const run = Column.encode(runId)
        const open = yield* db.rows(
          `UPDATE reins_runs SET epoch = epoch${db.dialect.news} WHERE run_id = ? AND ${byKey.isOpen} RETURNING 1`,
          run
        )
        if (open.length === 0) return undefined
        const { acts, puts, value } = change(yield* answers(db, runId, prefix))
        for (const [name, put] of puts) {
          const stored = yield* db.rows(
            `INSERT INTO reins_answers (run_id, name, at, value) VALUES (?, ?, ?, ?)
             ON CONFLICT (run_id, name) DO NOTHING RETURNING 1`,
            run,
            Column.encode(name),
            at,
            JSON.stringify(put)
          )
          if (stored.length === 0) return yield* new Overtaken()
        }
        yield* SqlAudit.write(db, acts)
        yield* db.tell(run)
        return value
      })
    )
    .pipe(Effect.catchTag("Overtaken", () => amend(db, { at, prefix, runId }, change)))
