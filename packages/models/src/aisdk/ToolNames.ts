/**
 * Names of tools as any provider takes them, and back: letters, digits, `_` and `-`, none of `-` and digits first, at most 64. Ours may
 * be anything, such as `files/read` or a specialist's name with a space.
 *
 * A name that is lawful stays as it is. What a model calls that nobody offered stays as the model wrote it.
 */
import * as Hash from "effect/Hash"

/** The names of one request. */
export interface ToolNames {
  /** A name of ours as the provider is told it. */
  readonly told: (name: string) => string
  /** The name of ours that a model means. */
  readonly meant: (name: string) => string
}

/** The names `ours`, besides those that are `taken` by the provider's own tools. The same names give the same, in every order of calls. */
export const make = (ours: Iterable<string>, taken: Iterable<string>): ToolNames => {
  const toTold = new Map<string, string>()
  const toOurs = new Map<string, string>()
  const reserved = new Set(taken)
  const add = (name: string, told: string): void => {
    toTold.set(name, told)
    toOurs.set(told, name)
  }
  const others: Array<string> = []
  for (const name of ours) {
    if (reserved.has(name) || toTold.has(name)) continue
    if (isLawful(name)) add(name, name)
    else others.push(name)
  }
  for (const name of others) {
    if (toTold.has(name)) continue
    add(
      name,
      free(name, (told) => reserved.has(told) || toOurs.has(told))
    )
  }
  return { told: (name) => toTold.get(name) ?? name, meant: (name) => toOurs.get(name) ?? name }
}

const most = 64

const isLawful = (name: string): boolean => /^[a-zA-Z_][a-zA-Z0-9_-]{0,63}$/.test(name)

const free = (name: string, isTaken: (told: string) => boolean): string => {
  const plain = name.replaceAll(/[^a-zA-Z0-9_-]/g, "_").replace(/^(?=[^a-zA-Z_]|$)/, "_")
  if (plain.length <= most && !isTaken(plain)) return plain
  for (let count = 0; ; count++) {
    const mark = (Hash.string(`${name}\n${count}`) >>> 0).toString(36)
    const told = `${plain.slice(0, most - mark.length - 1)}_${mark}`
    if (!isTaken(told)) return told
  }
}
