/**
 * A response as other requests read it: whole, without a stream, and the rest of a stream for a client that reconnects.
 */
import type { Encoder, Folding } from "../Dialect.ts"
import * as Predicate from "effect/Predicate"
import type * as Frame from "../Frame.ts"
import * as TypedText from "../TypedText.ts"
import * as Encoding from "./Encoder.ts"
import { type Options, ResponseEncoder } from "./Encoder.ts"

type Frames = ReadonlyArray<Frame.Frame>

/** Whether JSON was asked for. */
const isTyped = ({ said }: Pick<Options, "said">): boolean =>
  Predicate.hasProperty(said?.text, "format") &&
  Predicate.hasProperty(said.text.format, "type") &&
  said.text.format.type !== "text"

/** The response as a stream, with the typed answer alone where JSON was asked for. */
export const open = (options: Options): Encoder =>
  isTyped(options) ? TypedText.streamed(Encoding.open(options)) : Encoding.open(options)

/** The same response without a stream. */
export const fold = (options: Options): Folding => {
  const encoder = new ResponseEncoder({ ...options, isWhole: true })
  const folding: Folding = {
    step: (envelope) => void encoder.step(envelope),
    reopen: (answered) => void encoder.reopen(answered),
    reply: () => ({ status: 200, body: encoder.whole }),
    get isDetached() {
      return encoder.isDetached
    }
  }
  return isTyped(options) ? TypedText.folded(folding) : folding
}

/** Only the frames with a `sequence_number` above `after`, for a client that reconnects. */
export const openAfter = (options: Options, after: number): Encoder => {
  const encoder = open(options)
  let sent = -1
  const unseen = (frames: Frames): Frames => frames.filter(() => (sent += 1) > after)
  return {
    step: (envelope) => unseen(encoder.step(envelope)),
    finish: () => unseen(encoder.finish()),
    reopen: (answered) => {
      sent = -1
      return unseen(encoder.reopen(answered))
    },
    get isDetached() {
      return encoder.isDetached
    }
  }
}
