/** Frames as Server-Sent Events: the one serializer for every dialect that uses them. */
import type { Frame } from "./Frame.ts"

/**
 * Headers of an event stream; they keep caches and proxies from buffering it.
 *
 * @since 0.1.0
 * @category constants
 */
export const headers: { readonly [name: string]: string } = {
  "content-type": "text/event-stream",
  "cache-control": "no-cache, no-transform",
  connection: "keep-alive",
  "x-accel-buffering": "no"
}

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

/**
 * One frame: its name, data and id, and the blank line that ends it.
 *
 * @since 0.1.0
 * @category conversions
 */
export const encode = ({ data, event, id }: Frame): string => {
  const head = event === undefined ? "" : `event: ${oneLine(event)}\n`
  const tail = id === undefined ? "\n" : `id: ${oneLine(id)}\n\n`
  return head + dataLines(data) + tail
}

/**
 * Several frames, in order.
 *
 * @since 0.1.0
 * @category conversions
 */
export const encodeAll = (frames: ReadonlyArray<Frame>): string => {
  let text = ""
  for (const frame of frames) text += encode(frame)
  return text
}

/**
 * A line that every client ignores; it keeps an idle connection open.
 *
 * @since 0.1.0
 * @category operations
 */
export const comment = (text: string): string => `: ${oneLine(text)}\n\n`
