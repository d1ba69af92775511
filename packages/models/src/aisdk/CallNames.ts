/**
 * The names of tools and the ids of calls, in both directions: as providers accept them, and as we know them. A history
 * that one provider began can continue with another.
 *
 * A valid name or id is unchanged. So are a name that was not offered, which is kept as the model wrote it, and the ids of
 * provider-run calls, which the provider recognizes.
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
 * Maps the names `ours`, which may be anything, such as `files/read` or a specialist's name with a space, to letters, digits,
 * `_` and `-`, starting with a letter or `_`, at most 64, avoiding the names `taken` by the provider's own tools. The same
 * names map the same way, whatever their order.
 */
export const toolNames = (ours: Iterable<string>, taken: Iterable<string>): ToolNames => {
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
    if (isLawfulName(name)) add(name, name)
    else others.push(name)
  }
  for (const name of others) {
    if (toTold.has(name)) continue
    add(
      name,
      freeName(name, (told) => reserved.has(told) || toOurs.has(told))
    )
  }
  return { told: (name) => toTold.get(name) ?? name, meant: (name) => toOurs.get(name) ?? name }
}

const longestName = 64

/** Names that every object has, such as `constructor`, are lost where a package looks a name up in an object. */
const isLawfulName = (name: string): boolean =>
  /^[a-zA-Z_][a-zA-Z0-9_-]{0,63}$/.test(name) && !(name in Object.prototype)

const freeName = (name: string, isTaken: (told: string) => boolean): string => {
  const plain = name.replaceAll(/[^a-zA-Z0-9_-]/g, "_").replace(/^(?=[^a-zA-Z_]|$)/, "_")
  if (isLawfulName(plain) && !isTaken(plain)) return plain
  for (let count = 0; ; count++) {
    const mark = (Hash.string(`${name}\n${count}`) >>> 0).toString(36)
    const told = `${plain.slice(0, longestName - mark.length - 1)}_${mark}`
    if (!isTaken(told)) return told
  }
}

/** Which ids a provider accepts. */
export interface Rule {
  readonly isLawful: (id: string) => boolean
  /** The longest accepted id, in characters. */
  readonly most: number
  /** Whether only letters and digits are accepted. */
  readonly isPlain: boolean
}

/** Letters, digits, `_` and `-`, at most 40: OpenAI's chat API accepts no more. */
const common: Rule = { isLawful: (id) => /^[a-zA-Z0-9_-]{1,40}$/.test(id), most: 40, isPlain: false }

/** Mistral requires nine letters and digits. */
const mistral: Rule = { isLawful: (id) => /^[a-zA-Z0-9]{9}$/.test(id), most: 9, isPlain: true }

/** The rule of a provider, by its AI SDK name. */
export const ruleOf = (provider: string): Rule => (/(^|\.)mistral\b/.test(provider) ? mistral : common)

/** The ids of one request. Call in the order of its messages. */
export class SentIds {
  private readonly rule: Rule
  private readonly sent = new Set<string>()
  private readonly pairs = new Pairs()

  constructor(rule: Rule) {
    this.rule = rule
  }

  /** A call's id; a second call under the same id gets another one. */
  call(id: string): string {
    const sent = free(id, this.rule, this.sent)
    this.sent.add(sent)
    this.pairs.open(id, sent)
    return sent
  }

  /** A result's id: that of the first call under its id without a result. */
  result(id: string): string {
    return this.pairs.close(id) ?? this.call(id)
  }
}

/** Assigns results to several calls under one id: to the first without a result, else to the last. */
class Pairs {
  private readonly last = new Map<string, string>()
  private readonly waiting = new Map<string, Array<string>>()

  open(id: string, as: string): void {
    this.last.set(id, as)
    const waiting = this.waiting.get(id)
    if (waiting === undefined) this.waiting.set(id, [as])
    else waiting.push(as)
  }

  close(id: string): string | undefined {
    return this.waiting.get(id)?.shift() ?? this.last.get(id)
  }
}

const free = (id: string, rule: Rule, taken: ReadonlySet<string>): string => {
  if (rule.isLawful(id) && !taken.has(id)) return id
  for (let count = 1; ; count++) {
    const made = rule.isPlain ? digest(`${id}\n${count}`, rule.most) : marked(id, count, rule.most)
    if (!taken.has(made)) return made
  }
}

/** Keeps what is valid of an id and appends a hash of the whole id. */
const marked = (id: string, count: number, most: number): string => {
  const mark = digest(`${id}\n${count}`, 7)
  const kept = id.replaceAll(/[^a-zA-Z0-9_-]/g, "_").slice(0, most - mark.length - 1)
  return kept === "" ? `call_${mark}` : `${kept}_${mark}`
}

/** A hash of a text as `length` letters and digits. */
const digest = (text: string, length: number): string => {
  let out = ""
  for (let round = 0; out.length < length; round++) {
    out += (Hash.string(`${round}\n${text}`) >>> 0).toString(36).padStart(7, "0")
  }
  return out.slice(0, length)
}

/** The ids of one response. Call in the order of its parts. */
export class ReceivedIds {
  private readonly taken = new Set<string>()
  private readonly pairs = new Pairs()

  /** A call's id: its own, or one derived from it when it is empty or already used. */
  call(given: string): string {
    const wanted = given === "" ? `call_${this.taken.size + 1}` : given
    let id = wanted
    for (let count = 2; this.taken.has(id); count++) id = `${wanted}_${count}`
    this.taken.add(id)
    this.pairs.open(given, id)
    return id
  }

  /**
   * A result's id: that of the first call under its id without a result. The result of an earlier response's call keeps
   * its id.
   */
  result(given: string): string {
    return this.pairs.close(given) ?? given
  }
}
