/**
 * Which package may import which.
 *
 * Read from the table in `ARCHITECTURE.md`, so that the documented rule is the enforced one. Without that page the
 * table below applies.
 */
import * as Repository from "./Repository.ts"

export interface Layer {
  /** 0 for the lowest layer. */
  readonly level: number
  /** Names of the packages it may import. */
  readonly mayImport: ReadonlyArray<string>
}

export type Layers = ReadonlyMap<string, Layer>

const all = ["protocol", "runtime", "wire", "models", "store", "server", "cli"]

const byDesign: Layers = new Map([
  ["protocol", { level: 0, mayImport: [] }],
  ["runtime", { level: 1, mayImport: ["protocol"] }],
  ["wire", { level: 1, mayImport: ["protocol"] }],
  ["models", { level: 2, mayImport: ["protocol", "runtime"] }],
  ["store", { level: 2, mayImport: ["protocol", "runtime"] }],
  ["server", { level: 2, mayImport: ["protocol", "runtime", "wire"] }],
  ["cli", { level: 3, mayImport: all.filter((name) => name !== "cli") }]
])

/**
 * Parses the table with the columns `layer`, `package` and `may import` in a Markdown text. Undefined when there is
 * none. A cell of `may import` that says `all` means every other package; other words are ignored.
 */
export const parse = (markdown: string): Layers | undefined => {
  const rows = markdown
    .split("\n")
    .filter((line) => line.trim().startsWith("|"))
    .map((line) => line.trim().split("|").slice(1, -1))
    .map((cells) => cells.map((cell) => cell.trim()))
  const head = rows.findIndex((cells) => cells.includes("package") && cells.includes("may import"))
  const columns = rows[head]
  if (columns === undefined) return undefined
  const cell = (row: ReadonlyArray<string>, column: string) => row[columns.indexOf(column)] ?? ""
  const body = rows.slice(head + 2).filter((row) => /^L\d$/.test(cell(row, "layer")))
  const names = body.map((row) => words(cell(row, "package"))[0] ?? "")
  return new Map(
    body.map((row, index) => {
      const allowed = cell(row, "may import")
      const own = names[index] ?? ""
      const mayImport = names.filter(
        (name) => name !== own && (/^all\b/.test(allowed) || words(allowed).includes(name))
      )
      return [own, { level: Number(cell(row, "layer").slice(1)), mayImport }]
    })
  )
}

/** The words of a cell, without their backticks and their scope. */
const words = (cell: string): ReadonlyArray<string> =>
  cell
    .replaceAll("@reins/", "")
    .split(/[^a-z-]+/)
    .filter((word) => word !== "")

export const isPublished = Repository.has("ARCHITECTURE.md")

export const layers: Layers = (isPublished ? parse(Repository.text("ARCHITECTURE.md")) : byDesign) ?? new Map()
