/**
 * Runs an effect on behalf of a run, and stops it when the run is cancelled or a deadline passes.
 *
 * An effect that completes at once costs nothing, a `Task` no fiber, any other effect a fiber. To stop an effect it is
 * interrupted and given a grace time; then it is abandoned (`abandoned`), so that it cannot block the run. The caller
 * decides what its end means.
 */
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import type * as Fiber from "effect/Fiber"
import * as Result from "effect/Result"
import type { Alarm, AlarmListener, Deadline } from "./Alarm.ts"
import type { Signal, SignalListener } from "./Signal.ts"
import * as Task from "./Task.ts"

/** What cuts an effect: the run's cancel, its deadline, or its own wish to stop for now. */
export type CutBy = "signal" | "deadline" | "halt"

/** How an effect ended. */
export type Held<A, E> =
  | { readonly _tag: "Done"; readonly exit: Exit.Exit<A, E> }
  | {
      readonly _tag: "Cut"
      readonly by: CutBy
      /** It had not ended when its grace time was over, and may still be running. */
      readonly abandoned: boolean
      /** It succeeded within its grace time, with this. */
      readonly completed: { readonly value: A } | undefined
    }

export interface Limits {
  readonly signal: Signal
  /** Where deadlines are set. */
  readonly alarm: Alarm
  /**
   * The remaining milliseconds; read again when they should be over, since the clock may have stopped meanwhile.
   * Absent: no deadline.
   */
  readonly remainingMs?: (() => number) | undefined
  /** How long an interrupted effect may take to end. */
  readonly graceMs: number
  /** Called once when the effect is cut, or its caller is interrupted, before it is interrupted itself. */
  readonly onCut?: (() => void) | undefined
  /** Called when the effect was begun and was not done at once, with how to cut it. */
  readonly begun?: ((halt: () => void) => void) | undefined
}

/** Runs `effect` under `limits`. Interrupting the caller interrupts it, without grace. */
export const hold = <A, E>(effect: Effect.Effect<A, E>, limits: Limits): Task.Task<Held<A, E>, never> =>
  Task.make((caller, ended) => {
    if (!limits.signal.requested) return new Watch(limits, ended).begin(effect, caller)
    ended(Exit.succeed(cut("signal")))
    return nothing
  })

const nothing = (): void => {}

/**
 * As `hold`, for work that is started when this is called and may be done at once. A throw of `work` is a defect of the
 * work.
 */
export const begin = <A, E>(work: () => Effect.Effect<A, E>, limits: Limits): Effect.Effect<Held<A, E>> => {
  if (limits.signal.requested) return Exit.succeed(cut("signal"))
  const begun = Result.try(work)
  if (Result.isFailure(begun)) return Exit.succeed({ _tag: "Done", exit: Exit.die(begun.failure) })
  const effect = begun.success
  return Task.isExit(effect) ? Exit.succeed({ _tag: "Done", exit: effect }) : hold(effect, limits)
}

/** As `hold`, for an effect that may be done. */
export const holdStarted = <A, E>(effect: Effect.Effect<A, E>, limits: Limits): Effect.Effect<Held<A, E>> => {
  if (limits.signal.requested) return Exit.succeed(cut("signal"))
  return Task.isExit(effect) ? Exit.succeed({ _tag: "Done", exit: effect }) : hold(effect, limits)
}

const cut = <A = never>(by: CutBy, abandoned = false, completed?: { readonly value: A }) =>
  ({ _tag: "Cut", by, abandoned, completed }) as const

/** Work that was not done at once. */
class Watch<A, E> implements SignalListener, AlarmListener {
  private by: CutBy | undefined
  private over = false
  private deadline: Deadline | undefined
  private stop: (() => void) | undefined
  private readonly limits: Limits
  private readonly tell: (held: Exit.Exit<Held<A, E>>) => void

  constructor(limits: Limits, tell: (held: Exit.Exit<Held<A, E>>) => void) {
    this.limits = limits
    this.tell = tell
  }

  /** Returns what to do when the caller is interrupted. */
  begin(effect: Effect.Effect<A, E>, caller: Fiber.Fiber<unknown, unknown>): () => void {
    if (effect instanceof Task.Task) this.stop = Task.begin(effect, caller, this.ended)
    else {
      const fiber = Effect.runForkWith(caller.context)(effect)
      this.stop = () => fiber.interruptUnsafe()
      fiber.addObserver(this.ended)
    }
    if (!this.over) this.limits.signal.add(this)
    if (!this.over && this.by === undefined && this.limits.remainingMs !== undefined) this.rearm()
    if (!this.over) this.limits.begun?.(() => this.end("halt"))
    return this.leave
  }

  private readonly ended = (exit: Exit.Exit<A, E>): void =>
    this.finish(
      this.by === undefined ? { _tag: "Done", exit } : cut(this.by, false, Exit.isSuccess(exit) ? exit : undefined)
    )

  private readonly leave = (): void => {
    if (this.by === undefined) this.limits.onCut?.()
    this.over = true
    this.limits.signal.remove(this)
    this.limits.alarm.clear(this.deadline)
    this.stop?.()
  }

  signalled(): void {
    this.end("signal")
  }

  /** Called when the deadline may be over, or the grace time is. */
  ring(): void {
    if (this.by === undefined) this.rearm()
    else this.finish(cut(this.by, true))
  }

  private rearm(): void {
    const ms = this.limits.remainingMs?.() ?? Number.POSITIVE_INFINITY
    if (ms <= 0) this.end("deadline")
    else if (ms < Number.POSITIVE_INFINITY) this.deadline = this.limits.alarm.set(Math.max(1, Math.ceil(ms)), this)
  }

  private end(by: CutBy): void {
    if (this.over || this.by !== undefined) return
    this.by = by
    this.limits.onCut?.()
    this.limits.alarm.clear(this.deadline)
    this.deadline = this.limits.alarm.set(this.limits.graceMs, this)
    this.stop?.()
  }

  private finish(held: Held<A, E>): void {
    if (this.over) return
    this.over = true
    this.limits.signal.remove(this)
    this.limits.alarm.clear(this.deadline)
    this.tell(Exit.succeed(held))
  }
}
