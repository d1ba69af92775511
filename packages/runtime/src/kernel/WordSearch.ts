/**
 * Finds short texts by words: how a text is divided into words, and how texts are ranked for a query (BM25, by
 * MiniSearch). Stores of memories divide by the same rule, so that all of them find the same.
 */
import MiniSearch from "minisearch"

/** A longer word is cut: full-text indexes of databases have limits of their own. */
const longest = 64

/** How many different words of a query count. */
const mostAsked = 64

/** Scripts that put no spaces between words: their text is divided into pairs of letters. */
const unspaced =
  /[\p{Script=Han}\p{Script=Hiragana}\p{Script=Katakana}\p{Script=Thai}\p{Script=Lao}\p{Script=Khmer}\p{Script=Myanmar}]/u
const runs = new RegExp(`${unspaced.source}+|(?:(?!${unspaced.source})[\\p{L}\\p{N}\\p{M}])+`, "gu")

const pairsOf = (letters: ReadonlyArray<string>): ReadonlyArray<string> =>
  letters.length < 3 ? [letters.join("")] : letters.slice(1).map((letter, index) => `${letters[index] ?? ""}${letter}`)

/**
 * The words of a text in their order: letters and digits without case and without accents. Nothing else of a text is in
 * them, so they need no quoting anywhere.
 *
 * @since 0.1.0
 * @category operations
 */
export const wordsOf = (text: string): ReadonlyArray<string> =>
  (
    text
      .normalize("NFKD")
      .replace(/[\u0300-\u036f]+/g, "")
      .normalize("NFKC")
      .toLowerCase()
      .match(runs) ?? []
  ).flatMap((run) => (unspaced.test(run) ? pairsOf([...run]) : [[...run].slice(0, longest).join("")]))

/**
 * The different words of a query, at most 64 of them.
 *
 * @since 0.1.0
 * @category operations
 */
export const askedWords = (query: string): ReadonlyArray<string> => [...new Set(wordsOf(query))].slice(0, mostAsked)

/**
 * Letters that are words alone, and pairs of syllables: what follows them may be a particle. A single kana is no word: it is
 * what is left before the mark of a long vowel, which divides words.
 */
const short = /^(?:\p{Script=Han}|\p{Script=Hangul}{2})/u

/**
 * Whether a word of a query also stands for longer words that begin with it: from three letters on, in Korean from two, and
 * a single Chinese letter, also in Japanese, for the pairs that it begins.
 *
 * @since 0.1.0
 * @category guards
 */
export const isPrefix = (word: string): boolean => word.length >= 3 || short.test(word)

/**
 * A text to find, in named parts: `title` counts twice.
 *
 * @since 0.1.0
 * @category models
 */
export interface Document {
  readonly id: string
  readonly title?: string | undefined
  readonly text: string
}

/**
 * An index of texts.
 *
 * @since 0.1.0
 * @category models
 */
export interface Index {
  /** The texts that have a word of the query, with their scores, the best first; equal ones in the order of their ids. */
  readonly search: (query: string) => ReadonlyArray<{ readonly id: string; readonly score: number }>
}

/**
 * An index of these texts; their ids must differ. `fuzzy`: whether a longer word may differ in a letter or two.
 *
 * @since 0.1.0
 * @category constructors
 */
export const index = (documents: Iterable<Document>, { fuzzy = false }: { readonly fuzzy?: boolean } = {}): Index => {
  const all = new MiniSearch<Document>({
    fields: ["title", "text"],
    tokenize: (text) => [...wordsOf(text)],
    processTerm: (word) => word
  })
  all.addAll([...documents])
  return {
    search: (query) =>
      all
        .search(askedWords(query).join(" "), {
          prefix: isPrefix,
          boost: { title: 2 },
          ...(fuzzy ? { fuzzy: (word: string) => (word.length > 4 ? 0.2 : false) } : {})
        })
        .map(({ id, score }) => ({ id: String(id), score }))
        .toSorted((a, b) => b.score - a.score || (a.id < b.id ? -1 : 1))
  }
}
