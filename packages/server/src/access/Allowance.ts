/**
 * Per-tenant limits of this server: the request rate, as a token bucket that refills at a steady rate, and the number
 * of concurrent runs. Counted per process, in memory.
 */
import type { Limits, Rate } from "../options/ServerOptions.ts"

interface Used {
  /** Absent until the first request. */
  bucket: Bucket | undefined
  runs: number
}

export class Allowance {
  readonly #limits: Limits
  readonly #tenants = new Map<string, Used>()
  /** Runs whose place another one is taking. */
  readonly #followed = new Set<string>()

  constructor(limits: Limits) {
    this.#limits = limits
  }

  /** Counts a request at `now`, monotonic milliseconds. Returns 0 when it is allowed, otherwise the seconds to wait. */
  request(tenant: string, now: number): number {
    const rate = this.#limits.requests
    if (rate === undefined) return 0
    const used = this.#of(tenant)
    const { bucket, waitSeconds } = take(rate, used.bucket ?? full(rate, now), now)
    used.bucket = bucket
    return waitSeconds
  }

  /** Reserves a slot for a run; false when all slots are in use. */
  takeRun(tenant: string): boolean {
    const used = this.#of(tenant)
    if (used.runs >= (this.#limits.concurrentRuns ?? Number.POSITIVE_INFINITY)) return false
    used.runs += 1
    return true
  }

  /**
   * Reserves a slot beyond the limit, for a query that cancels the run `runId`, which has one, and starts when that has
   * ended, or that becomes a message of it. One query at a time; false while there is another. `followed` ends it.
   */
  takePlaceOf(tenant: string, runId: string): boolean {
    if (this.#followed.has(runId)) return false
    this.#followed.add(runId)
    this.#of(tenant).runs += 1
    return true
  }

  /** The query that took the place of this run has started, or was refused. */
  followed(runId: string): void {
    this.#followed.delete(runId)
  }

  /** Releases a run's slot. */
  leaveRun(tenant: string): void {
    const used = this.#tenants.get(tenant)
    if (used !== undefined && used.runs > 0) used.runs -= 1
  }

  #of(tenant: string): Used {
    const known = this.#tenants.get(tenant)
    if (known !== undefined) return known
    const used = { bucket: undefined, runs: 0 }
    this.#tenants.set(tenant, used)
    return used
  }
}

/** `left` is the number of tokens at time `at`, monotonic milliseconds. */
export interface Bucket {
  readonly left: number
  readonly at: number
}

export const full = (rate: Rate, now: number): Bucket => ({ left: rate.burst, at: now })

/**
 * The bucket after one more request; `waitSeconds` is 0 when the request is allowed, otherwise the delay before a
 * retry, at least 1.
 */
export const take = (
  rate: Rate,
  bucket: Bucket,
  now: number
): { readonly bucket: Bucket; readonly waitSeconds: number } => {
  const passed = Math.max(0, now - bucket.at) / 1000
  const left = Math.min(rate.burst, bucket.left + passed * rate.perSecond)
  if (left >= 1) return { bucket: { left: left - 1, at: now }, waitSeconds: 0 }
  const wait = rate.perSecond > 0 ? Math.ceil((1 - left) / rate.perSecond) : 60
  return { bucket: { left, at: now }, waitSeconds: Math.max(1, wait) }
}
