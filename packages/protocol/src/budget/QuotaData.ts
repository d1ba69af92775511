/**
 * A quota as data: limits by name over a window of time, the subject whose runs it counts, and its validation.
 *
 * Use is stored in buckets of time, each with its end; a bucket counts while its end is within the window. The buckets
 * of calendar windows are a quarter of an hour long, since days begin at one in every time zone. Those of a sliding
 * window are a hundredth of it, so use leaves it late by less than that, never early.
 */
import type * as Duration from "effect/Duration"
import * as Option from "effect/Option"
import * as Schema from "effect/Schema"
import * as DateTime from "effect/DateTime"
import { InvalidQuota } from "../error/QueryRejected.ts"
import { milliseconds } from "../Milliseconds.ts"
import { issueOf, isUsd, mustBeUsd } from "./BudgetData.ts"

const calendars = ["day", "week", "month"] as const

/**
 * A day, a week from Monday, or a month of the calendar.
 *
 * @since 0.1.0
 * @category models
 */
export type Calendar = (typeof calendars)[number]

/**
 * A window at a moment, in epoch milliseconds.
 *
 * @since 0.1.0
 * @category models
 */
export interface Span {
  /** A bucket that ends later counts. */
  readonly from: number
  /** When a calendar window ends; absent if the window slides. */
  readonly until: number | undefined
  /** Buckets that ended by then need not be kept: they are outside of the window and older than 32 days. */
  readonly forgotten: number
  /** The length of its buckets, in milliseconds. */
  readonly grain: number
}

const quarter = 15 * 60 * 1000
const buckets = 100
const keptMs = 32 * 24 * 60 * 60 * 1000

/** The units of the calendar that a window is one of. */
const units = { day: { days: 1 }, week: { weeks: 1 }, month: { months: 1 } } as const

/**
 * The window that contains `now`. A day has 23 or 25 hours when its zone changes its clocks.
 *
 * @since 0.1.0
 * @category operations
 */
export const span = (window: Calendar | number, timeZone: string | undefined, now: number): Span => {
  if (typeof window === "number") {
    const from = now - window
    return {
      from,
      until: undefined,
      forgotten: Math.min(from, now - keptMs),
      grain: Math.max(1, Math.floor(window / buckets))
    }
  }
  const start = startOf(DateTime.makeZonedUnsafe(now, { timeZone: timeZone ?? "UTC" }), window)
  const until = DateTime.toEpochMillis(startOf(DateTime.add(start, units[window]), window))
  const from = DateTime.toEpochMillis(start)
  return { from, until, forgotten: Math.min(from, now - keptMs), grain: quarter }
}

const startOf = (at: DateTime.Zoned, window: Calendar): DateTime.Zoned =>
  DateTime.startOf(at, window, { weekStartsOn: 1 })

/** Whether `name` is an IANA time zone. */
const isTimeZone = (name: string): boolean => typeof name === "string" && Option.isSome(DateTime.zoneMakeNamed(name))

const whom: readonly ["tenant", "principal"] = ["tenant", "principal"]

const Limit = Schema.optionalKey(Schema.Number)

const QuotaStruct = Schema.Struct({
  name: Schema.String,
  per: Schema.Literals(whom),
  window: Schema.Union([Schema.Literals(calendars), Schema.Number]),
  timeZone: Schema.optionalKey(Schema.String),
  maxCostUsd: Limit,
  maxTotalTokens: Limit,
  maxRuns: Limit
}).annotate({ identifier: "Quota" })

/**
 * A quota as plain data. Created by `make`; `Options` documents the fields. `window` is a calendar window or a length
 * in milliseconds. Absent limits: none.
 *
 * @since 0.1.0
 * @category schemas
 */
export interface Quota extends Schema.Schema.Type<typeof QuotaStruct> {}
export const Quota: Schema.Codec<Quota> = QuotaStruct

/**
 * The limits of a quota, by name. Absent and `Infinity`: no limit; 0 allows nothing.
 *
 * @since 0.1.0
 * @category models
 */
export interface LimitOptions {
  /** US dollars, of models and of tools. The maximum cost of a step or a call is reserved before it. */
  readonly maxCostUsd?: number | undefined
  /** Input and output tokens together. */
  readonly maxTotalTokens?: number | undefined
  /** Runs that start. A refused run does not count. */
  readonly maxRuns?: number | undefined
}

/**
 * What a quota is made from.
 *
 * @since 0.1.0
 * @category models
 */
export interface Options extends LimitOptions {
  /**
   * Its name in errors and events, under which its use is stored: a quota with the same name continues with that use.
   * Absent: its subject and window, such as `"tenant.day"`. Unique among the quotas of a run.
   */
  readonly name?: string | undefined
  /**
   * Whose runs are counted together: those of a tenant (`resourceId`), or those of one principal of a tenant. Runs
   * without a principal count together as one more.
   */
  readonly per: "tenant" | "principal"
  /**
   * `"day"`, `"week"` (from Monday) or `"month"` of the calendar; or a length, such as `"30 days"` or a number of
   * milliseconds, for a window that slides. Use leaves a sliding window late by up to a hundredth of its length.
   */
  readonly window: Calendar | Duration.Input
  /** The IANA name of the zone whose days count, such as `"Europe/Berlin"`. Absent: UTC. Not for sliding windows. */
  readonly timeZone?: string | undefined
}

const isCalendar = (window: unknown): window is Calendar => calendars.some((one) => one === window)

/** The limits of a quota, in the order in which they are checked. */
export const limits = ["maxRuns", "maxCostUsd", "maxTotalTokens"] as const satisfies ReadonlyArray<keyof LimitOptions>

/**
 * Creates a quota. Never fails: an invalid one is refused where it is used, as `InvalidQuota`. `Infinity` is left out,
 * so that a quota is JSON.
 *
 * **Example** (Dollars of a tenant per month)
 *
 * ```ts
 * import { Quota } from "@reins/runtime"
 *
 * export const monthly = Quota.make({ per: "tenant", window: "month", maxCostUsd: 100 })
 * ```
 *
 * @since 0.1.0
 * @category constructors
 */
export const make = (options: Options): Quota => {
  const { per, timeZone, window } = options
  const out: { -readonly [K in keyof Quota]: Quota[K] } = {
    name: options.name ?? `${per}.${typeof window === "string" ? window : String(milliseconds(window))}`,
    per,
    window: isCalendar(window) ? window : milliseconds(window),
    ...(timeZone === undefined ? {} : { timeZone })
  }
  for (const limit of limits) {
    const value = options[limit]
    if (value !== undefined && value !== Infinity) out[limit] = value
  }
  // Code without types may set unknown fields: they are kept, so that `validate` refuses them.
  for (const [name, value] of Object.entries(options)) {
    if (value !== undefined && !isField(name)) Object.assign(out, { [name]: value })
  }
  return out
}

const fields: ReadonlyArray<string> = ["name", "per", "window", "timeZone", ...limits] satisfies ReadonlyArray<
  keyof Quota
>
const isField = (name: string): boolean => fields.includes(name)

/**
 * What is invalid about a field: what it must be, and its value as text. `known`: there is no field of this name, and these
 * there are.
 *
 * @since 0.2.0
 * @category models
 */
export interface Misfit {
  readonly field: string
  readonly issue: string
  readonly value?: string
  readonly known?: ReadonlyArray<string>
}

/**
 * The first invalid field of a quota, or `undefined`, as `validate` reports it.
 *
 * @since 0.2.0
 * @category operations
 */
export const misfit = (quota: Quota): Misfit | undefined => {
  for (const field of Object.keys(quota)) {
    if (!isField(field)) return { field, issue: "is not a field", known: fields }
  }
  const { name, per, timeZone, window } = quota
  if (typeof name !== "string" || name === "") return { field: "name", issue: "must be a text that is not empty" }
  if (!whom.includes(per)) return { field: "per", issue: `must be one of ${whom.join(", ")}`, value: String(per) }
  if (!isCalendar(window) && !(Number.isSafeInteger(window) && window >= 1000)) {
    const issue = `must be one of ${calendars.join(", ")}, or a duration of at least 1 second`
    return { field: "window", issue, value: String(window) }
  }
  if (timeZone !== undefined) {
    if (!isCalendar(window)) return { field: "timeZone", issue: "applies to calendar windows only. Remove it" }
    if (!isTimeZone(timeZone)) {
      const issue = "must be the IANA name of a zone, such as Europe/Berlin"
      return { field: "timeZone", issue, value: String(timeZone) }
    }
  }
  return limitMisfit(quota)
}

const limitMisfit = (options: LimitOptions): Misfit | undefined => {
  for (const field of ["maxRuns", "maxTotalTokens"] as const) {
    const value = options[field]
    if (value !== undefined && value !== Infinity && !(Number.isSafeInteger(value) && value >= 0)) {
      return { field, issue: "must be a whole number of at least 0", value: String(value) }
    }
  }
  const { maxCostUsd } = options
  return maxCostUsd === undefined || maxCostUsd === Infinity || isUsd(maxCostUsd)
    ? undefined
    : { field: "maxCostUsd", issue: mustBeUsd, value: String(maxCostUsd) }
}

const refusal = (quota: string, of: "fields" | "limits", wrong: Misfit | undefined): InvalidQuota | undefined =>
  wrong === undefined ? undefined : new InvalidQuota({ quota, field: wrong.field, issue: issueOf(wrong, of) })

/**
 * The first invalid field of a quota, or `undefined`.
 *
 * @since 0.1.0
 * @category operations
 */
export const validate = (quota: Quota): InvalidQuota | undefined => refusal(String(quota.name), "fields", misfit(quota))

/**
 * The first invalid limit of one subject, or `undefined`: what is no limit cannot be set for it. `quota`: the quota's name.
 *
 * @since 0.2.0
 * @category operations
 */
export const validateLimits = (quota: string, options: LimitOptions): InvalidQuota | undefined => {
  const field = Object.entries(options).find(([name, value]) => value !== undefined && !limitNames.includes(name))?.[0]
  if (field === undefined) return refusal(quota, "fields", limitMisfit(options))
  return refusal(quota, "limits", { field, issue: "is not a limit of a quota", known: limits })
}

const limitNames: ReadonlyArray<string> = limits

/**
 * The quota with all three limits replaced: absent is no limit.
 *
 * @since 0.1.0
 * @category operations
 */
export const withLimits = (quota: Quota, options: LimitOptions): Quota => {
  const { name, per, timeZone, window } = quota
  return make({ ...options, name, per, window, ...(timeZone === undefined ? {} : { timeZone }) })
}

/**
 * When the first of a run's calendar windows ends; `undefined` if all of them slide.
 *
 * @since 0.1.0
 * @category operations
 */
export const renewal = (charges: ReadonlyArray<Charge>, now: number): number | undefined => {
  let first: number | undefined
  for (const { quota } of charges) {
    const { until } = span(quota.window, quota.timeZone, now)
    if (until !== undefined) first = first === undefined ? until : Math.min(first, until)
  }
  return first
}

/**
 * Only the limits of a quota.
 *
 * @since 0.1.0
 * @category operations
 */
export const limitsAsWritten = ({ maxCostUsd, maxRuns, maxTotalTokens }: Quota): LimitOptions => ({
  ...(maxCostUsd === undefined ? {} : { maxCostUsd }),
  ...(maxRuns === undefined ? {} : { maxRuns }),
  ...(maxTotalTokens === undefined ? {} : { maxTotalTokens })
})

/**
 * The subject whose runs a quota counts.
 *
 * @since 0.1.0
 * @category models
 */
export interface Subject {
  readonly resourceId: string
  readonly principal?: string | undefined
}

const ChargeStruct = Schema.Struct({ key: Schema.String, quota: Quota }).annotate({ identifier: "QuotaCharge" })

/**
 * A quota that a run is charged to. `key`: the storage key of its use, made of the quota's name and its subject.
 *
 * @since 0.1.0
 * @category schemas
 */
export interface Charge extends Schema.Schema.Type<typeof ChargeStruct> {}
export const Charge: Schema.Codec<Charge> = ChargeStruct

/**
 * The quotas that a run of this subject is charged to, in the order of their keys, in which stores lock them.
 *
 * @since 0.1.0
 * @category operations
 */
export const charges = (quotas: ReadonlyArray<Quota>, subject: Subject): ReadonlyArray<Charge> =>
  quotas
    .map((quota) => ({ key: keyOf(quota, subject), quota }))
    .toSorted((a, b) => (a.key < b.key ? -1 : a.key > b.key ? 1 : 0))

const keyOf = ({ name, per }: Quota, { principal, resourceId }: Subject): string =>
  JSON.stringify(per === "tenant" ? [name, resourceId] : [name, resourceId, principal ?? ""])

const readKey = Schema.decodeUnknownOption(
  Schema.fromJsonString(Schema.Tuple([Schema.String, Schema.String, Schema.String]))
)

/**
 * Whether the key of a charge is that of a quota per principal, and this principal's.
 *
 * @since 0.2.0
 * @category guards
 */
export const isOfPrincipal = (key: string, { principal, resourceId }: Required<Subject>): boolean =>
  Option.match(readKey(key), {
    onNone: () => false,
    onSome: ([, tenant, name]) => tenant === resourceId && name === principal
  })

/**
 * The first invalid quota of several, or the first with a name that is used twice; `undefined` if all are valid.
 *
 * @since 0.1.0
 * @category operations
 */
export const validateAll = (quotas: ReadonlyArray<Quota>): InvalidQuota | undefined => {
  const names = new Set<string>()
  for (const quota of quotas) {
    const invalid = validate(quota)
    if (invalid !== undefined) return invalid
    if (names.has(quota.name)) {
      return new InvalidQuota({
        quota: quota.name,
        field: "name",
        issue: "is used by another quota. Give each a name of its own"
      })
    }
    names.add(quota.name)
  }
  return undefined
}
