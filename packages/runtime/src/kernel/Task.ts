/**
 * A `Task` is an effect that can also be started by a plain call: it reports its end to a callback and can be stopped,
 * so that code which only waits for its end needs no fiber for it. Run, wrapped or interrupted as an effect it behaves
 * like any other.
 *
 * `map` and `flatMap` avoid fibers too: they continue a finished effect (an `Exit`) by a plain call, at once, and add
 * to the list of continuations of a `Task`, which one small interpreter works off; only an effect of another kind gets
 * a fiber. Use them only inside a running effect.
 *
 * What a step makes and drops is made by classes, here and in the steps and calls: V8 guesses from a young process
 * which object literals live long, allocates those as old ones, and an old object keeps all that it points to until the
 * next full collection. Fields of classes that each step makes many of are declared only, so that they are written once.
 * Functions that belong to an object are fields with a value, not made in its constructor: made there, twice as much of a step
 * became old (`bench/README.md`).
 */
import * as Effect from "effect/Effect"
import * as Effectable from "effect/Effectable"
import * as Exit from "effect/Exit"
import type * as Fiber from "effect/Fiber"
import * as Result from "effect/Result"
import type * as Erased from "./Erased.ts"

/**
 * Starts the work on behalf of `caller`, with its clock, scheduler and context; returns a function that asks it to
 * stop. `ended` is called once it has ended, for whatever reason: possibly before this returns, or never, if the work
 * ignores the stop.
 */
export type Begin<A, E> = (caller: Fiber.Fiber<unknown, unknown>, ended: (exit: Exit.Exit<A, E>) => void) => () => void

type Any = Effect.Effect<unknown, unknown>

/** It gets what the effect before it ends with, and returns what its kind says: checked where it is made. */
type Next = Erased.Any

/**
 * What a task is: work that is begun (`next` begins it), or an effect that is made when the task is begun (`next` makes
 * it); or another task, continued by a value (`map`), by an effect (`flatMap`), or by any exit (`exit`).
 */
type Kind = "work" | "suspend" | "map" | "flatMap" | "exit"

/** Not a subclass of `Effectable.Class`, whose constructor each of the twenty tasks of a step would call, too. */
// oxlint-disable-next-line typescript/no-unsafe-declaration-merging -- its prototype is that of an effect, below
export interface Task<A, E> extends Effect.Effect<A, E> {}
// oxlint-disable-next-line no-unused-vars -- they are those of the interface
export class Task<A, E> {
  declare readonly kind: Kind
  declare readonly next: Next
  /** The task that is continued; absent for `work` and `suspend`. */
  declare readonly before: Before | undefined

  constructor(kind: Kind, next: Next, before: Before | undefined) {
    this.kind = kind
    this.next = next
    this.before = before
  }
}

Object.setPrototypeOf(
  Task.prototype,
  Effectable.Prototype<Task<unknown, unknown>>({
    label: "Task",
    evaluate(caller) {
      return Effect.callback((resume) => {
        const stop = begin(this, caller, resume)
        return Effect.sync(stop)
      })
    }
  })
)

type Before = Pick<Task<unknown, unknown>, "kind" | "next"> & { readonly before: Before | undefined }

/** Whether an effect can be started by a plain call. */
export const is = <A, E, R>(effect: Effect.Effect<A, E, R>): effect is Effect.Effect<A, E, R> & Task<A, E> =>
  effect instanceof Task

/** A task. `begin` may throw: that is a defect of the work. */
export const make = <A, E>(begin: Begin<A, E>): Task<A, E> => new Task("work", begin, undefined)

/** A task that runs the effect that `effect` returns when the task is begun. */
export const suspend = <A, E>(effect: () => Effect.Effect<A, E>): Task<A, E> => new Task("suspend", effect, undefined)

/** The effect itself or as a task, so that its continuations do not run on the fiber that it needs. */
export const of = <A, E>(effect: Effect.Effect<A, E>): Effect.Effect<A, E> =>
  effect instanceof Task || isExit(effect) ? effect : suspend(() => effect)

const nothing = (): void => {}

const ready = Promise.resolve()

/**
 * Calls `work` in a microtask. As `queueMicrotask`, which in Node also makes an asynchronous resource and enters it, in
 * ten calls.
 */
export const soon = (work: () => void): void => {
  ready.then(work)
}

/** The task, continued by its exit; needs no fiber if the continuation completes at once. */
export const andThen = <A, E, B, E2>(
  task: Task<A, E>,
  next: (exit: Exit.Exit<A, E>) => Effect.Effect<B, E2>
): Task<B, E2> => new Task("exit", next, task)

/**
 * What all successes and all failures are made of. Each step looks three dozen times whether an effect has ended, and
 * `Exit.isExit` is five calls. An exit of another copy of `effect` counts as any other effect, and is run.
 */
const success: unknown = Object.getPrototypeOf(Exit.void)
const failure: unknown = Object.getPrototypeOf(Exit.die(undefined))

/** Whether an effect has already succeeded. */
export const isDone = <A, E, R>(effect: Effect.Effect<A, E, R>): effect is Exit.Success<A, E> =>
  Object.getPrototypeOf(effect) === success

/** As `Effect.map`. */
export const map = <A, B, E, R>(effect: Effect.Effect<A, E, R>, next: (value: A) => B): Effect.Effect<B, E, R> => {
  if (effect instanceof Task) return new Task("map", next, effect)
  return isDone(effect) ? Exit.succeed(next(effect.value)) : Effect.map(effect, next)
}

/** As `Effect.flatMap`. */
export const flatMap = <A, B, E, E2>(
  effect: Effect.Effect<A, E>,
  next: (value: A) => Effect.Effect<B, E2>
): Effect.Effect<B, E | E2> => {
  if (effect instanceof Task) return new Task("flatMap", next, effect)
  return isDone(effect) ? next(effect.value) : Effect.flatMap(effect, next)
}

/** Begins a task; a throw ends it as a defect. */
export const begin = <A, E>(
  task: Task<A, E>,
  caller: Fiber.Fiber<unknown, unknown>,
  ended: (exit: Exit.Exit<A, E>) => void
): (() => void) => {
  const running = new Told(caller, ended)
  running.carry(task)
  return running.stop
}

/** What is still to be applied. Not the tasks themselves: they know those before them, which are over. */
class Following {
  declare readonly kind: Kind
  declare readonly next: Next
  declare readonly rest: Following | undefined

  constructor(kind: Kind, next: Next, rest: Following | undefined) {
    this.kind = kind
    this.next = next
    this.rest = rest
  }
}

/** A task that was begun. */
export abstract class Running {
  private readonly caller: Fiber.Fiber<unknown, unknown>
  /** The continuations, the next first. An array would reserve room for 17 entries in each waiting run. */
  private following: Following | undefined
  private halt = nothing
  private isBeginning = false
  /** The exit of the work being begun, if it ends before the call returns. */
  private early: Exit.Exit<unknown, unknown> | undefined

  constructor(caller: Fiber.Fiber<unknown, unknown>) {
    this.caller = caller
  }

  /** Called once, with the exit of the task's kind: checked where it is begun. */
  protected abstract over(exit: Erased.Any): void

  /** Asks what it waits for to stop. */
  protected quit(): void {
    this.halt()
  }

  private readonly resume = (exit: Exit.Exit<unknown, unknown>): void => {
    if (this.isBeginning) this.early = exit
    else this.carry(exit)
  }

  /** Continues with `effect` until it has to wait, or everything is done. A throw is a defect. */
  carry(effect: Any): void {
    let current: Any = effect
    for (;;) {
      const advanced = advance.of(this, current)
      if (Result.isSuccess(advanced)) return advanced.success === undefined ? undefined : this.over(advanced.success)
      this.isBeginning = false
      this.halt = nothing
      current = Exit.die(advanced.failure)
    }
  }

  /** Continues with `effect`; returns its exit if everything is done. */
  advance(effect: Any): Exit.Exit<unknown, unknown> | undefined {
    // Its prototype says what it is. A guard would be a call each time.
    let current: Erased.Any = effect
    for (;;) {
      let made: unknown = Object.getPrototypeOf(current)
      if (made !== success && made !== failure) {
        current = this.start(current)
        if (current === undefined) return undefined
        made = Object.getPrototypeOf(current)
      }
      const next = made === success ? this.succeed(current) : this.fail(current)
      if (next === undefined) return current
      current = next
    }
  }

  /** Applies the continuations of a success up to the first that returns an effect; `undefined` without any. */
  private succeed(exit: Exit.Success<unknown, unknown>): Any | undefined {
    let { following } = this
    if (following === undefined) return undefined
    let { value } = exit
    // A value that is only mapped needs no exit.
    for (let isMapped = false; following !== undefined; isMapped = true) {
      const { kind, next }: Following = following
      this.following = following = following.rest
      if (kind === "exit") return next(isMapped ? Exit.succeed(value) : exit)
      if (kind !== "map") return next(value)
      value = next(value)
    }
    return Exit.succeed(value)
  }

  /** Applies the next continuation that takes a failure; `undefined` without any. */
  private fail(exit: Exit.Failure<unknown, unknown>): Any | undefined {
    for (let { following } = this; following !== undefined; following = following.rest) {
      if (following.kind !== "exit") continue
      this.following = following.rest
      return following.next(exit)
    }
    this.following = undefined
    return undefined
  }

  /** Begins an unfinished effect; returns its exit if it has ended already. */
  private start(effect: Any): Exit.Exit<unknown, unknown> | undefined {
    this.early = undefined
    if (!(effect instanceof Task)) return this.fork(effect)
    let one: Before = effect
    for (; one.before !== undefined; one = one.before)
      this.following = new Following(one.kind, one.next, this.following)
    if (one.kind === "suspend") {
      this.following = new Following("flatMap", one.next, this.following)
      return Exit.void
    }
    this.isBeginning = true
    this.halt = one.next(this.caller, this.resume)
    this.isBeginning = false
    return this.early
  }

  /** Begins an effect that is no task. */
  private fork(effect: Any): Exit.Exit<unknown, unknown> | undefined {
    const fiber = Effect.runForkWith(this.caller.context)(effect)
    this.isBeginning = true
    fiber.addObserver(this.resume)
    this.isBeginning = false
    this.halt = () => fiber.interruptUnsafe()
    return this.early
  }
}

/** A task whose end a callback is told. */
class Told extends Running {
  private readonly ended: (exit: Erased.Any) => void

  constructor(caller: Fiber.Fiber<unknown, unknown>, ended: (exit: Erased.Any) => void) {
    super(caller)
    this.ended = ended
  }

  readonly stop = (): void => this.quit()

  protected over(exit: Erased.Any): void {
    this.ended(exit)
  }
}

/**
 * Advances a task; a throw is a failure. One function for all: a closure for each part that a task is advanced by would be
 * a thirtieth of what a step allocates.
 */
class Advance {
  private running: Running | undefined
  private effect: Any = Exit.void

  of(running: Running, effect: Any): Result.Result<Exit.Exit<unknown, unknown> | undefined, unknown> {
    this.running = running
    this.effect = effect
    return Result.try(this.take)
  }

  /** Takes what was just given: it may be called again before this returns. */
  private readonly take = (): Exit.Exit<unknown, unknown> | undefined => {
    const { effect, running } = this
    this.running = undefined
    this.effect = Exit.void
    return running?.advance(effect)
  }
}

const advance = new Advance()

/** Whether an effect has ended, with success or failure. */
export const isExit = <A, E>(effect: Effect.Effect<A, E>): effect is Exit.Exit<A, E> => {
  const made: unknown = Object.getPrototypeOf(effect)
  return made === success || made === failure
}

/** Runs all tasks in parallel; ends with the last, or with the first that fails, and then stops the others. */
export const together = <E>(tasks: ReadonlyArray<Task<void, E>>): Task<void, E> =>
  make((caller, ended) => {
    let left = tasks.length
    let isOver = left === 0
    const stops: Array<() => void> = []
    const stop = () => {
      isOver = true
      for (const one of stops) one()
    }
    if (isOver) ended(Exit.void)
    for (const task of tasks) {
      if (isOver) break
      const one = begin(task, caller, (exit) => {
        if (isOver) return
        left--
        if (Exit.isSuccess(exit) && left > 0) return
        stop()
        ended(exit)
      })
      stops.push(one)
    }
    return stop
  })

/**
 * A promise that exists already. It cannot be stopped, but whoever waits in it for ever can say so: what `onLeft` is
 * given ends the task as interrupted. A throw of `failure` is a defect, as one of the promise's own `then`; of a promise
 * that settles more than once, the first time counts.
 */
export const ofPromise = <A, E>(
  promise: PromiseLike<A>,
  failure: (error: unknown) => E,
  onLeft?: (left: () => void) => void
): Task<A, E> =>
  make((_caller, tell) => {
    let isOver = false
    const ended = (exit: Exit.Exit<A, E>) => {
      if (isOver) return
      isOver = true
      tell(exit)
    }
    // What has asked for its stop is told that it was begun before it ends.
    onLeft?.(() => soon(() => ended(Exit.interrupt())))
    Promise.resolve(promise).then(
      (value) => ended(Exit.succeed(value)),
      (error) => {
        const failed = Result.try(() => failure(error))
        ended(Result.isSuccess(failed) ? Exit.fail(failed.success) : Exit.die(failed.failure))
      }
    )
    return nothing
  })
