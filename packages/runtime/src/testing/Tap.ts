/**
 * Calls a function in the same turn in which a run's events are written, for tests that must act before any watcher
 * can. To read events asynchronously, use `Probe`.
 */
import { AgentPath, type Event } from "@reins/protocol"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import { Deployment } from "../runtime/Deployment.ts"
import type { Engine, Work } from "../engine/Engine.ts"
import * as Inbox from "../engine/Inbox.ts"
import type { Signal } from "../kernel/Signal.ts"

/**
 * Events that were just written together.
 *
 * @since 0.1.0
 * @category models
 */
export interface Moment {
  readonly runId: string
  readonly agentPath: AgentPath.AgentPath
  readonly events: ReadonlyArray<Event>
  /** Cancels the run, synchronously. */
  readonly cancel: () => void
}

/**
 * Wraps the deployment that this layer is provided with: `onWrite` is called after every write of every run.
 *
 * @since 0.1.0
 * @category layers
 */
export const layer = (onWrite: (moment: Moment) => void): Layer.Layer<never> =>
  Layer.effect(
    Deployment,
    Effect.map(Deployment, (factory) => ({
      make: (drive) =>
        factory.make((record, history, engine, stores) => drive(record, history, tapped(engine, onWrite), stores))
    }))
  )

const tapped = (engine: Engine, onWrite: (moment: Moment) => void): Engine => {
  // The latest activity's: every run begins with an activity.
  let signal: Signal | undefined
  const tell = (agentPath: AgentPath.AgentPath, events: ReadonlyArray<Event>) => {
    if (events.length > 0) onWrite({ runId: engine.runId, agentPath, events, cancel: () => signal?.request() })
  }
  const listened = (work: Work): Work => {
    signal = work.cancel
    return {
      ...all(work),
      push: (path, events) => {
        const full = work.push(path, events)
        tell(path, events)
        return full
      }
    }
  }
  return {
    runId: engine.runId,
    threadId: engine.threadId,
    resourceId: engine.resourceId,
    startedAt: engine.startedAt,
    limits: engine.limits,
    storesThread: engine.storesThread,
    observed: () => engine.observed(),
    wait: (name, schema, end, row) => engine.wait(name, schema, end, row),
    receive: (taken, names) => {
      const received = engine.receive(taken, names)
      if (received === undefined) return undefined
      return Effect.tap(received, (upTo) =>
        Effect.sync(() => {
          const events = Array.from({ length: upTo - taken }, (_, index) =>
            Inbox.received(engine.message(taken + index + 1), taken + index + 1)
          )
          tell(AgentPath.root, events)
        })
      )
    },
    message: (position) => engine.message(position),
    closeInbox: (position, now) => engine.closeInbox(position, now),
    activity: (name, schema, effect, begins) =>
      Effect.suspend(() => {
        let written = (): void => {}
        const told = (work: Work) =>
          Effect.map(effect(listened(work)), (settled) => {
            written = () => tell(settled.path, settled.events)
            return settled
          })
        const settled = engine.activity(name, schema, told, begins)
        return Effect.tap(settled, () => Effect.sync(written))
      }),
    emit: (name, path, events) =>
      Effect.suspend(() => {
        let written = (): void => {}
        const emitted = engine.emit(name, path, (readings) => {
          const said = events(readings)
          written = () => tell(path, said)
          return said
        })
        return Effect.tap(emitted, () => Effect.sync(written))
      })
  }
}

/** A copy of all members of a `Work`. */
const all = (work: Work): Work => ({
  runId: work.runId,
  threadId: work.threadId,
  resourceId: work.resourceId,
  startedAt: work.startedAt,
  push: (path, events) => work.push(path, events),
  room: () => work.room(),
  begin: work.begin?.bind(work),
  stored: work.stored,
  identify: work.identify?.bind(work),
  report: (cost) => work.report(cost),
  get kept() {
    return work.kept
  },
  spending: work.spending,
  open: (path) => work.open(path),
  order: work.order,
  tree: work.tree,
  cancel: work.cancel,
  now: () => work.now(),
  elapsed: () => work.elapsed(),
  downMs: () => work.downMs(),
  ledger: () => work.ledger()
})
