/**
 * Monotonic time: for intervals and deadlines, because a wall clock can be set back or forward at any moment. It has no meaning
 * outside this process; what is stored or shown to people is wall-clock time (`Clock.currentTimeMillis`).
 */
import type * as Clock from "effect/Clock"

/** Milliseconds from an arbitrary origin, with fractions. Only differences of readings of the same clock mean something. */
export const millis = (clock: Clock.Clock): number => Number(clock.monotonicTimeNanosUnsafe()) / 1e6
