/**
 * Delivery of answers (decisions, client results, cancels): a row in the store first and a signal to the run's owner second, so that
 * an answer counts whether or not an owner is alive.
 *
 * A store may be away, locked or full for a while. Somebody has decided, and should not have to decide again: delivery is retried
 * for up to a minute; then it is a defect of the caller's request, which has not been acknowledged.
 */
import type { Json } from "@reins/protocol"
import * as Effect from "effect/Effect"
import * as Schedule from "effect/Schedule"
import type { Answered } from "../../engine/RunHost.ts"
import type { JournalStore, StoredAnswer, StoreFailure } from "./JournalStore.ts"

const patienceMs = 60_000

export interface DeliveryOptions {
  /** The pause between two attempts, in milliseconds. */
  readonly retryMs: number
  /** Done when the answer is stored, and not separated from that: it tells the owner, or opens the run. */
  readonly taken: Effect.Effect<void>
}

/**
 * Stores the answer. An answer whose acknowledgement was lost is found stored afterwards, perhaps in a run that has ended by then, and
 * counts as taken: the very same answer by somebody else makes no difference.
 */
export const deliver = (
  store: Pick<JournalStore, "answer" | "find">,
  runId: string,
  name: string,
  { at, value }: StoredAnswer,
  { retryMs, taken }: DeliveryOptions
): Effect.Effect<Answered> => {
  // Whoever asked may leave between two attempts, but not between the row and the signal: nobody would open the run.
  const whole = (attempt: Effect.Effect<Answered, StoreFailure>) =>
    Effect.uninterruptible(Effect.tap(attempt, (answered) => (answered._tag === "Taken" ? taken : Effect.void)))
  const attempt = store.answer(runId, name, value, at)
  const again = Effect.flatMap(attempt, (answered): Effect.Effect<Answered, StoreFailure> =>
    answered._tag === "Taken"
      ? Effect.succeed(answered)
      : Effect.map(store.find(runId, name), (stored) => (isSame(stored, value) ? { _tag: "Taken" } : answered))
  )
  const times = Math.ceil(patienceMs / Math.max(1, retryMs))
  // A row that is damaged does not become better by waiting.
  const mayPass = ({ damaged }: StoreFailure) => damaged === undefined
  const persist = Effect.orDie(
    Effect.retry(whole(again), { schedule: Schedule.spaced(retryMs), times, while: mayPass })
  )
  return Effect.catch(whole(attempt), (failure) =>
    mayPass(failure) ? Effect.delay(persist, retryMs) : Effect.die(failure)
  )
}

const isSame = (stored: StoredAnswer | undefined, value: Json): boolean =>
  stored !== undefined && JSON.stringify(stored.value) === JSON.stringify(value)
