/**
 * Monotonic time: for intervals and deadlines, because a wall clock can be set back or forward at any moment. It has no meaning
 * outside this process; what is stored or shown to people is wall-clock time (`Clock.currentTimeMillis`).
 */
import * as Clock from "effect/Clock"
import * as Context from "effect/Context"

const defaultClock = Context.get(Context.empty(), Clock.Clock)

/** Whether a clock is the platform's own, and no test's. */
export const isDefault = (clock: Clock.Clock): boolean => clock === defaultClock

/** Milliseconds from an arbitrary origin, with fractions. Only differences of readings of the same clock mean something. */
export const millis = (clock: Clock.Clock): number =>
  isDefault(clock)
    ? // oxlint-disable-next-line no-restricted-globals -- what the default clock reads, without a BigInt for each reading
      performance.now()
    : Number(clock.monotonicTimeNanosUnsafe()) / 1e6
