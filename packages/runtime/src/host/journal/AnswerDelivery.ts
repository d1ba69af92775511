/**
 * Delivery of answers (decisions, client results, cancels) and of messages: a row in the store first and a signal to
 * the run's owner second, so that an answer counts whether or not an owner is alive.
 *
 * A store may be away, locked or full for a while. Somebody has decided, and should not have to decide again: delivery
 * is retried for up to a minute; then it is a defect of the caller's request, which has not been acknowledged.
 */
import type { Audit, Json } from "@reins/protocol"
import * as Effect from "effect/Effect"
import * as Schedule from "effect/Schedule"
import * as Schema from "effect/Schema"
import * as Inbox from "../../engine/Inbox.ts"
import * as Quorum from "../../approval/Quorum.ts"
import type { Voting, WaitEnd } from "../../engine/Engine.ts"
import type { Signal } from "../../kernel/Signal.ts"
import type { Answered } from "../../engine/RunHost.ts"
import * as Names from "../../run/Names.ts"
import type { JournalStore, StoredAnswer, StoreFailure } from "./JournalStore.ts"

const patienceMs = 60_000

export interface DeliveryOptions {
  /** The pause between two attempts, in milliseconds. */
  readonly retryMs: number
  /** Done when the answer is stored, and not separated from that: it tells the owner, or opens the run. */
  readonly taken: Effect.Effect<void>
  /** What the audit record says of it. */
  readonly acts?: ReadonlyArray<Audit.Act> | undefined
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
  { acts, retryMs, taken }: DeliveryOptions
): Effect.Effect<Answered> => {
  // Whoever asked may leave between two attempts, but not between the row and the signal: nobody would open the run.
  const whole = (attempt: Effect.Effect<Answered, StoreFailure>) =>
    Effect.uninterruptible(Effect.tap(attempt, (answered) => (answered._tag === "Taken" ? taken : Effect.void)))
  const attempt = store.answer(runId, name, value, at, acts)
  const again = Effect.flatMap(attempt, (answered): Effect.Effect<Answered, StoreFailure> =>
    answered._tag === "Taken"
      ? Effect.succeed(answered)
      : Effect.map(store.find(runId, name), (stored) => (isSame(stored, value) ? { _tag: "Taken" } : answered))
  )
  return Effect.catch(whole(attempt), (failure) =>
    mayPass(failure) ? Effect.delay(persist(whole(again), retryMs), retryMs) : Effect.die(failure)
  )
}

/** A row that is damaged does not become better by waiting. */
const mayPass = ({ damaged }: StoreFailure) => damaged === undefined

/** Does it again while the store fails, for up to a minute. */
export const persist = <A>(effect: Effect.Effect<A, StoreFailure>, retryMs: number): Effect.Effect<A> =>
  Effect.orDie(
    Effect.retry(effect, {
      schedule: Schedule.spaced(retryMs),
      times: Math.ceil(patienceMs / Math.max(1, retryMs)),
      while: mayPass
    })
  )

/** How a wait is answered where nobody did, and how it hears of an answer. */
export interface Awaiting<A> {
  /** What this process knows. */
  readonly known: () => StoredAnswer | undefined
  readonly schema: Schema.Codec<A, Json>
  readonly end: WaitEnd<A>
  readonly isDue: () => boolean
  /** Completes when there may be an answer. */
  readonly news: Effect.Effect<void>
}

/** The stored answer of a wait, as soon as there is one, for the process that carries the run. The row is the truth; a signal only wakes. */
export const awaited = <A>(
  options: Judging,
  run: { readonly runId: string; readonly now: () => number; readonly cancel: Signal },
  name: string,
  { end: { cancelled, expires, voting }, isDue, known, news, schema }: Awaiting<A>
): Effect.Effect<StoredAnswer> => {
  const give = (value: A) =>
    Effect.orDie(
      Effect.flatMap(Schema.encodeEffect(schema)(value), (json) =>
        options.store.answer(run.runId, name, json, run.now())
      )
    )
  const find = Effect.orDie(options.store.find(run.runId, name))
  const stored = voting === undefined ? find : Effect.andThen(tally(options, run, name, voting), find)
  const look: Effect.Effect<StoredAnswer> = Effect.suspend(() => {
    const told = known()
    if (told !== undefined && voting === undefined) return Effect.succeed(told)
    return Effect.flatMap(stored, (found) => {
      if (found !== undefined) return Effect.succeed(found)
      if (run.cancel.requested) return Effect.andThen(give(cancelled), look)
      if (expires !== undefined && isDue()) return Effect.andThen(give(expires.value), look)
      return Effect.andThen(news, look)
    })
  })
  return look
}

/** Where votes are stored that a run judges. */
interface Judging {
  readonly store: JournalStore
  /** Called when a vote has been judged, by the name of its judgement. */
  readonly judged: (name: string) => void
}

/**
 * Judges the votes of a question that were tried, and tells of those that were counted: for the process that carries the run. What is
 * stored of a vote is the truth, and it is judged once.
 */
const tally = Effect.fnUntraced(function* (
  { judged, store }: Judging,
  { now, runId }: { readonly runId: string; readonly now: () => number },
  name: string,
  voting: Voting
) {
  const stored = Effect.orDie(store.answers(runId, name))
  const before = yield* stored
  const untried = Quorum.untried(before, `${name}/`)
  for (const vote of untried) {
    const isAllowed = yield* voting.judge(vote)
    yield* Effect.orDie(store.amend(runId, name, now(), (answers) => Quorum.cast(answers, vote, isAllowed)))
    judged(vote.judged)
  }
  const answers = untried.length === 0 ? before : yield* stored
  const given = new Map<string, number>()
  for (const vote of Quorum.counted(answers, `${name}/by/`)) {
    const count = (given.get(vote.ballots) ?? 0) + 1
    given.set(vote.ballots, count)
    // The last that is needed is told by the decision.
    if (count < vote.quorum) yield* voting.counted(vote, count)
  }
})

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
