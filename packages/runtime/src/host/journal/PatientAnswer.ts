/**
 * Stores an answer in a store that may be away, locked or full for a while: somebody has decided, and should not have to decide
 * again. Asked again for up to a minute; then it is a crash of the caller's request, which has not been acknowledged.
 */
import type { Json } from "@reins/protocol"
import * as Effect from "effect/Effect"
import * as Schedule from "effect/Schedule"
import type { Answered } from "../../engine/RunHost.ts"
import type { JournalStore, StoredAnswer, StoreFailure } from "./JournalStore.ts"

const patienceMs = 60_000

/**
 * Tries until `store` takes the answer, every `everyMs`. One whose acknowledgement was lost is found stored afterwards, perhaps in a
 * run that has ended by then, and counts as taken: the very same answer by somebody else makes no difference.
 */
export const give = (
  store: Pick<JournalStore, "answer" | "find">,
  runId: string,
  name: string,
  { at, value }: StoredAnswer,
  everyMs = 1000
): Effect.Effect<Answered> => {
  const attempt = store.answer(runId, name, value, at)
  const again = Effect.flatMap(attempt, (answered): Effect.Effect<Answered, StoreFailure> =>
    answered._tag === "Taken"
      ? Effect.succeed(answered)
      : Effect.map(store.find(runId, name), (stored) => (isSame(stored, value) ? { _tag: "Taken" } : answered))
  )
  const times = Math.ceil(patienceMs / Math.max(1, everyMs))
  const persist = Effect.orDie(Effect.retry(again, { schedule: Schedule.spaced(everyMs), times }))
  return Effect.catch(attempt, () => Effect.delay(persist, everyMs))
}

const isSame = (stored: StoredAnswer | undefined, value: Json): boolean =>
  stored !== undefined && JSON.stringify(stored.value) === JSON.stringify(value)
