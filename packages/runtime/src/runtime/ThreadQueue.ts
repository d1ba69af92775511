/**
 * Queues runs on a busy thread, in the order in which they came. Within this process: a run of another one that gets
 * in between is waited for like the first.
 */
import type { QueryRejections } from "@reins/protocol"
import * as Effect from "effect/Effect"
import * as Semaphore from "effect/Semaphore"
import * as Stream from "effect/Stream"
import type { RunHost } from "../engine/RunHost.ts"
import { waitingInQueue } from "../run/RunMetrics.ts"

interface Gate {
  readonly semaphore: Semaphore.Semaphore
  waiting: number
  /** How many of those who wait want the runs before them to end. */
  cancelling: number
  /** The run that the first in the queue waits for. */
  holder: string | undefined
}

export class ThreadQueue {
  private readonly gates = new Map<string, Gate>()
  private readonly host: RunHost

  constructor(host: RunHost) {
    this.host = host
  }

  /**
   * Does `start` when the thread is free, in turn. `cancels`: asks the runs before it to end, wherever in the queue it
   * stands.
   */
  pass<A, E>(
    threadId: string,
    start: Effect.Effect<A, E>,
    busy: (error: E) => QueryRejections.ThreadBusy | undefined,
    cancels: boolean
  ): Effect.Effect<A, E> {
    const passing = Effect.suspend(() => {
      const gate: Gate = this.gates.get(threadId) ?? {
        semaphore: Semaphore.makeUnsafe(1),
        waiting: 0,
        cancelling: 0,
        holder: undefined
      }
      this.gates.set(threadId, gate)
      gate.waiting++
      if (cancels) gate.cancelling++
      const { holder } = gate
      const ahead = cancels && holder !== undefined ? this.host.cancel(holder) : Effect.void
      return Effect.ensuring(
        Effect.andThen(ahead, gate.semaphore.withPermits(1)(this.enter(gate, start, busy))),
        Effect.sync(() => {
          if (cancels) gate.cancelling--
          if (--gate.waiting === 0) this.gates.delete(threadId)
        })
      )
    })
    return waitingInQueue(passing)
  }

  private enter<A, E>(
    gate: Gate,
    start: Effect.Effect<A, E>,
    busy: (error: E) => QueryRejections.ThreadBusy | undefined
  ): Effect.Effect<A, E> {
    return Effect.catch(start, (error) => {
      const holder = busy(error)
      if (holder === undefined) return Effect.fail(error)
      const { runId } = holder
      gate.holder = runId
      const ended = Effect.ensuring(
        Stream.runDrain(this.host.watch(runId, { after: 0, bounded: false })),
        Effect.sync(() => {
          gate.holder = undefined
        })
      )
      const before = gate.cancelling > 0 ? Effect.andThen(this.host.cancel(runId), ended) : ended
      return Effect.flatMap(before, () => this.enter(gate, start, busy))
    })
  }
}
