/** A run that has waited for long enough to be unloaded, at the moment at which something for it is stored. */
import { assert, describe, it } from "@effect/vitest"
import { Agent, Decision, Deployment, Model, Runtime } from "@reins/runtime"
import { journalHost, type JournalStore, MemoryJournal } from "@reins/runtime/journal"
import { ScriptedModel } from "@reins/runtime/testing"
import { Context, Effect, Layer, Queue, Schema, Stream } from "effect"
import { Tool, Toolkit } from "effect/ai"
import { TestClock } from "effect/testing"

const Pay = Tool.make("pay", { parameters: Schema.Struct({}), success: Schema.String, needsApproval: true })
class Tools extends Toolkit.make(Pay) {}

/**
 * Over the store; a run is unloaded when it has waited for a minute, which is looked at every thirty seconds. `carries`
 * false: it executes no runs.
 */
const runtime = (store: JournalStore, carries?: false) =>
  Runtime.layer({ agents: [Agent.make("desk", { toolkit: Tools })] }).pipe(
    Layer.provide([
      Tools.toLayer({ pay: () => Effect.succeed("paid") }),
      Layer.succeed(
        Model,
        ScriptedModel.make({
          respond: (request) =>
            ScriptedModel.lastResults(request).length > 0
              ? ScriptedModel.text("Done.")
              : ScriptedModel.calls([{ id: "c1", name: "pay", args: {} }])
        })
      ),
      Layer.succeed(
        Deployment.Deployment,
        journalHost(store, { pollMs: Number.POSITIVE_INFINITY, gatherMs: 0, hibernateMs: 60_000, carries })
      )
    ])
  )

/** A journal whose every read of an answer takes ten seconds. */
const slow = (journal: JournalStore): JournalStore => ({
  ...journal,
  find: (runId, name) => Effect.delay(journal.find(runId, name), "10 seconds")
})

/** Waits since the fifth second or so, and is there in the 85th: it would be unloaded in the 90th. */
const waiting = Effect.gen(function* () {
  const { pendingApprovals, start } = yield* Runtime
  yield* TestClock.adjust("5 seconds")
  yield* start("Pay.", { runId: "run" })
  yield* TestClock.adjust("80 seconds")
  const [question] = yield* pendingApprovals()
  return question?.request.id ?? ""
})

const ending = Effect.gen(function* () {
  const { status, watch } = yield* Runtime
  yield* TestClock.adjust("3 minutes")
  assert.strictEqual((yield* status("run"))?.state, "ended")
  const finish = Array.from(yield* Stream.runCollect(watch("run"))).find(({ event }) => event.type === "finish")?.event
  return finish?.type === "finish" ? finish.finishReason : undefined
})

describe("a run that is about to be unloaded", () => {
  it.effect("acts on a cancel first", () =>
    Effect.gen(function* () {
      const { cancel } = yield* Runtime
      yield* waiting
      yield* cancel("run")
      assert.strictEqual(yield* ending, "cancelled")
    }).pipe(Effect.provide(runtime(slow(MemoryJournal.make()))))
  )

  it.effect.each([
    ["a cancel", "cancelled", ({ cancel }: Runtime["Service"], _: string) => cancel("run")],
    ["an answer", "stop", ({ approvals }: Runtime["Service"], id: string) => approvals.respond(id, Decision.approve())]
  ] as const)("acts on %s of another process first", ([, reason, act]) =>
    Effect.gen(function* () {
      const journal = MemoryJournal.make()
      const wakes = yield* Queue.unbounded<string>()
      const other = Context.get(yield* Layer.build(runtime(journal, false)), Runtime)
      yield* Effect.gen(function* () {
        yield* act(other, yield* waiting)
        yield* Queue.offer(wakes, "run")
        assert.strictEqual(yield* ending, reason)
      }).pipe(Effect.provide(runtime({ ...slow(journal), wakes: Stream.fromQueue(wakes) })))
    }).pipe(Effect.scoped)
  )
})
