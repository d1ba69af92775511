/**
 * Splits a request's target into its path and its query. Nothing is joined, resolved or normalized: a path that is not
 * exactly a known one is unknown.
 */
import * as Option from "effect/Option"
import * as Schema from "effect/Schema"
import * as IdText from "../run/IdText.ts"

export interface Target {
  readonly path: string
  readonly query: { readonly [name: string]: string }
}

/** When a query parameter is repeated, the first one counts. */
export const parse = (url: string): Target => {
  const behind = url.replace(/^[a-z]+:\/\/[^/]*/i, "")
  const hash = behind.indexOf("#")
  const whole = hash < 0 ? behind : behind.slice(0, hash)
  const mark = whole.indexOf("?")
  const query: Record<string, string> = Object.create(null)
  if (mark >= 0) {
    for (const [name, value] of new URLSearchParams(whole.slice(mark + 1))) query[name] = query[name] ?? value
  }
  return { path: mark < 0 ? whole : whole.slice(0, mark), query }
}

const decode = Schema.decodeUnknownOption(Schema.StringFromUriComponent)

/** Decoded path parameters; `undefined` when one is not a valid id. */
export const params = (raw: { readonly [name: string]: string }): { readonly [name: string]: string } | undefined => {
  const decoded: Record<string, string> = {}
  for (const [name, text] of Object.entries(raw)) {
    const value = text.length > IdText.maxLength * 9 ? Option.none() : decode(text)
    if (Option.isNone(value) || !IdText.isName(value.value)) return undefined
    decoded[name] = value.value
  }
  return decoded
}
