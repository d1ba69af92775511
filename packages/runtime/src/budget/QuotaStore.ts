/**
 * Stores the use of quotas. A run counts from its start to its end: the store admits it when it is created, extends its
 * lease while it runs, and books its use in the commit that ends it. Each is one transaction over all quotas of the
 * run, so that use and reservations never exceed a limit, whichever processes ask.
 */
import { Quota, QueryRejections } from "@reins/protocol"
import * as Effect from "effect/Effect"

/**
 * A running run's request for an extension.
 *
 * @since 0.1.0
 * @category models
 */
export interface QuotaAsk {
  readonly runId: string
  readonly charges: ReadonlyArray<Quota.Charge>
  /**
   * Its total use, at the end of each window that ended since its last request, and now. Booked once, however often it
   * is reported.
   */
  readonly used: ReadonlyArray<Quota.Booking>
  /** What it needs to hold now, beyond what it has used. */
  readonly need: Quota.Amount
  /** Whether it gets more than it needs while much is left. */
  readonly spare: boolean
  /** Epoch milliseconds. */
  readonly now: number
}

/**
 * What a run holds beyond what it has used, until a window ends at `until`.
 *
 * @since 0.1.0
 * @category models
 */
export interface QuotaLease extends Quota.Granted {
  readonly until: number | undefined
}

/**
 * Stores quotas; see the header of this file. A failure of the store is a defect here, which the run's host recognizes.
 *
 * @since 0.1.0
 * @category models
 */
export interface QuotaStore {
  /** Books what the run has used, and replaces its hold by what it needs, or by everything that is left. */
  readonly extend: (ask: QuotaAsk) => Effect.Effect<QuotaLease>
  /** The quotas as they stand, in the order of `charges`. */
  readonly standings: (
    charges: ReadonlyArray<Quota.Charge>,
    now: number
  ) => Effect.Effect<ReadonlyArray<Quota.Standing>>
  /** Sets limits for the subject of `key` that replace the quota's own; `undefined` restores those. */
  readonly limit: (key: string, limits: Quota.LimitOptions | undefined) => Effect.Effect<void>
}

/** A run in one quota: what is booked and what it holds. */
interface Member {
  booked: Quota.Booking
  held: Quota.Amount
}

/** The stored state of one subject of a quota. */
interface Kept {
  /** As the latest run stated it. */
  quota: Quota.Quota | undefined
  limits: Quota.LimitOptions | undefined
  /** By the time of their end. */
  readonly buckets: Map<number, Quota.Use>
  readonly runs: Map<string, Member>
}

const none: Quota.Amount = { nanoUsd: 0, tokens: 0 }
const unbooked: Quota.Booking = { at: 0, nanoUsd: 0, tokens: 0 }

/** From how many subjects on those without use are removed. */
const sweptFrom = 1000

/**
 * The quotas of one process, for hosts and journals in memory. `take` and `settle` are synchronous, so that a check and
 * its change are atomic.
 */
export class MemoryQuotas implements QuotaStore {
  private readonly kept = new Map<string, Kept>()
  private sweepAt = sweptFrom

  /** Counts a starting run; or returns why it may not start, and counts nothing. */
  take(runId: string, charges: ReadonlyArray<Quota.Charge>, now: number): QueryRejections.QuotaExhausted | undefined {
    const refusal = this.refusal(charges, now)
    if (refusal !== undefined) return refusal
    for (const { key, quota } of charges) {
      const kept = this.of(key)
      kept.quota = quota
      const { forgotten, grain } = spanOf(quota, now)
      for (const until of kept.buckets.keys()) if (until <= forgotten) kept.buckets.delete(until)
      kept.runs.set(runId, { booked: unbooked, held: none })
      add(kept, grain, now, { ...none, runs: 1 })
    }
    if (this.kept.size >= this.sweepAt) this.sweep(now)
    return undefined
  }

  /** Why a run may not start. */
  refusal(charges: ReadonlyArray<Quota.Charge>, now: number): QueryRejections.QuotaExhausted | undefined {
    const found = Quota.exhausted(charges.map((charge) => this.standing(charge, now)))
    return found === undefined ? undefined : refusalOf(found, now)
  }

  /** Books the use of an ended run, once. */
  settle(runId: string, charges: ReadonlyArray<Quota.Charge>, used: ReadonlyArray<Quota.Booking>): void {
    for (const { key, quota } of charges) {
      const kept = this.kept.get(key)
      const member = kept?.runs.get(runId)
      if (kept === undefined || member === undefined) continue
      book(kept, quota, member, used)
      kept.runs.delete(runId)
    }
  }

  /** Changes what was counted at a time; nothing where the quota keeps no use of that time any more at `now`. */
  correct(charges: ReadonlyArray<Quota.Charge>, at: number, now: number, { nanoUsd, tokens }: Quota.Amount): void {
    for (const { key, quota } of charges) {
      const { forgotten, grain } = spanOf(quota, now)
      if (Quota.bucketOf(grain, at) > forgotten) add(this.of(key), grain, at, { nanoUsd, tokens, runs: 0 })
    }
  }

  /** Counts what a run holds as used: for a run that ends without a bill, which may have used what it held. */
  forfeit(runId: string, charges: ReadonlyArray<Quota.Charge>, now: number): void {
    for (const { key, quota } of charges) {
      const kept = this.kept.get(key)
      const member = kept?.runs.get(runId)
      if (kept === undefined || member === undefined) continue
      add(kept, spanOf(quota, now).grain, now, { ...member.held, runs: 0 })
      kept.runs.delete(runId)
    }
  }

  /** Deletes limits and use of a principal's own quotas; returns of how many. */
  erase(subject: Required<Quota.Subject>): number {
    const own = Array.from(this.kept.keys()).filter((key) => Quota.isOfPrincipal(key, subject))
    for (const key of own) this.kept.delete(key)
    return own.length
  }

  readonly extend = ({ charges, need, now, runId, spare, used }: QuotaAsk): Effect.Effect<QuotaLease> =>
    Effect.sync(() => {
      const members = charges.map(({ key, quota }) => {
        const kept = this.of(key)
        const member = kept.runs.get(runId)
        if (member === undefined) throw new Error(`Run ${runId} has ended, or has another owner`)
        book(kept, quota, member, used)
        member.held = none
        return member
      })
      const granted = Quota.grant(
        charges.map((charge) => this.standing(charge, now)),
        need,
        spare
      )
      for (const member of members) member.held = Quota.held(granted)
      return { ...granted, until: Quota.renewal(charges, now) }
    })

  readonly standings = (
    charges: ReadonlyArray<Quota.Charge>,
    now: number
  ): Effect.Effect<ReadonlyArray<Quota.Standing>> =>
    Effect.sync(() => charges.map((charge) => this.standing(charge, now)))

  readonly limit = (key: string, limits: Quota.LimitOptions | undefined): Effect.Effect<void> =>
    Effect.sync(() => {
      this.of(key).limits = limits
    })

  private standing({ key, quota }: Quota.Charge, now: number): Quota.Standing {
    const kept = this.kept.get(key)
    const { from } = spanOf(quota, now)
    let used = Quota.nothing
    let first: number | undefined
    for (const [until, use] of kept?.buckets ?? []) {
      if (until <= from) continue
      used = Quota.plus(used, use)
      first = first === undefined ? until : Math.min(first, until)
    }
    let reserved: Quota.Amount = none
    for (const { held } of kept?.runs.values() ?? [])
      reserved = Quota.plus({ ...reserved, runs: 0 }, { ...held, runs: 0 })
    const own = kept?.limits === undefined ? quota : Quota.withLimits(quota, kept.limits)
    return Quota.standing(own, now, { used, reserved, first })
  }

  private of(key: string): Kept {
    let kept = this.kept.get(key)
    if (kept === undefined)
      this.kept.set(key, (kept = { quota: undefined, limits: undefined, buckets: new Map(), runs: new Map() }))
    return kept
  }

  /** Removes the subjects without use within their windows. */
  private sweep(now: number): void {
    for (const [key, { buckets, limits, quota, runs }] of this.kept) {
      if (limits !== undefined || runs.size > 0 || quota === undefined) continue
      if (Math.max(0, ...buckets.keys()) <= spanOf(quota, now).forgotten) this.kept.delete(key)
    }
    this.sweepAt = Math.max(sweptFrom, 2 * this.kept.size)
  }
}

const spanOf = ({ timeZone, window }: Quota.Quota, now: number): Quota.Span => Quota.span(window, timeZone, now)

const add = ({ buckets }: Kept, grain: number, at: number, use: Quota.Use): void => {
  const until = Quota.bucketOf(grain, at)
  buckets.set(until, Quota.plus(buckets.get(until) ?? Quota.nothing, use))
}

const book = (kept: Kept, quota: Quota.Quota, member: Member, used: ReadonlyArray<Quota.Booking>): void => {
  for (const { at, nanoUsd, tokens } of Quota.increments(used, member.booked)) {
    if (nanoUsd !== 0 || tokens !== 0) add(kept, spanOf(quota, at).grain, at, { nanoUsd, tokens, runs: 0 })
  }
  member.booked = Quota.booked(used, member.booked)
}

/**
 * The refusal of a run that may not start.
 *
 * @since 0.1.0
 * @category operations
 */
export const refusalOf = (
  { isHeld, limit, max, per, quota, resetsAt, used }: Quota.Exhaustion,
  now: number
): QueryRejections.QuotaExhausted => {
  const retryAfterMs = isHeld ? heldMs : resetsAt === undefined ? undefined : Math.max(0, resetsAt - now)
  return new QueryRejections.QuotaExhausted({
    quota,
    per,
    limit: `quota.${limit}`,
    max,
    used,
    ...(resetsAt === undefined ? {} : { resetsAt }),
    ...(retryAfterMs === undefined ? {} : { retryAfterMs })
  })
}

/** After how many milliseconds to retry for what others hold. */
const heldMs = 1000
