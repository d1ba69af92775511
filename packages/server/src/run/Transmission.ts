/**
 * One answer as it goes out: envelopes in, text out, by the encoder of its dialect. Pure; where the envelopes come from and
 * where the text goes is `StreamResponse`'s.
 */
import type { Envelope } from "@reins/protocol"
import type { Dialect } from "@reins/wire"
import { Cursor, Ndjson, Sse } from "@reins/wire"
import type { Feed } from "./Outcome.ts"

type Streamed = Extract<Dialect.Answer, { readonly _tag: "Stream" }>

/** Owned by one answer. */
export class Transmission {
  readonly #encoder: Dialect.Encoder
  readonly #answer: Streamed
  readonly #feed: Feed
  readonly #write: (frame: Parameters<typeof Sse.encode>[0]) => string
  #openings = 0
  #isOver = false

  constructor(answer: Streamed, feed: Feed) {
    this.#encoder = answer.open()
    this.#answer = answer
    this.#feed = feed
    this.#write = answer.format === "sse" ? Sse.encode : Ndjson.encode
  }

  /** True when the answer ends here, whether or not the run does. */
  get isOver(): boolean {
    return this.#isOver
  }

  /** The text that these envelopes make; the closing frames too, where the answer ends with them. */
  take(envelopes: ReadonlyArray<Envelope.Envelope>): string {
    let text = ""
    let seq = 0
    for (const envelope of envelopes) {
      seq = envelope.seq
      text += this.#reopen(seq)
      const frames = this.#encoder.step(envelope)
      if (this.#isSilent || frames.length === 0) continue
      const stamped = this.#answer.isStamped ? Cursor.rest(this.#feed.cursor, seq, Cursor.stamp(seq, frames)) : frames
      for (const frame of stamped) text += this.#write(frame)
    }
    if (!this.#isSilent && seq >= this.#feed.settled && this.#encoder.isDetached) text += this.#finish()
    return text
  }

  /** The text that closes the answer behind the run's last envelope. */
  close(): string {
    return this.#isOver ? "" : this.#reopen(Number.POSITIVE_INFINITY) + this.#finish()
  }

  /** What came before this answer belongs to the answers before it. */
  get #isSilent(): boolean {
    return this.#openings < this.#feed.openings.length
  }

  #reopen(seq: number): string {
    let text = ""
    while (this.#isSilent) {
      const opening = this.#feed.openings[this.#openings]
      if (opening === undefined || opening.after >= seq) break
      this.#encoder.finish()
      const frames = this.#encoder.reopen(opening.answered)
      this.#openings += 1
      if (!this.#isSilent) for (const frame of frames) text += this.#write(frame)
    }
    return text
  }

  #finish(): string {
    this.#isOver = true
    let text = ""
    for (const frame of this.#encoder.finish()) text += this.#write(frame)
    return text
  }
}

/** A folding fed as an encoder, so that whole answers begin and end where streamed ones do. */
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
