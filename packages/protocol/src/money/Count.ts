/**
 * Counts of tokens, calls and nano-dollars: whole numbers of at least 0, exact up to `max`. Every sum saturates there,
 * so that totals of the same rows are equal in any order and grouping.
 */

/** The largest number that is exact: 2⁵³ − 1. */
export const max: number = Number.MAX_SAFE_INTEGER

/** The sum of two counts, at most `max`. Same result in any order and grouping. */
export const add = (a: number, b: number): number => {
  const sum = a + b
  return sum <= max ? sum : max
}

/**
 * Converts a number to a count: absent and negative numbers are 0, a fraction is rounded up, NaN and `Infinity` are
 * `max`, so that an invalid number is refused by a limit and never free.
 */
export const whole = (value: number | undefined): number =>
  value === undefined || value <= 0 ? 0 : value < max ? Math.ceil(value) : max
