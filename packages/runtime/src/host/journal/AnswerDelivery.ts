/**
 * Delivers answers (decisions, client results, cancels) and messages: first as a row in the store, then as a signal to
 * the run's owner, so that an answer counts whether or not an owner is alive.
 *
 * Delivery is retried for up to a minute while the store is unavailable, locked or full, so that a person need not
 * decide again; then the unacknowledged request fails with a defect.
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
  /** Called when the answer is stored, uninterruptibly: signals the owner, or opens the run. */
  readonly taken: Effect.Effect<void>
  /** The acts to record with it. */
  readonly acts?: ReadonlyArray<Audit.Act> | undefined
}

/**
 * Stores the answer. If the acknowledgement of an attempt was lost, the next attempt finds the answer stored, possibly
 * in a run that has ended since, and counts as taken. The same answer by another person counts, too.
 */
export const deliver = (
  store: Pick<JournalStore, "answer" | "find">,
  runId: string,
  name: string,
  { at, value }: StoredAnswer,
  { acts, retryMs, taken }: DeliveryOptions
): Effect.Effect<Answered> => {
  // The caller may be interrupted between two attempts, but not between the row and the signal: nothing would open the
  // run.
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

/** Retrying does not repair a damaged row. */
const mayPass = ({ damaged }: StoreFailure) => damaged === undefined

/** Retries while the store fails, for up to a minute. */
export const persist = <A>(effect: Effect.Effect<A, StoreFailure>, retryMs: number): Effect.Effect<A> =>
  Effect.orDie(
    Effect.retry(effect, {
      schedule: Schedule.spaced(retryMs),
      times: Math.ceil(patienceMs / Math.max(1, retryMs)),
      while: mayPass
    })
  )

/** How a wait ends without an answer, and how it is notified of one. */
export interface Awaiting<A> {
  /** The answers known to this process. */
  readonly known: () => StoredAnswer | undefined
  /** Whether this process knows an answer of that name. */
  readonly has: (name: string) => boolean
  readonly schema: Schema.Codec<A, Json>
  readonly end: WaitEnd<A>
  readonly isDue: () => boolean
  /** Completes when there may be a new answer. */
  readonly news: Effect.Effect<void>
}

/** The run that waits. */
interface Awaited {
  readonly runId: string
  readonly now: () => number
  readonly cancel: Signal
  /** Wakes all of its waits of that name. */
  readonly notify: (name: string, answer: StoredAnswer) => void
}

/**
 * The stored answer of a wait, as soon as there is one, for the process that executes the run. The row decides; a
 * signal only wakes the wait.
 */
export const awaited = <A>(
  options: Judging,
  run: Awaited,
  name: string,
  { end: { any, cancelled, expires, voting }, has, isDue, known, news, schema }: Awaiting<A>
): Effect.Effect<StoredAnswer> => {
  const give = (value: A) =>
    Effect.orDie(
      Effect.flatMap(Schema.encodeEffect(schema)(value), (json) => {
        const at = run.now()
        return Effect.map(options.store.answer(run.runId, name, json, at), ({ _tag }) => {
          // A handler that was abandoned may wait for it as well.
          if (_tag === "Taken") run.notify(name, { value: json, at })
        })
      })
    )
  const find = Effect.orDie(options.store.find(run.runId, name))
  const stored = voting === undefined ? find : Effect.andThen(tally(options, run, name, voting), find)
  const some = (names: ReadonlyArray<string>, index = 0): Effect.Effect<boolean> => {
    const one = names[index]
    if (one === undefined) return Effect.succeed(false)
    if (has(one)) return Effect.succeed(true)
    return Effect.flatMap(Effect.orDie(options.store.find(run.runId, one)), (found) =>
      found === undefined ? some(names, index + 1) : Effect.succeed(true)
    )
  }
  const look: Effect.Effect<StoredAnswer> = Effect.suspend(() => {
    const told = known()
    if (told !== undefined && voting === undefined) return Effect.succeed(told)
    return Effect.flatMap(stored, (found) => {
      if (found !== undefined) return Effect.succeed(found)
      if (run.cancel.requested) return Effect.andThen(give(cancelled), look)
      if (expires !== undefined && isDue()) return Effect.andThen(give(expires.value), look)
      const waited = Effect.andThen(news, look)
      if (any === undefined) return waited
      return Effect.flatMap(some(any.names), (has) => (has ? Effect.andThen(give(any.value), look) : waited))
    })
  })
  return look
}

/** The store of the votes that a run judges. */
interface Judging {
  readonly store: JournalStore
  /** Called when a vote has been judged, by the name of its judgement. */
  readonly judged: (name: string) => void
}

/**
 * Judges the votes on a question and reports the counted ones, in the process that executes the run. Each stored vote
 * is judged once.
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
    // The decision reports the last required vote.
    if (count < vote.quorum) yield* voting.counted(vote, count)
  }
})

const isSame = (stored: StoredAnswer | undefined, value: Json): boolean =>
  stored !== undefined && JSON.stringify(stored.value) === JSON.stringify(value)

/**
 * Stores a message in the first free slot of the run's inbox. It reads every slot before that, because one of them may
 * have the same message. A cancelled run accepts none.
 */
export const accept = Effect.fnUntraced(function* (
  store: Pick<JournalStore, "answer" | "find" | "status">,
  runId: string,
  message: Inbox.InboxMessage,
  options: {
    readonly at: number
    readonly retryMs: number
    /** Called when the message is stored, uninterruptibly. */
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
