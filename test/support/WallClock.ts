/**
 * The test clock with a wall clock that can be set back or forward. Sleeps and monotonic time are not affected, as on a
 * real machine.
 */
import { Clock, Effect } from "effect"

export interface WallClock {
  readonly clock: Clock.Clock
  /** Sets the wall clock forward by this many milliseconds; back when negative. */
  readonly set: (byMs: number) => void
}

/** A clock over the test clock, which still has to be adjusted. */
export const make: Effect.Effect<WallClock> = Clock.clockWith((clock) => {
  let shift = 0
  const millis = () => clock.currentTimeMillisUnsafe() + shift
  const nanos = () => clock.currentTimeNanosUnsafe() + BigInt(shift) * 1_000_000n
  const shifted: Clock.Clock = Object.assign(Object.create(clock), {
    currentTimeMillisUnsafe: millis,
    currentTimeMillis: Effect.sync(millis),
    currentTimeNanosUnsafe: nanos,
    currentTimeNanos: Effect.sync(nanos)
  })
  return Effect.succeed({
    clock: shifted,
    set: (byMs) => {
      shift += byMs
    }
  })
})
