/**
 * One piece of a streamed answer: data, perhaps with a name and an id, which the dialect defines; and the three ways in
 * which frames are written into a body: as Server-Sent Events (`Sse`), as JSON lines (`Ndjson`), as plain text
 * (`PlainText`).
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

const uncached = { "cache-control": "no-cache, no-transform", "x-accel-buffering": "no" }

const lineBreak = /\r\n|\r|\n/

// A line break in a name or an id would let the sender inject a field.
const oneLine = (text: string): string => (lineBreak.test(text) ? text.split(lineBreak).join(" ") : text)

// Data is mostly JSON on one line: two character searches are faster than the regular expression.
const dataLines = (data: string): string =>
  data.includes("\n") || data.includes("\r")
    ? data
        .split(lineBreak)
        .map((line) => `data: ${line}\n`)
        .join("")
    : `data: ${data}\n`

const sseEvent = ({ data, event, id }: Frame): string => {
  const head = event === undefined ? "" : `event: ${oneLine(event)}\n`
  const tail = id === undefined ? "\n" : `id: ${oneLine(id)}\n\n`
  return head + dataLines(data) + tail
}

/**
 * How a body is written: its headers, which keep caches and proxies from buffering it, and the text of each frame.
 *
 * @since 0.1.0
 * @category models
 */
export interface Framing {
  readonly headers: { readonly [name: string]: string }
  readonly encode: (frame: Frame) => string
}

/**
 * Frames as Server-Sent Events: name, data and id of each, and the blank line that ends it.
 *
 * **Details**
 * - `encodeAll`: several frames, in order.
 * - `comment`: a line that every client ignores; it keeps an idle connection open.
 *
 * @since 0.1.0
 * @category constants
 */
export const Sse: Framing & {
  readonly encodeAll: (frames: ReadonlyArray<Frame>) => string
  readonly comment: (text: string) => string
} = {
  headers: { "content-type": "text/event-stream", ...uncached },
  encode: sseEvent,
  encodeAll: (frames) => {
    let text = ""
    for (const frame of frames) text += sseEvent(frame)
    return text
  },
  comment: (text) => `: ${oneLine(text)}\n\n`
}

/**
 * Frames as newline-delimited JSON: the data of each, which is JSON on one line. Names and ids are not sent: dialects
 * that use it put everything in the data.
 *
 * @since 0.1.0
 * @category constants
 */
export const Ndjson: Framing = {
  headers: { "content-type": "application/x-ndjson", ...uncached },
  encode: ({ data }) => `${data}\n`
}

/**
 * Frames as plain text: their data, and nothing around it. Plain text cannot carry an error: where an answer fails after
 * its first byte, the connection breaks (`Encoder.failure`).
 *
 * @since 0.2.0
 * @category constants
 */
export const PlainText: Framing = {
  headers: { "content-type": "text/plain; charset=utf-8", ...uncached },
  encode: ({ data }) => data
}
