/**
 * How a host lets runs go that it carries: to another process, because this one ends, or because the store failed. What they have in
 * flight may end first, so that nothing is begun twice; what takes too long is stopped, and begun again by whoever takes the run up.
 */
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import type { EventLog } from "../../engine/EventLog.ts"
import type { JournalRun } from "./JournalRun.ts"
import { StoreFailure } from "./JournalStore.ts"

/** A run that this process carries, its log, and the fiber that carries it, once it has begun. */
export interface Carried {
  readonly run: JournalRun
  readonly log: EventLog
  fiber: Fiber.Fiber<unknown> | undefined
}

/** Stops carrying these runs, all at once; `forget` is told of each before it is stopped. Done when nothing of them goes on. */
export const giveUp = (
  all: ReadonlyArray<Carried>,
  drainMs: number,
  forget: (run: JournalRun) => void
): Effect.Effect<void> =>
  Effect.forEach(
    all,
    ({ fiber, run }) =>
      Effect.andThen(
        drainMs > 0 ? Effect.timeoutOption(run.quiesce, drainMs) : Effect.void,
        Effect.suspend(() => {
          forget(run)
          return fiber === undefined ? Effect.void : Fiber.interrupt(fiber)
        })
      ),
    { concurrency: "unbounded", discard: true }
  )

/** Work that many ask for at once and that is done once for all who ask before it begins. */
export const together = (work: Effect.Effect<void>): Effect.Effect<void> => {
  let asked = false
  const begin = Effect.andThen(
    Effect.yieldNow,
    Effect.suspend(() => {
      asked = false
      return work
    })
  )
  return Effect.suspend(() => {
    if (asked) return Effect.void
    asked = true
    return begin
  })
}

/** What the store did to a loop that asked it for something else than a commit. */
export const storeFailure = (exit: Exit.Exit<void>): StoreFailure | undefined => {
  if (Exit.isSuccess(exit)) return undefined
  // Beside it may stand what its siblings made of being stopped.
  for (const reason of exit.cause.reasons) {
    if (Cause.isDieReason(reason) && reason.defect instanceof StoreFailure) return reason.defect
  }
  return undefined
}
