/**
 * Per-tenant limits of this server: the request rate and the number of concurrent runs. Counted per process, in memory.
 */
import type { Limits } from "../options/ServerOptions.ts"
import * as TokenBucket from "./TokenBucket.ts"

interface Used {
  /** Absent until the first request. */
  bucket: TokenBucket.Bucket | undefined
  runs: number
}

export class Allowance {
  readonly #limits: Limits
  readonly #tenants = new Map<string, Used>()

  constructor(limits: Limits) {
    this.#limits = limits
  }

  /** Counts a request at `now`, monotonic milliseconds. Returns 0 when it is allowed, otherwise the seconds to wait. */
  request(tenant: string, now: number): number {
    const rate = this.#limits.requests
    if (rate === undefined) return 0
    const used = this.#of(tenant)
    const { bucket, waitSeconds } = TokenBucket.take(rate, used.bucket ?? TokenBucket.full(rate, now), now)
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
