/**
 * The waits of one journal run. Each is woken on an answer that was stored in this process, on a cancel, at a deadline,
 * or at the next poll for what another process has stored; then it reads the stored answer, which decides, and judges
 * votes.
 */
import type { Json } from "@reins/protocol"
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import * as Quorum from "../../approval/Quorum.ts"
import type { Voting, WaitEnd } from "../../engine/Engine.ts"
import type { RunClock } from "../../kernel/RunClock.ts"
import type { Signal } from "../../kernel/Signal.ts"
import type { JournalStore, StoredAnswer } from "./JournalStore.ts"

export class Waits {
  /** By name. A call may wait for what a handler of it that was abandoned still waits for. */
  private readonly listeners = new Map<string, ReadonlyArray<() => void>>()
  /** How many times something for a wait was stored in this process. */
  private nudges = 0
  /** How many waits and others look for what was stored, at this moment. */
  private looking = 0
  private readonly due = new Map<string, number>()
  private readonly pollMs: number
  private readonly clock: RunClock
  private readonly cancel: Signal
  private readonly answers: ReadonlyMap<string, StoredAnswer>

  /**
   * `pollMs`: how often a wait polls for answers from other processes, in milliseconds. `answers`: those known to this
   * process.
   */
  constructor(pollMs: number, clock: RunClock, cancel: Signal, answers: ReadonlyMap<string, StoredAnswer>) {
    this.pollMs = pollMs
    this.clock = clock
    this.cancel = cancel
    this.answers = answers
  }

  /** The earliest deadline of the waits, in epoch milliseconds; `Infinity` without one. */
  get wakesAt(): number {
    return Math.min(...this.due.values())
  }

  /** Whether something of the run looks for what was stored, and may go on with it. */
  get isLooking(): boolean {
    return this.looking > 0
  }

  /** Runs an effect that looks for what was stored. */
  during<A>(effect: Effect.Effect<A>): Effect.Effect<A> {
    return Effect.suspend(() => {
      this.looking++
      return Effect.ensuring(
        effect,
        Effect.sync(() => void this.looking--)
      )
    })
  }

  /**
   * The stored answer of the wait of that name, as soon as there is one. The row decides; a signal only wakes the
   * wait.
   */
  awaited<A>(
    judging: Judging,
    run: Awaited,
    name: string,
    schema: Schema.Codec<A, Json>,
    end: WaitEnd<A>
  ): Effect.Effect<StoredAnswer> {
    return this.during(Effect.suspend(() => awaited(judging, run, name, this.awaiting(name, schema, end))))
  }

  /** How the wait of that name ends without an answer, and how it is notified of one. */
  private awaiting<A>(name: string, schema: Schema.Codec<A, Json>, end: WaitEnd<A>): Awaiting<A> {
    const due = end.expires === undefined ? Number.POSITIVE_INFINITY : this.clock.due(end.expires.at)
    const leftMs = () => this.clock.left(due)
    const known = () => this.answers.get(name)
    const has = (one: string) => this.answers.has(one)
    let seen = this.nudges
    const looks = () => {
      seen = this.nudges
    }
    // What was stored while the wait looked, it may not have seen.
    const isMissed = () => seen !== this.nudges
    const news = this.news(name, end, leftMs, isMissed)
    return { schema, end, known, has, looks, isDue: () => leftMs() <= 0, news }
  }

  /**
   * Completes when there may be an answer; the wait does not look meanwhile. `leftMs`: the time until its deadline.
   * `isMissed`: whether there may be an answer already.
   */
  private news(
    name: string,
    { any, expires, reminders = [] }: WaitEnd<unknown>,
    leftMs: () => number,
    isMissed: () => boolean
  ): Effect.Effect<void> {
    const { answers, cancel, clock, pollMs } = this
    const names = any === undefined ? [name] : [name, ...any.names]
    const told = Effect.callback<void>((resume) => {
      if (cancel.requested || isMissed() || names.some((one) => answers.has(one))) return resume(Effect.void)
      let isLeft = false
      this.looking--
      const leave = () => {
        if (isLeft) return
        isLeft = true
        this.looking++
        for (const one of names) this.remove(one, wake)
        cancel.remove(listener)
      }
      const wake = () => {
        leave()
        resume(Effect.void)
      }
      for (const one of names) this.listeners.set(one, [...(this.listeners.get(one) ?? []), wake])
      const dueAt = reminders.find(({ at }) => at > clock.now())?.at ?? expires?.at
      if (dueAt !== undefined) this.due.set(name, dueAt)
      const listener = { signalled: wake }
      cancel.add(listener)
      return Effect.sync(leave)
    })
    return Effect.suspend(() => {
      const left = Math.min(pollMs, leftMs())
      return left === Number.POSITIVE_INFINITY ? told : Effect.raceFirst(told, Effect.sleep(Math.max(1, left)))
    })
  }

  private remove(name: string, wake: () => void): void {
    const left = this.listeners.get(name)?.filter((one) => one !== wake) ?? []
    if (left.length === 0) this.listeners.delete(name)
    else this.listeners.set(name, left)
  }

  /** Call when something for a wait was stored in this process. */
  nudge(name: string): void {
    // A wait that looks at this moment looks once more.
    this.nudges += 1
    for (const wake of this.listeners.get(name) ?? []) wake()
  }

  /** All waits poll again. */
  wake(): void {
    for (const wake of Array.from(this.listeners.values()).flat()) wake()
  }

  /**
   * The wait, over when it is interrupted while a call is `running`: the call that asked. A run that is unloaded has
   * none.
   */
  leaving<A>(name: string, wait: Effect.Effect<A>, running: () => boolean): Effect.Effect<A> {
    return Effect.onInterrupt(wait, () => Effect.sync(() => (running() ? this.over(name) : undefined)))
  }

  /** The wait has its answer, or is left. */
  over(name: string): void {
    this.due.delete(name)
    this.clock.endWait()
  }
}

/** How a wait ends without an answer, and how it is notified of one. */
interface Awaiting<A> {
  /** The answers known to this process. */
  readonly known: () => StoredAnswer | undefined
  /** Whether this process knows an answer of that name. */
  readonly has: (name: string) => boolean
  readonly schema: Schema.Codec<A, Json>
  readonly end: WaitEnd<A>
  readonly isDue: () => boolean
  /** Call before the wait looks for an answer. */
  readonly looks: () => void
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

const awaited = <A>(
  options: Judging,
  run: Awaited,
  name: string,
  { end: { any, cancelled, expires, voting }, has, isDue, known, looks, news, schema }: Awaiting<A>
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
    looks()
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
