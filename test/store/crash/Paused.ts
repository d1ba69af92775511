/**
 * Very many waiting runs: each costs almost no memory once it is unloaded, and all are answered in random order, each
 * once.
 */
import * as Generated from "@reins/protocol/testing"
import { Agent, Decision, Model, Runtime, ToolRun } from "@reins/runtime"
import { Sqlite } from "@reins/store/sqlite"
import { Effect, Layer, Schema, Stream } from "effect"
import { Tool, Toolkit } from "effect/ai"
import { setFlagsFromString } from "node:v8"
import { runInNewContext } from "node:vm"
import * as Stores from "./Stores.ts"

/** The most bytes of memory that a hibernating run may use. */
const most = 500

const hibernateMs = 200

const Pay = Tool.make("pay", {
  parameters: Schema.Struct({}),
  success: Schema.String,
  dependencies: [ToolRun],
  needsApproval: true
})
class Tools extends Toolkit.make(Pay) {}

/** Asks to pay, then reports that it is done. Records no requests. */
const model = Model.of({
  provider: "scripted",
  model: "forgetful",
  attempt: ({ metadata }, emit) =>
    Effect.sync(() => {
      const asks = metadata.step === 1
      emit([
        asks ? { type: "tool-call", id: "c1", name: "pay", args: {} } : { type: "text", text: "Done." },
        { type: "finish", reason: asks ? "tool-calls" : "stop", usage: { inputUncached: 1, outputText: 1 } }
      ])
    })
})

const runtime = (filename: string, paid: (key: string) => void) =>
  Runtime.layer({ agents: [Agent.make("desk", { toolkit: Tools })] }).pipe(
    Layer.provide([
      Tools.toLayer({
        pay: () =>
          Effect.map(ToolRun, ({ idempotencyKey }) => {
            paid(idempotencyKey)
            return "paid"
          })
      }),
      Layer.succeed(Model, model),
      Layer.fresh(Layer.orDie(Sqlite.layer({ filename, hibernateMs })))
    ])
  )

/** Bytes in use after garbage collection. */
const heap = (): number => {
  setFlagsFromString("--expose-gc")
  const collect: unknown = runInNewContext("gc")
  for (let times = 0; times < 4; times++) if (typeof collect === "function") collect()
  return process.memoryUsage().heapUsed
}

const shuffled = (count: number): ReadonlyArray<number> => {
  const random = Generated.seeded(count)
  return Array.from({ length: count }, (_, index) => ({ index, at: random() }))
    .toSorted((a, b) => a.at - b.at)
    .map(({ index }) => index)
}

const nameOf = (index: number) => `run-${index}`
const isRejected = (index: number) => index % 5 === 0

export const all = (count: number) =>
  Effect.gen(function* () {
    const filename = yield* Stores.file
    const paid = new Map<string, number>()
    const pays = (key: string) => void paid.set(key, (paid.get(key) ?? 0) + 1)
    return yield* Effect.gen(function* () {
      const { pendingApprovals, respondToApproval, start, status, watch } = yield* Runtime
      /** Starts runs until this many wait; returns how much memory is used once they are unloaded. */
      const paused = (from: number, upTo: number) =>
        Effect.gen(function* () {
          for (let index = from; index < upTo; index++) yield* start("Pay.", { runId: nameOf(index) })
          while ((yield* pendingApprovals()).length < upTo) yield* Effect.sleep(200)
          yield* Effect.sleep(hibernateMs * 5)
          return heap()
        })
      // The first half includes everything that does not grow with runs.
      const first = yield* paused(0, count / 2)
      const second = yield* paused(count / 2, count)
      const each = (second - first) / (count / 2)

      const questions = new Map((yield* pendingApprovals()).map(({ request, runId }) => [runId, request.id]))
      yield* Effect.forEach(
        shuffled(count),
        (index) =>
          respondToApproval(
            questions.get(nameOf(index)) ?? "",
            isRejected(index) ? Decision.reject() : Decision.approve()
          ),
        { concurrency: 20, discard: true }
      )
      const faults = each <= most ? [] : [`a paused run costs ${each.toFixed(0)} bytes`]
      for (let index = 0; index < count; index++) {
        const runId = nameOf(index)
        yield* Effect.timeoutOption(Stream.runDrain(watch(runId)), "30 seconds")
        if ((yield* status(runId))?.state !== "ended") faults.push(`${runId} did not end`)
        const times = paid.get(`${runId}:c1`) ?? 0
        if (times !== (isRejected(index) ? 0 : 1)) faults.push(`${runId} paid ${times} times`)
      }
      return faults
    }).pipe(Effect.provide(runtime(filename, pays)))
  }).pipe(Effect.scoped)
