/**
 * Time intervals: how much time a set of them covers, and what remains when others are subtracted.
 *
 * An interval includes `from` and excludes `to`. One that ends before it starts, because a clock was set back, is
 * empty. All functions are O(n log n).
 */

/**
 * An interval, in milliseconds of one clock.
 *
 * @since 0.1.0
 * @category models
 */
export interface Interval {
  readonly from: number
  readonly to: number
}

/** The same time as disjoint intervals in ascending order. */
export const union = (intervals: ReadonlyArray<Interval>): ReadonlyArray<Interval> => {
  const sorted = intervals.filter(({ from, to }) => from < to).toSorted((a, b) => a.from - b.from)
  const out: Array<Interval> = []
  for (const { from, to } of sorted) {
    const last = out.at(-1)
    if (last === undefined || from > last.to) out.push({ from, to })
    else if (to > last.to) out[out.length - 1] = { from: last.from, to }
  }
  return out
}

/** The time of `intervals` between `from` and `to`. */
export const clip = (intervals: ReadonlyArray<Interval>, from: number, to: number): ReadonlyArray<Interval> =>
  intervals.map((interval) => ({ from: Math.max(interval.from, from), to: Math.min(interval.to, to) }))

/** The time of `intervals` that `others` do not cover, as disjoint intervals in ascending order. */
export const difference = (
  intervals: ReadonlyArray<Interval>,
  others: ReadonlyArray<Interval>
): ReadonlyArray<Interval> => {
  const cuts = union(others)
  const out: Array<Interval> = []
  let first = 0
  for (const { from, to } of union(intervals)) {
    // Both are sorted, so cuts that end before this interval are not needed again.
    while ((cuts[first]?.to ?? Infinity) <= from) first++
    let at = from
    for (let index = first; index < cuts.length; index++) {
      const cut = cuts[index]
      if (cut === undefined || cut.from >= to) break
      if (cut.from > at) out.push({ from: at, to: cut.from })
      at = cut.to
    }
    if (at < to) out.push({ from: at, to })
  }
  return out
}

/** The time that the intervals cover; overlaps count once. */
export const length = (intervals: ReadonlyArray<Interval>): number => {
  let sum = 0
  for (const { from, to } of union(intervals)) sum += to - from
  return sum
}
