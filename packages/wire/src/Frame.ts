/**
 * One piece of a streamed answer: data, perhaps with a name and an id. `Sse` and `Ndjson` turn frames into bytes; the
 * dialect defines the data.
 */

/**
 * `data`: one JSON value, or a terminator such as `[DONE]`. `event`: the frame's name, where the dialect names its
 * frames. `id`: what a client sends back as `Last-Event-ID` to resume after this frame.
 *
 * @since 0.1.0
 * @category models
 */
export interface Frame {
  readonly data: string
  readonly event?: string
  readonly id?: string
}

/**
 * A frame without a name.
 *
 * @since 0.1.0
 * @category operations
 */
export const unnamed = (value: object): Frame => ({ data: JSON.stringify(value) })

/**
 * A frame with a name.
 *
 * @since 0.1.0
 * @category operations
 */
export const named = (event: string, value: object): Frame => ({ event, data: JSON.stringify(value) })

/**
 * The frame that ends the streams of several dialects.
 *
 * @since 0.1.0
 * @category constants
 */
export const done: Frame = { data: "[DONE]" }

/**
 * No frames, for events that a dialect cannot express.
 *
 * @since 0.1.0
 * @category constants
 */
export const none: ReadonlyArray<Frame> = []
