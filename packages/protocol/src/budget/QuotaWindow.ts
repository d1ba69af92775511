/**
 * The window of a quota: from when on use counts, and when it ends.
 *
 * Use is stored in buckets of time, each with its end; a bucket counts while its end is within the window. The buckets
 * of calendar windows are a quarter of an hour long, since days begin at one in every time zone. Those of a sliding
 * window are a hundredth of it, so use leaves it late by less than that, never early.
 */
import * as DateTime from "effect/DateTime"
import * as Option from "effect/Option"

export const calendars = ["day", "week", "month"] as const

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
export const isTimeZone = (name: string): boolean =>
  typeof name === "string" && Option.isSome(DateTime.zoneMakeNamed(name))
