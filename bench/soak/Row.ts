/** What a row of the soak reports. */
export interface Row {
  readonly holds: boolean
  readonly lines: ReadonlyArray<string>
}

/** Median and 99th percentile of milliseconds, as a report has them. */
export const quantiles = (values: ReadonlyArray<number>): string => {
  const sorted = values.toSorted((a, b) => a - b)
  const at = (share: number): string => (sorted[Math.floor((sorted.length - 1) * share)] ?? Number.NaN).toFixed(1)
  return `${at(0.5)} ms (median), ${at(0.99)} ms (p99)`
}
