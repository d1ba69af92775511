/**
 * A response as other requests read it: whole, without a stream, and the rest of a stream for a client that reconnects.
 */
import type { Encoder, Folding } from "../Dialect.ts"
import type * as Frame from "../Frame.ts"
import { open, type Options, ResponseEncoder } from "./Encoder.ts"

type Frames = ReadonlyArray<Frame.Frame>

/** The same response without a stream. */
export const fold = (options: Options): Folding => {
  const encoder = new ResponseEncoder({ ...options, isWhole: true })
  return {
    step: (envelope) => void encoder.step(envelope),
    reopen: (answered) => void encoder.reopen(answered),
    reply: () => ({ status: 200, body: encoder.whole }),
    get isDetached() {
      return encoder.isDetached
    }
  }
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
