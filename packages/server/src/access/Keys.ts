/**
 * Looks up a key in constant time: every known key is compared, by its hash, to the end, so that timing does not reveal
 * how much of a key was right.
 */
import { sha256 } from "@noble/hashes/sha2.js"
import { utf8ToBytes } from "@noble/hashes/utils.js"
import type { Principal } from "./Principal.ts"

/** Keys and their principals; a string is the tenant's name. */
export type KeyRecord = { readonly [key: string]: string | Principal }

const differ = (left: Uint8Array, right: Uint8Array): number => {
  let difference = left.length ^ right.length
  for (let index = 0; index < left.length; index += 1) difference |= (left[index] ?? 0) ^ (right[index] ?? 0)
  return difference
}

/** A lookup over `keys`. An empty key is never accepted. */
export const make = (keys: KeyRecord): ((key: string) => Principal | undefined) => {
  const known = Object.entries(keys)
    .filter(([key]) => key !== "")
    .map(([key, principal]) => ({
      hash: sha256(utf8ToBytes(key)),
      principal: typeof principal === "string" ? { tenant: principal } : principal
    }))
  return (key) => {
    const given = sha256(utf8ToBytes(key))
    let found: Principal | undefined
    for (const { hash, principal } of known) if (differ(hash, given) === 0) found = principal
    return found
  }
}
