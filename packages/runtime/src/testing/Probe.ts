/**
 * Watches one run for a test: collects its envelopes, selects them by type and by agent, and lets the test wait for an
 * event. It reads what any watcher reads; `Tap` runs code at the moment of a write.
 */
import { AgentPath, Envelope, type Event, type EventType } from "@reins/protocol"
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import type * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import { RunNotFound } from "../runtime/NotFound.ts"
import { Runtime } from "../runtime/Runtime.ts"

/**
 * The event of a type.
 *
 * @since 0.1.0
 * @category models
 */
export type Of<Type extends EventType> = Extract<Event, { readonly type: Type }>

/**
 * The run ended without the event that a test waited for.
 *
 * @since 0.1.0
 * @category errors
 */
export class NeverSaid extends Schema.TaggedError<NeverSaid>()("NeverSaid", {
  wanted: Schema.String,
  said: Schema.Array(Schema.String)
}) {
  override get message() {
    return `The run ended without ${this.wanted}. Its events: ${this.said.join(", ") || "none"}`
  }
}

interface Waiter {
  readonly look: () => boolean
  readonly end: () => void
}

/**
 * A watched run. The collected events grow while it runs.
 *
 * @since 0.1.0
 * @category models
 */
export class Probe {
  readonly runId: string
  /** All envelopes so far. */
  readonly envelopes: Array<Envelope.Envelope> = []
  private readonly waiters = new Set<Waiter>()
  private over = false

  constructor(runId: string) {
    this.runId = runId
  }

  /** What a reader of `query` has seen so far. */
  get rootView(): ReadonlyArray<Event> {
    return this.envelopes.filter(Envelope.isRootView).map(({ event }) => event)
  }

  /** The types of all events so far, at any path. */
  get types(): ReadonlyArray<EventType> {
    return this.envelopes.map(({ event }) => event.type)
  }

  /** True when the run has ended. */
  get ended(): boolean {
    return this.over
  }

  /** All events of a type so far, at any path. */
  of<Type extends EventType>(type: Type): ReadonlyArray<Of<Type>> {
    return ofType(this.envelopes, type)
  }

  /** The text of the agent at `path` so far. */
  at(path: AgentPath.AgentPath): ReadonlyArray<Event> {
    const key = AgentPath.key(path)
    return this.envelopes.filter(({ agentPath }) => AgentPath.key(agentPath) === key).map(({ event }) => event)
  }

  /** Completes with the `count`-th event of a type (absent: the first), also when it was emitted before. */
  next<Type extends EventType>(type: Type, count = 1): Effect.Effect<Of<Type>, NeverSaid> {
    return this.wait(`${count} ${type}`, () => this.of(type)[count - 1])
  }

  /** Completes with the first envelope that `matches`, also when it was emitted before. */
  until(matches: (envelope: Envelope.Envelope) => boolean): Effect.Effect<Envelope.Envelope, NeverSaid> {
    return this.wait("what was waited for", () => this.envelopes.find(matches))
  }

  /** Completes when the run has ended. */
  get end(): Effect.Effect<void> {
    return Effect.ignore(this.wait("end", () => undefined))
  }

  /** For the watching fiber. */
  take(envelopes: ReadonlyArray<Envelope.Envelope>): void {
    this.envelopes.push(...envelopes)
    for (const waiter of this.waiters) if (waiter.look()) this.waiters.delete(waiter)
  }

  /** For the watching fiber. */
  close(): void {
    this.over = true
    for (const waiter of this.waiters) waiter.end()
    this.waiters.clear()
  }

  private wait<A>(wanted: string, find: () => A | undefined): Effect.Effect<A, NeverSaid> {
    return Effect.callback((resume) => {
      const look = () => {
        const found = find()
        if (found === undefined) return false
        resume(Effect.succeed(found))
        return true
      }
      const end = () => resume(Effect.fail(new NeverSaid({ wanted, said: this.types })))
      if (look()) return undefined
      if (this.over) return end()
      const waiter = { look, end }
      this.waiters.add(waiter)
      return Effect.sync(() => this.waiters.delete(waiter))
    })
  }
}

/**
 * All events of a type, at any path.
 *
 * @since 0.1.0
 * @category operations
 */
export const ofType = <Type extends EventType>(
  envelopes: ReadonlyArray<Envelope.Envelope>,
  type: Type
): ReadonlyArray<Of<Type>> =>
  envelopes.map(({ event }) => event).filter((event): event is Of<Type> => event.type === type)

/**
 * Watches a run from its first event until the scope closes. Watching does not affect the run.
 *
 * @since 0.1.0
 * @category operations
 */
export const watch = Effect.fnUntraced(function* (
  runId: string
): Effect.fn.Return<Probe, RunNotFound, Runtime | Scope.Scope> {
  const runtime = yield* Runtime
  if ((yield* runtime.status(runId)) === undefined) return yield* new RunNotFound({ runId })
  const probe = new Probe(runId)
  const follow = Stream.runForEachArray(runtime.watch(runId), (all) => Effect.sync(() => probe.take(all)))
  yield* Effect.forkScoped(
    Effect.ensuring(
      follow,
      Effect.sync(() => probe.close())
    ),
    { startImmediately: true }
  )
  return probe
})
