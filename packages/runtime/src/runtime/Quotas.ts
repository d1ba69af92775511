/**
 * The quotas that a run is charged to, their standings, and the limits set for one tenant or principal.
 */
import { Quota, QueryRejections } from "@reins/protocol"
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Result from "effect/Result"
import { defaultResource, type RuntimeParts } from "./RuntimeParts.ts"
import type { QuotaSubject } from "./RuntimeShape.ts"

/** The quotas that a run of this subject is charged to; empty without any. */
export const chargesOf = (
  { quotas }: RuntimeParts,
  { principal, quotas: own, resourceId = defaultResource }: QuotaSubject
): Result.Result<ReadonlyArray<Quota.Charge>, QueryRejections.InvalidQuota> => {
  // The runtime's own quotas were validated when it was built.
  const all = own === undefined || own.length === 0 ? quotas : [...quotas, ...own]
  const invalid = all === quotas ? undefined : Quota.validateAll(all)
  if (invalid !== undefined) return Result.fail(invalid)
  return Result.succeed(all.length === 0 ? none : Quota.charges(all, { resourceId, principal }))
}

const none: ReadonlyArray<Quota.Charge> = []

/** The standings of the quotas. */
export const usage = Effect.fnUntraced(function* (built: RuntimeParts, subject: QuotaSubject = {}) {
  const charges = yield* Effect.fromResult(chargesOf(built, subject))
  const standings = yield* built.host.quotas.standings(charges, yield* Clock.currentTimeMillis)
  const names = [...built.quotas, ...(subject.quotas ?? [])].map(({ name }) => name)
  return standings.map(Quota.toUsage).toSorted((a, b) => names.indexOf(a.name) - names.indexOf(b.name))
})

/** Sets the limits of one subject. */
export const limit = Effect.fnUntraced(function* (
  built: RuntimeParts,
  name: string,
  limits: Quota.LimitOptions | undefined,
  subject: QuotaSubject = {}
) {
  const charges = yield* Effect.fromResult(chargesOf(built, subject))
  const charge = charges.find(({ quota }) => quota.name === name)
  if (charge === undefined) {
    const known = charges.map(({ quota }) => quota.name).join(", ") || "none"
    const issue = `is not the name of a quota. Available quotas: ${known}`
    return yield* new QueryRejections.InvalidQuota({ quota: name, field: "name", issue })
  }
  const invalid = limits === undefined ? undefined : Quota.validateLimits(name, limits)
  if (invalid !== undefined) return yield* invalid
  const own = limits === undefined ? undefined : Quota.withLimits(charge.quota, limits)
  yield* built.host.quotas.limit(charge.key, own === undefined ? undefined : Quota.limitsAsWritten(own))
})
