/**
 * Forces the general way: what the runtime otherwise does in plain code runs as activities. Both ways must give the
 * same result, so tests run both.
 */
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import type { Engine, Work } from "../engine/Engine.ts"
import type { RunHostFactory } from "../engine/RunHost.ts"
import { Deployment } from "../runtime/Deployment.ts"

/**
 * Wraps a factory: the runs of its hosts take the general way only.
 *
 * @since 0.1.0
 * @category operations
 */
export const factory = (factory: RunHostFactory): RunHostFactory => ({
  make: (drive) => factory.make((record, history, engine, stores) => drive(record, history, general(engine), stores))
})

/**
 * Wraps the deployment that this layer is provided with.
 *
 * @since 0.1.0
 * @category layers
 */
export const layer: Layer.Layer<never> = Layer.effect(Deployment, Effect.map(Deployment, factory))

const general = (engine: Engine): Engine => ({
  runId: engine.runId,
  threadId: engine.threadId,
  resourceId: engine.resourceId,
  startedAt: engine.startedAt,
  storesThread: engine.storesThread,
  activity: (name, schema, effect, begins) => engine.activity(name, schema, (work) => effect(counted(work)), begins),
  emit: (name, path, events, acts) => engine.emit(name, path, events, acts),
  wait: (name, schema, end, row) => engine.wait(name, schema, end, row),
  receive: (taken, names) => engine.receive(taken, names),
  message: (position) => engine.message(position),
  closeInbox: (position, now) => engine.closeInbox(position, now),
  limits: engine.limits,
  observed: () => engine.observed()
})

/** Work that counts requests before they are sent, as a durable engine does: then no request is sent in plain code. */
const counted = (work: Work): Work =>
  work.begin !== undefined
    ? work
    : {
        runId: work.runId,
        threadId: work.threadId,
        resourceId: work.resourceId,
        startedAt: work.startedAt,
        now: () => work.now(),
        elapsed: () => work.elapsed(),
        downMs: () => work.downMs(),
        ledger: () => work.ledger(),
        push: (path, events) => work.push(path, events),
        room: () => work.room(),
        begin: () => Effect.succeed(0),
        report: (cost) => work.report(cost),
        get kept() {
          return work.kept
        },
        spending: work.spending,
        open: (path) => work.open(path),
        order: work.order,
        tree: work.tree,
        cancel: work.cancel
      }
