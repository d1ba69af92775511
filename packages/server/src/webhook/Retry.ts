/**
 * When a web hook is sent again: after 5 seconds, then after four times as long each time, up to 6 hours. Each delay is
 * up to a fifth shorter or longer by chance, so that many senders do not come back together. While an address fails and
 * anything is due, it is tried once every 5 minutes, so that it is noticed soon that it is back.
 */
import * as DateTime from "effect/DateTime"
import * as Option from "effect/Option"

const firstMs = 5000
const mostMs = 6 * 3_600_000
const probeMs = 300_000

/** How often a notice is sent at least before it is given up, however old it is. */
const leastAttempts = 3

/**
 * How long to wait after that many failures in a row, in milliseconds. `random`: from 0 to 1.
 *
 * @since 0.2.0
 * @category operations
 */
export const delayMs = (failures: number, random: number): number =>
  Math.round(Math.min(mostMs, firstMs * 4 ** Math.min(20, Math.max(0, failures - 1))) * (0.8 + 0.4 * random))

/**
 * How long an address is left alone after that many failures in a row, in milliseconds.
 *
 * @since 0.2.0
 * @category operations
 */
export const pauseMs = (failures: number, random: number): number =>
  Math.min(delayMs(failures, random), Math.round(probeMs * (0.8 + 0.4 * random)))

/**
 * Whether something that was first to be sent `ageMs` ago, and failed that often, is given up.
 *
 * @since 0.2.0
 * @category operations
 */
export const isOver = (ageMs: number, attempts: number, retryForMs: number): boolean =>
  ageMs >= retryForMs && attempts >= leastAttempts

/**
 * The delay that a response asks for by `retry-after`, in seconds or as a date, in milliseconds, an hour at most; 0 without
 * one. `now`: epoch milliseconds.
 *
 * @since 0.2.0
 * @category operations
 */
export const askedMs = (retryAfter: string | undefined, now: number): number => {
  if (retryAfter === undefined) return 0
  const asked = /^\d+$/.test(retryAfter) ? Number(retryAfter) * 1000 : dateOf(retryAfter) - now
  return Number.isNaN(asked) ? 0 : Math.max(0, Math.min(3_600_000, asked))
}

/** The time of an HTTP date, as in `Sun, 06 Nov 1994 08:49:37 GMT`; `NaN` of any other text. */
const dateOf = (text: string): number =>
  /^[A-Z][a-z]{2}, .+ GMT$/.test(text)
    ? Option.getOrElse(Option.map(DateTime.make(text), DateTime.toEpochMillis), () => Number.NaN)
    : Number.NaN
