/**
 * Arithmetic of time intervals: how much time a set of them covers, and what is left when others are taken out.
 *
 * An interval runs from `from` up to, and without, `to`. One that ends before it starts, as a clock that jumped back makes
 * them, covers nothing. All is O(n log n).
 */

/** A stretch of time, in milliseconds on one clock. */
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
    // both are in order, so cuts that end before this interval are done with
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

/** How much time the intervals cover; where several overlap it counts once. */
export const length = (intervals: ReadonlyArray<Interval>): number => {
  let sum = 0
  for (const { from, to } of union(intervals)) sum += to - from
  return sum
}
