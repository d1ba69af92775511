/**
 * Encodes one answer: envelopes in, text out, through its dialect's encoder. Pure; `StreamResponse` supplies the
 * envelopes and sends the text.
 */
import type { Envelope } from "@reins/protocol"
import type { Dialect, Frame } from "@reins/wire"
import { Cursor, Ndjson, PlainText, type Refusal, Sse } from "@reins/wire"
import type { Opening } from "../thread/ThreadBook.ts"
import type { Feed } from "./Outcome.ts"

type Streamed = Extract<Dialect.Answer, { readonly _tag: "Stream" }>

/** How frames are written, and the headers of the response. */
export const formats = { sse: Sse, ndjson: Ndjson, text: PlainText } as const

/** Mutable; owned by one answer. */
export class Transmission {
  readonly #encoder: Dialect.Encoder
  readonly #answer: Streamed
  readonly #feed: Feed
  readonly #write: (frame: Frame.Frame) => string
  /** The positions of user messages, by their ids. */
  readonly #received = new Map<string, number>()
  #openings = 0
  #isOver = false

  /** `write`: a frame as text, in place of the answer's own format. */
  constructor(answer: Streamed, feed: Feed, write?: (frame: Frame.Frame) => string) {
    this.#encoder = answer.open(feed.inputTokens)
    this.#answer = answer
    this.#feed = feed
    this.#write = write ?? formats[answer.format].encode
  }

  /** True when the answer has ended, whether or not the run has. */
  get isOver(): boolean {
    return this.#isOver
  }

  /** Why the answer that has ended is not complete. */
  get failure(): Refusal.Refusal | undefined {
    return this.#isOver ? this.#encoder.failure : undefined
  }

  /** The text for these envelopes, including the closing frames when the answer ends with them. */
  take(envelopes: ReadonlyArray<Envelope.Envelope>): string {
    let text = ""
    let seq = 0
    for (const envelope of envelopes) {
      seq = envelope.seq
      text += this.#reopen(seq)
      if (envelope.event.type === "message-received") this.#received.set(envelope.event.data.messageId, seq)
      const frames = this.#encoder.step(envelope)
      if (this.#isSilent || frames.length === 0) continue
      const stamped = this.#answer.isStamped ? Cursor.rest(this.#feed.cursor, seq, Cursor.stamp(seq, frames)) : frames
      for (const frame of stamped) text += this.#write(frame)
    }
    if (!this.#isSilent && seq >= this.#feed.settled && this.#encoder.isDetached) text += this.#finish()
    return text
  }

  /** The closing text after the run's last envelope. */
  close(): string {
    return this.#isOver ? "" : this.#reopen(Number.POSITIVE_INFINITY) + this.#finish()
  }

  /** True for what earlier answers already sent. */
  get #isSilent(): boolean {
    return this.#openings < this.#feed.openings.length
  }

  #reopen(seq: number): string {
    const { openings } = this.#feed
    if (this.#openings >= openings.length) return ""
    // A message may enter later than a following answer: the last one that has entered counts for those before it.
    const next = openings.findLastIndex((opening, index) => index >= this.#openings && this.#placeOf(opening) < seq) + 1
    let text = ""
    while (this.#openings < next) {
      const opening = openings[this.#openings]
      if (opening === undefined) break
      this.#encoder.finish()
      const frames = this.#encoder.reopen(opening.answered, opening.messageId ?? opening.follows)
      this.#openings += 1
      if (!this.#isSilent) for (const frame of frames) text += this.#write(frame)
    }
    return text
  }

  /** The envelope after which an answer begins. */
  #placeOf({ after, messageId }: Opening): number {
    return messageId === undefined ? after : (this.#received.get(messageId) ?? Number.MAX_SAFE_INTEGER)
  }

  #finish(): string {
    this.#isOver = true
    let text = ""
    for (const frame of this.#encoder.finish()) text += this.#write(frame)
    return text
  }
}

/** A folding driven like an encoder, so that non-streaming answers begin and end where streamed ones do. */
export const silent = (folding: Dialect.Folding): Streamed => ({
  _tag: "Stream",
  format: "ndjson",
  isStamped: false,
  open: () => ({
    step: (envelope) => {
      folding.step(envelope)
      return []
    },
    finish: () => [],
    reopen: (answered) => {
      folding.reopen(answered)
      return []
    },
    get isDetached() {
      return folding.isDetached
    }
  })
})
