/**
 * Quotas: limits of a tenant or a principal over all its runs within a window of time, such as $20 a day or 500 runs in
 * 30 days.
 *
 * A user writes `Quota.make({ per: "tenant", window: "day", maxCostUsd: 20 })`. A run reserves amounts from the store
 * that keeps the quota, and spends them on the node above its root, so that the sum over all runs, in any number of
 * processes, never exceeds a limit.
 */
export {
  Charge,
  charges,
  isOfPrincipal,
  limitsAsWritten,
  make,
  Quota,
  renewal,
  validate,
  validateAll,
  withLimits
} from "./QuotaData.ts"
export type { LimitOptions, Options, Subject } from "./QuotaData.ts"
export {
  booked,
  bucketOf,
  exhausted,
  exhaustion,
  grant,
  held,
  increments,
  leaseNode,
  limitsOf,
  nothing,
  plus,
  standing,
  toUsage,
  Usage
} from "./QuotaUse.ts"
export type { Amount, Booking, Exhaustion, Granted, Limits, Standing, Use } from "./QuotaUse.ts"
export { span } from "./QuotaWindow.ts"
export type { Calendar, Span } from "./QuotaWindow.ts"
