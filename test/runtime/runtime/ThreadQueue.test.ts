import { assert, describe, it } from "@effect/vitest"
import { Agent, Runtime } from "@reins/runtime"
import { Probe, ScriptedModel } from "@reins/runtime/testing"
import { Effect, Fiber, Stream } from "effect"
import * as Desk from "../../support/Desk.ts"

const Solo = Agent.make("solo", {})

/** A runtime whose first reply is held; `hold` lets it go. */
const setUp = Effect.gen(function* () {
  const hold = yield* ScriptedModel.hold
  const model = ScriptedModel.make({
    replies: [{ ...ScriptedModel.text("first"), hold }],
    respond: (request) => ScriptedModel.text(`re: ${ScriptedModel.lastPrompt(request)}`)
  })
  return { hold, model, layer: Desk.plain(model, { agents: [Solo] }) }
})

const threadId = "thread"

describe("a query on a busy thread", () => {
  it.effect("starts when the thread is free, in order of arrival, with the new history", () =>
    Effect.gen(function* () {
      const { hold, layer, model } = yield* setUp
      yield* Effect.gen(function* () {
        const runtime = yield* Runtime
        const first = yield* Effect.forkChild(runtime.complete("one", { threadId }))
        yield* hold.reached
        const later = yield* Effect.forEach(["two", "three", "four"], (prompt) =>
          Effect.tap(Effect.forkChild(runtime.complete(prompt, { threadId, onBusy: "queue" })), () => Effect.yieldNow)
        )
        assert.strictEqual(model.requests.length, 1)
        yield* hold.release
        yield* Fiber.join(first)
        const outputs = yield* Effect.forEach(later, Fiber.join)
        assert.deepStrictEqual(
          outputs.map(({ output }) => output),
          ["re: two", "re: three", "re: four"]
        )
        assert.deepStrictEqual(
          model.requests.map(({ messages }) => messages.length),
          [1, 3, 5, 7]
        )
      }).pipe(Effect.provide(layer))
    })
  )

  it.effect("that cancels the previous one starts when that has ended as cancelled", () =>
    Effect.gen(function* () {
      const { hold, layer } = yield* setUp
      yield* Effect.gen(function* () {
        const runtime = yield* Runtime
        const first = yield* runtime.start("one", { threadId })
        const probe = yield* Probe.watch(first.runId)
        yield* hold.reached
        const { output } = yield* runtime.complete("two", { threadId, onBusy: "cancel-previous" })
        assert.strictEqual(output, "re: two")
        yield* probe.end
        assert.strictEqual(probe.of("finish")[0]?.finishReason, "cancelled")
      }).pipe(Effect.provide(layer), Effect.scoped)
    })
  )

  it.effect("that left the queue never starts, and lets the next one through", () =>
    Effect.gen(function* () {
      const { hold, layer, model } = yield* setUp
      yield* Effect.gen(function* () {
        const runtime = yield* Runtime
        const first = yield* Effect.forkChild(runtime.complete("one", { threadId }))
        yield* hold.reached
        const queued = (prompt: string) => Stream.runCollect(runtime.query(prompt, { threadId, onBusy: "queue" }))
        const leaver = yield* Effect.forkChild(queued("two"))
        yield* Effect.yieldNow
        const stayer = yield* Effect.forkChild(queued("three"))
        yield* Effect.yieldNow
        yield* Fiber.interrupt(leaver)
        yield* hold.release
        yield* Fiber.join(first)
        yield* Fiber.join(stayer)
        assert.deepStrictEqual(model.requests.map(ScriptedModel.lastPrompt), ["one", "three"])
      }).pipe(Effect.provide(layer))
    })
  )

  it.effect("that left the queue does not affect a run that started under its requested id", () =>
    Effect.gen(function* () {
      const [one, other] = [yield* ScriptedModel.hold, yield* ScriptedModel.hold]
      const model = ScriptedModel.make({
        replies: [
          { ...ScriptedModel.text("one"), hold: one },
          { ...ScriptedModel.text("other"), hold: other }
        ]
      })
      yield* Effect.gen(function* () {
        const runtime = yield* Runtime
        const first = yield* Effect.forkChild(runtime.complete("one", { threadId }))
        yield* one.reached
        const leaver = yield* Effect.forkChild(runtime.complete("two", { threadId, runId: "mine", onBusy: "queue" }))
        yield* Effect.yieldNow
        const mine = yield* runtime.start("other", { threadId: "other", runId: "mine" })
        yield* other.reached
        yield* Fiber.interrupt(leaver)
        yield* other.release
        assert.strictEqual((yield* mine.result).output, "other")
        yield* one.release
        yield* Fiber.join(first)
      }).pipe(Effect.provide(Desk.plain(model, { agents: [Solo] })))
    })
  )

  it.effect("that cancels the previous one does so also when others queue before it", () =>
    Effect.gen(function* () {
      const hold = yield* ScriptedModel.hold
      const stuck = { ...ScriptedModel.text("stuck"), hold }
      const model = ScriptedModel.make({ replies: [stuck, stuck, stuck], respond: () => ScriptedModel.text("last") })
      yield* Effect.gen(function* () {
        const runtime = yield* Runtime
        const first = yield* runtime.start("one", { threadId })
        yield* hold.reached
        const queued = yield* Effect.forEach(["two", "three"], (prompt) =>
          Effect.tap(Effect.forkChild(runtime.start(prompt, { threadId, onBusy: "queue" })), () => Effect.yieldNow)
        )
        const last = yield* Effect.forkChild(runtime.complete("four", { threadId, onBusy: "cancel-previous" }))
        const before = [first, ...(yield* Effect.forEach(queued, Fiber.join))]
        const ends = yield* Effect.forEach(before, (run) => Effect.flip(run.result))
        assert.deepStrictEqual(
          ends.map(({ reason }) => reason._tag),
          ["RunCancelled", "RunCancelled", "RunCancelled"]
        )
        assert.strictEqual((yield* Fiber.join(last)).output, "last")
      }).pipe(Effect.provide(Desk.plain(model, { agents: [Solo] })))
    })
  )
})
