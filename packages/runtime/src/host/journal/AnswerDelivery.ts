/**
 * Delivery of answers (decisions, client results, cancels) and of messages: a row in the store first and a signal to
 * the run's owner second, so that an answer counts whether or not an owner is alive.
 *
 * A store may be away, locked or full for a while. Somebody has decided, and should not have to decide again: delivery
 * is retried for up to a minute; then it is a defect of the caller's request, which has not been acknowledged.
 */
import type { Json } from "@reins/protocol"
import * as Effect from "effect/Effect"
import * as Schedule from "effect/Schedule"
import * as Inbox from "../../engine/Inbox.ts"
import type { Answered } from "../../engine/RunHost.ts"
import * as Names from "../../run/Names.ts"
import type { JournalStore, StoredAnswer, StoreFailure } from "./JournalStore.ts"

const patienceMs = 60_000

export interface DeliveryOptions {
  /** The pause between two attempts, in milliseconds. */
  readonly retryMs: number
  /** Done when the answer is stored, and not separated from that: it tells the owner, or opens the run. */
  readonly taken: Effect.Effect<void>
}

/**
 * Stores the answer. An answer whose acknowledgement was lost is found stored afterwards, perhaps in a run that has
 * ended by then, and counts as taken: the same answer by another person counts, too.
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

/**
 * Stores a message in the first slot of the run's inbox that is free. Every slot before it is looked at: one of them
 * may hold the very same message. A run that was asked to end takes none.
 */
export const accept = Effect.fnUntraced(function* (
  store: Pick<JournalStore, "answer" | "find" | "status">,
  runId: string,
  message: Inbox.InboxMessage,
  options: {
    readonly at: number
    readonly retryMs: number
    /** Done when the message is stored, and not separated from that. */
    readonly taken: (name: string, value: Json) => Effect.Effect<void>
  }
) {
  const { at, retryMs, taken } = options
  const value = Inbox.encode(message)
  const isCancelled = (yield* Effect.orDie(store.find(runId, Names.cancel))) !== undefined
  for (let position = 1; ; position++) {
    const name = Names.inbox(position)
    const answered: Answered = isCancelled
      ? { _tag: "Unknown" }
      : yield* deliver(store, runId, name, { value, at }, { retryMs, taken: taken(name, value) })
    if (answered._tag === "Taken") return { _tag: "Accepted", position, at } satisfies Inbox.Accepted
    const slot = yield* Effect.orDie(store.find(runId, name))
    if (slot === undefined) {
      const status = yield* Effect.orDie(store.status(runId))
      return { _tag: status === undefined ? "Unknown" : "Closed" } satisfies Inbox.Accepted
    }
    const judged = Inbox.judge(message, slot, position)
    if (judged !== undefined) return judged
  }
})
