/**
 * How bytes are delivered: in pieces of random size, with pauses, cut off, or stalled. Pure and seeded, so that a
 * failure can be reproduced.
 */

/**
 * How the bytes of a recording arrive.
 *
 * @since 0.1.0
 * @category models
 */
export interface Delivery {
  /** The seed of the random sizes. Absent: all bytes in one piece. */
  readonly seed?: number | undefined
  /** The largest piece, in bytes. Default 64. */
  readonly maxPiece?: number | undefined
  /** Milliseconds between two pieces. Default 0: as fast as the event loop turns. */
  readonly pauseMs?: number | undefined
  /** Breaks the connection after this fraction of the bytes, from 0 to 1. Absent: sends all. */
  readonly cutAt?: number | undefined
  /** Stops sending after this fraction of the bytes and keeps the connection open. Absent: sends all. */
  readonly stallAt?: number | undefined
}

/**
 * Splits the bytes into pieces. Pieces may end inside a character.
 *
 * @since 0.1.0
 * @category operations
 */
export const split = (bytes: Uint8Array, delivery: Delivery): ReadonlyArray<Uint8Array> => {
  const end = Math.floor(bytes.length * Math.min(delivery.cutAt ?? 1, delivery.stallAt ?? 1))
  const sent = bytes.subarray(0, end)
  if (delivery.seed === undefined) return sent.length === 0 ? [] : [sent]
  const next = random(delivery.seed)
  const most = Math.max(1, delivery.maxPiece ?? 64)
  const pieces: Array<Uint8Array> = []
  for (let from = 0; from < sent.length;) {
    const size = 1 + Math.floor(next() * most)
    pieces.push(sent.subarray(from, from + size))
    from += size
  }
  return pieces
}

/** Numbers from 0 to below 1, the same for the same seed (mulberry32). */
const random = (seed: number): (() => number) => {
  let state = seed >>> 0
  return () => {
    state = (state + 0x6d2b79f5) >>> 0
    let mixed = Math.imul(state ^ (state >>> 15), state | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4294967296
  }
}
