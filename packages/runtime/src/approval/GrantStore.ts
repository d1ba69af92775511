/**
 * Stores grants and the uses that calls take of them. `claim` is atomic, and one call takes one use however often it is
 * attempted. `MemoryGrants` keeps them in memory; database stores are in `@reins/store`.
 */
import { Grant } from "@reins/protocol"
import * as Effect from "effect/Effect"
import { ended, granted, type MemoryAudit, type Revocation, revoked, used } from "./AuditStore.ts"

/**
 * Stores grants. Their changes (given, used, exhausted, revoked) go to the audit record in the same transaction.
 *
 * @since 0.1.0
 * @category models
 */
export interface GrantStore {
  /** Adds a grant, unless its id exists. */
  readonly add: (grant: Grant.Grant) => Effect.Effect<void>
  /**
   * Takes a use for the call named `key` from the oldest grant that covers it; `undefined` without one. A grant with a
   * money limit holds the call's maximum cost, or everything that is left: `nanoUsdHeld` of the result. The same call gets
   * the same use again, also when its grant is used up, until its grant has expired or was revoked: a call is claimed before
   * it starts, so that one that is claimed again has not run, and asks.
   */
  readonly claim: (key: string, claim: Grant.Claim, now: number) => Effect.Effect<Grant.Grant | undefined>
  /**
   * Whether a call that has taken a use of the grant `id` may still start: the grant has neither expired nor was it
   * revoked. Asked when the call's turn comes, which may be long after its claim.
   */
  readonly stands: (id: string, now: number) => Effect.Effect<boolean>
  /**
   * Charges the grant `id` with `nanoUsd`, what the call named `key` has cost in all, and releases what the grant still
   * held for it. A second time charges only what the call has cost since.
   */
  readonly settle: (key: string, id: string, nanoUsd: number, now: number) => Effect.Effect<void>
  /** Gives back what grants still hold for calls of a run that has ended without settling them. */
  readonly release: (runId: string, now: number) => Effect.Effect<void>
  /** A tenant's grants that are not used up, oldest first; expired ones too, until they are revoked. */
  readonly list: (resourceId: string) => Effect.Effect<ReadonlyArray<Grant.Grant>>
  /** Revokes a grant: it covers no call that claims it from now on. False when there is none. */
  readonly revoke: (id: string, how: Revocation) => Effect.Effect<boolean>
}

/**
 * The grants of one memory host. They are lost when the process ends, and removed when the host forgets the run or
 * thread that they were given for.
 */
export class MemoryGrants implements GrantStore {
  private readonly grants = new Map<string, Grant.Grant>()
  /** The grant that a call has used, by run and call. */
  private readonly claims = new Map<string, Map<string, Grant.Grant>>()
  private readonly audit: MemoryAudit

  constructor(audit: MemoryAudit) {
    this.audit = audit
  }

  readonly add = (grant: Grant.Grant): Effect.Effect<void> =>
    Effect.sync(() => {
      if (this.grants.has(grant.id)) return
      this.grants.set(grant.id, grant)
      this.audit.add([granted(grant)])
    })

  readonly claim = (key: string, claim: Grant.Claim, now: number): Effect.Effect<Grant.Grant | undefined> =>
    Effect.sync(() => {
      const before = this.claims.get(claim.runId)?.get(key)
      // Another run may reuse the id of a deleted one: the earlier run's grants must not apply.
      if (before !== undefined && this.grants.has(before.id) && Grant.covers(before, claim, now)) return before
      for (const grant of this.grants.values()) {
        if (!Grant.covers(grant, claim, now)) continue
        const taken = Grant.claimed(grant, claim)
        const claims = this.claims.get(claim.runId) ?? new Map<string, Grant.Grant>()
        this.claims.set(claim.runId, claims.set(key, taken.claim))
        this.audit.add([used(grant, key, claim, now)])
        this.keep(grant, taken.grant, now)
        return taken.claim
      }
      return undefined
    })

  readonly stands = (id: string, now: number): Effect.Effect<boolean> =>
    Effect.sync(() => {
      const grant = this.grants.get(id)
      return grant !== undefined && !Grant.isExpired(grant, now)
    })

  readonly settle = (key: string, id: string, nanoUsd: number, now: number): Effect.Effect<void> =>
    Effect.sync(() => this.charge(key, id, nanoUsd, now))

  /** As `settle`, at once. */
  charge(key: string, id: string, nanoUsd: number, now: number): void {
    for (const claims of this.claims.values()) {
      const claim = claims.get(key)
      if (claim?.id === id) return this.close(claims, key, claim, nanoUsd, now)
    }
    const grant = this.grants.get(id)
    if (grant !== undefined) this.keep(grant, Grant.settled(grant, undefined, nanoUsd).grant, now)
  }

  readonly release = (runId: string, now: number): Effect.Effect<void> => Effect.sync(() => this.giveBack(runId, now))

  /** As `release`, at once. */
  giveBack(runId: string, now: number): void {
    const claims = this.claims.get(runId)
    for (const [key, claim] of claims ?? []) if (claims !== undefined) this.close(claims, key, claim, 0, now)
  }

  private close(claims: Map<string, Grant.Grant>, key: string, claim: Grant.Grant, nanoUsd: number, now: number): void {
    const grant = this.grants.get(claim.id)
    if (grant === undefined) return
    const settled = Grant.settled(grant, claim, nanoUsd)
    this.keep(grant, settled.grant, now)
    if (settled.claim !== undefined) claims.set(key, settled.claim)
  }

  private keep(before: Grant.Grant, after: Grant.Grant, now: number): void {
    this.grants.set(after.id, after)
    this.audit.add(ended(before, after, now))
  }

  readonly list = (resourceId: string): Effect.Effect<ReadonlyArray<Grant.Grant>> =>
    Effect.sync(() =>
      Array.from(this.grants.values()).filter((grant) => grant.resourceId === resourceId && !Grant.isUsedUp(grant))
    )

  readonly revoke = (id: string, how: Revocation): Effect.Effect<boolean> =>
    Effect.sync(() => {
      const grant = this.grants.get(id)
      if (grant === undefined) return false
      this.grants.delete(id)
      this.audit.add([revoked(grant, how)])
      return true
    })

  /** Removes the grants that only this run could use, and its calls' uses. */
  forgetRun(runId: string): void {
    this.claims.delete(runId)
    this.drop((grant) => grant.scope !== "thread" && grant.runId === runId)
  }

  /** Removes the grants that only runs of this thread could use. */
  forgetThread(threadId: string): void {
    this.drop((grant) => grant.scope === "thread" && grant.threadId === threadId)
  }

  /** Replaces grants by what `change` makes of them, `undefined` deletes one; returns how many were deleted and changed. */
  revise(change: (grant: Grant.Grant) => Grant.Grant | undefined): {
    readonly deleted: number
    readonly changed: number
  } {
    let [deleted, changed] = [0, 0]
    for (const claims of this.claims.values()) {
      for (const [key, claim] of claims) claims.set(key, change(claim) ?? claim)
    }
    for (const grant of this.grants.values()) {
      const after = change(grant)
      if (after === grant) continue
      if (after === undefined) {
        this.grants.delete(grant.id)
        deleted++
      } else {
        this.grants.set(grant.id, after)
        changed++
      }
    }
    return { deleted, changed }
  }

  private drop(isVoid: (grant: Grant.Grant) => boolean): void {
    for (const grant of this.grants.values()) if (isVoid(grant)) this.grants.delete(grant.id)
  }
}
