/**
 * Whole numbers from 0 on, as tokens, calls and nano-dollars are counted. They are exact up to `max`, and every sum stops there, so
 * that totals of the same rows agree in whatever order and grouping they were added.
 */

/** The largest number that is exact: 2⁵³ − 1. */
export const max: number = Number.MAX_SAFE_INTEGER

/** The sum of two counts, at most `max`. Same result in any order and grouping. */
export const add = (a: number, b: number): number => {
  const sum = a + b
  return sum <= max ? sum : max
}

/**
 * The count that a number stands for: absent and negative are 0, a fraction is rounded up, and NaN and `Infinity` are `max`, so that a
 * broken number is refused by a limit and never free.
 */
export const whole = (value: number | undefined): number =>
  value === undefined || value <= 0 ? 0 : value < max ? Math.ceil(value) : max
