/**
 * The time that a limit counts is the machine's: neither the time in which a run waited for people nor the time in
 * which no process carried it, also after the run was opened anew.
 */
import { assert, describe, it } from "@effect/vitest"
import { Agent, Budget, Decision, Deployment, Model, Runtime, type ModelRequest } from "@reins/runtime"
import { journalHost, MemoryJournal } from "@reins/runtime/journal"
import { ScriptedModel } from "@reins/runtime/testing"
import { Context, Effect, Exit, Layer, Schema, Scope } from "effect"
import { Tool, Toolkit } from "effect/ai"
import { TestClock } from "effect/testing"

const Pay = Tool.make("pay", {
  parameters: Schema.Struct({}),
  success: Schema.String,
  needsApproval: true
}).annotate(Tool.Idempotent, true)
class Tools extends Toolkit.make(Pay) {}
const desk = Agent.make("desk", { toolkit: Tools, budget: Budget.make({ maxDuration: "2 minutes" }) })

const respond = (request: ModelRequest) =>
  ScriptedModel.lastResults(request).length > 0
    ? ScriptedModel.text("Done.")
    : ScriptedModel.calls([{ id: "c1", name: "pay", args: {} }])

/** A process over the journal, until its scope is closed. `hangs`: its payments never end. */
const begin = Effect.fnUntraced(function* (journal: MemoryJournal.MemoryJournal, hangs: boolean) {
  const scope = yield* Scope.make()
  const host = journalHost(journal, {
    gatherMs: 0,
    pollMs: Number.POSITIVE_INFINITY,
    hibernateMs: Number.POSITIVE_INFINITY
  })
  const layer = Runtime.layer({ agents: [desk] }).pipe(
    Layer.provide([
      Tools.toLayer({ pay: () => (hangs ? Effect.never : Effect.succeed("paid")) }),
      Layer.succeed(Model, ScriptedModel.make({ respond })),
      Layer.succeed(Deployment.Deployment, host)
    ])
  )
  const runtime = Context.get(yield* Scope.provide(Layer.build(layer), scope), Runtime)
  return { runtime, end: Scope.close(scope, Exit.void) }
})

const lastOf = (journal: MemoryJournal.MemoryJournal) => {
  const log = journal.log("run")
  const finish = log.find(({ event }) => event.type === "finish")?.event
  const latency = log.at(-1)?.event
  return {
    reason: finish?.type === "finish" ? finish.finishReason : undefined,
    latency: latency?.type === "data-latency-summary" ? latency.data : undefined
  }
}

const asked = Effect.fnUntraced(function* (runtime: Runtime["Service"]) {
  yield* TestClock.adjust("1 second")
  const [question] = yield* runtime.pendingApprovals()
  return question?.request.id ?? ""
})

describe("a limit on time", () => {
  it.effect("does not count what an earlier process waited for a person", () =>
    Effect.gen(function* () {
      const journal = MemoryJournal.make()
      const first = yield* begin(journal, true)
      yield* first.runtime.start("Pay.", { runId: "run" })
      const id = yield* asked(first.runtime)
      yield* TestClock.adjust("1 hour")
      yield* first.runtime.respondToApproval(id, Decision.approve())
      yield* TestClock.adjust("1 second")
      yield* first.end
      const second = yield* begin(journal, false)
      yield* TestClock.adjust("1 second")
      yield* second.end
      assert.strictEqual(lastOf(journal).reason, "stop")
    })
  )

  it.effect("does not count the time from an answer until a process resumes the run", () =>
    Effect.gen(function* () {
      const journal = MemoryJournal.make()
      const first = yield* begin(journal, false)
      yield* first.runtime.start("Pay.", { runId: "run" })
      const id = yield* asked(first.runtime)
      yield* first.end
      yield* TestClock.adjust("10 minutes")
      const answer = { resolution: { id, outcome: { outcome: "approve" } } }
      yield* journal.answer("run", `approval/${id}`, answer, 601_000)
      yield* TestClock.adjust("1 hour")
      const second = yield* begin(journal, false)
      yield* TestClock.adjust("1 second")
      yield* second.end
      const { latency, reason } = lastOf(journal)
      assert.strictEqual(reason, "stop")
      assert.strictEqual(latency?.downMs, 3_600_000)
      assert.isAtLeast(latency?.humanWaitMs ?? 0, 600_000)
    })
  )
})
