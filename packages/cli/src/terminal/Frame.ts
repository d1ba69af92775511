/** Permanent lines above a few that are redrawn each time, as terminal output. Keeps only how many lines are below. */

import { displayWidth } from "effect/cli/CliOutput"

/** A picture of what is below the permanent lines. */
export interface Below {
  readonly lines: ReadonlyArray<string>
  /** Where the cursor stands, from 0: in which of the lines, and in which column. Absent: at the end of the last. */
  readonly cursor?: { readonly line: number; readonly column: number } | undefined
}

export const nothing: Below = { lines: [] }

export class Frame {
  /** In which of the redrawn lines the cursor stands, from 0; -1 when there are none. */
  private at = -1
  private shown = ""
  private below: Below = nothing

  /** The output that adds `lines`, with `below` under them. The cursor is hidden while it moves. */
  draw(lines: ReadonlyArray<string>, below: Below): string {
    const next = JSON.stringify(below)
    if (lines.length === 0 && next === this.shown) return ""
    const clear = this.at < 0 ? "" : `\r${this.at > 0 ? `\u001b[${this.at}A` : ""}\u001b[J`
    const last = below.lines.length - 1
    const { column, line } = below.cursor ?? { line: last, column: undefined }
    const back =
      column === undefined
        ? ""
        : `${line < last ? `\u001b[${last - line}A` : ""}\r${column > 0 ? `\u001b[${column}C` : ""}`
    this.shown = next
    this.below = below
    this.at = last < 0 ? -1 : line
    return `${clear}${lines.map((each) => `${each}\n`).join("")}${below.lines.join("\n")}${back}`
  }

  /** The terminal is `columns` wide now, and has broken what is below into more rows where it no longer fits. */
  resized(columns: number): void {
    if (this.at < 0) return
    const rowsOf = (width: number) => Math.max(1, Math.ceil(width / Math.max(1, columns)))
    const { cursor, lines } = this.below
    const line = cursor?.line ?? lines.length - 1
    const above = lines.slice(0, line).reduce((sum, each) => sum + rowsOf(widthOf(each)), 0)
    this.at = above + Math.floor((cursor?.column ?? widthOf(lines[line] ?? "")) / Math.max(1, columns))
    this.shown = ""
  }
}

// oxlint-disable-next-line no-control-regex -- colours have no width
const widthOf = (line: string): number => displayWidth(line.replace(/\u001b\[[0-9;]*m/g, ""))
