/**
 * The line that a person types: keys in, text and cursor out, with a history and pasted text. Pure; what a line means is decided
 * elsewhere.
 */
import { displayWidth } from "effect/cli/CliOutput"

/** A key as a terminal reports it. */
export interface Key {
  /** What it types, if anything. */
  readonly input: string | undefined
  readonly name: string
  readonly ctrl: boolean
  readonly meta: boolean
}

export interface Line {
  readonly text: string
  /** Before which character the cursor stands, in UTF-16 units, never within one. */
  readonly cursor: number
  /** Lines entered before, the oldest first. */
  readonly history: ReadonlyArray<string>
  /** Which line of the history is shown; absent: the one that is typed. */
  readonly shown: number | undefined
  /** What was typed before the history was opened. */
  readonly typed: string
  readonly isPasting: boolean
}

export const empty: Line = { text: "", cursor: 0, history: [], shown: undefined, typed: "", isPasting: false }

/** What a key did besides changing the line. */
export type Done =
  | { readonly _tag: "Edited" }
  | { readonly _tag: "Entered"; readonly text: string }
  | { readonly _tag: "Interrupted" }
  /** Ctrl-D on an empty line. */
  | { readonly _tag: "Left" }

const edited: Done = { _tag: "Edited" }

const mostHistory = 200

const segmenter = new Intl.Segmenter(undefined, { granularity: "grapheme" })

const before = (text: string, at: number): number => {
  const found = [...segmenter.segment(text.slice(0, at))].at(-1)
  return found === undefined ? 0 : found.index
}

const after = (text: string, at: number): number => {
  const [found] = segmenter.segment(text.slice(at))
  return found === undefined ? text.length : at + found.segment.length
}

const wordBefore = (text: string, at: number): number => /\S*\s*$/.exec(text.slice(0, at))?.index ?? 0

// oxlint-disable-next-line no-control-regex -- they are what is taken out
const controls = /[\u0000-\u001f\u007f-\u009f]/g

/** Replaces what stands between two places. */
const splice = (line: Line, from: number, to: number, text: string): Line => ({
  ...line,
  text: line.text.slice(0, from) + text + line.text.slice(to),
  cursor: from + text.length
})

const insert = (line: Line, text: string): Line => splice(line, line.cursor, line.cursor, text)

/** The line with other text, the cursor at its end. */
export const withText = (line: Line, text: string): Line => ({ ...line, text, cursor: text.length, shown: undefined })

const recall = (line: Line, step: -1 | 1): Line => {
  const at = (line.shown ?? line.history.length) + step
  if (at < 0 || at > line.history.length) return line
  const typed = line.shown === undefined ? line.text : line.typed
  const text = at === line.history.length ? typed : (line.history[at] ?? "")
  return { ...line, text, cursor: text.length, typed, shown: at === line.history.length ? undefined : at }
}

/** What a key does to the line. */
export const press = (line: Line, key: Key): readonly [Line, Done] => {
  const { ctrl, input, meta, name } = key
  if (name === "paste-start" || name === "paste-end") return [{ ...line, isPasting: name === "paste-start" }, edited]
  const isEnter = name === "return" || name === "enter"
  if (line.isPasting) {
    const text = isEnter || name === "tab" ? " " : (input ?? "").replace(controls, "")
    return [insert(line, text), edited]
  }
  if (isEnter) {
    const { history, text } = line
    const kept = text.trim() === "" || text === history.at(-1) ? history : [...history, text].slice(-mostHistory)
    return [
      { ...empty, history: kept },
      { _tag: "Entered", text }
    ]
  }
  const { cursor, text } = line
  if (ctrl) {
    switch (name) {
      case "c":
        return [line, { _tag: "Interrupted" }]
      case "d":
        return text === "" ? [line, { _tag: "Left" }] : [splice(line, cursor, after(text, cursor), ""), edited]
      case "a":
        return [{ ...line, cursor: 0 }, edited]
      case "e":
        return [{ ...line, cursor: text.length }, edited]
      case "u":
        return [splice(line, 0, cursor, ""), edited]
      case "k":
        return [{ ...line, text: text.slice(0, cursor) }, edited]
      case "w":
        return [splice(line, wordBefore(text, cursor), cursor, ""), edited]
      case "left":
        return [{ ...line, cursor: wordBefore(text, cursor) }, edited]
      default:
        return [line, edited]
    }
  }
  switch (name) {
    case "backspace":
      return [splice(line, meta ? wordBefore(text, cursor) : before(text, cursor), cursor, ""), edited]
    case "delete":
      return [{ ...splice(line, cursor, after(text, cursor), ""), cursor }, edited]
    case "left":
      return [{ ...line, cursor: before(text, cursor) }, edited]
    case "right":
      return [{ ...line, cursor: after(text, cursor) }, edited]
    case "home":
      return [{ ...line, cursor: 0 }, edited]
    case "end":
      return [{ ...line, cursor: text.length }, edited]
    case "up":
      return [recall(line, -1), edited]
    case "down":
      return [recall(line, 1), edited]
    case "tab":
      return [line, edited]
    default: {
      const typed = meta ? "" : (input ?? "").replace(controls, "")
      return [typed === "" ? line : insert(line, typed), edited]
    }
  }
}

/** The line in rows of `columns`, behind a prompt, and where the cursor stands in them. */
export const layout = (
  { cursor, text }: Pick<Line, "cursor" | "text">,
  prompt: string,
  columns: number
): { readonly rows: ReadonlyArray<string>; readonly row: number; readonly column: number } => {
  const rows = [prompt]
  let used = displayWidth(prompt)
  let place = { row: 0, column: used }
  for (const { index, segment } of segmenter.segment(text)) {
    const wide = displayWidth(segment)
    // One column stays free: a terminal would break a full row by itself.
    if (used + wide > columns - 1 && used > 0) {
      rows.push("")
      used = 0
    }
    if (index === cursor) place = { row: rows.length - 1, column: used }
    rows[rows.length - 1] += segment
    used += wide
  }
  return cursor >= text.length ? { rows, row: rows.length - 1, column: used } : { rows, ...place }
}
