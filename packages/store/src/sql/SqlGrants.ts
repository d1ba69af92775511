/**
 * Grants in a database: one row per grant, and one row per call that consumed a use of one, so that each call consumes
 * it once. A store failure is a defect here, as in `SqlThreads`.
 */
import { Grant } from "@reins/protocol"
import { AuditStore, type GrantStore } from "@reins/runtime/journal"
import * as Effect from "effect/Effect"
import * as Column from "./Column.ts"
import * as SqlAudit from "./SqlAudit.ts"
import type { Database, Row } from "./Database.ts"
import * as StoredJson from "./StoredJson.ts"

const documents = (rows: ReadonlyArray<Row>) =>
  Effect.map(StoredJson.grants(rows.map((row) => [row["document"]])), (all) => all.map(([grant]) => grant))

/** The readable grants: a damaged grant allows nothing, and does not affect the others. */
const whole = (rows: ReadonlyArray<Row>) =>
  Effect.catch(documents(rows), () =>
    Effect.map(
      StoredJson.readable(rows, (row) => documents([row])),
      (each) => each.flat()
    )
  )

const keep = (db: Database, grant: Grant.Grant) =>
  db.rows("UPDATE reins_grants SET document = ? WHERE id = ?", JSON.stringify(grant), Column.encode(grant.id))

/** The grant with that id, locked until the transaction ends. */
const locked = (db: Database, id: string) =>
  Effect.flatMap(
    db.rows(`SELECT document FROM reins_grants WHERE id = ?${db.dialect.lockRows}`, Column.encode(id)),
    (rows) => Effect.map(whole(rows), ([grant]) => grant)
  )

interface Closing {
  /** The column value of the call's key. */
  readonly call: string
  readonly claim: Grant.Grant | undefined
  readonly grant: Grant.Grant
  readonly nanoUsd: number
  readonly now: number
}

/** Settles a claim, in an open transaction. */
const close = Effect.fnUntraced(function* (db: Database, { call, claim, grant, nanoUsd, now }: Closing) {
  const settled = Grant.settled(grant, claim, nanoUsd)
  yield* keep(db, settled.grant)
  yield* SqlAudit.write(db, AuditStore.ended(grant, settled.grant, now))
  if (settled.claim === undefined) return
  yield* db.rows("UPDATE reins_claims SET document = ? WHERE call_key = ?", JSON.stringify(settled.claim), call)
})

/** Gives back what grants hold for calls of a run, in an open transaction. `run`: the column value of its id. */
export const release = Effect.fnUntraced(function* (db: Database, run: string, now: number) {
  const rows = yield* db.rows("SELECT call_key, document FROM reins_claims WHERE run_id = ? ORDER BY call_key", run)
  for (const row of rows) {
    const [seen] = yield* whole([row])
    if (seen === undefined) continue
    const grant = yield* locked(db, seen.id)
    if (grant === undefined) continue
    const call = String(row["call_key"])
    // Read again: it may have been settled before the grant was locked.
    const [claim] = yield* Effect.flatMap(db.rows("SELECT document FROM reins_claims WHERE call_key = ?", call), whole)
    if (claim?.id === grant.id) yield* close(db, { call, claim, grant, nanoUsd: 0, now })
  }
})

export const make = (db: Database): GrantStore => {
  const atomic = <A>(effect: Parameters<typeof db.operation<A>>[1]) =>
    Effect.orDie(db.operation("grants", db.atomic(effect)))

  const note = (call: string, runId: string, claim: Grant.Grant) =>
    db.rows(
      `INSERT INTO reins_claims (call_key, run_id, document) VALUES (?, ?, ?)
       ON CONFLICT (call_key) DO UPDATE SET run_id = excluded.run_id, document = excluded.document`,
      call,
      Column.encode(runId),
      JSON.stringify(claim)
    )

  const all = (resourceId: string, lock: string) =>
    Effect.flatMap(
      db.rows(
        `SELECT document FROM reins_grants WHERE resource_id = ? ORDER BY granted_at, id${lock}`,
        Column.encode(resourceId)
      ),
      whole
    )

  return {
    add: (grant) =>
      atomic(
        Effect.asVoid(
          Effect.flatMap(
            db.rows(
              `INSERT INTO reins_grants (id, resource_id, granted_at, document) VALUES (?, ?, ?, ?)
               ON CONFLICT (id) DO NOTHING RETURNING 1`,
              Column.encode(grant.id),
              Column.encode(grant.resourceId),
              grant.grantedAt,
              JSON.stringify(grant)
            ),
            (added) => SqlAudit.write(db, added.length === 0 ? [] : [AuditStore.granted(grant)])
          )
        )
      ),
    claim: (key, claim, now) => {
      const call = Column.encode(key)
      const taken = atomic(
        Effect.gen(function* () {
          const open = yield* all(claim.resourceId, db.dialect.lockRows)
          // A call with a damaged claim takes another use of its grant.
          const [before] = yield* Effect.flatMap(
            db.rows("SELECT document FROM reins_claims WHERE call_key = ?", call),
            whole
          )
          // Only when the grant covers the call: another tenant's run may have the id of a run that was deleted.
          const isKept = before !== undefined && open.some(({ id }) => id === before.id)
          if (isKept && Grant.covers(before, claim, now)) return before
          const grant = open.find((each) => Grant.covers(each, claim, now))
          if (grant === undefined) return undefined
          const taken = Grant.claimed(grant, claim)
          yield* keep(db, taken.grant)
          yield* note(call, claim.runId, taken.claim)
          yield* SqlAudit.write(db, [
            AuditStore.used(grant, key, claim, now),
            ...AuditStore.ended(grant, taken.grant, now)
          ])
          return taken.claim
        })
      )
      // Mostly there is nothing to claim, which needs no lock.
      const known = db.rows(
        `SELECT 1 AS known WHERE EXISTS (SELECT 1 FROM reins_grants WHERE resource_id = ?)
         OR EXISTS (SELECT 1 FROM reins_claims WHERE call_key = ?)`,
        Column.encode(claim.resourceId),
        call
      )
      return Effect.flatMap(Effect.orDie(db.operation("grants", known)), (found) =>
        found.length === 0 ? Effect.succeed(undefined) : taken
      )
    },
    stands: (id, now) => {
      const found = db.rows("SELECT document FROM reins_grants WHERE id = ?", Column.encode(id))
      return Effect.orDie(
        db.operation(
          "grants",
          Effect.map(Effect.flatMap(found, whole), ([grant]) => grant !== undefined && !Grant.isExpired(grant, now))
        )
      )
    },
    settle: (key, id, nanoUsd, now) =>
      atomic(
        Effect.gen(function* () {
          const grant = yield* locked(db, id)
          if (grant === undefined) return
          const call = Column.encode(key)
          const claims = yield* db.rows("SELECT document FROM reins_claims WHERE call_key = ?", call)
          const [claim] = yield* whole(claims)
          yield* close(db, { call, claim: claim?.id === id ? claim : undefined, grant, nanoUsd, now })
        })
      ),
    release: (runId, now) => atomic(release(db, Column.encode(runId), now)),
    list: (resourceId) =>
      atomic(Effect.map(all(resourceId, ""), (grants) => grants.filter((grant) => !Grant.isUsedUp(grant)))),
    revoke: (id, how) =>
      atomic(
        Effect.gen(function* () {
          const rows = yield* db.rows("DELETE FROM reins_grants WHERE id = ? RETURNING document", Column.encode(id))
          const gone = yield* documents(rows)
          yield* SqlAudit.write(
            db,
            gone.map((grant) => AuditStore.revoked(grant, how))
          )
          return gone.length > 0
        })
      )
  }
}
