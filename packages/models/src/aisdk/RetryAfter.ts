/**
 * The retry delay that a provider asks for, in milliseconds, from its response headers: `retry-after-ms`, or
 * `retry-after` in seconds or as a date. Absent when the headers are missing or invalid.
 */
import * as DateTime from "effect/DateTime"
import * as Option from "effect/Option"

/** `now`: epoch milliseconds. A date in the past means: at once. */
export const retryAfterMs = (
  headers: { readonly [name: string]: string } | undefined,
  now: number
): number | undefined => {
  if (headers === undefined) return undefined
  const exact = milliseconds(headers["retry-after-ms"], 1)
  if (exact !== undefined) return exact
  const after = headers["retry-after"]
  const seconds = milliseconds(after, 1000)
  if (seconds !== undefined || after === undefined || !/[a-z]/i.test(after)) return seconds
  const date = DateTime.make(after)
  return Option.isNone(date) ? undefined : Math.max(0, DateTime.toEpochMillis(date.value) - now)
}

const milliseconds = (text: string | undefined, unit: number): number | undefined => {
  if (text === undefined || !/^\s*\d+(\.\d+)?s?\s*$/.test(text)) return undefined
  const value = Math.ceil(Number.parseFloat(text) * unit)
  return Number.isSafeInteger(value) ? value : undefined
}
