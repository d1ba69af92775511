/**
 * The test's clock with a wall clock that can be set back or forward. Sleeps and monotonic time do not notice, as on a real machine.
 */
import { Clock, Effect } from "effect"

export interface WallClock {
  readonly clock: Clock.Clock
  /** Sets the wall clock forward by so many milliseconds; back where they are negative. */
  readonly set: (byMs: number) => void
}

/** A clock over the test's own, which is still the one to adjust. */
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
