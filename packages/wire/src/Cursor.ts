/**
 * A reader's position in a stream of frames, sent as the `id` of a frame: the `seq` of the envelope it came from and,
 * where one envelope made several frames, the frame's index. A reader that reconnects with the last id it saw gets
 * exactly the remaining frames.
 *
 * An encoder is always fed from the first envelope, so that its state is right; `rest` drops the frames already seen.
 */
import type { Resume } from "./Command.ts"
import type { Request } from "./Dialect.ts"
import type { Frame } from "./Frame.ts"

/**
 * The position after frame `index` (from 1) of those that envelope `seq` made. `index` is absent for the last of them.
 *
 * @since 0.1.0
 * @category models
 */
export interface Cursor {
  readonly seq: number
  readonly index?: number
}

/**
 * The position before the first frame.
 *
 * @since 0.1.0
 * @category constants
 */
export const start: Cursor = { seq: 0 }

/**
 * Assigns ids to the frames of one envelope: `7` for the last, `7.1`, `7.2` for those before it.
 *
 * @since 0.1.0
 * @category operations
 */
export const stamp = (seq: number, frames: ReadonlyArray<Frame>): ReadonlyArray<Frame> => {
  const last = `${seq}`
  // Most envelopes make one frame, and some encoders have already set its id.
  if (frames.length === 1 && frames[0]?.id === last) return frames
  return frames.map((frame, index) => ({ ...frame, id: index === frames.length - 1 ? last : `${last}.${index + 1}` }))
}

const form = /^(\d{1,15})(?:\.(\d{1,6}))?$/

/**
 * Parses an id; `undefined` when it is not a valid cursor.
 *
 * @since 0.1.0
 * @category conversions
 */
export const parse = (id: string): Cursor | undefined => {
  const match = form.exec(id.trim())
  if (match === null) return undefined
  const seq = Number(match[1])
  return match[2] === undefined ? { seq } : { seq, index: Number(match[2]) }
}

/**
 * The command of a request that reads a thread's active run again: from its first frame, or behind the one that
 * `Last-Event-ID` (or `after` in the query) names, then also when the run has ended. `run` in the query names the run
 * that was read; absent: the thread's active or last one.
 *
 * @since 0.1.0
 * @category operations
 */
export const resume = (threadId: string, { headers, query }: Pick<Request, "headers" | "query">): Resume => {
  const after = headers["last-event-id"] ?? query["after"]
  const runId = query["run"]
  return {
    _tag: "Resume",
    address: runId === undefined ? { threadId } : { runId },
    only: "running",
    ...(after === undefined ? {} : { after })
  }
}

/**
 * The frames of envelope `seq` that a reader at `cursor` has not seen.
 *
 * @since 0.1.0
 * @category operations
 */
export const rest = (cursor: Cursor, seq: number, frames: ReadonlyArray<Frame>): ReadonlyArray<Frame> => {
  if (seq > cursor.seq) return frames
  return seq < cursor.seq || cursor.index === undefined ? [] : frames.slice(cursor.index)
}
