/**
 * A text's SHA-256 in hexadecimal: for ids that a replay finds again, and for telling definitions apart.
 */
import { sha256 } from "@noble/hashes/sha2.js"
import { utf8ToBytes } from "@noble/hashes/utils.js"

/** 64 hexadecimal digits. */
export const sha256Hex = (text: string): string =>
  // Joined at once: a string that grew digit by digit keeps all its pieces.
  Array.from(sha256(utf8ToBytes(text)), (byte) => byte.toString(16).padStart(2, "0")).join("")
