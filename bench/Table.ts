/**
 * Figures of several rounds as a table: the median of each contestant, and its ratio to the base of its family.
 */
import { type Figures, median, type Workload } from "./Family.ts"

/** The figures of one contestant, one per round. */
export type Rounds = ReadonlyArray<Figures>

/** Two decimals below ten, one below a hundred, none above. */
const short = (value: number): string => value.toFixed(value < 10 ? 2 : value < 100 ? 1 : 0)

const of = (rounds: Rounds, figure: string): number => median(rounds.flatMap((figures) => figures[figure] ?? []))

/** A Markdown table of one workload. `base` names the contestant that ratios are over. */
export const render = (
  name: string,
  workload: Pick<Workload<never>, "figures" | "title">,
  measured: ReadonlyMap<string, { readonly title: string; readonly rounds: Rounds }>,
  base: string
): string => {
  const figures = Object.entries(workload.figures)
  const lines = [
    `### ${name}: ${workload.title}`,
    "",
    `| | ${figures.map(([, { title, unit }]) => `${title} (${unit})`).join(" | ")} |`,
    `| --- |${figures.map(() => " ---: |").join("")}`
  ]
  const bottom = measured.get(base)?.rounds ?? []
  for (const [contestant, { rounds, title }] of measured) {
    const cells = figures.map(([figure]) => {
      const value = of(rounds, figure)
      const under = of(bottom, figure)
      if (!Number.isFinite(value)) return "–"
      return contestant === base || !Number.isFinite(under)
        ? short(value)
        : `${short(value)} (${short(value / under)}×)`
    })
    lines.push(`| ${title} | ${cells.join(" | ")} |`)
  }
  return lines.join("\n")
}

/**
 * The change of each figure of a contestant since another revision: its medians before and now, and the gain, which is
 * above 1 if it improved: less time or memory, more per second.
 */
export const gains = (
  name: string,
  title: string,
  figures: Workload<never>["figures"],
  before: Rounds,
  now: Rounds
): ReadonlyArray<string> =>
  Object.entries(figures).flatMap(([figure, { title: what, unit }]) => {
    const [old, today] = [of(before, figure), of(now, figure)]
    if (!Number.isFinite(old) || !Number.isFinite(today)) return []
    const gain = unit === "/s" ? today / old : old / today
    return [`| ${name} | ${title} | ${what} (${unit}) | ${short(old)} | ${short(today)} | ${gain.toFixed(2)} |`]
  })

/** A Markdown table of gains since a revision. */
export const compare = (revision: string, rows: ReadonlyArray<string>): string =>
  [
    `### Today against ${revision}`,
    "",
    `| workload | contestant | figure | ${revision} | today | gain |`,
    "| --- | --- | --- | ---: | ---: | ---: |",
    ...rows
  ].join("\n")
