/**
 * Markdown as it is streamed: each line of it as lines for a terminal, as soon as it is complete. Headings, emphasis, code, lists,
 * quotations, links and fenced blocks are shown; everything else stays as it is written. Pure.
 */
import { displayWidth } from "effect/cli/CliOutput"
import * as Style from "./Style.ts"
import * as Text from "./Text.ts"

/** What must be known of the lines before: the fence of an open code block. */
export interface State {
  readonly fence: string | undefined
}

export const start: State = { fence: undefined }

/** Longer lines are taken in pieces, in characters: marks are looked for within one. */
const longest = 2000

/** A piece of text in one style. */
interface Span {
  readonly text: string
  readonly style: Style.Colour | undefined
}

/** The lines for one line of Markdown, no wider than `width`, and the state after it. */
export const line = (
  state: State,
  source: string,
  width: number,
  look: Style.Look
): { readonly lines: ReadonlyArray<string>; readonly state: State } => {
  const fence = /^ {0,3}(`{3,}|~{3,})/.exec(source)?.[1]
  if (state.fence !== undefined) {
    const isEnd = fence !== undefined && fence.startsWith(state.fence) && source.trim() === fence
    if (isEnd) return { lines: [], state: start }
    const lines = Text.pieces(source, longest).flatMap((piece) => folded(`  ${piece}`, width))
    return { lines: lines.map((each) => Style.paint(look, "cyan", each)), state }
  }
  if (fence !== undefined) return { lines: [], state: { fence } }
  return { lines: Text.pieces(source, longest).flatMap((piece) => block(piece, width, look)), state }
}

const block = (source: string, width: number, look: Style.Look): ReadonlyArray<string> => {
  if (source.trim() === "") return [""]
  const heading = /^ {0,3}#{1,6} +(.*?)(?: +#+)? *$/.exec(source)?.[1]
  if (heading !== undefined) {
    return wrapped([{ text: bare(heading), style: "bold" }], width, "", look)
  }
  if (/^ {0,3}([-*_])( *\1){2,} *$/.test(source)) return [Style.paint(look, "dim", "─".repeat(Math.min(width, 20)))]
  const [, indent = "", mark = "", rest = source] = /^(\s*)([-*+]|\d{1,9}[.)]|>) +(.*)$/.exec(source) ?? []
  const sign = mark === "" ? "" : /^[-*+]$/.test(mark) ? (look.plain ? "- " : "• ") : mark === ">" ? "> " : `${mark} `
  const lead = `${mark === "" ? (/^ */.exec(source)?.[0] ?? "") : indent.replaceAll("\t", "  ")}${sign}`
  return wrapped(spans(mark === "" ? source.trimStart() : rest), width, lead, look)
}

/** Text without the marks of emphasis and code. */
const bare = (source: string): string =>
  spans(source)
    .map(({ text }) => text)
    .join("")

const inline =
  /(`+)(.+?)\1(?!`)|(\*\*|__)(?=\S)(.+?\S|\S)\3|(?<![\w*])([*_])(?=\S)([^*_]+?)\5(?![\w*])|\[([^\]]+)\]\(([^)\s]+)\)/g

/** A line's text by style. A mark without its partner stays as it is written. */
export const spans = (source: string): ReadonlyArray<Span> => {
  const out: Array<Span> = []
  let from = 0
  for (const found of source.matchAll(inline)) {
    const [all, ticks, code, strong, bold, , slanted, label, target] = found
    if (found.index > from) out.push({ text: source.slice(from, found.index), style: undefined })
    if (ticks !== undefined) out.push({ text: code ?? "", style: "cyan" })
    else if (strong !== undefined) out.push({ text: bold ?? "", style: "bold" })
    else if (slanted !== undefined) out.push({ text: slanted, style: "italic" })
    else out.push({ text: label === target ? (label ?? "") : `${label} (${target})`, style: undefined })
    from = found.index + all.length
  }
  if (from < source.length) out.push({ text: source.slice(from), style: undefined })
  return out
}

const folded = (text: string, width: number): ReadonlyArray<string> => {
  if (displayWidth(text) <= width) return [text]
  const { lines, rest } = Style.wrap(text, width)
  return [...lines, rest]
}

/** Breaks spans between words into lines that fit; further lines are indented like the text of the first. */
const wrapped = (all: ReadonlyArray<Span>, width: number, lead: string, look: Style.Look): ReadonlyArray<string> => {
  const room = Math.max(1, width - displayWidth(lead))
  const lines: Array<string> = []
  let current = ""
  let used = 0
  // The space before the next word, which a line neither begins nor ends with.
  let space = ""
  const flush = () => {
    lines.push(current)
    current = ""
    used = 0
  }
  for (const { style, text } of all) {
    const show = (piece: string) => (style === undefined ? piece : Style.paint(look, style, piece))
    for (const word of text.match(/\s+|\S+/g) ?? []) {
      if (word.trim() === "") {
        space = used === 0 && lines.length > 0 ? "" : word
        continue
      }
      const wide = displayWidth(space) + displayWidth(word)
      if (used + wide <= room) {
        current += space + show(word)
        used += wide
      } else {
        if (used > 0) flush()
        const pieces = folded(word, room)
        lines.push(...pieces.slice(0, -1).map(show))
        current = show(pieces.at(-1) ?? "")
        used = displayWidth(pieces.at(-1) ?? "")
      }
      space = ""
    }
  }
  if (used > 0 || lines.length === 0) flush()
  const hang = " ".repeat(displayWidth(lead))
  return lines.map((each, index) => `${index === 0 ? lead : hang}${each}`.trimEnd())
}
