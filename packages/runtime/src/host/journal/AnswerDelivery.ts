/**
 * Delivers answers (decisions, client results, cancels) and messages: first as a row in the store, then as a signal to
 * the run's owner, so that an answer counts whether or not an owner is alive.
 *
 * Delivery is retried for up to a minute while the store is unavailable, locked or full, so that a person need not
 * decide again; then the unacknowledged request fails with a defect. What an executed run writes and reads by itself of
 * such rows is here, too: its inbox and its kept values.
 */
import type { Audit, Event, Json } from "@reins/protocol"
import * as Effect from "effect/Effect"
import * as Schedule from "effect/Schedule"
import * as Inbox from "../../engine/Inbox.ts"
import type { Kept } from "../../engine/Engine.ts"
import type { Answered } from "../../engine/RunHost.ts"
import * as Names from "../../run/Names.ts"
import type { JournalStore, StoredAnswer, StoreFailure } from "./JournalStore.ts"
import type { JournalWriter } from "./JournalWriter.ts"

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

/** The inbox of a run that is executed here: its slots are answers in the store, under names that count from 1. */
export class JournalInbox {
  /** The number of messages known here; another process may have accepted more. */
  known = 0
  /** The slot that the commit of the run's last event closes, by name. Absent: none. */
  closing: string | undefined
  private readonly store: JournalStore
  private readonly runId: string
  private readonly answers: Map<string, StoredAnswer>

  /** `answers`: the run's answers known here; newly found ones are added. */
  constructor(store: JournalStore, runId: string, answers: Map<string, StoredAnswer>) {
    this.store = store
    this.runId = runId
    this.answers = answers
    this.count()
  }

  /** Counts the known messages, after answers were added. */
  count(): void {
    for (let slot = this.slot(1 + this.known); slot !== undefined; slot = this.slot(1 + this.known)) {
      if (Inbox.messageIn(slot.value) === undefined) return
      this.known++
    }
  }

  private slot(position: number): StoredAnswer | undefined {
    return this.answers.get(Names.inbox(position))
  }

  message(position: number): Inbox.InboxMessage {
    const slot = this.slot(position)
    const message = slot === undefined ? undefined : Inbox.messageIn(slot.value)
    if (message === undefined) throw new Error(`Run ${this.runId}: no message at position ${position} of the inbox`)
    return message
  }

  /**
   * Takes the known messages after the first `taken`: `remember` emits and stores them. Returns the new number of taken
   * messages.
   */
  take(
    taken: number,
    remember: (known: number, events: ReadonlyArray<Event>) => Effect.Effect<void>
  ): Effect.Effect<number> {
    return Effect.suspend(() => {
      const { known } = this
      const events = Array.from({ length: known - taken }, (_, index) => {
        const position = taken + index + 1
        return Inbox.received(this.message(position), position)
      })
      return Effect.as(remember(known, events), known)
    })
  }

  /**
   * Looks for messages that another process has accepted. If they cannot be read now, they are found when the inbox is
   * closed.
   */
  readonly look: Effect.Effect<void> = Effect.suspend(() => {
    const name = Names.inbox(this.known + 1)
    if (this.answers.has(name)) return Effect.void
    return Effect.flatMap(Effect.option(this.store.find(this.runId, name)), (found) => {
      if (found._tag === "None" || found.value === undefined) return Effect.void
      this.answers.set(name, found.value)
      this.count()
      return this.look
    })
  })

  /** Closes the inbox at `position`, now or at the run's end, unless a message is there, which it returns. */
  close(position: number, at: number, now: boolean): Effect.Effect<Inbox.InboxMessage | undefined> {
    return Effect.suspend(() => {
      this.closing = undefined
      const known = this.slot(position)
      if (known !== undefined) return Effect.succeed(Inbox.messageIn(known.value))
      const name = Names.inbox(position)
      if (!now) {
        this.closing = name
        return Effect.succeed(undefined)
      }
      return Effect.map(Effect.orDie(this.store.answer(this.runId, name, Inbox.closed, at)), (answered) => {
        const value = answered._tag === "Resolved" ? answered.value : Inbox.closed
        this.answers.set(name, { value, at })
        this.count()
        return Inbox.messageIn(value)
      })
    })
  }

  /** Closes the inbox, and returns its messages after the first `taken`. */
  unread(taken: number, at: number): Effect.Effect<ReadonlyArray<Inbox.InboxMessage>> {
    return Effect.flatMap(this.close(taken + 1, at, true), (message) =>
      message === undefined ? Effect.succeed([]) : Effect.map(this.unread(taken + 1, at), (rest) => [message, ...rest])
    )
  }
}

/** The run whose values are kept. */
interface Of {
  readonly runId: string
  readonly now: () => number
  readonly writer: Pick<JournalWriter, "loss">
}

/**
 * The kept values (`Kept`) of a run that is executed here: answers in the store, under names that no caller can answer.
 */
export class JournalKept implements Kept {
  private readonly run: Of
  private readonly store: Pick<JournalStore, "answer" | "find">
  private readonly retryMs: number
  private readonly answers: Map<string, StoredAnswer>

  /** `retryMs`: the pause between two attempts. `answers`: the run's answers known here; new ones are added. */
  constructor(
    run: Of,
    answers: Map<string, StoredAnswer>,
    { reopenMs, store }: { readonly store: Pick<JournalStore, "answer" | "find">; readonly reopenMs: number }
  ) {
    this.run = run
    this.store = store
    this.retryMs = reopenMs
    this.answers = answers
  }

  put(name: string, value: Json): Effect.Effect<Json> {
    return Effect.suspend(() => {
      const known = this.answers.get(name)
      if (known !== undefined) return Effect.succeed(known.value)
      const { runId, writer } = this.run
      const at = this.run.now()
      const written = persist(this.store.answer(runId, name, value, at), this.retryMs)
      const first = Effect.map(written, (answered) => {
        const stored = answered._tag === "Resolved" ? answered.value : value
        this.answers.set(name, { value: stored, at })
        return stored
      })
      // As after a failed commit: the next owner continues.
      return Effect.catchCause(first, (cause) => (writer.loss === undefined ? Effect.failCause(cause) : Effect.never))
    })
  }

  get(name: string): Json | undefined {
    return this.answers.get(name)?.value
  }

  /** The values with names that begin with `prefix`, as far as this process knows. */
  under(prefix: string): ReadonlyArray<readonly [name: string, value: Json]> {
    return Array.from(this.answers).flatMap(([name, { value }]) => (name.startsWith(prefix) ? [[name, value]] : []))
  }

  find(name: string): Effect.Effect<Json | undefined> {
    return Effect.suspend(() => {
      const known = this.get(name)
      if (known !== undefined) return Effect.succeed(known)
      return Effect.map(persist(this.store.find(this.run.runId, name), this.retryMs), (found) => {
        if (found !== undefined) this.answers.set(name, found)
        return found?.value
      })
    })
  }
}
