/**
 * A token bucket that refills at a steady rate: each request takes one token, and an empty bucket says how long to
 * wait.
 */
import type { Rate } from "../options/ServerOptions.ts"

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
