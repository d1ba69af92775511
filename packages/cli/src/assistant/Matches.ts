/** Finds terms in a text, and ranks matching lines by how well they can be quoted. Pure. */
import * as Text from "../text/Text.ts"

/** A line with at least one of the terms. */
export interface Match {
  readonly file: string
  /** From 1. */
  readonly line: number
  readonly text: string
  readonly terms: ReadonlyArray<string>
}

/** The longest line that is returned, in characters. */
const lineLength = 240

/** The most lines of one file among the best. */
const perFile = 2

/** A short term matches only as a word, or "run" would match "truncate"; its plural matches too. */
const shortTerm = 4

/** Finds terms regardless of case. */
export const finder = (terms: ReadonlyArray<string>) => {
  const patterns = terms.map((term): readonly [string, RegExp] => {
    const literal = term.replace(/[.*+?^${}()|[\]\\]/g, "\\$&")
    return [
      term,
      new RegExp([...term].length > shortTerm ? literal : `(?<![\\p{L}\\p{N}])${literal}(?!\\p{L}{2})`, "iu")
    ]
  })
  return (file: string, text: string): ReadonlyArray<Match> =>
    Text.lines(text).flatMap((line, index) => {
      const found = patterns.filter(([, pattern]) => pattern.test(line)).map(([term]) => term)
      return found.length === 0
        ? []
        : [{ file, line: index + 1, text: Text.shorten(line.trim(), lineLength), terms: found }]
    })
}

/** The best matches to quote, the best first, few of each file. */
export const best = (matches: ReadonlyArray<Match>, limit: number): ReadonlyArray<Match> => {
  const taken = new Map<string, number>()
  return matches
    .map((match) => ({ match, worth: worth(match) }))
    .toSorted((a, b) => b.worth - a.worth || compare(a.match.file, b.match.file) || a.match.line - b.match.line)
    .filter(({ match }) => {
      const before = taken.get(match.file) ?? 0
      taken.set(match.file, before + 1)
      return before < perFile
    })
    .slice(0, limit)
    .map(({ match }) => match)
}

const compare = (a: string, b: string) => (a < b ? -1 : a > b ? 1 : 0)

/** Lines with several terms first, long terms before short; then prose and comments before code. */
const worth = ({ file, terms, text }: Match): number =>
  terms.reduce((sum, term) => sum + 4 + Math.min([...term].length, 8), 0) +
  (isProse(file) ? 6 : isComment(text) ? 4 : -8) +
  (/[.:!?…]$/.test(text) ? 1 : 0) -
  (/(^|[./_-])(test|tests|spec|lock|min)[./_-]/i.test(file) ? 8 : 0) -
  // Lists of names and tables mention everything and explain little.
  ((text.match(/[`|]/g)?.length ?? 0) > 4 ? 8 : 0) -
  (text.length >= lineLength || text.length < 20 ? 6 : 0) -
  Math.min(file.split("/").length, 5)

/** A line that starts with a comment mark, in most languages. */
export const isComment = (line: string): boolean => /^\s*(\/\*\*?|\*|\/\/|#|--|;)(\s|$)/.test(line)

/** Files that are written for people. */
export const isProse = (file: string): boolean => /\.(md|mdx|txt|rst|adoc|org)$|(^|\/)[A-Z]{4,}$/.test(file)
