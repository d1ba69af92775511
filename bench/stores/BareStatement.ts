/**
 * Appends to Postgres as one bare statement: a run's counter, its events, a notification, and nothing else. No marks,
 * no projections, only the primary key's index: the upper bound of a journal on the same server at the same time.
 */
import { Effect, type Redacted } from "effect"
import * as Server from "../../test/postgres/Server.ts"
import type { Bare } from "./Store.ts"

const tables = [
  "CREATE TABLE bare_runs (run_id TEXT PRIMARY KEY, epoch INTEGER NOT NULL, last_seq BIGINT NOT NULL)",
  "CREATE TABLE bare_events (run_id TEXT, seq BIGINT, epoch INTEGER, type TEXT, data TEXT, PRIMARY KEY (run_id, seq))"
]

const append = `WITH run AS (
    UPDATE bare_runs SET last_seq = last_seq + $1 WHERE run_id = $2 AND epoch = 1 RETURNING run_id, last_seq
  ), written AS (
    INSERT INTO bare_events
    SELECT run.run_id, run.last_seq - $1 + each.ord, 1, each.value ->> 'type', CAST(each.value AS TEXT)
    FROM run, jsonb_array_elements(CAST($3 AS JSONB)) WITH ORDINALITY AS each(value, ord)
  )
  SELECT last_seq, pg_notify('bare_events', run_id) FROM run`

export const begin = (url: Redacted.Redacted) =>
  Effect.gen(function* () {
    const sql = yield* Server.client(url)
    for (const table of tables) yield* Effect.orDie(sql.unsafe(table))
    const bare: Bare = (runId) =>
      Effect.as(Effect.orDie(sql.unsafe("INSERT INTO bare_runs VALUES ($1, 1, 0)", [runId])), (count: number) =>
        Effect.suspend(() => {
          const events = Array.from({ length: count }, (_, index) => ({ type: "text", text: `word${index % 100} ` }))
          return Effect.orDie(sql.unsafe(append, [count, runId, JSON.stringify(events)]))
        })
      )
    return bare
  })
