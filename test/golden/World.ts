/**
 * What the golden runs touch outside of their log: a clock that only moves when work is done, a count of that work, and
 * work that never ends because its process is about to be killed.
 */
import type { Ids, ModelRequest } from "@reins/runtime"
import { type Clock, Duration, Effect } from "effect"

/** A call of a tool's handler. */
export interface Call {
  readonly runId: string
  /** The tool and its number: `pay 1`. */
  readonly what: string
  /** See `ToolRun.idempotencyKey`. */
  readonly key: string
}

export class World {
  /** Handlers that were called, in order. */
  readonly calls: Array<Call> = []
  /** Requests to a model, in order. */
  readonly requests: Array<ModelRequest> = []
  /** What never ends: `dig 1` of a run's tools, `model desk 2` for the second step of its desk. */
  readonly hangs = new Set<string>()
  /** For how many looks, 10 ms apart, nothing must happen before it is taken that nothing will. */
  readonly patience: number
  private millis: number
  private made = 0

  constructor(startsAt: number, patience = 5) {
    this.millis = startsAt
    this.patience = patience
  }

  /** Lets time pass: the clock stands still otherwise. */
  tick(millis: number): void {
    this.millis += millis
  }

  /** Calls of a run, sorted. */
  callsOf(runId: string): ReadonlyArray<string> {
    return this.calls
      .filter((call) => call.runId === runId)
      .map(({ what }) => what)
      .toSorted()
  }

  /** Requests of a run: the agent and its step, in order. */
  requestsOf(runId: string): ReadonlyArray<string> {
    return this.requests
      .filter(({ metadata }) => metadata.runId === runId)
      .map(({ metadata }) => `${metadata.agent} ${metadata.step}`)
  }

  /** The conversation that a run's model was last sent. */
  sent(runId: string): ModelRequest["messages"] {
    return this.requests.findLast(({ metadata }) => metadata.runId === runId)?.messages ?? []
  }

  /** Ids that count up. They are the same each time golden files are written; who opens those makes ids of its own. */
  readonly ids: Ids.IdSource = { make: (prefix) => `${prefix}_golden${++this.made}` }

  /** Reads this world's time; waits in real time. */
  readonly clock: Clock.Clock = {
    currentTimeMillisUnsafe: () => this.millis,
    currentTimeMillis: Effect.sync(() => this.millis),
    currentTimeNanosUnsafe: () => BigInt(this.millis) * 1_000_000n,
    currentTimeNanos: Effect.sync(() => BigInt(this.millis) * 1_000_000n),
    monotonicTimeNanosUnsafe: () => BigInt(this.millis) * 1_000_000n,
    monotonicTimeNanos: Effect.sync(() => BigInt(this.millis) * 1_000_000n),
    sleep: (duration) =>
      Effect.callback((resume) => {
        const millis = Duration.toMillis(duration)
        // A timer of Node's takes no more; such a wait does not end here.
        if (millis > 2_000_000_000) return undefined
        const timer = setTimeout(() => resume(Effect.void), millis)
        return Effect.sync(() => clearTimeout(timer))
      })
  }
}
