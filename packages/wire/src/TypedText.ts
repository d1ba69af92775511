/**
 * The text of an answer to a request for JSON, for clients that parse all text that they are sent: only the typed answer,
 * without a fence, and nothing that the model said before its calls or in an answer that was retracted.
 *
 * A stream shows text that begins as JSON while it comes. Such clients cannot take text back: where what was shown turns out
 * not to be the answer, the stream ends with an error, and the run goes on. A whole answer has the checked JSON.
 */
import type { Envelope, Events } from "@reins/protocol"
import type { Encoder, Folding } from "./Dialect.ts"
import type * as Frame from "./Frame.ts"

/** What stands before JSON: space, or the line that opens a fence. */
const head = /^\s*(?:```[a-z]*[^\S\n]*(?:\n\s*|$))?/i
/** What may end it: space, and a fence of which perhaps not all has come. */
const tail = /\s*`{0,3}\s*$/

/** A number or a word is shown at the end: prose may begin as they do. */
const isJson = (sign: string): boolean => sign === "{" || sign === "[" || sign === '"'

/** What of a run's events an answer shows as its text. Mutable; owned by one answer. */
class TypedText {
  /** False for an answer that is sent whole. */
  readonly #isLive: boolean
  /** The text of the step, what of it was shown, and the part that it is of. */
  #text = ""
  #shown = 0
  #part: string | undefined
  /** Whether text of an earlier step was shown. */
  #isStale = false
  isBroken = false

  constructor(isLive: boolean) {
    this.#isLive = isLive
  }

  /** The envelopes in place of one of the run. */
  take(envelope: Envelope.Envelope): ReadonlyArray<Envelope.Envelope> {
    if (envelope.agentPath.length > 0) return [envelope]
    const { event } = envelope
    switch (event.type) {
      case "text":
        return this.#say(envelope, event)
      case "step-start":
        this.#isStale ||= this.#shown > 0
        this.#clear()
        return [envelope]
      case "step-retracted":
        if (this.#shown > 0 || this.#isStale) return this.#break(envelope)
        this.#clear()
        return [envelope]
      case "finish":
        return [...this.#end(envelope, event), envelope]
      default:
        return [envelope]
    }
  }

  reopen(): void {
    this.#clear()
    this.#isStale = false
    this.isBroken = false
  }

  #clear(): void {
    this.#text = ""
    this.#shown = 0
    this.#part = undefined
  }

  #say(envelope: Envelope.Envelope, { part, text }: Events.Text): ReadonlyArray<Envelope.Envelope> {
    this.#text += text
    this.#part = part
    if (!this.#isLive) return []
    const begin = head.exec(this.#text)?.[0].length ?? 0
    if (begin === this.#text.length || !isJson(this.#text.charAt(begin))) return []
    if (this.#isStale) return this.#break(envelope)
    const end = this.#text.length - (tail.exec(this.#text.slice(-8))?.[0].length ?? 0)
    return this.#show(envelope, Math.max(begin, this.#shown), end)
  }

  #show(envelope: Envelope.Envelope, from: number, to: number): ReadonlyArray<Envelope.Envelope> {
    if (to <= from) return []
    this.#shown = to
    return [this.#textOf(envelope, this.#text.slice(from, to))]
  }

  #textOf(envelope: Envelope.Envelope, text: string): Envelope.Envelope {
    const part = this.#part
    return { ...envelope, event: { type: "text", text, ...(part === undefined ? {} : { part }) } }
  }

  /** The rest of the answer: of one that is typed, its JSON; of one that was cut, its text. */
  #end(envelope: Envelope.Envelope, { output }: Events.Finish): ReadonlyArray<Envelope.Envelope> {
    if (this.#shown > 0) {
      const to = output === undefined ? this.#text.length : this.#text.replace(tail, "").length
      return this.#show(envelope, this.#shown, to)
    }
    if (this.#isStale) return []
    const text = output === undefined ? this.#text : JSON.stringify(output)
    return text === "" ? [] : [this.#textOf(envelope, text)]
  }

  #break(envelope: Envelope.Envelope): ReadonlyArray<Envelope.Envelope> {
    this.isBroken = true
    return [{ ...envelope, event: { type: "error", error: retracted } }]
  }
}

const retracted: Events.ErrorEvent["error"] = {
  code: "E_ANSWER_RETRACTED",
  message:
    "What was sent of the answer was retracted, and the model answers again. The run goes on: ask without a stream, or read its answer when it has ended"
}

/** The encoder of a streamed answer, for a request for JSON. `isLive`: it is shown as it comes, and not when it was checked. */
export const streamed = (encoder: Encoder, isLive = true): Encoder => {
  const typed = new TypedText(isLive)
  let hasFailed = false
  return {
    step: (envelope) => {
      if (hasFailed) return []
      const frames: Array<Frame.Frame> = []
      for (const one of typed.take(envelope)) frames.push(...encoder.step(one))
      hasFailed = typed.isBroken
      return frames
    },
    finish: () => encoder.finish(),
    reopen: (answered, messageId) => {
      hasFailed = false
      typed.reopen()
      return encoder.reopen(answered, messageId)
    },
    get isDetached() {
      return hasFailed || encoder.isDetached
    },
    get failure() {
      return encoder.failure
    }
  }
}

/** The folding of a whole answer, for a request for JSON. */
export const folded = (folding: Folding): Folding => {
  const typed = new TypedText(false)
  return {
    step: (envelope) => {
      for (const one of typed.take(envelope)) folding.step(one)
    },
    reopen: (answered) => {
      typed.reopen()
      folding.reopen(answered)
    },
    reply: () => folding.reply(),
    get isDetached() {
      return folding.isDetached
    }
  }
}
