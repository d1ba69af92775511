/**
 * Lists of runs in a database: columns of `reins_runs` that the commit of a run's last events writes, so that a list
 * reads no log. Also `backfill`, which derives them for runs of earlier releases, and the way over all runs in portions.
 */
import { AgentPath, Event, ListedRun } from "@reins/protocol"
import { Names, RunList, type RunQuery, type WaitingRuns } from "@reins/runtime/journal"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Schema from "effect/Schema"
import type { SqlError } from "effect/sql/SqlError"
import * as Column from "./Column.ts"
import { byKey, type Database, type Row, type Value } from "./Database.ts"

const columns = `run_id, thread_id, resource_id, agent, principal, started_at, last_at, ended_at, last_seq, end_reason,
  error_code, cost_nano_usd, unpriced, prompt_tokens, completion_tokens, record = '' AS forgotten`

/** Whether there is such a row, looked up for each run: for `EXISTS`, Postgres may read the whole table once instead. */
const some = (rows: string): string => `(SELECT 1 FROM ${rows} LIMIT 1) IS NOT NULL`

const isAsking = some(`reins_approvals a WHERE a.run_id = reins_runs.run_id AND ${byKey.isUndecided}`)
const hasClientCall = some("reins_client_calls c WHERE c.run_id = reins_runs.run_id")
/**
 * A sleep or a wait for late results, of the mark `m`, that has no answer. Questions and client calls have tables of
 * their own: a question that was withdrawn leaves its mark without an answer.
 */
const isUnanswered = `m.kind = 'ask' AND (m.name LIKE '%sleep/%' OR m.name LIKE '%late-wait/%')
  AND NOT EXISTS (SELECT 1 FROM reins_answers w WHERE w.run_id = m.run_id AND w.name = m.name)`

/** A question or a client call is open, a call sleeps, or an agent waits for late results. */
const waits = `(${isAsking} OR ${hasClientCall}
  OR ${some(`reins_marks m WHERE m.run_id = reins_runs.run_id AND ${isUnanswered}`)})`

/**
 * A page of runs. Only columns are read, so that a damaged run is listed like any other. `endedBefore`: only runs that
 * ended before this time, in epoch milliseconds, and whose data is there.
 */
export const list = (
  db: Database,
  query: RunQuery,
  endedBefore?: number | undefined
): Effect.Effect<ListedRun.Page, SqlError> => {
  const { text, values } = reading(query, endedBefore)
  return Effect.flatMap(db.rows(text, ...values), (rows) =>
    Effect.map(openWaits(db, rows), (waits) =>
      RunList.pageOf(
        rows.map((row) => listed(row, waits.get(String(row["run_id"])) ?? [])),
        query.limit
      )
    )
  )
}

/** Counts the runs of all tenants that wait for somebody outside. */
export const waiting = (db: Database): Effect.Effect<WaitingRuns, SqlError> =>
  Effect.map(
    db.rows(
      `SELECT count(*) AS found, min(last_at) AS oldest FROM reins_runs
       WHERE ended_at IS NULL AND (${isAsking} OR ${hasClientCall}
         OR ${some(`reins_marks m WHERE m.run_id = reins_runs.run_id AND m.name LIKE '%late-wait/%' AND ${isUnanswered}`)})`
    ),
    ([row = {}]) =>
      row["oldest"] == null ? { count: 0 } : { count: Number(row["found"]), oldestAt: Number(row["oldest"]) }
  )

const readPath = Schema.decodeUnknownOption(Schema.fromJsonString(AgentPath.AgentPath))

/** What the waits without an answer of these runs are for, by their column values. */
const openWaits = (
  db: Database,
  runs: ReadonlyArray<Row>
): Effect.Effect<ReadonlyMap<string, ReadonlyArray<ListedRun.WaitsFor>>, SqlError> => {
  const waiting = runs.filter((row) => Number(row["waits"]) === 1).map((row) => [row["run_id"]])
  if (waiting.length === 0) return Effect.succeed(new Map())
  const found = db.rows(
    `SELECT m.run_id, m.name, m.path FROM reins_marks m
     WHERE m.run_id ${db.dialect.among} AND ${isUnanswered}`,
    JSON.stringify(waiting)
  )
  return Effect.map(found, (rows) => {
    const waits = new Map<string, Array<ListedRun.WaitsFor>>()
    for (const row of rows) {
      const runId = String(row["run_id"])
      // A damaged row hides no other.
      const path = Option.getOrElse(readPath(row["path"]), () => AgentPath.root)
      const reason = Names.waitsFor(AgentPath.key(path), Column.decode(row["name"]))
      if (ListedRun.isTimed(reason)) waits.set(runId, [...(waits.get(runId) ?? []), reason])
    }
    return waits
  })
}

const reading = (
  query: RunQuery,
  endedBefore: number | undefined
): { readonly text: string; readonly values: ReadonlyArray<Value> } => {
  const conditions: Array<string> = []
  const values: Array<Value> = []
  const where = (condition: string, ...given: ReadonlyArray<Value>) => {
    conditions.push(condition)
    values.push(...given)
  }
  const named = [
    [query.runId === undefined ? "resource_id = ?" : byKey.isOfTenant, query.resourceId],
    ["run_id = ?", query.runId],
    ["thread_id = ?", query.threadId],
    ["principal = ?", query.principal]
  ] as const
  for (const [condition, name] of named) if (name !== undefined) where(condition, Column.encode(name))
  const { after, agent, endReason, limit, maxNanoUsd, minNanoUsd, since, state, until } = query
  if (agent !== undefined) where("agent = ?", Column.encode(agent))
  if (endReason !== undefined) where("end_reason = ?", endReason)
  if (state !== undefined) where(state === "ended" ? "ended_at IS NOT NULL" : "ended_at IS NULL")
  if (state === "waiting") where(waits)
  if (state === "running") where(`NOT ${waits}`)
  if (since !== undefined) where("started_at >= ?", bounded(Math.ceil(since)))
  if (until !== undefined) where("started_at < ?", bounded(Math.ceil(until)))
  if (minNanoUsd !== undefined) where("cost_nano_usd >= ?", bounded(Math.ceil(minNanoUsd)))
  if (maxNanoUsd !== undefined) where("cost_nano_usd <= ?", bounded(Math.floor(maxNanoUsd)))
  if (endedBefore !== undefined) where("record <> '' AND ended_at < ?", bounded(Math.ceil(endedBefore)))
  const place = after === undefined ? undefined : RunList.fromCursor(after)
  if (place !== undefined) where("(started_at, run_id) < (?, ?)", place.startedAt, Column.encode(place.runId))
  return {
    text: `SELECT ${columns}, CASE WHEN ended_at IS NULL AND ${waits} THEN 1 ELSE 0 END AS waits,
      CASE WHEN ended_at IS NULL AND ${isAsking} THEN 1 ELSE 0 END AS asks,
      CASE WHEN ended_at IS NULL AND ${hasClientCall} THEN 1 ELSE 0 END AS calls FROM reins_runs ${
        conditions.length === 0 ? "" : `WHERE ${conditions.join(" AND ")}`
      } ORDER BY started_at DESC, run_id DESC LIMIT ?`,
    values: [...values, limit + 1]
  }
}

/** A number that a column of 64 bits can hold. */
const bounded = (value: number): number =>
  Number.isNaN(value) ? 0 : Math.max(Number.MIN_SAFE_INTEGER, Math.min(Number.MAX_SAFE_INTEGER, value))

const isReason = Schema.is(ListedRun.EndReason)

/** A damaged number reads as 0 and a damaged reason as absent: a list does not fail because of a row. */
const listed = (row: Row, waits: ReadonlyArray<ListedRun.WaitsFor>): ListedRun.ListedRun => {
  const number = (column: string) => {
    const value = Number(row[column])
    return Number.isSafeInteger(value) && value >= 0 ? value : 0
  }
  const has = (column: string) => row[column] !== null && row[column] !== undefined
  const reason = row["end_reason"]
  return {
    runId: Column.decode(row["run_id"]),
    threadId: Column.decode(row["thread_id"]),
    resourceId: Column.decode(row["resource_id"]),
    agent: String(row["agent"]),
    ...(has("principal") ? { principal: Column.decode(row["principal"]) } : {}),
    ...(has("ended_at")
      ? { state: "ended" as const }
      : ListedRun.waiting([
          ...(number("asks") === 1 ? (["approval"] as const) : []),
          ...(number("calls") === 1 ? (["client-tool"] as const) : []),
          ...waits
        ])),
    startedAt: number("started_at"),
    lastAt: number("last_at"),
    ...(has("ended_at") ? { endedAt: number("ended_at") } : {}),
    lastSeq: number("last_seq"),
    ...(row["forgotten"] === true || row["forgotten"] === 1 ? { isForgotten: true as const } : {}),
    ...(isReason(reason) ? { endReason: reason } : {}),
    ...(has("error_code") ? { errorCode: String(row["error_code"]) } : {}),
    ...(has("cost_nano_usd") ? { costNanoUsd: number("cost_nano_usd") } : {}),
    ...(has("unpriced") ? { unpriced: number("unpriced") } : {}),
    ...(has("prompt_tokens") ? { promptTokens: number("prompt_tokens") } : {}),
    ...(has("completion_tokens") ? { completionTokens: number("completion_tokens") } : {})
  }
}

/** Assignments of how a run ended, with the parameters of `ended`. */
export const ending = `end_reason = ?, error_code = ?, cost_nano_usd = CAST(? AS BIGINT), unpriced = CAST(? AS BIGINT),
    prompt_tokens = CAST(? AS BIGINT), completion_tokens = CAST(? AS BIGINT)`

/** How a run ended, as parameters of `ending`. */
export const ended = (end: ListedRun.End): ReadonlyArray<Value> => [
  end.endReason,
  end.errorCode ?? null,
  end.costNanoUsd ?? null,
  end.unpriced ?? null,
  end.promptTokens ?? null,
  end.completionTokens ?? null
]

const readRecord = Schema.decodeUnknownOption(
  Schema.fromJsonString(Schema.Struct({ principal: Schema.optionalKey(Schema.String) }))
)
const readEvent = Schema.decodeUnknownOption(Schema.fromJsonString(Event))

/**
 * Derives the columns of runs that an earlier release wrote: who started them from their records, how they ended from
 * their last events. What cannot be read, or was deleted, stays unknown.
 */
export const backfill = (db: Database): Effect.Effect<void, SqlError> =>
  inPortions(db, { columns: ", record" }, (runs) => derive(db, runs))

/** Derives the columns of these runs, rows with `run_id` and `record`. */
export const derive = (db: Database, runs: ReadonlyArray<Row>): Effect.Effect<unknown, SqlError> =>
  Effect.flatMap(endsOf(db, JSON.stringify(runs.map((row) => [row["run_id"]]))), (ends) => {
    const rows = runs.map((row) => {
      const principal = Option.getOrUndefined(readRecord(row["record"]))?.principal
      const end = ends.get(String(row["run_id"]))
      const told = end === undefined ? [null, null, null, null, null, null] : ended(end)
      return [row["run_id"], principal === undefined ? null : Column.encode(principal), ...told]
    })
    return db.rows(
      `UPDATE reins_runs SET principal = v.principal, end_reason = v.reason, error_code = v.code,
           cost_nano_usd = v.cost, unpriced = v.unpriced, prompt_tokens = v.prompt, completion_tokens = v.completion
         FROM (
           SELECT value ->> 0 AS id, value ->> 1 AS principal, value ->> 2 AS reason, value ->> 3 AS code,
             CAST(value ->> 4 AS BIGINT) AS cost, CAST(value ->> 5 AS BIGINT) AS unpriced,
             CAST(value ->> 6 AS BIGINT) AS prompt, CAST(value ->> 7 AS BIGINT) AS completion
           FROM ${db.dialect.each}
         ) AS v WHERE reins_runs.run_id = v.id`,
      JSON.stringify(rows)
    )
  })

/** How these runs ended, by their column values; those that have not ended or cannot be read are absent. */
const endsOf = (db: Database, runs: string): Effect.Effect<ReadonlyMap<string, ListedRun.End>, SqlError> =>
  Effect.map(
    db.rows(
      `SELECT e.run_id, e.seq, e.at, e.event FROM reins_events e JOIN reins_runs r ON r.run_id = e.run_id
       WHERE r.run_id ${db.dialect.among} AND r.ended_at IS NOT NULL
         AND e.seq > r.last_seq - 3 ORDER BY e.run_id, e.seq`,
      runs
    ),
    (rows) => {
      const logs = new Map<string, Array<Parameters<typeof ListedRun.endOf>[0][number]>>()
      for (const row of rows) {
        const runId = String(row["run_id"])
        const event = readEvent(row["event"])
        if (Option.isNone(event)) continue
        const log = logs.get(runId) ?? []
        logs.set(runId, log)
        const [seq, at] = [Number(row["seq"]), Number(row["at"])]
        log.push({ seq, at, runId, threadId: "", agentPath: [], event: event.value })
      }
      return new Map(
        Array.from(logs).flatMap(([runId, log]) => {
          const end = ListedRun.endOf(log)
          return end === undefined ? [] : [[runId, end] as const]
        })
      )
    }
  )

/** How many runs are read at once. */
const portion = 200

/**
 * Goes over stored runs by their ids, so that work on all of them needs little memory: calls `each` with the rows of the runs that meet `condition` and whose record is stored; `columns`: what is read
 * besides `run_id`. A run that no longer meets it once its portion was handled is not read again.
 */
export const inPortions = <E>(
  db: Database,
  { columns = "", condition }: { readonly columns?: string; readonly condition?: string },
  each: (runs: ReadonlyArray<Row>) => Effect.Effect<unknown, E>
): Effect.Effect<void, E | SqlError> =>
  Effect.gen(function* () {
    let after = ""
    for (;;) {
      const runs = yield* db.rows(
        `SELECT run_id${columns} FROM reins_runs
         WHERE run_id > ? AND record <> ''${condition === undefined ? "" : ` AND ${condition}`} ORDER BY run_id LIMIT ?`,
        after,
        portion
      )
      const last = runs.at(-1)
      if (last === undefined) return
      after = String(last["run_id"])
      yield* each(runs)
    }
  })
