/**
 * Runs an effect on behalf of a run, and stops it when the run is cancelled or a deadline passes.
 *
 * An effect that completes at once costs nothing, a `Task` no fiber, any other effect a fiber. To stop an effect it is
 * interrupted and given a grace time; then it is abandoned (`abandoned`), so that it cannot block the run. The caller
 * decides what its end means.
 */
import type * as Effect from "effect/Effect"
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
  new Hold(effect, limits)

/**
 * As `hold`, for work that is started when this is called and may be done at once. A throw of `work` is a defect of the
 * work.
 */
export const begin = <A, E>(work: () => Effect.Effect<A, E>, limits: Limits): Effect.Effect<Held<A, E>> => {
  if (limits.signal.requested) return cancelled
  const begun = Result.try(work)
  return started(Result.isSuccess(begun) ? begun.success : Exit.die(begun.failure), limits)
}

/** As `hold`, for an effect that may be done. */
export const holdStarted = <A, E>(effect: Effect.Effect<A, E>, limits: Limits): Effect.Effect<Held<A, E>> =>
  limits.signal.requested ? cancelled : started(effect, limits)

const started = <A, E>(effect: Effect.Effect<A, E>, limits: Limits): Effect.Effect<Held<A, E>> =>
  Task.isExit(effect) ? Exit.succeed({ _tag: "Done", exit: effect }) : new Hold(effect, limits)

const cut = <A = never>(by: CutBy, abandoned = false, completed?: { readonly value: A }) =>
  ({ _tag: "Cut", by, abandoned, completed }) as const

const cancelled = Exit.succeed(cut("signal"))

/** An effect and its limits. */
class Hold<A, E> extends Task.Task<Held<A, E>, never> {
  private readonly effect: Effect.Effect<A, E>
  private readonly limits: Limits

  constructor(effect: Effect.Effect<A, E>, limits: Limits) {
    super("work", Hold.prototype.begin, undefined)
    this.effect = effect
    this.limits = limits
  }

  private begin(caller: Fiber.Fiber<unknown, unknown>, ended: (held: Exit.Exit<Held<A, E>>) => void): () => void {
    const { effect, limits } = this
    if (!limits.signal.requested) return new Watch(limits, caller, ended).begin(effect)
    ended(cancelled)
    return nothing
  }
}

const nothing = (): void => {}

/** Work that was not done at once. It runs here, without an own `Running`. */
class Watch<A, E> extends Task.Running implements SignalListener, AlarmListener {
  private by: CutBy | undefined
  private isOver = false
  private deadline: Deadline | undefined
  private readonly limits: Limits
  private readonly tell: (held: Exit.Exit<Held<A, E>>) => void

  constructor(limits: Limits, caller: Fiber.Fiber<unknown, unknown>, tell: (held: Exit.Exit<Held<A, E>>) => void) {
    super(caller)
    this.limits = limits
    this.tell = tell
  }

  /** Returns what to do when the caller is interrupted. */
  begin(effect: Effect.Effect<A, E>): () => void {
    this.carry(effect)
    if (!this.isOver) this.limits.signal.add(this)
    if (!this.isOver && this.by === undefined && this.limits.remainingMs !== undefined) this.rearm()
    if (!this.isOver) this.limits.begun?.(() => this.end("halt"))
    return this.leave
  }

  protected over(exit: Exit.Exit<A, E>): void {
    this.finish(
      this.by === undefined ? { _tag: "Done", exit } : cut(this.by, false, Exit.isSuccess(exit) ? exit : undefined)
    )
  }

  private readonly leave = (): void => {
    if (this.by === undefined) this.limits.onCut?.()
    this.isOver = true
    this.limits.signal.remove(this)
    this.limits.alarm.clear(this.deadline)
    this.quit()
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
    if (this.isOver || this.by !== undefined) return
    this.by = by
    this.limits.onCut?.()
    this.limits.alarm.clear(this.deadline)
    this.deadline = this.limits.alarm.set(this.limits.graceMs, this)
    this.quit()
  }

  private finish(held: Held<A, E>): void {
    if (this.isOver) return
    this.isOver = true
    this.limits.signal.remove(this)
    this.limits.alarm.clear(this.deadline)
    this.tell(Exit.succeed(held))
  }
}
