/** Durations as programs write them, in milliseconds; one that states no time must not count as none at all. */
import * as Duration from "effect/Duration"
import * as Option from "effect/Option"

const units: ReadonlyArray<string> = [
  "weeks",
  "days",
  "hours",
  "minutes",
  "seconds",
  "milliseconds",
  "microseconds",
  "nanoseconds"
]

const isNumber = (value: unknown): boolean => typeof value === "number" && !Number.isNaN(value)

/** Whether an object states a time: `Duration` takes one without a known unit, and a unit that is not a number, as 0. */
const isStated = (input: object): boolean => {
  if (Duration.isDuration(input)) return true
  if (Array.isArray(input)) return input.length === 2 && input.every(isNumber)
  const parts = Object.entries(input).filter(([, value]) => value !== undefined)
  return parts.length > 0 && parts.every(([unit, value]) => units.includes(unit) && isNumber(value))
}

/**
 * A duration in milliseconds; `NaN` for what states none: text that `Duration` does not parse, `NaN` itself, and an object
 * without a unit, or with something else than numbers of units. Code without types may pass anything.
 *
 * @since 0.2.0
 * @category operations
 */
export const milliseconds = (duration: Duration.Input): number => {
  if (typeof duration === "number") return duration
  if (typeof duration === "object" && duration !== null && !isStated(duration)) return NaN
  return Option.match(Duration.fromInput(duration), { onNone: () => NaN, onSome: Duration.toMillis })
}
