/** Formatting: colours where wanted, aligned columns, lines that fit. Pure. */
import * as Predicate from "effect/Predicate"
import { displayWidth } from "effect/cli/CliOutput"
import * as Text from "./Text.ts"

/** Properties of the output. */
export interface Look {
  /** Absent when lines may have any length: a file, a pipe. */
  readonly columns: number | undefined
  readonly colors: boolean
  /** Whether lines may be redrawn. */
  readonly live: boolean
  /** Whether signs and drawings are left out, for screen readers. */
  readonly plain: boolean
}

const codes = { bold: 1, dim: 2, italic: 3, red: 31, green: 32, yellow: 33, blue: 34, magenta: 35, cyan: 36 }

export type Colour = keyof typeof codes

/** The text in a colour, or unchanged without colours. */
export const paint = (look: Look, colour: Colour, text: string): string =>
  look.colors && text !== "" ? `\u001b[${codes[colour]}m${text}\u001b[0m` : text

/** Most text is of such characters, and measuring the others takes time. */
const isPlain = (character: string): boolean => character >= " " && character <= "~"

/** The longest prefix of `text` that fits into `width`. */
const beginning = (text: string, width: number): string => {
  let out = ""
  let used = 0
  for (const character of text) {
    used += isPlain(character) ? 1 : displayWidth(character)
    if (used > width) break
    out += character
  }
  return out
}

/** Truncated to a width, with an ellipsis where something is missing. */
export const fit = (text: string, width: number): string =>
  displayWidth(text) <= width ? text : width < 1 ? "" : `${beginning(text, width - 1)}…`

export const pad = (text: string, width: number, side: "left" | "right" = "left"): string => {
  const space = " ".repeat(Math.max(0, width - displayWidth(text)))
  return side === "left" ? text + space : space + text
}

/** Splits `text` into full lines of `width`, broken between words where possible, and the rest. */
export const wrap = (text: string, width: number): { readonly lines: ReadonlyArray<string>; readonly rest: string } => {
  // Measuring takes time, and here nothing is ever too wide.
  if (width === Infinity) return { lines: [], rest: text }
  const lines: Array<string> = []
  let rest = text
  for (;;) {
    const room = beginning(rest, width)
    if (room.length === rest.length) return { lines, rest }
    const space = rest.slice(0, room.length + 1).lastIndexOf(" ")
    const end = space > width / 3 ? space : Math.max(1, room.length)
    lines.push(rest.slice(0, end).trimEnd())
    rest = rest.slice(end).trimStart()
  }
}

/** The text in lines that fit, each indented like its first. */
export const fold = (text: string, width: number): ReadonlyArray<string> => {
  const indent = /^ */.exec(text)?.[0] ?? ""
  const { lines, rest } = wrap(text.slice(indent.length), Math.max(1, width - indent.length))
  return [...lines, rest].map((line) => indent + line)
}

/** `done` of `total` as a bar of `width` cells. */
export const bar = (done: number, total: number, width: number): string => {
  const full = total === 0 ? 0 : Math.min(width, Math.round((done / total) * width))
  return "█".repeat(full) + "░".repeat(width - full)
}

export interface Column {
  readonly title: string
  readonly side?: "left" | "right"
  /** Left out when the table is too wide, the highest number first. 0 or absent: never left out. */
  readonly expendable?: number
}

/** A table with aligned columns that fits: columns are left out, and finally the first columns are truncated. */
export const table = (
  columns: ReadonlyArray<Column>,
  rows: ReadonlyArray<ReadonlyArray<string>>,
  look: Look
): ReadonlyArray<string> => {
  const width = (index: number) =>
    Math.max(...[columns.map((column) => column.title), ...rows].map((row) => displayWidth(row[index] ?? "")))
  let shown = columns.map((column, index) => ({ ...column, index, width: width(index) }))
  const total = () => shown.reduce((sum, column) => sum + column.width, 2 * (shown.length - 1))
  const room = look.columns ?? Infinity
  while (total() > room) {
    const most = Math.max(...shown.map(({ expendable = 0 }) => expendable))
    if (most === 0) break
    shown = shown.filter(({ expendable = 0 }) => expendable !== most)
  }
  for (const column of shown.filter(({ side }) => side !== "right").toReversed()) {
    column.width = Math.max(4, Math.min(column.width, column.width - (total() - room)))
  }
  const line = (cells: ReadonlyArray<string>) => {
    const all = shown.map(({ index, side, width: cell }) => pad(fit(cells[index] ?? "", cell), cell, side))
    return fit(all.join("  ").trimEnd(), room)
  }
  return [paint(look, "dim", line(columns.map(({ title }) => title))), ...rows.map(line)]
}

/** Milliseconds in readable units. */
export const time = (ms: number): string => {
  if (ms < 1000) return `${Math.round(ms)} ms`
  if (ms < 60_000) return `${(ms / 1000).toFixed(1)} s`
  return `${Math.floor(ms / 60_000)} min ${Math.round((ms % 60_000) / 1000)} s`
}

/** Arguments, or any JSON, on one line that fits. */
export const brief = (value: unknown, width: number): string => Text.shorten(Text.harmless(oneLine(value)), width)

const oneLine = (value: unknown): string =>
  Predicate.isReadonlyObject(value) && !Array.isArray(value)
    ? Object.entries(value)
        .map(([name, each]) => `${name}: ${JSON.stringify(each)}`)
        .join(", ")
    : JSON.stringify(value)
