/** How amounts, times and values are shown. */

/** Nano-dollars as dollars, with as many places as matter. */
export const dollars = (nanoUsd: number | undefined): string => {
  if (nanoUsd === undefined) return "unknown"
  const usd = nanoUsd / 1e9
  return `$${usd === 0 ? "0" : usd.toFixed(usd < 0.01 ? 6 : usd < 1 ? 4 : 2)}`
}

/** A duration in milliseconds. */
export const duration = (ms: number): string => {
  if (ms < 1000) return `${Math.max(0, Math.round(ms))} ms`
  if (ms < 60_000) return `${(ms / 1000).toFixed(1)} s`
  if (ms < 3_600_000) return `${Math.floor(ms / 60_000)} min ${Math.round((ms % 60_000) / 1000)} s`
  if (ms < 86_400_000) return `${Math.floor(ms / 3_600_000)} h ${Math.round((ms % 3_600_000) / 60_000)} min`
  return `${Math.floor(ms / 86_400_000)} d ${Math.round((ms % 86_400_000) / 3_600_000)} h`
}

const clock = new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeStyle: "medium" })

/** A moment in the reader's own zone. */
export const time = (at: number): string => clock.format(at)

/** A value as indented JSON. */
export const pretty = (value: unknown): string => (typeof value === "string" ? value : JSON.stringify(value, null, 2))

/** A value in one line of at most `length` characters. */
export const brief = (value: unknown, length = 120): string => {
  const text = typeof value === "string" ? value : (JSON.stringify(value) ?? "")
  const line = text.replaceAll(/\s+/g, " ")
  return line.length > length ? `${line.slice(0, length - 1)}…` : line
}
