/**
 * Text from outside: detects text files, and shows foreign strings on a terminal without executing their control
 * sequences.
 */
import * as Option from "effect/Option"

/** How far into a file a zero byte marks it as binary. */
const sniffed = 8192

const utf8 = Option.liftThrowable((bytes: Uint8Array) => new TextDecoder("utf-8", { fatal: true }).decode(bytes))

/** The text of a file's bytes, or `undefined` for binary data: a zero byte, or invalid UTF-8. */
export const decode = (bytes: Uint8Array): string | undefined =>
  bytes.subarray(0, sniffed).includes(0) ? undefined : Option.getOrUndefined(utf8(bytes))

export const lines = (text: string): ReadonlyArray<string> => text.split(/\r\n|\n|\r/)

// Control characters drive terminals; direction marks change how a line reads; invisible characters make two different texts
// look alike. The joiners U+200C and U+200D stay between letters and pictures, which need them.
const controls =
  // oxlint-disable-next-line no-control-regex, no-misleading-character-class -- they are what is looked for
  /[\u0000-\u0009\u000b-\u001f\u007f-\u009f\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180e\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f\u2800\u3164\ufeff\uffa0\ufff9-\ufffb\u{e0000}-\u{e007f}]|(?<![^\u0000-\u00ff])[\u200c\u200d]|[\u200c\u200d](?![^\u0000-\u00ff])/gu

/** The text with all control and invisible characters replaced. Line ends stay. */
export const harmless = (text: string): string =>
  text.replaceAll("\r\n", "\n").replace(controls, (found) => (found === "\t" ? "  " : "\u{fffd}"))

/** At most `length` characters, with an ellipsis where some are missing. Never splits a character. */
export const shorten = (text: string, length: number): string => {
  const characters = [...text]
  return characters.length <= length ? text : `${characters.slice(0, Math.max(0, length - 1)).join("")}…`
}

/** `1234567` as `1.2 MB`. */
export const size = (bytes: number): string => {
  const units = ["B", "kB", "MB", "GB", "TB"]
  let amount = bytes
  let unit = 0
  while (amount >= 1000 && unit < units.length - 1) {
    amount /= 1000
    unit++
  }
  return `${unit === 0 || amount >= 100 ? Math.round(amount) : amount.toFixed(1)} ${units[unit]}`
}

/** `1234567` as `1,234,567`. */
export const count = (amount: number): string => amount.toLocaleString("en-US")

/** `"1 file"`, `"2 files"`. */
export const counted = (amount: number, one: string, many = `${one}s`): string =>
  `${count(amount)} ${amount === 1 ? one : many}`

/** The text in pieces of at most `length` UTF-16 units, broken at spaces where there are any, never within a character. */
export const pieces = (text: string, length: number): ReadonlyArray<string> => {
  const out: Array<string> = []
  let from = 0
  while (text.length - from > length) {
    const space = text.lastIndexOf(" ", from + length)
    let to = space > from ? space + 1 : from + length
    if (/[\ud800-\udbff]/.test(text.charAt(to - 1))) to--
    out.push(text.slice(from, to))
    from = to
  }
  return [...out, text.slice(from)]
}
