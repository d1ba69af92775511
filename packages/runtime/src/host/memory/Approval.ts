/** What a run of the memory engine waits for from outside. */
import type { Json } from "@reins/protocol"
import * as Deferred from "effect/Deferred"
import type * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import type { WaitEnd, WaitRow } from "../../engine/Engine.ts"
import type { AlarmListener, Deadline } from "../../kernel/Alarm.ts"
import * as Erased from "../../kernel/Erased.ts"
import type { SignalListener } from "../../kernel/Signal.ts"

/** The run that waits. */
interface Waiting {
  readonly now: () => number
  readonly answer: (name: string, value: Json) => unknown
}

/**
 * What a run waits for from outside, an answer to an approval or the result of a caller's tool: an Effect `Deferred` that is completed
 * exactly once, by whoever is first (a person, the clock, a cancel), perhaps before the run waits for it. It is its own listener for
 * clock and cancel, because many runs are parked for long.
 */
export class Approval implements SignalListener, AlarmListener {
  readonly name: string
  readonly deferred: Deferred.Deferred<Waited> = Deferred.makeUnsafe()
  /** What it was completed with. */
  value: Json | undefined
  /** Set where the clock ends the wait. */
  deadline: Deadline | undefined
  row: WaitRow | undefined
  startedAt = 0
  end: WaitEnd<unknown> | undefined
  private readonly run: Waiting

  constructor(run: Waiting, name: string) {
    this.run = run
    this.name = name
  }

  /** The run waits for it from now on. */
  wait(end: WaitEnd<unknown>, row: WaitRow): void {
    this.startedAt = this.run.now()
    this.end = end
    this.row = row
  }

  /** Completes it. */
  complete(value: Json, waitedMs: number): void {
    this.value = value
    Deferred.doneUnsafe(this.deferred, Exit.succeed({ value, waitedMs }))
  }

  /** Tells how it was completed, as `Deferred.await` does. Answers how to stop. */
  listen(ended: (exit: Exit.Exit<Waited>) => void): () => void {
    const { deferred } = this
    const { effect } = deferred
    // It is only ever completed with an exit.
    const told = (effect: Effect.Effect<Waited>) => ended(Erased.as<Exit.Exit<Waited>>(effect))
    if (effect === undefined) deferred.resumes = [...(deferred.resumes ?? []), told]
    else told(effect)
    return () => {
      deferred.resumes = deferred.resumes?.filter((one) => one !== told)
    }
  }

  signalled(): void {
    this.run.answer(this.name, Erased.as<Json>(this.end?.cancelled))
  }

  ring(): void {
    this.run.answer(this.name, Erased.as<Json>(this.end?.expires?.value))
  }
}

/** What a wait came to. In memory an answer is not encoded: its value is what the wait is declared to answer. */
export interface Waited {
  readonly value: Json
  readonly waitedMs: number
}
