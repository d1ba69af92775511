/**
 * The environment that this process was started with, as the system shows it to other processes of the same user (`/proc/PID/environ`).
 * It may hold keys, and a command must not read it there. Linux only; elsewhere nothing is shown.
 */
import * as Effect from "effect/Effect"
import { closeSync, openSync, readFileSync, writeSync } from "node:fs"
import process from "node:process"
import { isMainThread } from "node:worker_threads"

/** Where the system finds the environment in our memory, by `/proc/self/stat`. Pure. */
export const placeOf = (stat: string): { readonly from: number; readonly to: number } | undefined => {
  // The name in parentheses may contain anything; after it come the fields from the third on. These are the 50th and 51st.
  const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ")
  const [from, to] = [Number(fields[47]), Number(fields[48])]
  return Number.isSafeInteger(from) && Number.isSafeInteger(to) && 0 < from && from < to ? { from, to } : undefined
}

/**
 * Hides it: the variables are set anew, which puts them elsewhere in memory, and where they were is overwritten. `process.env` stays as
 * it is. Returns whether nothing is shown any more.
 */
export const hide: Effect.Effect<boolean> = Effect.try(() => {
  // Other threads have a copy of the environment, and cannot move that of the process.
  if (!isMainThread) return false
  const place = placeOf(readFileSync("/proc/self/stat", "latin1"))
  if (place === undefined) return false
  for (const [name, value] of Object.entries(process.env)) process.env[name] = value
  const memory = openSync("/proc/self/mem", "r+")
  writeSync(memory, Buffer.alloc(place.to - place.from), 0, place.to - place.from, place.from)
  closeSync(memory)
  return readFileSync("/proc/self/environ").every((byte) => byte === 0)
}).pipe(Effect.orElseSucceed(() => false))
