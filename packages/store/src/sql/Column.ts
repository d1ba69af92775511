/**
 * Stores identifiers in text columns. An identifier may be any string, including those that databases reject as text:
 * with a NUL, or with half a surrogate pair. Those are stored as JSON, after a prefix that no other identifier's value
 * begins with. What the store itself notes in such a column is a mark: text that is no JSON, after the same prefix, so that
 * no identifier of a program is taken for it.
 */
import * as Option from "effect/Option"
import * as Schema from "effect/Schema"

const escaped = "\u0001"
const decodeText = Schema.decodeUnknownOption(Schema.fromJsonString(Schema.String))

/** The column value of `id`; unique per id. */
export const encode = (id: string): string =>
  id.isWellFormed() && !id.includes("\0") && !id.startsWith(escaped) ? id : escaped + JSON.stringify(id)

/** The column value of a note of the store's own, which is no identifier's. `words`: begin with a letter. */
export const mark = (words: string): string => escaped + words

/** Whether a column value is a mark. */
export const isMark = (column: string): boolean => column.startsWith(escaped) && column[escaped.length] !== '"'

/** The identifier of a column value. A damaged one is returned unchanged: it must not hide other rows. */
export const decode = (column: unknown): string => {
  const text = String(column)
  return text.startsWith(escaped) ? Option.getOrElse(decodeText(text.slice(escaped.length)), () => text) : text
}
