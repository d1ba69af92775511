/**
 * Lets runs onto a busy thread one after the other, in the order they came. Within this process: a run of another one that gets
 * in between is waited for like the first.
 */
import type { QueryRejections } from "@reins/protocol"
import * as Effect from "effect/Effect"
import * as Semaphore from "effect/Semaphore"
import * as Stream from "effect/Stream"
import type { RunHost } from "../port/RunHost.ts"

interface Gate {
  readonly semaphore: Semaphore.Semaphore
  waiting: number
}

export class Turnstile {
  private readonly gates = new Map<string, Gate>()
  private readonly host: RunHost

  constructor(host: RunHost) {
    this.host = host
  }

  /** Does `start` when the thread is free, in turn. `cancels`: asks the run that holds it to end. */
  pass<A, E>(
    threadId: string,
    start: Effect.Effect<A, E>,
    busy: (error: E) => QueryRejections.ThreadBusy | undefined,
    cancels: boolean
  ): Effect.Effect<A, E> {
    return Effect.suspend(() => {
      const gate = this.gates.get(threadId) ?? { semaphore: Semaphore.makeUnsafe(1), waiting: 0 }
      this.gates.set(threadId, gate)
      gate.waiting++
      return Effect.ensuring(
        gate.semaphore.withPermits(1)(this.enter(start, busy, cancels)),
        Effect.sync(() => {
          if (--gate.waiting === 0) this.gates.delete(threadId)
        })
      )
    })
  }

  private enter<A, E>(
    start: Effect.Effect<A, E>,
    busy: (error: E) => QueryRejections.ThreadBusy | undefined,
    cancels: boolean
  ): Effect.Effect<A, E> {
    return Effect.catch(start, (error) => {
      const holder = busy(error)
      if (holder === undefined) return Effect.fail(error)
      const ended = Stream.runDrain(this.host.watch(holder.runId, { after: 0, bounded: false }))
      const before = cancels ? Effect.andThen(this.host.cancel(holder.runId), ended) : ended
      return Effect.flatMap(before, () => this.enter(start, busy, cancels))
    })
  }
}
