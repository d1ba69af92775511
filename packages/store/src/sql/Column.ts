/**
 * Stores identifiers in text columns. An identifier may be any string, including those that databases reject as text:
 * with a NUL, or with half a surrogate pair. Those are stored as JSON, after a prefix that no other column value begins
 * with.
 */
import * as Option from "effect/Option"
import * as Schema from "effect/Schema"

const escaped = "\u0001"
const decodeText = Schema.decodeUnknownOption(Schema.fromJsonString(Schema.String))

/** The column value of `id`; unique per id. */
export const encode = (id: string): string =>
  id.isWellFormed() && !id.includes("\0") && !id.startsWith(escaped) ? id : escaped + JSON.stringify(id)

/** The identifier of a column value. A damaged one is returned unchanged: it must not hide other rows. */
export const decode = (column: unknown): string => {
  const text = String(column)
  return text.startsWith(escaped) ? Option.getOrElse(decodeText(text.slice(escaped.length)), () => text) : text
}
