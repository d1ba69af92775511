/**
 * Figures of several rounds as a table: a median for each contestant, and how many times the floor that is.
 */
import type { Figures, Workload } from "./Workloads.ts"

/** What one contestant was measured at, a round each. */
export type Rounds = ReadonlyArray<Figures>

/** Two decimals below ten, one below a hundred, none above. */
const short = (value: number): string => value.toFixed(value < 10 ? 2 : value < 100 ? 1 : 0)

const median = (values: ReadonlyArray<number>): number | undefined =>
  values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)]

const of = (rounds: Rounds, figure: string): number | undefined =>
  median(rounds.flatMap((figures) => figures[figure] ?? []))

/** A Markdown table of one workload. `floor` names the contestant that ratios are over. */
export const render = (
  name: string,
  workload: Workload,
  measured: ReadonlyMap<string, { readonly title: string; readonly rounds: Rounds }>,
  floor: string
): string => {
  const figures = Object.entries(workload.figures)
  const lines = [
    `### ${name}: ${workload.title}`,
    "",
    `| | ${figures.map(([, { title, unit }]) => `${title} (${unit})`).join(" | ")} |`,
    `| --- |${figures.map(() => " ---: |").join("")}`
  ]
  const bottom = measured.get(floor)?.rounds ?? []
  for (const [contestant, { rounds, title }] of measured) {
    const cells = figures.map(([figure]) => {
      const value = of(rounds, figure)
      const base = of(bottom, figure)
      if (value === undefined || !Number.isFinite(value)) return "–"
      return contestant === floor || base === undefined ? short(value) : `${short(value)} (${short(value / base)}×)`
    })
    lines.push(`| ${title} | ${cells.join(" | ")} |`)
  }
  return lines.join("\n")
}
