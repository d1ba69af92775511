/**
 * One piece of an answer as it goes over the wire: a line of data, perhaps with a name and an id. How frames become bytes
 * is `Sse` and `Ndjson`; what stands in the data is the dialect's.
 */

/**
 * `data`: one JSON value, or a terminator such as `[DONE]`. `event`: the frame's name, where the dialect names its frames.
 * `id`: what a client sends back as `Last-Event-ID` to go on behind this frame.
 */
export interface Frame {
  readonly data: string
  readonly event?: string
  readonly id?: string
}

/** A frame without a name. */
export const unnamed = (value: object): Frame => ({ data: JSON.stringify(value) })

/** A frame with a name. */
export const named = (event: string, value: object): Frame => ({ event, data: JSON.stringify(value) })

/** The frame that ends the streams of several dialects. */
export const done: Frame = { data: "[DONE]" }

/** No frames: what an event says that a dialect has no word for. */
export const none: ReadonlyArray<Frame> = []
