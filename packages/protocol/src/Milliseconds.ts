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

/** Units of no fixed length, which a class may have beside the others. */
const calendarUnits: ReadonlyArray<string> = ["years", "months"]

const isNumber = (value: unknown): value is number => typeof value === "number" && !Number.isNaN(value)

/** Whether their sum is a number. */
const isSum = (values: ReadonlyArray<number>): boolean => !(values.includes(Infinity) && values.includes(-Infinity))

const isPair = (input: ReadonlyArray<unknown>): boolean => input.length === 2 && input.every(isNumber) && isSum(input)

/**
 * An object's units by name, which may be inherited or computed, as those of a class are; `undefined` where it states no
 * time: `Duration` takes one without a known unit, and a unit that is not a number, as 0.
 */
const unitsOf = (input: object): { readonly [unit: string]: number } | undefined => {
  const read = (unit: string): unknown => Reflect.get(input, unit)
  if (calendarUnits.some((unit) => (read(unit) ?? 0) !== 0)) return undefined
  const isForeign = (name: string) => !units.includes(name) && !calendarUnits.includes(name) && read(name) !== undefined
  if (Object.keys(input).some(isForeign)) return undefined
  const found: { [unit: string]: number } = {}
  for (const unit of units) {
    const value = read(unit)
    if (value === undefined) continue
    if (!isNumber(value)) return undefined
    found[unit] = value
  }
  const values = Object.values(found)
  return values.length > 0 && isSum(values) ? found : undefined
}

/** The next whole millisecond away from 0: a time that is not 0 must not become none. */
const whole = (ms: number): number => {
  if (!Number.isFinite(ms)) return ms
  const nearest = Math.round(ms)
  // Less than a nanosecond is an error of the arithmetic, as in 1.1 hours.
  if (Math.abs(ms - nearest) < 5e-7) return nearest === 0 && ms !== 0 ? Math.sign(ms) : nearest
  return ms < 0 ? Math.floor(ms) : Math.ceil(ms)
}

/**
 * A duration in milliseconds, of which a fraction counts as a whole one; `NaN` for what states none: text that `Duration`
 * does not parse, `NaN` itself, and an object without a unit, or with something else than numbers of units. Code without
 * types may pass anything.
 *
 * @since 0.2.0
 * @category operations
 */
export const milliseconds = (duration: Duration.Input): number => {
  if (typeof duration === "number") return whole(duration)
  const toMillis = (input: Duration.Input): number =>
    Option.match(Duration.fromInput(input), { onNone: () => NaN, onSome: (found) => whole(Duration.toMillis(found)) })
  if (typeof duration !== "object" || duration === null || Duration.isDuration(duration)) return toMillis(duration)
  if (Array.isArray(duration)) return isPair(duration) ? toMillis(duration) : NaN
  const stated = unitsOf(duration)
  return stated === undefined ? NaN : toMillis(stated)
}
