/**
 * Quotas in a database: the use, in buckets of time; the lease of each unfinished run, and how much of it is booked;
 * and limits that were set. The rules are `Quota` in `@reins/protocol`. A reservation locks the run and then its
 * quotas, in the order of their keys. Use and reservations are read in one statement, so that a run that ends meanwhile
 * is counted in one of them.
 */
import { Quota, type QueryRejections } from "@reins/protocol"
import { refusalOf, type QuotaAsk, type QuotaLease, type QuotaStore, StoreFailure } from "@reins/runtime/journal"
import * as Effect from "effect/Effect"
import type { SqlError } from "effect/sql/SqlError"
import * as Column from "./Column.ts"
import { byKey, type Database } from "./Database.ts"
import * as StoredJson from "./StoredJson.ts"

type Failure = SqlError | StoredJson.CorruptRow
type Charges = ReadonlyArray<Quota.Charge>

/** The quotas of a database. */
export const make = (db: Database): QuotaStore => ({
  extend: (ask) =>
    Effect.flatMap(Effect.orDie(db.operation("quotas", db.atomic(extend(db, ask)))), (lease) =>
      lease === undefined
        ? Effect.die(new StoreFailure({ operation: "quotas", cause: ended(ask) }))
        : Effect.succeed(lease)
    ),
  standings: (charges, now) =>
    Effect.orDie(
      db.operation(
        "quotas",
        db.atomic(
          Effect.flatMap(limitsOf(db, charges, ""), (limits) => Effect.forEach(charges, standing(db, limits, "", now)))
        )
      )
    ),
  limit: (key, limits) =>
    Effect.orDie(
      db.operation(
        "quotas",
        Effect.asVoid(
          db.rows(
            `INSERT INTO reins_quotas (quota, limits) VALUES (?, ?)
             ON CONFLICT (quota) DO UPDATE SET limits = excluded.limits`,
            key,
            limits === undefined ? null : JSON.stringify(limits)
          )
        )
      )
    )
})

/** A run that has ended, or has another owner, cannot reserve. */
const ended = ({ runId }: QuotaAsk) => new Error(`Run ${runId} is not open`)

/** Counts a starting run, in the transaction that creates it; fails if one of its quotas is exhausted. */
export const take = Effect.fnUntraced(function* (
  db: Database,
  runId: string,
  charges: Charges,
  now: number
): Effect.fn.Return<void, Failure | QueryRejections.QuotaExhausted> {
  const limits = yield* lock(db, charges)
  const found = Quota.exhausted(yield* Effect.forEach(charges, standing(db, limits, "", now)))
  if (found !== undefined) return yield* refusalOf(found, now)
  const spans = charges.map(({ key, quota }) => ({ key, ...Quota.span(quota.window, quota.timeZone, now) }))
  yield* count(
    db,
    spans.map(({ grain, key }) => [key, Quota.bucketOf(grain, now), 0, 0, 1])
  )
  yield* hold(db, runId, charges, now, { booked: unbooked, held: none })
  for (const { forgotten, key } of spans) {
    yield* db.rows("DELETE FROM reins_quota_used WHERE quota = ? AND ends <= ?", key, forgotten)
  }
})

const none: Quota.Amount = { nanoUsd: 0, tokens: 0 }
const unbooked: Quota.Booking = { at: 0, nanoUsd: 0, tokens: 0 }

const extend = Effect.fnUntraced(function* (
  db: Database,
  { charges, need, now, runId, spare, used }: QuotaAsk
): Effect.fn.Return<QuotaLease | undefined, Failure> {
  const run = Column.encode(runId)
  const [open] = yield* db.rows(
    `SELECT 1 FROM reins_runs WHERE run_id = ? AND ${byKey.isOpen}${db.dialect.lockRows}`,
    run
  )
  if (open === undefined) return undefined
  const limits = yield* lock(db, charges)
  const rows = yield* db.rows(
    "SELECT quota, booked_at, booked_nano_usd, booked_tokens FROM reins_quota_runs WHERE run_id = ?",
    run
  )
  const before = new Map(
    rows.map((row) => [
      String(row["quota"]),
      {
        at: Number(row["booked_at"]),
        nanoUsd: Number(row["booked_nano_usd"]),
        tokens: Number(row["booked_tokens"])
      }
    ])
  )
  yield* count(
    db,
    charges.flatMap(({ key, quota: { timeZone, window } }) =>
      Quota.increments(used, before.get(key) ?? unbooked).map(({ at, nanoUsd, tokens }) => {
        const { grain } = Quota.span(window, timeZone, at)
        return [key, Quota.bucketOf(grain, at), nanoUsd, tokens, 0] as const
      })
    )
  )
  const granted = Quota.grant(yield* Effect.forEach(charges, standing(db, limits, run, now)), need, spare)
  // It is booked alike in all of its quotas.
  const [first = unbooked] = before.values()
  yield* hold(db, runId, charges, now, { booked: Quota.booked(used, first), held: Quota.held(granted) })
  return { ...granted, until: Quota.renewal(charges, now) }
})

/** Locks the quotas, creating missing ones; returns the limits that were set. */
const lock = (db: Database, charges: Charges) =>
  Effect.andThen(
    db.rows(
      `INSERT INTO reins_quotas (quota) SELECT value ->> 0 FROM ${db.dialect.each} WHERE true ON CONFLICT (quota) DO NOTHING`,
      keysOf(charges)
    ),
    limitsOf(db, charges, db.dialect.lockRows)
  )

const keysOf = (charges: Charges): string => JSON.stringify(charges.map(({ key }) => [key]))

const limitsOf = (
  db: Database,
  charges: Charges,
  locked: string
): Effect.Effect<ReadonlyMap<string, Quota.LimitOptions>, Failure> =>
  Effect.flatMap(
    db.rows(
      `SELECT quota, limits FROM reins_quotas
       WHERE quota ${db.dialect.among} ORDER BY quota${locked}`,
      keysOf(charges)
    ),
    (rows) => {
      const set = rows.filter((row) => row["limits"] != null)
      return Effect.map(
        StoredJson.quotas(set.map((row) => [row["limits"]])),
        (limits) => new Map(limits.map(([one], index) => [String(set[index]?.["quota"]), one]))
      )
    }
  )

/** The standing of a quota, without the lease of `besides`. */
const standing =
  (db: Database, limits: ReadonlyMap<string, Quota.LimitOptions>, besides: string, now: number) =>
  ({ key, quota }: Quota.Charge): Effect.Effect<Quota.Standing, SqlError> =>
    Effect.map(
      db.rows(
        `SELECT u.nano_usd, u.tokens, u.runs, u.first, h.held_nano_usd, h.held_tokens FROM (
           SELECT CAST(coalesce(sum(nano_usd), 0) AS TEXT) AS nano_usd, CAST(coalesce(sum(tokens), 0) AS TEXT) AS tokens,
             CAST(coalesce(sum(runs), 0) AS TEXT) AS runs, min(ends) AS first
           FROM reins_quota_used WHERE quota = ? AND ends > ?
         ) AS u, (
           SELECT CAST(coalesce(sum(held_nano_usd), 0) AS TEXT) AS held_nano_usd,
             CAST(coalesce(sum(held_tokens), 0) AS TEXT) AS held_tokens
           FROM reins_quota_runs WHERE quota = ? AND run_id <> ?
         ) AS h`,
        key,
        Quota.span(quota.window, quota.timeZone, now).from,
        key,
        besides
      ),
      ([row = {}]) => {
        const set = limits.get(key)
        return Quota.standing(set === undefined ? quota : Quota.withLimits(quota, set), now, {
          used: { nanoUsd: Number(row["nano_usd"]), tokens: Number(row["tokens"]), runs: Number(row["runs"]) },
          reserved: { nanoUsd: Number(row["held_nano_usd"]), tokens: Number(row["held_tokens"]) },
          first: row["first"] == null ? undefined : Number(row["first"])
        })
      }
    )

/** Changes what was counted at a time, where it is still kept at `now`, in an open transaction. */
export const correct = (
  db: Database,
  charges: Charges,
  at: number,
  now: number,
  { nanoUsd, tokens }: Quota.Amount
): Effect.Effect<unknown, SqlError> =>
  count(
    db,
    charges
      .toSorted((one, other) => (one.key < other.key ? -1 : 1))
      .flatMap(({ key, quota: { timeZone, window } }) => {
        const { forgotten, grain } = Quota.span(window, timeZone, now)
        const ends = Quota.bucketOf(grain, at)
        return ends > forgotten ? [[key, ends, nanoUsd, tokens, 0] as const] : []
      })
  )

const added = `ON CONFLICT (quota, ends) DO UPDATE SET nano_usd = reins_quota_used.nano_usd + excluded.nano_usd,
  tokens = reins_quota_used.tokens + excluded.tokens, runs = reins_quota_used.runs + excluded.runs`

/** Adds to buckets: key, end of the bucket, nano-dollars, tokens, runs. */
const count = (db: Database, rows: ReadonlyArray<readonly [string, number, number, number, number]>) => {
  const used = rows.filter(([, , nanoUsd, tokens, runs]) => nanoUsd !== 0 || tokens !== 0 || runs !== 0)
  return used.length === 0
    ? Effect.void
    : db.rows(
        `INSERT INTO reins_quota_used (quota, ends, nano_usd, tokens, runs)
         SELECT quota, ends, sum(nano_usd), sum(tokens), sum(runs) FROM (
           SELECT value ->> 0 AS quota, CAST(value ->> 1 AS BIGINT) AS ends, CAST(value ->> 2 AS BIGINT) AS nano_usd,
             CAST(value ->> 3 AS BIGINT) AS tokens, CAST(value ->> 4 AS BIGINT) AS runs
           FROM ${db.dialect.each}
         ) AS part WHERE true GROUP BY quota, ends ${added}`,
        JSON.stringify(used)
      )
}

/** Stores a run's bookings and lease, the same in all its quotas. */
const hold = (
  db: Database,
  runId: string,
  charges: Charges,
  now: number,
  { booked, held }: { readonly booked: Quota.Booking; readonly held: Quota.Amount }
) =>
  db.rows(
    `INSERT INTO reins_quota_runs (run_id, quota, grain, booked_at, booked_nano_usd, booked_tokens, held_nano_usd, held_tokens)
     SELECT ?, value ->> 0, CAST(value ->> 1 AS BIGINT), CAST(value ->> 2 AS BIGINT), CAST(value ->> 3 AS BIGINT),
       CAST(value ->> 4 AS BIGINT), CAST(value ->> 5 AS BIGINT), CAST(value ->> 6 AS BIGINT)
     FROM ${db.dialect.each} WHERE true
     ON CONFLICT (run_id, quota) DO UPDATE SET grain = excluded.grain, booked_at = excluded.booked_at, booked_nano_usd = excluded.booked_nano_usd,
       booked_tokens = excluded.booked_tokens, held_nano_usd = excluded.held_nano_usd, held_tokens = excluded.held_tokens`,
    Column.encode(runId),
    JSON.stringify(
      charges.map(({ key, quota: { timeZone, window } }) => {
        const { grain } = Quota.span(window, timeZone, now)
        return [key, grain, booked.at, booked.nanoUsd, booked.tokens, held.nanoUsd, held.tokens]
      })
    )
  )

/** Books the use of an ending run, from its rows and an array of `settlement`, by the rule of `Quota.increments`. */
export const counted = (each: string, rows: string): string =>
  `INSERT INTO reins_quota_used (quota, ends, nano_usd, tokens, runs)
   SELECT quota, ((CASE WHEN booked_at > used_at AND (nano_usd < 0 OR tokens < 0) THEN booked_at ELSE used_at END) / grain + 1) * grain AS ends,
     sum(nano_usd), sum(tokens), 0 FROM (
     SELECT quota, grain, CAST(value ->> 0 AS BIGINT) AS used_at, CAST(value ->> 3 AS BIGINT) * booked_at AS booked_at,
       CAST(value ->> 1 AS BIGINT) - CAST(value ->> 3 AS BIGINT) * booked_nano_usd AS nano_usd,
       CAST(value ->> 2 AS BIGINT) - CAST(value ->> 3 AS BIGINT) * booked_tokens AS tokens
     FROM ${each}, ${rows}
   ) AS part WHERE true GROUP BY quota, ends ${added}`

/**
 * Counts what a run holds as used, and holds nothing for it any more: for a run that ends without a bill, which may
 * have used what it held. In an open transaction; `run`: the column value of its id.
 */
export const forfeit = (db: Database, run: string, now: number): Effect.Effect<unknown, SqlError> =>
  Effect.andThen(
    db.rows(
      `INSERT INTO reins_quota_used (quota, ends, nano_usd, tokens, runs)
       SELECT quota, (CAST(? AS BIGINT) / grain + 1) * grain, held_nano_usd, held_tokens, 0
       FROM reins_quota_runs WHERE run_id = ? ${added}`,
      now,
      run
    ),
    db.rows("DELETE FROM reins_quota_runs WHERE run_id = ?", run)
  )

/** at, nano-dollars, tokens, and 1 if earlier bookings are subtracted. */
export const settlement = (used: ReadonlyArray<Quota.Booking>): string =>
  JSON.stringify(
    Quota.increments(used, unbooked).map(({ at, nanoUsd, tokens }, index) => [at, nanoUsd, tokens, index === 0 ? 1 : 0])
  )
