/**
 * Random numbers for generated logs: a source that the caller passes, so that a seed identifies a log.
 */

/** The next number in `[0, 1)`; the same numbers generate the same log. */
export type Random = () => number

/** A deterministic source for a seed (a 32-bit integer), good enough for tests; not for secrets. */
export const seeded = (seed: number): Random => {
  let state = Math.trunc(seed) >>> 0
  return () => {
    state = (state + 0x9e3779b9) >>> 0
    let mixed = Math.imul(state ^ (state >>> 16), 0x21f0aaad)
    mixed = Math.imul(mixed ^ (mixed >>> 15), 0x735a2d97)
    return ((mixed ^ (mixed >>> 15)) >>> 0) / 2 ** 32
  }
}

/** One of the given values, each with the same probability. */
export const pick = <const A>(random: Random, first: A, ...others: ReadonlyArray<A>): A =>
  others[Math.floor(random() * (others.length + 1)) - 1] ?? first
