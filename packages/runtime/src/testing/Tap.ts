/**
 * Stands beside the log of every run and is told, in the same turn, when events have been written: for tests that must act at
 * an exact moment, before any watcher could. Reading along at leisure is `Probe`.
 */
import type { AgentPath, Event } from "@reins/protocol"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import { Deployment } from "../runtime/Deployment.ts"
import type { Engine } from "../engine/Engine.ts"

/** Events that have just been written, together. */
export interface Moment {
  readonly runId: string
  readonly agentPath: AgentPath.AgentPath
  readonly events: ReadonlyArray<Event>
  /** Asks the run to end, at this very moment. */
  readonly cancel: () => void
}

/** Has `onWrite` called after every write of every run, over the deployment that this layer is given. */
export const layer = (onWrite: (moment: Moment) => void): Layer.Layer<never> =>
  Layer.effect(
    Deployment,
    Effect.map(Deployment, (factory) => ({
      make: (drive) =>
        factory.make((record, history, engine, stores) => drive(record, history, tapped(engine, onWrite), stores))
    }))
  )

const tapped = (engine: Engine, onWrite: (moment: Moment) => void): Engine => {
  const tell = (agentPath: AgentPath.AgentPath, events: ReadonlyArray<Event>) => {
    if (events.length > 0) onWrite({ runId: engine.runId, agentPath, events, cancel: () => engine.cancel.request() })
  }
  return {
    ...about(engine),
    activity: (name, schema, effect) =>
      Effect.suspend(() => {
        let written = (): void => {}
        const settled = Effect.map(effect, (settled) => {
          written = () => tell(settled.path, settled.events)
          return settled
        })
        return Effect.tap(engine.activity(name, schema, settled), () => Effect.sync(written))
      }),
    emit: (name, path, events) =>
      Effect.suspend(() => {
        let written = (): void => {}
        const said = () => {
          const all = events()
          written = () => tell(path, all)
          return all
        }
        return Effect.tap(engine.emit(name, path, said), () => Effect.sync(written))
      }),
    push: (path, events) => {
      const full = engine.push(path, events)
      tell(path, events)
      return full
    }
  }
}

/** All of an engine that is handed on as it is. */
const about = (engine: Engine): Omit<Engine, "activity" | "emit" | "push"> => ({
  runId: engine.runId,
  threadId: engine.threadId,
  resourceId: engine.resourceId,
  startedAt: engine.startedAt,
  wait: engine.wait,
  room: engine.room,
  begin: engine.begin,
  open: engine.open,
  phase: engine.phase,
  tree: engine.tree,
  cancel: engine.cancel,
  now: engine.now,
  elapsed: engine.elapsed,
  downMs: engine.downMs,
  ledger: engine.ledger
})
