/**
 * Frames as plain text: their data, and nothing around it. Plain text cannot carry an error: where an answer fails after
 * its first byte, the connection breaks (`Encoder.failure`).
 */
import type { Frame } from "./Frame.ts"

/**
 * The headers of a stream of text.
 *
 * @since 0.2.0
 * @category constants
 */
export const headers: { readonly [name: string]: string } = {
  "content-type": "text/plain; charset=utf-8",
  "cache-control": "no-cache, no-transform",
  "x-accel-buffering": "no"
}

/**
 * The text of a frame.
 *
 * @since 0.2.0
 * @category conversions
 */
export const encode = ({ data }: Frame): string => data
