/**
 * Puts findings into words: the survey's numbers as sentences, the search's best lines as quotations with file and
 * line, and the answer and report made of both. Pure.
 */
import * as Matches from "./Matches.ts"
import type { Found, Passage } from "./ReadTools.ts"
import type { Survey } from "./SurveyTools.ts"
import * as Text from "../text/Text.ts"

/** The longest quotation, in characters. */
const quotation = 280

/** The number of quotations in a reader's answer. */
const quotations = 4

/** The number of quotations that the final answer repeats. */
const clearestLines = 3

/** A survey in sentences. */
export const survey = ({ bytes, files, folders, kinds, largest, skipped, truncated }: Survey): string => {
  if (files === 0) return `The folder holds no files${folders === 0 ? "" : ` in ${Text.counted(folders, "folder")}`}.`
  const byKind = kinds.map(({ kind, ...one }) => `${kind} ${Text.counted(one.files, "file")} (${Text.size(one.bytes)})`)
  const large = largest.map(({ bytes: each, file }) => `${file} (${Text.size(each)})`)
  return [
    `There ${files === 1 ? "is" : "are"} ${truncated ? "more than " : ""}${Text.counted(files, "file")} in ${Text.counted(folders, "folder")}, ` +
      `${Text.size(bytes)} in all.`,
    `By size: ${byKind.join(", ")}.`,
    `The largest: ${large.join(", ")}.`,
    passedOver(skipped)
  ]
    .filter((sentence) => sentence !== "")
    .join("\n")
}

const passedOver = ({ links, passedOver: folders, secrets, special, unreadable }: Survey["skipped"]): string => {
  const parts = [
    [folders, "folder such as node_modules", "folders such as node_modules"],
    [links, "link"],
    [secrets, "entry that may hold secrets", "entries that may hold secrets"],
    [unreadable, "unreadable entry", "unreadable entries"],
    [special, "entry that is not a file", "entries that are not files"]
  ] as const
  const said = parts.filter(([amount]) => amount > 0).map(([amount, one, many]) => Text.counted(amount, one, many))
  return said.length === 0 ? "" : `Not counted: ${said.join(", ")}.`
}

/** The results of a search, in a sentence. */
export const hits = ({ files, lines, searched, terms, truncated }: Found): string => {
  const each = terms.map((term) => `“${term.term}” ${Text.count(term.lines)}`)
  return (
    `${Text.counted(lines, "line")} in ${Text.counted(files, "file")} of ${Text.count(searched)} searched` +
    `${truncated ? " (there are more)" : ""}: ${each.join(", ")}.`
  )
}

/** The matches to quote, the best first. A line that only repeats the question is not an answer to it. */
export const quotable = ({ matches }: Found, question: string): ReadonlyArray<Matches.Match> => {
  const asked = plain(question)
  return matches.filter(({ text }) => asked === "" || !plain(text).includes(asked)).slice(0, quotations)
}

const plain = (text: string): string =>
  text
    .toLowerCase()
    .replace(/[^\p{L}\p{N}]+/gu, " ")
    .trim()

/** The lines around a match, so that whole sentences can be quoted. */
export const around = ({ file, line }: Matches.Match) => ({ file, from: Math.max(1, line - 4), to: line + 5 })

/** The search results in words, with quotations from the lines around the best matches. */
export const quotes = (found: Found, question: string, read: ReadonlyArray<Passage>): string => {
  const skipped = notSearched(found)
  if (found.lines === 0) {
    const terms = found.terms.map(({ term }) => `“${term}”`).join(", ")
    return `None of ${terms} is in the ${Text.counted(found.searched, "text file")}.${skipped}`
  }
  const lines = quotable(found, question).map((match) => {
    const passage = read.find(
      ({ file, from, lines: shown }) => file === match.file && from <= match.line && match.line < from + shown.length
    )
    return { ...match, words: passage === undefined ? bare(match.text) : sentence(passage, match.line) }
  })
  // Adjacent lines can be part of the same sentence.
  const each = lines.filter(({ words }, index) => lines.findIndex((other) => other.words === words) === index)
  return [`${hits(found)}${skipped}`, ...each.map(({ file, line, words }) => `- ${file}:${line} “${words}”`)].join("\n")
}

const notSearched = ({ skipped: { notText, tooLarge, unreadable } }: Found): string => {
  const parts = [
    [notText, "that is not text", "that are not text"],
    [tooLarge, "that is too large", "that are too large"],
    [unreadable, "that cannot be read", "that cannot be read"]
  ] as const
  const said = parts.filter(([amount]) => amount > 0).map(([amount, one, many]) => Text.counted(amount, one, many))
  return said.length === 0 ? "" : ` Left out: ${said.join(", ")}.`
}

/** A folder's introduction: its first heading, and the first paragraph of text. */
export const introduction = (passage: Passage): string => {
  const { file, from, lines } = passage
  const heading = lines.find((line) => line.startsWith("# "))
  const start = lines.findIndex((line) => /^[\p{L}*_“"`[]/u.test(line) && line.length > 20)
  const opening = start === -1 ? "" : sentence(passage, from + start)
  const said = [heading?.slice(2).trim(), opening].filter((part) => part !== undefined && part !== "").join(": ")
  return said === "" ? `${file} says nothing about it.` : `- ${file}:${from + Math.max(0, start)} “${said}”`
}

/** The text at `line`: in prose and in comments the sentence around it and what follows, else that line. */
const sentence = ({ file, from, lines }: Passage, line: number): string => {
  const at = line - from
  const own = lines[at] ?? ""
  const inComment = Matches.isComment(own)
  if (!inComment && !Matches.isProse(file)) return Text.shorten(bare(own), quotation)
  const ends = (text: string) =>
    bare(text) === "" || (inComment ? !Matches.isComment(text) : /^\s*(#|\||```|>)/.test(text))
  const starts = (text: string) => /^([-*+]|\d+\.)\s/.test((inComment ? uncommented(text) : text).trim())
  let first = at
  while (first > 0 && !starts(lines[first] ?? "") && !ends(lines[first - 1] ?? "")) first--
  const more = lines.slice(at + 1)
  const end = more.findIndex((text) => ends(text) || starts(text))
  const before = lines.slice(first, at).map(bare).join(" ")
  const begun = /^.*[.:!?] /.exec(before)?.[0].length ?? 0
  const rest = [own, ...more.slice(0, end === -1 ? undefined : end)].map(bare).join(" ")
  return Text.shorten(`${before.slice(begun)} ${rest}`.trim(), quotation)
}

const uncommented = (line: string): string => line.replace(/^\s*(\/\*\*?|\*\/|\*|\/\/+|#+)(\s+|$)/, "")

/** A line without the marks of a comment, a heading or a list. */
const bare = (line: string): string =>
  uncommented(line)
    .replace(/^\s*[-+>]\s+/, "")
    .replace(/\s*\*\/\s*$/, "")
    .trim()

export interface Findings {
  readonly question: string
  /** The reader's answer. */
  readonly reading: string
  /** The surveyor's answer. */
  readonly survey: string
}

/** The answer to the question: the best lines, and the survey in a sentence. The report contains everything. */
export const answer = ({ reading, survey: surveyed }: Findings): string => {
  const lines = reading.split("\n")
  const clearest = lines.filter((line) => line.startsWith("- ")).slice(0, clearestLines)
  const rest = lines.filter((line) => !line.startsWith("- "))
  return [
    ...(clearest.length === 0 ? [] : ["The clearest words on it:"]),
    ...clearest,
    ...rest,
    surveyed.split("\n")[0]
  ].join("\n")
}

/** The answer as a Markdown file. */
export const report = ({
  author,
  question,
  reading,
  survey: surveyed
}: Findings & { readonly author: string }): string =>
  [
    `# ${question.replace(/\s+/g, " ")}`,
    `Written by ${author}.`,
    "## What the files say",
    reading.replace("\n- ", "\n\n- "),
    "## What is there",
    surveyed.split("\n").join("\n\n"),
    ""
  ].join("\n\n")
