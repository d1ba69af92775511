import { assert, describe, it } from "@effect/vitest"
import { Agent, Decision, Deployment, Model, Runtime } from "@reins/runtime"
import { journalHost, MemoryJournal } from "@reins/runtime/journal"
import { ScriptedModel } from "@reins/runtime/testing"
import { createRuntime } from "@reins/runtime/promise"
import { Sqlite } from "@reins/store/sqlite"
import { Effect, Fiber, Layer, Schema, Stream } from "effect"
import { TestClock } from "effect/testing"
import { Tool, Toolkit } from "effect/ai"

class Tools extends Toolkit.make(
  Tool.make("pay", { parameters: Schema.Struct({}), success: Schema.String, needsApproval: true })
) {}
const desk = Agent.make("desk", { toolkit: Tools })

const model = () =>
  ScriptedModel.make({
    respond: (request) =>
      ScriptedModel.lastPrompt(request).includes("pay") && ScriptedModel.lastResults(request).length === 0
        ? ScriptedModel.calls([{ id: "c", name: "pay", args: {} }])
        : ScriptedModel.text("Done.")
  })

const deployments = {
  memory: Layer.empty,
  "a journal in memory": Deployment.layerStore(
    "memory",
    Effect.sync(() => journalHost(MemoryJournal.make(), { pollMs: Number.POSITIVE_INFINITY }))
  ),
  SQLite: Sqlite.layer({ filename: ":memory:", gatherMs: 0 })
}

const runtime = (deployment: Layer.Layer<never, unknown>) =>
  Runtime.layer({ agents: [desk] }).pipe(
    Layer.provide([Tools.toLayer({ pay: () => Effect.succeed("paid") }), Layer.sync(Model, model)]),
    Layer.provide(deployment)
  )

/** Completes when the run asks. */
const asks = (runId: string) =>
  Effect.flatMap(Runtime, ({ watch }) =>
    watch(runId).pipe(
      Stream.takeUntil(({ event }) => event.type === "approval-required"),
      Stream.runDrain
    )
  )

const ends = (runId: string) => Effect.flatMap(Runtime, ({ watch }) => Stream.runDrain(watch(runId)))

describe.each(Object.entries(deployments))("erasing a principal on %s", (_, deployment) => {
  it.effect("is refused while one of its runs has not ended, names the runs, and cuts nothing", () =>
    Effect.gen(function* () {
      const { erase, pendingApprovals, respondToApproval, start, threads } = yield* Runtime
      yield* start("Please pay.", { threadId: "t", runId: "r", principal: "ann" })
      yield* asks("r")
      const refused = yield* Effect.flip(erase({ principal: "ann" }))
      assert.deepInclude(refused, { _tag: "PrincipalBusy", runs: ["r"], others: [] })
      assert.include(refused.message, "its runs r have not ended")
      const [question = assert.fail("nothing is asked")] = yield* pendingApprovals()
      yield* respondToApproval(question.request.id, Decision.approve())
      yield* ends("r")
      assert.lengthOf(yield* threads.get("t"), 4)
      const { deleted } = yield* erase({ principal: "ann" })
      assert.deepInclude(deleted, { threads: 1, runs: 1, messages: 4 })
      assert.deepStrictEqual(yield* threads.list(), [])
    }).pipe(Effect.provide(runtime(deployment)))
  )

  it.effect("cancels its runs where that is asked for, waits for those of others, and then erases", () =>
    Effect.gen(function* () {
      const { erase, pendingApprovals, respondToApproval, start, status, threads, runs } = yield* Runtime
      yield* start("Hello.", { threadId: "shared", runId: "hers", principal: "ann" })
      yield* ends("hers")
      yield* start("Please pay.", { threadId: "shared", runId: "his", principal: "bob" })
      yield* start("Please pay.", { threadId: "t", runId: "open", principal: "ann" })
      yield* asks("his")
      yield* asks("open")
      const erasing = yield* Effect.forkChild(erase({ principal: "ann", cancel: true }))
      yield* ends("open")
      assert.strictEqual((yield* status("his"))?.state, "running")
      const [question = assert.fail("nothing is asked")] = yield* pendingApprovals()
      assert.strictEqual(question.runId, "his")
      yield* respondToApproval(question.request.id, Decision.approve())
      const { cancelled, deleted, kept } = yield* Fiber.join(erasing)
      assert.deepStrictEqual(cancelled, ["open"])
      assert.deepInclude(deleted, { threads: 1, runs: 2 })
      assert.deepStrictEqual(kept.find(({ what }) => what === "shared-threads")?.ids, ["shared"])
      assert.strictEqual((yield* threads.list()).length, 1)
      assert.isDefined((yield* runs.get("his"))?.cost)
    }).pipe(Effect.provide(runtime(deployment)))
  )

  it.effect("is refused where it waits for no time that is stated, and erases nothing", () =>
    Effect.gen(function* () {
      const { erase } = yield* Runtime
      const died = yield* Effect.exit(erase({ principal: "ann", cancel: true, within: { minute: 5 } as never }))
      assert.include(String(died), "Invalid option erase.within: an object. Use milliseconds")
    }).pipe(Effect.provide(runtime(deployment)))
  )

  it.effect("gives up when a run does not end in time, and erases nothing", () =>
    Effect.gen(function* () {
      const { erase, start, threads } = yield* Runtime
      yield* start("Hello.", { threadId: "shared", runId: "hers", principal: "ann" })
      yield* ends("hers")
      yield* start("Please pay.", { threadId: "shared", runId: "his", principal: "bob" })
      yield* asks("his")
      const erasing = yield* Effect.forkChild(
        Effect.flip(erase({ principal: "ann", cancel: true, within: "10 seconds" }))
      )
      yield* Effect.yieldNow
      yield* TestClock.adjust("11 seconds")
      const refused = yield* Fiber.join(erasing)
      assert.deepInclude(refused, { _tag: "PrincipalBusy", runs: [], others: ["his"] })
      assert.lengthOf(yield* threads.get("shared"), 2)
    }).pipe(Effect.provide(runtime(deployment)))
  )

  it.effect("erases a fork of its thread with it, and nothing without a principal's id", () =>
    Effect.gen(function* () {
      const { erase, start, threads } = yield* Runtime
      yield* start("Hello.", { threadId: "t", runId: "r", principal: "ann" })
      yield* ends("r")
      yield* start("Hello.", { threadId: "nobody's", runId: "n" })
      yield* ends("n")
      yield* threads.fork("t", { threadId: "fork" })
      const refused = yield* Effect.flip(erase({ principal: "" }))
      assert.strictEqual(refused._tag, "PrincipalInvalid")
      assert.lengthOf(yield* threads.list(), 3)
      assert.strictEqual((yield* erase({ principal: "ann" })).deleted.threads, 2)
      const left = (yield* threads.list()).map(({ threadId }) => threadId)
      assert.deepStrictEqual(left, ["nobody's"])
    }).pipe(Effect.provide(runtime(deployment)))
  )

  it.effect("erases its messages in a fork of a thread of others, and theirs stay in forks of its own", () =>
    Effect.gen(function* () {
      const { erase, start, threads } = yield* Runtime
      for (const [threadId, first, second] of [
        ["his", "bob", "ann"],
        ["hers", "ann", "bob"]
      ] as const) {
        for (const principal of [first, second]) {
          const runId = `${principal} in ${threadId}`
          yield* start(`By ${principal}.`, { threadId, runId, principal })
          yield* ends(runId)
        }
        yield* threads.fork(threadId, { threadId: `fork of ${threadId}` })
      }
      const report = yield* erase({ principal: "ann" })
      assert.strictEqual(report.deleted.threads, 0)
      const left: Record<string, Array<string>> = {
        "fork of his": ["By bob.", "[erased]"],
        "fork of hers": ["[erased]", "By bob."]
      }
      for (const [threadId, prompts] of Object.entries(left)) {
        const messages = yield* threads.get(threadId)
        const said = messages.flatMap(({ content: [part], role }) =>
          role === "user" && part?.type === "text" ? [part.text] : []
        )
        assert.deepStrictEqual(said, prompts, threadId)
      }
    }).pipe(Effect.provide(runtime(deployment)))
  )
})

it("a program without Effect erases a principal, and gets the report as plain data", async () => {
  await using plain = createRuntime({ agents: [{ name: "desk" }], model: model() })
  await plain.complete("Hello.", { threadId: "t", principal: "ann" })
  const { deleted, principal } = await plain.erase({ principal: "ann" })
  assert.deepStrictEqual([principal, deleted.threads, deleted.messages], ["ann", 1, 2])
})
