/**
 * Maps tool names to names that every provider accepts, and back: letters, digits, `_` and `-`, starting with a letter
 * or `_`, at most 64. Ours may be anything, such as `files/read` or a specialist's name with a space.
 *
 * A valid name is unchanged. A name that was not offered is kept as the model wrote it.
 */
import * as Hash from "effect/Hash"

/** The tool names of one request. */
export interface ToolNames {
  /** Our name as it is sent to the provider. */
  readonly told: (name: string) => string
  /** Our name for the name that a model used. */
  readonly meant: (name: string) => string
}

/**
 * Maps the names `ours`, avoiding those `taken` by the provider's own tools. The same names map the same way, whatever
 * their order.
 */
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

/** Names that every object has, such as `constructor`, are lost where a package looks a name up in an object. */
const isLawful = (name: string): boolean => /^[a-zA-Z_][a-zA-Z0-9_-]{0,63}$/.test(name) && !(name in Object.prototype)

const free = (name: string, isTaken: (told: string) => boolean): string => {
  const plain = name.replaceAll(/[^a-zA-Z0-9_-]/g, "_").replace(/^(?=[^a-zA-Z_]|$)/, "_")
  if (isLawful(plain) && !isTaken(plain)) return plain
  for (let count = 0; ; count++) {
    const mark = (Hash.string(`${name}\n${count}`) >>> 0).toString(36)
    const told = `${plain.slice(0, most - mark.length - 1)}_${mark}`
    if (!isTaken(told)) return told
  }
}
