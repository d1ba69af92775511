/**
 * Holds an effect to the run that wants it: runs it, and ends it when the run's signal or a deadline says so.
 *
 * An effect that is done at once costs one fiber and no timer. One that is still at work is watched; when it must end it is
 * interrupted and given a grace time, after which it is left behind (`abandoned`) so that nothing it does can hold the run.
 * What its end means is the caller's business.
 */
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import type * as Fiber from "effect/Fiber"
import type { Signal } from "./Signal.ts"

/** How a held effect ended. What a `Cut` one still did in its grace time is not told. */
export type Held<A, E> =
  | { readonly _tag: "Done"; readonly exit: Exit.Exit<A, E> }
  | {
      readonly _tag: "Cut"
      readonly by: "signal" | "deadline"
      readonly abandoned: boolean
    }

export interface Limits {
  readonly signal: Signal
  /** Milliseconds that remain; asked again when they should be over, since a clock may have stood still. Absent: no deadline. */
  readonly remainingMs?: (() => number) | undefined
  /** How long an interrupted effect may take to end. */
  readonly graceMs: number
  /** Called once when the effect is cut, or its caller is interrupted, before it is interrupted itself. */
  readonly onCut?: (() => void) | undefined
}

/** Runs `effect` under `limits`. Interrupting the caller interrupts it, without grace. */
export const hold = <A, E>(effect: Effect.Effect<A, E>, limits: Limits): Effect.Effect<Held<A, E>> =>
  Effect.withFiber((parent) => {
    if (limits.signal.requested) return Effect.succeed(cut("signal", false))
    const fork = Effect.runForkWith(parent.context)
    const fiber = fork(effect)
    const exit = fiber.pollUnsafe()
    return exit === undefined ? watch(fiber, fork, limits) : Effect.succeed({ _tag: "Done", exit })
  })

const cut = (by: "signal" | "deadline", abandoned: boolean) => ({ _tag: "Cut", by, abandoned }) as const

const watch = <A, E>(
  fiber: Fiber.Fiber<A, E>,
  fork: (effect: Effect.Effect<void>) => Fiber.Fiber<void>,
  limits: Limits
): Effect.Effect<Held<A, E>> =>
  Effect.callback((resume) => {
    let by: "signal" | "deadline" | undefined
    let timer: Fiber.Fiber<void> | undefined
    let over = false
    const arm = (ms: number, then: () => void) => {
      timer = fork(Effect.sleep(ms))
      timer.addObserver((exit) => {
        if (!over && Exit.isSuccess(exit)) then()
      })
    }
    const finish = (held: Held<A, E>) => {
      if (over) return
      over = true
      off()
      timer?.interruptUnsafe()
      resume(Effect.succeed(held))
    }
    const end = (why: "signal" | "deadline") => {
      if (over || by !== undefined) return
      by = why
      limits.onCut?.()
      timer?.interruptUnsafe()
      arm(limits.graceMs, () => finish(cut(why, true)))
      fiber.interruptUnsafe()
    }
    const deadline = (remaining: () => number) => {
      const ms = remaining()
      if (ms <= 0) end("deadline")
      else if (ms < Number.POSITIVE_INFINITY) arm(Math.max(1, Math.ceil(ms)), () => deadline(remaining))
    }
    let off = () => {}
    fiber.addObserver((exit) => finish(by === undefined ? { _tag: "Done", exit } : cut(by, false)))
    if (!over) off = limits.signal.on(() => end("signal"))
    if (!over && limits.remainingMs !== undefined) deadline(limits.remainingMs)
    return Effect.sync(() => {
      if (by === undefined) limits.onCut?.()
      over = true
      off()
      timer?.interruptUnsafe()
      fiber.interruptUnsafe()
    })
  })
