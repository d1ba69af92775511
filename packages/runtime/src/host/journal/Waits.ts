/**
 * Wakes the waits of one journal run: on an answer that was stored in this process, on a cancel, at a deadline, or at
 * the next poll for what another process has stored. The stored answer decides; a woken wait reads it.
 */
import type { Json } from "@reins/protocol"
import * as Effect from "effect/Effect"
import type * as Schema from "effect/Schema"
import type { WaitEnd } from "../../engine/Engine.ts"
import type { RunClock } from "../../kernel/RunClock.ts"
import type { Signal } from "../../kernel/Signal.ts"
import type { Awaiting } from "./AnswerDelivery.ts"
import type { StoredAnswer } from "./JournalStore.ts"

export class Waits {
  /** By name. A call may wait for what a handler of it that was abandoned still waits for. */
  private readonly listeners = new Map<string, ReadonlyArray<() => void>>()
  private readonly nudged = new Set<string>()
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

  /** How the wait of that name ends without an answer, and how it is notified of one. */
  awaiting<A>(name: string, schema: Schema.Codec<A, Json>, end: WaitEnd<A>): Awaiting<A> {
    const due = end.expires === undefined ? Number.POSITIVE_INFINITY : this.clock.due(end.expires.at)
    const leftMs = () => this.clock.left(due)
    const known = () => this.answers.get(name)
    const has = (one: string) => this.answers.has(one)
    return { schema, end, known, has, isDue: () => leftMs() <= 0, news: this.news(name, end, leftMs) }
  }

  /** Completes when there may be an answer. `leftMs`: the time until the wait's deadline. */
  private news(
    name: string,
    { any, expires, reminders = [] }: WaitEnd<unknown>,
    leftMs: () => number
  ): Effect.Effect<void> {
    const { answers, cancel, clock, pollMs } = this
    const names = any === undefined ? [name] : [name, ...any.names]
    const told = Effect.callback<void>((resume) => {
      const isThere = (one: string) => answers.has(one) || this.nudged.delete(one)
      if (cancel.requested || names.some(isThere)) return resume(Effect.void)
      const wake = () => resume(Effect.void)
      for (const one of names) this.listeners.set(one, [...(this.listeners.get(one) ?? []), wake])
      const dueAt = reminders.find(({ at }) => at > clock.now())?.at ?? expires?.at
      if (dueAt !== undefined) this.due.set(name, dueAt)
      const listener = { signalled: wake }
      cancel.add(listener)
      return Effect.sync(() => {
        for (const one of names) this.remove(one, wake)
        cancel.remove(listener)
      })
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
    // A wait that polls at this moment polls once more.
    this.nudged.add(name)
    for (const wake of this.listeners.get(name) ?? []) wake()
  }

  /** All waits poll again. */
  wake(): void {
    for (const wake of Array.from(this.listeners.values()).flat()) wake()
  }

  /** The wait, over when it is interrupted while a call is `running`: the call that asked. A run that is unloaded has none. */
  leaving<A>(name: string, wait: Effect.Effect<A>, running: () => boolean): Effect.Effect<A> {
    return Effect.onInterrupt(wait, () => Effect.sync(() => (running() ? this.over(name) : undefined)))
  }

  /** The wait has its answer, or is left. */
  over(name: string): void {
    this.due.delete(name)
    this.clock.endWait()
  }
}
