/** A moment on the command line: how long ago (`30d`, `12h`), or a date or time in UTC (`2026-01-31`, `2026-01-31T09:30:00Z`). Pure. */
import * as DateTime from "effect/DateTime"
import * as Option from "effect/Option"

const units: ReadonlyMap<string, number> = new Map([
  ["m", 60_000],
  ["h", 3_600_000],
  ["d", 86_400_000],
  ["w", 604_800_000]
])

/** The length of time of `30d`, in milliseconds; absent where the text is none. */
export const span = (text: string): number | undefined => {
  const [, amount, unit = ""] = /^(\d+(?:\.\d+)?)([mhdw])$/.exec(text) ?? []
  const size = units.get(unit)
  return amount === undefined || size === undefined ? undefined : Math.round(Number(amount) * size)
}

/** The moment in epoch milliseconds; absent if the text is not a moment. */
export const parse = (text: string, now: number): number | undefined => {
  const ago = span(text)
  if (ago !== undefined) return Math.max(0, now - ago)
  if (!/^\d{4}-\d{2}-\d{2}(T\d{2}:\d{2}(:\d{2}(\.\d+)?)?(Z|[+-]\d{2}:?\d{2})?)?$/.test(text)) return undefined
  // A time without a zone is one of UTC, as everywhere on the command line.
  const zoned = /T.*(Z|[+-]\d{2}:?\d{2})$/.test(text) || !text.includes("T") ? text : `${text}Z`
  return Option.getOrUndefined(Option.map(DateTime.make(zoned), DateTime.toEpochMillis))
}

/** The moment as people read it, in UTC. */
export const format = (at: number): string =>
  `${DateTime.formatIso(DateTime.makeUnsafe(at)).slice(0, 16).replace("T", " ")} UTC`
