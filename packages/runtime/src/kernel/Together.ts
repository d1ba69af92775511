/** Work that concurrent callers share: one execution, which starts after all of their calls. */
import * as Effect from "effect/Effect"

/** Deduplicates work: concurrent callers share one execution that starts after their call. */
export const together = (work: Effect.Effect<void>): Effect.Effect<void> => {
  let isAsked = false
  const begin = Effect.andThen(
    Effect.yieldNow,
    Effect.suspend(() => {
      isAsked = false
      return work
    })
  )
  return Effect.suspend(() => {
    if (isAsked) return Effect.void
    isAsked = true
    return Effect.onInterrupt(begin, () =>
      Effect.sync(() => {
        isAsked = false
      })
    )
  })
}
