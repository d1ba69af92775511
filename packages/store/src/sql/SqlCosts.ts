/**
 * The cost ledger in a database: a row for each line of a run, written with the run's cost summary. Deleting runs and
 * threads does not delete it. Also `backfill` and `catchUp`, which derive the lines of runs of earlier releases.
 */
import { CostLine, CostReport, type CostSummary, type Envelope, Event, ListedRun } from "@reins/protocol"
import { type CostQuery, type CostStore, firstCorrection, LeftBill } from "@reins/runtime/journal"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Schema from "effect/Schema"
import type { SqlError } from "effect/sql/SqlError"
import * as Column from "./Column.ts"
import { byKey, type Database, type Row, type Value } from "./Database.ts"
import * as SqlRunList from "./SqlRunList.ts"
import * as StoredJson from "./StoredJson.ts"

type Line = ReadonlyArray<string | number | null>

/** Where lines go. */
export const into = `INSERT INTO reins_costs (run_id, resource_id, principal, root, place, at, agent, kind, name, provider,
  calls, cost_nano_usd, unpriced, prompt_tokens, completion_tokens, estimated)`

/** The columns of a line from a JSON array of `lines`; `run`: a table with the row of its run. */
export const columns = (run: string): string =>
  `${run}.run_id, ${run}.resource_id, ${run}.principal, ${run}.agent, CAST(value ->> 0 AS INTEGER),
    CAST(value ->> 1 AS BIGINT), coalesce(value ->> 2, ${run}.agent), value ->> 3, value ->> 4, value ->> 5,
    CAST(value ->> 6 AS BIGINT), CAST(value ->> 7 AS BIGINT), CAST(value ->> 8 AS BIGINT), CAST(value ->> 9 AS BIGINT),
    CAST(value ->> 10 AS BIGINT), CAST(value ->> 11 AS INTEGER)`

/** The lines of a run, in a JSON array. */
export const linesOf = (summary: CostSummary.CostSummary, at: number): ReadonlyArray<Line> =>
  CostLine.partsOf(summary).map((part, place) => [
    place,
    at,
    part.agent === undefined ? null : Column.encode(part.agent),
    part.kind,
    Column.encode(part.name),
    part.provider === undefined ? null : Column.encode(part.provider),
    part.calls,
    part.costNanoUsd,
    part.unpriced,
    part.promptTokens,
    part.completionTokens,
    part.estimated ? 1 : 0
  ])

/** The lines of a run whose last events these are; none before. */
export const linesIn = (envelopes: ReadonlyArray<Envelope.Envelope>): ReadonlyArray<Line> => {
  const found = ListedRun.summaryIn(envelopes.slice(-3))
  return found === undefined ? [] : linesOf(found.summary, found.at)
}

/** Adds the lines in the first parameter to the run in the second, once. */
export const added = (each: string): string =>
  `${into} SELECT ${columns("r")} FROM ${each}, reins_runs AS r WHERE r.run_id = ? ON CONFLICT (run_id, place) DO NOTHING`

/**
 * Books what can be read of the costs of a run that is abandoned, in the transaction that does so; `run`: the column
 * value of its id. Returns its summary, if there is one.
 */
export const abandoned = Effect.fnUntraced(function* (db: Database, run: string, at: number) {
  const rows = yield* db.rows("SELECT kind, name, value, spent FROM reins_marks WHERE run_id = ?", run)
  const marks = yield* StoredJson.readable(rows, (row) =>
    Effect.map(StoredJson.marks([["[]", row["value"], row["spent"]]]), ([[, value, spent] = [[], null, []]]) => {
      const kind: "note" | "result" = row["kind"] === "note" ? "note" : "result"
      return { kind, name: Column.decode(row["name"]), value, spent }
    })
  )
  const summary = LeftBill.of(marks)
  if (summary === undefined) return undefined
  yield* db.rows(added(db.dialect.each), JSON.stringify(linesOf(summary, at)), run)
  return summary
})

/** The expression of each dimension. */
const expressions: { readonly [D in CostReport.Dimension]: string } = {
  tenant: "resource_id",
  principal: "principal",
  agent: "agent",
  root: "root",
  run: "run_id",
  model: "CASE WHEN kind = 'model' THEN name END",
  tool: "CASE WHEN kind = 'tool' THEN name END",
  provider: "provider",
  day: "at / 86400000"
}

/** A sum is read in two parts, as SQLite fails where a sum of integers does not fit into 64 bits. */
const part = 1_000_000_000

/** As text: sums may be larger than a number is exact, and drivers differ in how they read them. */
const sumOf = (value: string, name: string): string =>
  `CAST(coalesce(sum((${value}) / ${part}), 0) AS TEXT) AS ${name}_high,
  CAST(coalesce(sum((${value}) % ${part}), 0) AS TEXT) AS ${name}_low`

/** A text in a column of numbers counts as 0, and a fraction as a whole number: the rows with one are counted. */
const damaged = ["calls", "cost_nano_usd", "unpriced", "prompt_tokens", "completion_tokens"]
  .map((column) => `${column} <> CAST(${column} AS BIGINT)`)
  .join(" OR ")

const isCorrection = `place >= ${firstCorrection}`

const sums = `count(DISTINCT run_id) AS runs, coalesce(max(estimated), 0) AS estimated,
  coalesce(sum(CASE WHEN ${damaged} THEN 1 ELSE 0 END), 0) AS damaged,
  coalesce(sum(CASE WHEN ${isCorrection} THEN 1 ELSE 0 END), 0) AS corrections,
  ${sumOf("calls", "calls")}, ${sumOf("cost_nano_usd", "cost")}, ${sumOf("unpriced", "unpriced")},
  ${sumOf("prompt_tokens", "prompt")}, ${sumOf("completion_tokens", "completion")},
  ${sumOf(`CASE WHEN ${isCorrection} THEN cost_nano_usd ELSE 0 END`, "corrected")}`

/** The ledger of a database. */
export const make = (db: Database): CostStore => ({
  report: (query) => Effect.orDie(db.operation("costs", db.atomic(report(db, query))))
})

const report = Effect.fnUntraced(function* (db: Database, query: CostQuery) {
  const { dimensions, limit } = query
  const { text, values } = selecting(query)
  const [all = {}] = yield* db.rows(`SELECT ${sums} FROM reins_costs ${text}`, ...values)
  const sum = CostReport.total({}, yield* sumsOf(all))
  if (dimensions.length === 0) {
    return CostReport.make([], sum.runs === 0 ? [] : [sum], sum, limit)
  }
  const names = dimensions.map((dimension) => `${expressions[dimension]} AS by_${dimension}`)
  const places = dimensions.map((_, index) => `${index + 1}`).join(", ")
  const rows = yield* db.rows(
    `SELECT ${names.join(", ")}, ${sums} FROM reins_costs ${text} GROUP BY ${places} ORDER BY ${places} LIMIT ?`,
    ...values,
    limit + 1
  )
  const totals = yield* Effect.forEach(rows, (row) =>
    Effect.map(sumsOf(row), (found) => CostReport.total(valuesOf(dimensions, row), found))
  )
  return CostReport.make(dimensions, totals, sum, limit)
})

const selecting = (query: CostQuery): { readonly text: string; readonly values: ReadonlyArray<Value> } => {
  const conditions: Array<string> = []
  const values: Array<Value> = []
  const where = (condition: string, ...given: ReadonlyArray<Value>) => {
    conditions.push(condition)
    values.push(...given)
  }
  const { agent, model, principal, resourceId, root, runId, since, tool, until } = query
  const named = [
    [runId === undefined ? "resource_id = ?" : byKey.isOfTenant, resourceId],
    ["principal = ?", principal],
    ["agent = ?", agent],
    ["root = ?", root],
    ["run_id = ?", runId],
    ["kind = 'model' AND name = ?", model],
    ["kind = 'tool' AND name = ?", tool]
  ] as const
  for (const [condition, name] of named) if (name !== undefined) where(condition, Column.encode(name))
  if (since !== undefined) where("at >= ?", bounded(since))
  if (until !== undefined) where("at < ?", bounded(until))
  return { text: conditions.length === 0 ? "" : `WHERE ${conditions.join(" AND ")}`, values }
}

/** A time that a column of 64 bits can hold; 0 for none, which Postgres takes for later than all others. */
export const bounded = (time: number): number =>
  Number.isNaN(time) ? 0 : Math.max(0, Math.min(Number.MAX_SAFE_INTEGER, Math.ceil(time)))

const valuesOf = (dimensions: ReadonlyArray<CostReport.Dimension>, row: Row): CostReport.Values =>
  Object.fromEntries(
    dimensions.flatMap((dimension) => {
      const value = row[`by_${dimension}`]
      if (value === null || value === undefined) return []
      return [[dimension, dimension === "day" ? CostReport.dayOf(Number(value)) : Column.decode(value)]]
    })
  )

/** A sum; `undefined` if it cannot be read. */
const readSum = (row: Row, name: string): bigint | undefined => {
  const [high, low] = [String(row[`${name}_high`]), String(row[`${name}_low`])]
  const isRead = [high, low].every((text) => /^-?\d{1,40}$/.test(text))
  return isRead ? BigInt(high) * BigInt(part) + BigInt(low) : undefined
}

/** Money that cannot be read is reported, and not left out. */
const sumsOf = (row: Row): Effect.Effect<CostReport.Sums, StoredJson.CorruptRow> => {
  const counts = ["calls", "cost", "unpriced", "prompt", "completion"].map((name) => readSum(row, name) ?? -1n)
  const [calls = -1n, costNanoUsd = -1n, unpriced = -1n, promptTokens = -1n, completionTokens = -1n] = counts
  const correctedNanoUsd = readSum(row, "corrected")
  if (Number(row["damaged"]) > 0 || counts.some((sum) => sum < 0n) || correctedNanoUsd === undefined) {
    return Effect.fail(new StoredJson.CorruptRow({ table: "reins_costs" }))
  }
  return Effect.succeed({
    runs: Number(row["runs"]),
    calls,
    costNanoUsd,
    unpriced,
    promptTokens,
    completionTokens,
    estimated: Number(row["estimated"]) === 1,
    corrections: Number(row["corrections"]),
    correctedNanoUsd
  })
}

const readEvent = Schema.decodeUnknownOption(Schema.fromJsonString(Event))

/** Derives the lines of runs that an earlier release wrote, from their cost summaries, as far as they are there. */
export const backfill = (db: Database): Effect.Effect<void, SqlError> =>
  SqlRunList.inPortions(db, { condition: "ended_at IS NOT NULL" }, (runs) => derive(db, runs))

/** Derives the lines of these runs, rows with `run_id`. */
export const derive = (db: Database, runs: ReadonlyArray<Row>): Effect.Effect<void, SqlError> =>
  Effect.gen(function* () {
    const events = yield* db.rows(
      `SELECT e.run_id, e.at, e.event FROM reins_events e JOIN reins_runs r ON r.run_id = e.run_id
         WHERE r.run_id ${db.dialect.among} AND e.seq > r.last_seq - 3`,
      JSON.stringify(runs.map((row) => [row["run_id"]]))
    )
    for (const row of events) {
      const event = Option.getOrUndefined(readEvent(row["event"]))
      if (event?.type !== "data-cost-summary") continue
      const lines = linesOf(event.data, Number(row["at"]))
      if (lines.length > 0) yield* db.rows(added(db.dialect.each), JSON.stringify(lines), String(row["run_id"]))
    }
  })

/**
 * Lists and books runs that a process of an earlier release ended after this database was migrated, such as during a rolling
 * update: it wrote neither the fields of lists nor the lines of the ledger. They are found in an index of their own.
 */
export const catchUp = (db: Database): Effect.Effect<void, SqlError> =>
  SqlRunList.inPortions(
    db,
    { columns: ", record", condition: "ended_at IS NOT NULL AND end_reason IS NULL" },
    // The ledger with the principal that was just derived.
    (runs) => Effect.andThen(SqlRunList.derive(db, runs), derive(db, runs))
  )
