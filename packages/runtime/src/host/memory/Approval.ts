/** What a run of the memory engine waits for from outside. */
import { AgentPath, type Json, ListedRun } from "@reins/protocol"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import type { WaitEnd, WaitRow, MemoryKept } from "../../engine/Engine.ts"
import type { AlarmListener, Deadline } from "../../kernel/Alarm.ts"
import * as Erased from "../../kernel/Erased.ts"
import type { SignalListener } from "../../kernel/Signal.ts"
import type * as RunFailure from "../../loop/RunFailure.ts"
import * as Names from "../../run/Names.ts"

/** The run that waits. */
interface Waiting {
  readonly now: () => number
  readonly answer: (name: string, value: Json) => unknown
}

/**
 * A wait for an answer to an approval or the result of a client tool: a deferred value that is completed once, by the
 * first of a person, the deadline and a cancel, possibly before the run waits for it. It is its own listener for
 * deadline and cancel, to save memory in parked runs.
 */
export class Approval implements SignalListener, AlarmListener {
  readonly name: string
  readonly deferred: Deferred.Deferred<Waited> = Deferred.makeUnsafe()
  /** The exit it was completed with. */
  value: Json | undefined
  /** Set when the wait has a deadline. */
  deadline: Deadline | undefined
  row: WaitRow | undefined
  startedAt = 0
  /** Whether the run waits for it now. */
  isWaited = false
  end: WaitEnd<unknown> | undefined
  private readonly run: Waiting

  constructor(run: Waiting, name: string) {
    this.run = run
    this.name = name
  }

  /** The approval of that name among all of a run, made by the first wait or answer. */
  static of(all: Array<Approval>, run: Waiting, name: string): Approval {
    const known = all.find((one) => one.name === name)
    if (known !== undefined) return known
    const made = new Approval(run, name)
    all.push(made)
    return made
  }

  /** An answer of that name has come: ends the waits that any of several answers ends. */
  static came(all: ReadonlyArray<Approval> | undefined, name: string): void {
    for (const { end, name: waiting, run, value } of all ?? []) {
      if (value === undefined && end?.any?.names.includes(name) === true)
        run.answer(waiting, Erased.as<Json>(end.any.value))
    }
  }

  /** The stored answers of a run that is ended by force. */
  static stored(all: ReadonlyArray<Approval> = [], kept: MemoryKept): RunFailure.Stored {
    return {
      put: (name, value) =>
        Effect.sync(() =>
          Names.isTicketEnd(name)
            ? (kept.first(name, value) ?? value)
            : (all.find((one) => one.name === name)?.value ?? value)
        ),
      tickets: kept.under(Names.tickets),
      clientWaits: all.flatMap(({ name, row }) =>
        row?.reason === "client-tool"
          ? [{ name, key: AgentPath.callKey(row.path, row.id), isChecked: row.isChecked === true }]
          : []
      )
    }
  }

  /** The state of an open run in lists, and what it waits for: open waits, a question, a client call. */
  static standing(
    run: { readonly approvals?: ReadonlyArray<Approval> | undefined; readonly hasClientCall: () => boolean },
    isAsking: boolean
  ): ReturnType<typeof ListedRun.waiting> {
    return ListedRun.waiting([
      ...(isAsking ? (["approval"] as const) : []),
      ...(run.hasClientCall() ? (["client-tool"] as const) : []),
      ...(run.approvals ?? []).flatMap(({ row, value }) =>
        row !== undefined && value === undefined ? [row.reason] : []
      )
    ])
  }

  /** Starts the run's wait, or goes on with one that was left. Returns how long it may take, in milliseconds. */
  wait(end: WaitEnd<unknown>, row: WaitRow): number {
    const now = this.run.now()
    if (this.row === undefined) this.startedAt = now
    this.isWaited = true
    this.end = end
    this.row = row
    return (end.expires?.at ?? Number.POSITIVE_INFINITY) - now
  }

  /** Completes it. */
  complete(value: Json, waitedMs: number): void {
    this.value = value
    Deferred.doneUnsafe(this.deferred, Exit.succeed({ value, waitedMs }))
  }

  /**
   * Calls back when it is completed, as `Deferred.await` does. Returns how to stop: the call that asked was interrupted, and
   * may wait again. `left`: called when nobody waits any more.
   */
  listen(ended: (exit: Exit.Exit<Waited>) => void, left: () => void): () => void {
    const { deferred } = this
    const { effect } = deferred
    // It is always completed with an exit.
    const told = (effect: Effect.Effect<Waited>) => ended(Erased.as<Exit.Exit<Waited>>(effect))
    if (effect === undefined) deferred.resumes = [...(deferred.resumes ?? []), told]
    else told(effect)
    return () => {
      deferred.resumes = deferred.resumes?.filter((one) => one !== told)
      if (this.value === undefined && (deferred.resumes ?? []).length === 0) left()
    }
  }

  signalled(): void {
    this.run.answer(this.name, Erased.as<Json>(this.end?.cancelled))
  }

  ring(): void {
    this.run.answer(this.name, Erased.as<Json>(this.end?.expires?.value))
  }
}

/** The result of a wait. In memory an answer is not encoded: its value has the wait's declared type. */
export interface Waited {
  readonly value: Json
  readonly waitedMs: number
}
