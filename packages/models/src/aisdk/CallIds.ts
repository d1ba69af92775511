/**
 * Ids of calls, mended on both sides: what a model gave so that each call of an answer has one of its own, and what a provider is sent
 * so that any takes it. A history that one provider began goes on with another.
 *
 * An id that is lawful stays as it is, and so do those of calls that a provider ran itself: it knows them again.
 */
import * as Hash from "effect/Hash"

/** Which ids a provider takes. */
export interface Rule {
  readonly isLawful: (id: string) => boolean
  /** How long it may be. */
  readonly most: number
  /** Whether anything but letters and digits may be in it. */
  readonly isPlain: boolean
}

/** Letters, digits, `_` and `-`, at most 40: OpenAI's chat takes no more. */
const common: Rule = { isLawful: (id) => /^[a-zA-Z0-9_-]{1,40}$/.test(id), most: 40, isPlain: false }

/** Mistral takes nine letters and digits. */
const mistral: Rule = { isLawful: (id) => /^[a-zA-Z0-9]{9}$/.test(id), most: 9, isPlain: true }

/** The rule of a provider, by the AI SDK's name for it. */
export const ruleOf = (provider: string): Rule => (/(^|\.)mistral\b/.test(provider) ? mistral : common)

/** The ids of one request, asked for in the order of its messages. */
export class SentIds {
  private readonly rule: Rule
  private readonly sent = new Set<string>()
  private readonly pairs = new Pairs()

  constructor(rule: Rule) {
    this.rule = rule
  }

  /** A call: another one under the same id is sent as another. */
  call(id: string): string {
    const sent = free(id, this.rule, this.sent)
    this.sent.add(sent)
    this.pairs.open(id, sent)
    return sent
  }

  /** A result: of the first call under its id that has none. */
  result(id: string): string {
    return this.pairs.close(id) ?? this.call(id)
  }
}

/** Which call of several under one id a result is of: the first that has none, else the last. */
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

/** What can be kept of an id, with a mark of the whole of it. */
const marked = (id: string, count: number, most: number): string => {
  const mark = digest(`${id}\n${count}`, 7)
  const kept = id.replaceAll(/[^a-zA-Z0-9_-]/g, "_").slice(0, most - mark.length - 1)
  return kept === "" ? `call_${mark}` : `${kept}_${mark}`
}

/** `length` letters and digits that stand for a text. */
const digest = (text: string, length: number): string => {
  let out = ""
  for (let round = 0; out.length < length; round++) {
    out += (Hash.string(`${round}\n${text}`) >>> 0).toString(36).padStart(7, "0")
  }
  return out.slice(0, length)
}

/** The ids of one answer, asked for in the order of its parts. */
export class ReceivedIds {
  private readonly taken = new Set<string>()
  private readonly pairs = new Pairs()

  /** A call: its own id, or one that was made of it where it has none or shares it. */
  call(given: string): string {
    const wanted = given === "" ? `call_${this.taken.size + 1}` : given
    let id = wanted
    for (let count = 2; this.taken.has(id); count++) id = `${wanted}_${count}`
    this.taken.add(id)
    this.pairs.open(given, id)
    return id
  }

  /** A result: of the first call under its id that has none. One of an earlier answer's call keeps its id. */
  result(given: string): string {
    return this.pairs.close(given) ?? given
  }
}
