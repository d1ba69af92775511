/**
 * SHA-256 of a text: for ids that a replay computes again, and for comparing definitions. With the platform's own
 * function where it has one that does not wait (Node, Deno, Bun), a tenth of the cost of the one in JavaScript, which
 * is used everywhere else.
 */
import { sha256 } from "@noble/hashes/sha2.js"
import { utf8ToBytes } from "@noble/hashes/utils.js"
import * as Erased from "./Erased.ts"

/** A text's digest: 32 bytes as a string of one character a byte (`latin1`), or 64 hexadecimal digits (`hex`). */
type Hash = (algorithm: "sha256", text: string, encoding: "hex" | "latin1") => string

interface Platform {
  readonly process?: {
    readonly getBuiltinModule?: (id: "node:crypto") => { readonly hash?: Hash | undefined } | undefined
  }
}

// Any of these members may be missing. Not the process: the function depends on its text alone.
const native = Erased.as<Platform>(globalThis).process?.getBuiltinModule?.("node:crypto")?.hash

const digits = "0123456789abcdef"

/**
 * Buffers for digits as character codes, for a whole digest and for half of one. A string built digit by digit would
 * keep all its pieces in memory, and passing plain arrays is ten times faster than passing typed ones.
 */
const whole = Array.from({ length: 64 }, () => 0)
const half = Array.from({ length: 32 }, () => 0)

const put = (codes: Array<number>, index: number, byte: number): void => {
  codes[index] = digits.charCodeAt(byte >> 4)
  codes[index + 1] = digits.charCodeAt(byte & 15)
}

/** As many digits of the digest in hexadecimal as `codes` has places. */
const hexOf = (text: string, codes: Array<number>): string => {
  if (native === undefined) {
    const bytes = sha256(utf8ToBytes(text))
    for (let index = 0; index < codes.length; index += 2) put(codes, index, bytes[index / 2] ?? 0)
  } else {
    const bytes = native("sha256", text, "latin1")
    for (let index = 0; index < codes.length; index += 2) put(codes, index, bytes.charCodeAt(index / 2))
  }
  return String.fromCharCode(...codes)
}

/** 64 hexadecimal digits. */
export const sha256Hex = (text: string): string => native?.("sha256", text, "hex") ?? hexOf(text, whole)

/**
 * 16 hexadecimal digits that differ where texts differ, except by accident: for comparing what a program itself has
 * made, never for ids or against somebody who wants them to be equal. About ten times as fast as SHA-256 on long texts.
 */
export const fingerprint = (text: string): string => {
  let one = 0x811c9dc5
  let two = 0x2f6e2b1d
  for (let index = 0; index < text.length; index++) {
    const code = text.charCodeAt(index)
    one = Math.imul(one ^ code, 0x01000193)
    two = Math.imul(two ^ code, 0x5bd1e995)
    two ^= two >>> 15
  }
  return eight(one) + eight(two)
}

const eight = (value: number): string => (value >>> 0).toString(16).padStart(8, "0")

/** `prefix` and the first 32 hexadecimal digits: an id that is the same for the same text. */
export const digestId = (prefix: string, text: string): string => `${prefix}_${hexOf(text, half)}`
