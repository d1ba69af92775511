/**
 * Frames as lines of JSON, for readers that are no browsers. Names and ids do not travel: dialects that stream so say all
 * of it in the data.
 */
import type { Frame } from "./Frame.ts"

export const headers: { readonly [name: string]: string } = {
  "content-type": "application/x-ndjson",
  "cache-control": "no-cache, no-transform",
  "x-accel-buffering": "no"
}

/** One line; the data of a frame is JSON on one line by itself. */
export const encode = ({ data }: Frame): string => `${data}\n`
