/**
 * Frames as Server-Sent Events: the one serialiser for every dialect that streams so.
 */
import type { Frame } from "./Frame.ts"

/** What a stream of events is, and what keeps caches and proxies from holding it back. */
export const headers: { readonly [name: string]: string } = {
  "content-type": "text/event-stream",
  "cache-control": "no-cache, no-transform",
  connection: "keep-alive",
  "x-accel-buffering": "no"
}

const lineBreak = /\r\n|\r|\n/

// A break inside a name or an id would begin a field of the sender's choosing.
const oneLine = (text: string): string => (lineBreak.test(text) ? text.split(lineBreak).join(" ") : text)

// Data is mostly JSON on one line: two searches for a character are quicker than the expression.
const dataLines = (data: string): string =>
  data.includes("\n") || data.includes("\r")
    ? data
        .split(lineBreak)
        .map((line) => `data: ${line}\n`)
        .join("")
    : `data: ${data}\n`

/** One frame: its name, its data and its id, and the blank line that sends it off. */
export const encode = ({ data, event, id }: Frame): string => {
  const head = event === undefined ? "" : `event: ${oneLine(event)}\n`
  const tail = id === undefined ? "\n" : `id: ${oneLine(id)}\n\n`
  return head + dataLines(data) + tail
}

/** Frames one behind the other. */
export const encodeAll = (frames: ReadonlyArray<Frame>): string => {
  let text = ""
  for (const frame of frames) text += encode(frame)
  return text
}

/** A line that every client skips: it keeps a silent connection open. */
export const comment = (text: string): string => `: ${oneLine(text)}\n\n`
