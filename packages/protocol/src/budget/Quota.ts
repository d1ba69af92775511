/**
 * Quotas: limits of a tenant or a principal over all its runs within a window of time, such as $20 a day or 500 runs in
 * 30 days.
 *
 * A user writes `Quota.make({ per: "tenant", window: "day", maxCostUsd: 20 })`. A run reserves amounts from the store
 * that keeps the quota, and spends them on the node above its root, so that the sum over all runs, in any number of
 * processes, never exceeds a limit. Pure: the stores keep the numbers and apply these rules, each in one transaction.
 *
 * A run reserves a part of what is left: what it needs now, and more while much is left, so that its next steps need
 * not ask the store. Its use is booked at the time of use; its reservations count in every window. So use and
 * reservations together never exceed the limit, regardless of windows that begin or end; only undeclared costs of tools
 * can exceed it.
 */
import * as Schema from "effect/Schema"
import { limitsOf as noLimits, type Node, zero } from "./BudgetNode.ts"
import { quotaPrefix, type Refusal } from "./BudgetRefusal.ts"
import * as Count from "../money/Count.ts"
import * as Money from "../money/Money.ts"
import { type Quota, span } from "./QuotaData.ts"

export {
  Charge,
  charges,
  isOfPrincipal,
  limitsAsWritten,
  make,
  misfit,
  Quota,
  renewal,
  span,
  validate,
  validateAll,
  validateLimits,
  withLimits
} from "./QuotaData.ts"
export type { Calendar, LimitOptions, Misfit, Options, Span, Subject } from "./QuotaData.ts"

/**
 * Money in nano-dollars, and input and output tokens together.
 *
 * @since 0.1.0
 * @category models
 */
export interface Amount {
  readonly nanoUsd: number
  readonly tokens: number
}

/**
 * What was used: amounts, and runs that were started.
 *
 * @since 0.1.0
 * @category models
 */
export interface Use extends Amount {
  readonly runs: number
}

/**
 * The limits in the units of `Use`; `Infinity` where there is none.
 *
 * @since 0.1.0
 * @category models
 */
export type Limits = Use

/**
 * Nothing yet.
 *
 * @since 0.1.0
 * @category constants
 */
export const nothing: Use = { nanoUsd: 0, tokens: 0, runs: 0 }

/**
 * The sums; each stops at 2⁵³ − 1.
 *
 * @since 0.1.0
 * @category operations
 */
export const plus = (a: Use, b: Use): Use => ({
  nanoUsd: Count.add(a.nanoUsd, b.nanoUsd),
  tokens: Count.add(a.tokens, b.tokens),
  runs: Count.add(a.runs, b.runs)
})

/**
 * The total use of a run by `at`, epoch milliseconds.
 *
 * @since 0.1.0
 * @category models
 */
export interface Booking extends Amount {
  readonly at: number
}

/**
 * What to add for the totals `used`, in order, after `before`, the last total that was added. A total that is less than
 * the one before it takes back what was booked then, at the time of that booking: a step that its process lost was
 * booked when it was reported, and costs less, or nothing, to the next owner. Taken back at an earlier time, the rest
 * would count on in a window that begins between the two.
 *
 * @since 0.2.0
 * @category operations
 */
export const increments = (used: ReadonlyArray<Booking>, before: Booking): ReadonlyArray<Booking> => {
  let last = before
  return used.map((total) => {
    const nanoUsd = total.nanoUsd - last.nanoUsd
    const tokens = total.tokens - last.tokens
    const at = nanoUsd < 0 || tokens < 0 ? Math.max(total.at, last.at) : total.at
    last = { ...total, at: Math.max(total.at, last.at) }
    return { at, nanoUsd, tokens }
  })
}

/**
 * The total that `used` leaves after `before`: the last one, booked at the latest time of all.
 *
 * @since 0.2.0
 * @category operations
 */
export const booked = (used: ReadonlyArray<Booking>, before: Booking): Booking => {
  const { nanoUsd, tokens } = used.at(-1) ?? before
  return { at: used.reduce((latest, { at }) => Math.max(latest, at), before.at), nanoUsd, tokens }
}

/**
 * The standing of a quota at a time.
 *
 * @since 0.1.0
 * @category models
 */
export interface Standing {
  readonly quota: Quota
  /** Used within the window. */
  readonly used: Use
  /** Held by unfinished runs, reserved in any window. */
  readonly reserved: Amount
  /** When the window ends, or, if it slides, when the first use leaves it; absent without use. */
  readonly resetsAt: number | undefined
}

/**
 * The limits of a quota.
 *
 * @since 0.1.0
 * @category operations
 */
export const limitsOf = ({ maxCostUsd, maxRuns, maxTotalTokens }: Quota): Limits => ({
  nanoUsd: maxCostUsd === undefined ? Infinity : (Money.fromUsd(maxCostUsd) ?? 0),
  tokens: maxTotalTokens ?? Infinity,
  runs: maxRuns ?? Infinity
})

/**
 * The end of the bucket for use at `at`.
 *
 * @since 0.1.0
 * @category operations
 */
export const bucketOf = (grain: number, at: number): number => (Math.floor(at / grain) + 1) * grain

/**
 * An exhausted limit of a quota. Numbers are in the limit's own unit; `used` includes reservations.
 *
 * @since 0.1.0
 * @category models
 */
export interface Exhaustion {
  readonly quota: string
  readonly per: Quota["per"]
  readonly limit: "maxRuns" | "maxCostUsd" | "maxTotalTokens"
  readonly max: number
  readonly used: number
  readonly resetsAt: number | undefined
  /** True if runs hold what is missing, so that it may be released at any time. */
  readonly isHeld: boolean
}

const names = { runs: "maxRuns", nanoUsd: "maxCostUsd", tokens: "maxTotalTokens" } as const

const left = ({ quota, reserved, used }: Standing, name: "nanoUsd" | "tokens"): number =>
  limitsOf(quota)[name] - used[name] - reserved[name]

const limitOf = ({ quota, reserved, resetsAt, used }: Standing, name: keyof Use): Exhaustion => {
  const shown = name === "nanoUsd" ? Money.toUsd : Number
  const held = name === "runs" ? 0 : reserved[name]
  const max = limitsOf(quota)[name]
  const isHeld = held > 0 && used[name] < max
  const taken = used[name] + held
  return {
    quota: quota.name,
    per: quota.per,
    limit: names[name],
    max: shown(max),
    used: shown(taken),
    resetsAt,
    isHeld
  }
}

/**
 * Why a run may not start: an exhausted limit.
 *
 * @since 0.1.0
 * @category operations
 */
export const exhausted = (standings: ReadonlyArray<Standing>): Exhaustion | undefined => {
  for (const standing of standings) {
    if (standing.used.runs + 1 > limitsOf(standing.quota).runs) return limitOf(standing, "runs")
    if (left(standing, "nanoUsd") <= 0) return limitOf(standing, "nanoUsd")
    if (left(standing, "tokens") <= 0) return limitOf(standing, "tokens")
  }
  return undefined
}

/**
 * What a run may hold of all its quotas. `Infinity` if none of them has a limit.
 *
 * @since 0.1.0
 * @category models
 */
export interface Granted extends Amount {
  /** The limit that prevents what the run needs; absent if it got that. */
  readonly short?: Exhaustion | undefined
  /** A limit that is exceeded, by undeclared costs. */
  readonly isPassed: boolean
}

/** How many times its need a run gets at most, and which part of the rest at most. */
const slices = 8
const part = 4

const share = (available: number, need: number, spare: boolean): number =>
  available === Infinity
    ? Infinity
    : Math.min(available, spare ? Math.max(need, Math.min(slices * need, Math.floor(available / part))) : need)

/**
 * What a run that needs `need` may hold. `standings`: of all its quotas, with the holds of others and without its own.
 * It gets less than it needs if no more is left: the minimum of what its quotas have left. `spare`: whether it gets
 * more than it needs while much is left.
 *
 * @since 0.1.0
 * @category operations
 */
export const grant = (standings: ReadonlyArray<Standing>, need: Amount, spare: boolean): Granted => {
  let short: Exhaustion | undefined
  let isPassed = false
  const of = (name: "nanoUsd" | "tokens"): number => {
    let available = Infinity
    let least: Standing | undefined
    for (const standing of standings) {
      const rest = left(standing, name)
      if (rest < 0) isPassed = true
      if (rest < available) [available, least] = [Math.max(0, rest), standing]
    }
    if (least !== undefined && need[name] > available) short ??= limitOf(least, name)
    return share(available, need[name], spare)
  }
  const granted = { nanoUsd: of("nanoUsd"), tokens: of("tokens") }
  return { ...granted, isPassed, ...(short === undefined ? {} : { short }) }
}

/**
 * The part of a granted amount that counts as held: nothing where there is no limit.
 *
 * @since 0.1.0
 * @category operations
 */
export const held = ({ nanoUsd, tokens }: Amount): Amount => ({
  nanoUsd: nanoUsd === Infinity ? 0 : nanoUsd,
  tokens: tokens === Infinity ? 0 : tokens
})

/**
 * The node above a run's root with its lease of its quotas. `leased`: the total of what it has used and holds. In
 * refusals its limits are called `quota.maxCostUsd` and `quota.maxTotalTokens`.
 *
 * @since 0.1.0
 * @category operations
 */
export const leaseNode = (leased: Amount): Node => ({
  path: [],
  budget: {},
  sinceMs: 0,
  counted: true,
  max: { ...noLimits({}), nanoUsd: leased.nanoUsd, totalTokens: leased.tokens },
  used: zero,
  held: zero,
  overrun: zero,
  byTool: new Map(),
  holds: undefined,
  prefix: quotaPrefix
})

/**
 * A refusal of the node above a run's root, with the numbers of the exhausted quota.
 *
 * @since 0.1.0
 * @category operations
 */
export const exhaustion = (refusal: Refusal, { limit, max, per, quota, resetsAt, used }: Exhaustion): Refusal => ({
  ...refusal,
  limit: quotaPrefix + limit,
  max,
  used,
  quota: { name: quota, per, ...(resetsAt === undefined ? {} : { resetsAt }) }
})

const Counted = Schema.Struct({
  used: Schema.Finite,
  reserved: Schema.Finite,
  limit: Schema.optionalKey(Schema.Finite)
})

const UsageStruct = Schema.Struct({
  name: Schema.String,
  per: Schema.Literals(["tenant", "principal"]),
  window: Schema.Union([Schema.Literals(["day", "week", "month"]), Schema.Natural]),
  timeZone: Schema.optionalKey(Schema.String),
  costUsd: Counted,
  costNanoUsd: Counted,
  totalTokens: Counted,
  runs: Counted,
  resetsAt: Schema.optionalKey(Schema.Natural)
}).annotate({ identifier: "QuotaUsage" })

/**
 * The use of a quota.
 *
 * **Details**
 * - `used`: within the window, booked when a run ends, or reserves again. `reserved`: held by unfinished runs; part of
 *   it may be spent already. `limit`: absent without one.
 * - `costNanoUsd`: the same as `costUsd`, exactly, in whole nano-dollars.
 * - `window`: in milliseconds if it slides.
 * - `resetsAt`: epoch milliseconds, when the window ends, or, if it slides, when the first use leaves it.
 *
 * @since 0.1.0
 * @category schemas
 */
export interface Usage extends Schema.Schema.Type<typeof UsageStruct> {}
export const Usage: Schema.Codec<Usage> = UsageStruct

/**
 * A standing in its public form.
 *
 * @since 0.1.0
 * @category conversions
 */
export const toUsage = ({ quota, reserved, resetsAt, used }: Standing): Usage => {
  const limits = limitsOf(quota)
  const counted = (used: number, reserved: number, limit: number, shown: (count: number) => number = Number) => ({
    used: shown(used),
    reserved: shown(reserved),
    ...(limit === Infinity ? {} : { limit: shown(limit) })
  })
  return {
    name: quota.name,
    per: quota.per,
    window: quota.window,
    ...(quota.timeZone === undefined ? {} : { timeZone: quota.timeZone }),
    costUsd: counted(used.nanoUsd, reserved.nanoUsd, limits.nanoUsd, Money.toUsd),
    costNanoUsd: counted(used.nanoUsd, reserved.nanoUsd, limits.nanoUsd),
    totalTokens: counted(used.tokens, reserved.tokens, limits.tokens),
    runs: counted(used.runs, 0, limits.runs),
    ...(resetsAt === undefined ? {} : { resetsAt })
  }
}

/**
 * The standing of a quota, from its stored numbers. `first`: the end of the earliest bucket that counts.
 *
 * @since 0.1.0
 * @category operations
 */
export const standing = (
  quota: Quota,
  now: number,
  kept: { readonly used: Use; readonly reserved: Amount; readonly first: number | undefined }
): Standing => {
  const { until } = span(quota.window, quota.timeZone, now)
  const { first, reserved, used } = kept
  // A bucket counts until the window begins at its end.
  const leaves = first === undefined || typeof quota.window !== "number" ? undefined : first + quota.window
  return {
    quota,
    // If a crashed run had booked more than its final use, the difference is corrected at its end.
    used: { nanoUsd: Math.max(0, used.nanoUsd), tokens: Math.max(0, used.tokens), runs: used.runs },
    reserved,
    resetsAt: until ?? leaves
  }
}
