/**
 * Looks a key up without telling by its time how much of it was right: every known key is compared, by its hash, to the end.
 */
import { sha256 } from "@noble/hashes/sha2.js"
import { utf8ToBytes } from "@noble/hashes/utils.js"
import type { Principal } from "./Principal.ts"

/** Keys and whom they stand for; a text names the tenant alone. */
export type KeyRecord = { readonly [key: string]: string | Principal }

const differ = (left: Uint8Array, right: Uint8Array): number => {
  let difference = left.length ^ right.length
  for (let index = 0; index < left.length; index += 1) difference |= (left[index] ?? 0) ^ (right[index] ?? 0)
  return difference
}

/** A lookup over `keys`. A key that is empty stands for nobody. */
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
