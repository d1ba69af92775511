/**
 * Identifiers as text columns hold them. An identifier may be any string, also one that no database takes as text: with a NUL
 * in it, or half a surrogate pair. Those are kept as their JSON, behind a mark that no other column text begins with.
 */
import * as Schema from "effect/Schema"

const escaped = "\u0001"
const decodeText = Schema.decodeUnknownSync(Schema.fromJsonString(Schema.String))

/** The text that stands for `id` in a column; a different one for each. */
export const encode = (id: string): string =>
  id.isWellFormed() && !id.includes("\0") && !id.startsWith(escaped) ? id : escaped + JSON.stringify(id)

/** The identifier that a column's text stands for. */
export const decode = (column: unknown): string => {
  const text = String(column)
  return text.startsWith(escaped) ? decodeText(text.slice(escaped.length)) : text
}
