/**
 * Where in a stream of frames a reader is, as the `id` of a frame: the `seq` of the envelope it came from and, where one
 * envelope made several frames, which of them. A reader that comes back with the last id it saw gets exactly the rest.
 *
 * An encoder is fed from the first envelope on every time, so its state is right; `rest` leaves out what was seen.
 */
import type { Frame } from "./Frame.ts"

/** Behind frame `index` (from 1) of those that envelope `seq` made. `index` is absent where it was the last of them. */
export interface Cursor {
  readonly seq: number
  readonly index?: number
}

/** The place before the first frame. */
export const start: Cursor = { seq: 0 }

/** Gives the frames of one envelope their ids: `7` for the last, `7.1`, `7.2` for those before it. */
export const stamp = (seq: number, frames: ReadonlyArray<Frame>): ReadonlyArray<Frame> => {
  const last = `${seq}`
  // Most envelopes make one frame, and some encoders have named it so already.
  if (frames.length === 1 && frames[0]?.id === last) return frames
  return frames.map((frame, index) => ({ ...frame, id: index === frames.length - 1 ? last : `${last}.${index + 1}` }))
}

const form = /^(\d{1,15})(?:\.(\d{1,6}))?$/

/** The place that an id names, or nothing where it names none. */
export const parse = (id: string): Cursor | undefined => {
  const match = form.exec(id.trim())
  if (match === null) return undefined
  const seq = Number(match[1])
  return match[2] === undefined ? { seq } : { seq, index: Number(match[2]) }
}

/** The frames of envelope `seq` that a reader at `cursor` has not seen. */
export const rest = (cursor: Cursor, seq: number, frames: ReadonlyArray<Frame>): ReadonlyArray<Frame> => {
  if (seq > cursor.seq) return frames
  return seq < cursor.seq || cursor.index === undefined ? [] : frames.slice(cursor.index)
}
