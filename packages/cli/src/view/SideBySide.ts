/** Two values beside each other, or one below the other where there is no room. Pure. */
import type { Json } from "@reins/protocol"
import * as Style from "../text/Style.ts"
import * as Text from "../text/Text.ts"

/** The least width of two columns; below that they are shown one below the other. */
const leastColumns = 50

/** The width where lines may have any length. */
const usualColumns = 120

/** How many lines of a value are shown. */
const most = 16

/** A value as text: a string as it is, anything else as JSON. */
const textOf = (value: Json | undefined): string => {
  if (value === undefined) return "(nothing)"
  return typeof value === "string" ? value : JSON.stringify(value, null, 2)
}

const linesOf = (value: Json | undefined, width: number): ReadonlyArray<string> => {
  const all = Text.lines(Text.harmless(textOf(value))).flatMap((line) => Style.fold(line, width))
  return all.length <= most ? all : [...all.slice(0, most - 1), `… ${Text.counted(all.length - most + 1, "more line")}`]
}

/** A side: its title and its value. */
export interface Side {
  readonly title: string
  readonly value: Json | undefined
}

/** The lines of both sides. */
export const lines = (left: Side, right: Side, look: Style.Look): ReadonlyArray<string> => {
  const columns = Math.min(look.columns ?? usualColumns, usualColumns)
  if (look.plain || columns < leastColumns) {
    return [left, right].flatMap(({ title, value }) => [
      `${title}:`,
      ...linesOf(value, Math.max(10, columns - 2)).map((line) => `  ${line}`)
    ])
  }
  const width = Math.floor((columns - 5) / 2)
  const [before, after] = [linesOf(left.value, width), linesOf(right.value, width)]
  const row = (one: string, other: string) => `  ${Style.pad(one, width)} │ ${other}`.trimEnd()
  return [
    Style.paint(look, "dim", row(left.title, right.title)),
    ...Array.from({ length: Math.max(before.length, after.length) }, (_, index) =>
      row(before[index] ?? "", after[index] ?? "")
    )
  ]
}
