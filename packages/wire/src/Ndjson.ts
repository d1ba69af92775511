/** Frames as newline-delimited JSON. Names and ids are not sent: dialects that use it put everything in the data. */
import type { Frame } from "./Frame.ts"

/**
 * The headers of a stream of JSON lines.
 *
 * @since 0.1.0
 * @category constants
 */
export const headers: { readonly [name: string]: string } = {
  "content-type": "application/x-ndjson",
  "cache-control": "no-cache, no-transform",
  "x-accel-buffering": "no"
}

/**
 * One line; a frame's data is already JSON on one line.
 *
 * @since 0.1.0
 * @category conversions
 */
export const encode = ({ data }: Frame): string => `${data}\n`
