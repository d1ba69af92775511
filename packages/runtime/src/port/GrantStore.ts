/**
 * Where grants are kept, and uses taken from them. Taking is atomic, and the same call takes its use once however often it is
 * begun.
 */
import { Grant } from "@reins/protocol"
import * as Effect from "effect/Effect"

/** Keeps grants; see the header of this file. */
export interface GrantStore {
  /** Keeps a grant, unless one of its id is there. */
  readonly add: (grant: Grant.Grant) => Effect.Effect<void>
  /** Takes a use for the call named `key` from a grant that covers it, the oldest first; `undefined` where there is none. */
  readonly claim: (key: string, claim: Grant.Claim, now: number) => Effect.Effect<Grant.Grant | undefined>
  /** Takes what a call on a grant has cost. */
  readonly spend: (id: string, nanoUsd: number) => Effect.Effect<void>
  /** A tenant's grants that are not used up, oldest first; expired ones too, until they are revoked. */
  readonly list: (resourceId: string) => Effect.Effect<ReadonlyArray<Grant.Grant>>
  /** Takes a grant back. False when there is none. */
  readonly revoke: (id: string) => Effect.Effect<boolean>
}

/** Grants in memory: gone with the process. */
export const memoryGrants = (): GrantStore => {
  const grants = new Map<string, Grant.Grant>()
  const claims = new Map<string, Grant.Grant>()
  return {
    add: (grant) =>
      Effect.sync(() => {
        if (!grants.has(grant.id)) grants.set(grant.id, grant)
      }),
    claim: (key, claim, now) =>
      Effect.sync(() => {
        const before = claims.get(key)
        // Another run may come under the id of one that is long forgotten: what was allowed there is not allowed here.
        if (before !== undefined && Grant.covers(before, claim, before.grantedAt)) return before
        for (const grant of grants.values()) {
          if (!Grant.covers(grant, claim, now)) continue
          grants.set(grant.id, Grant.used(grant))
          claims.set(key, grant)
          return grant
        }
        return undefined
      }),
    spend: (id, nanoUsd) =>
      Effect.sync(() => {
        const grant = grants.get(id)
        if (grant !== undefined) grants.set(id, Grant.spent(grant, nanoUsd))
      }),
    list: (resourceId) =>
      Effect.sync(() =>
        Array.from(grants.values()).filter(
          (grant) => grant.resourceId === resourceId && grant.usesLeft !== 0 && grant.nanoUsdLeft !== 0
        )
      ),
    revoke: (id) => Effect.sync(() => grants.delete(id))
  }
}
