import { assert, describe, it } from "@effect/vitest"
import { Ordering } from "@reins/protocol"
import { Agent, Decision, Deployment, Model, type ModelPort, Runtime } from "@reins/runtime"
import { expectReplay, HostContract, ModelContract, Probe, ScriptedModel } from "@reins/runtime/testing"
import { Deferred, Effect, Layer, References } from "effect"
import { TestClock } from "effect/testing"
import { execFile } from "node:child_process"
import { readFileSync } from "node:fs"
import { promisify } from "node:util"
import { Bookings, Concierge, FrontDesk, layer } from "./Concierge.ts"
import * as LineModel from "./LineModel.ts"

const cancel = (booking: string, id = booking) =>
  ScriptedModel.calls([{ id, name: "cancel_booking", args: { booking } }])

/** The deployed layer, with the test's own model and two bookings. A new one for each test. */
const live = (model: ModelPort) =>
  layer.pipe(Layer.provide(Layer.succeed(Model, model)), Layer.provideMerge(Bookings.layerMemory("room 7", "table 2")))

/** Starts a run and watches it. */
const begin = Effect.fnUntraced(function* (prompt: string) {
  const runtime = yield* Runtime
  const run = yield* runtime.start(prompt)
  return { probe: yield* Probe.watch(run.runId), run, runtime }
})

const open = Effect.flatMap(Bookings, (bookings) => bookings.open)

describe("a script: replies in order", () => {
  it.effect("does not cancel before a person allows it", () => {
    const model = ScriptedModel.make()
    model.push(cancel("room 7"), ScriptedModel.text("Done."))
    return Effect.gen(function* () {
      const { probe, run, runtime } = yield* begin("Cancel room 7.")
      const { data } = yield* probe.next("approval-required")
      assert.deepStrictEqual(yield* open, ["room 7", "table 2"])
      yield* runtime.approvals.respond(data.id, Decision.approve())
      assert.strictEqual((yield* run.result).output, "Done.")
      assert.deepStrictEqual(yield* open, ["table 2"])
      // Fails when the script has unused replies.
      yield* model.done
    }).pipe(Effect.provide(live(model)), Effect.scoped)
  })

  it.effect("what the model was told can be read: instructions, tools, results", () => {
    const model = ScriptedModel.make({ replies: [cancel("room 7"), ScriptedModel.text("Not then.")] })
    return Effect.gen(function* () {
      const { probe, runtime } = yield* begin("Cancel room 7.")
      const { data } = yield* probe.next("approval-required")
      yield* runtime.approvals.respond(data.id, Decision.reject({ feedback: "it is paid for" }))
      yield* probe.end
      const [first, second] = model.requests
      assert.match(first?.instructions ?? "", /only what the guest names/)
      assert.deepStrictEqual(
        first?.tools.map(({ name }) => name),
        ["cancel_booking"]
      )
      const [read] = second === undefined ? [] : ScriptedModel.lastResults(second)
      assert.include(JSON.stringify(read), "it is paid for")
    }).pipe(Effect.provide(live(model)), Effect.scoped)
  })
})

describe("a responder: replies depending on the request", () => {
  it.effect("a model that never ends is stopped by the budget", () => {
    const model = ScriptedModel.make({ respond: ({ metadata }) => cancel("no such room", `call ${metadata.step}`) })
    return Effect.gen(function* () {
      const { probe, runtime } = yield* begin("Cancel everything.")
      for (let count = 1; count <= 4; count++) {
        const { data } = yield* probe.next("approval-required", count)
        yield* runtime.approvals.respond(data.id, Decision.approve())
      }
      yield* probe.end
      assert.strictEqual(model.requests.length, 4)
      assert.strictEqual(probe.of("finish")[0]?.finishReason, "budget")
    }).pipe(Effect.provide(live(model)), Effect.scoped)
  })
})

describe("a hold: the model waits until the test lets it go", () => {
  it.effect("a run cancelled in the middle of an answer keeps the text so far, and its log is valid", () =>
    Effect.gen(function* () {
      const hold = yield* ScriptedModel.hold
      const reply = { ...ScriptedModel.words("Let me see."), hold, heldAfter: 2 }
      yield* Effect.gen(function* () {
        const { probe, run } = yield* begin("Hello?")
        yield* hold.reached
        yield* run.cancel
        yield* probe.end
        assert.strictEqual(
          probe
            .of("text")
            .map(({ text }) => text)
            .join(""),
          "Let me "
        )
        assert.strictEqual(probe.of("finish")[0]?.finishReason, "cancelled")
        assert.deepStrictEqual(Ordering.check(probe.envelopes), [])
      }).pipe(Effect.provide(live(ScriptedModel.make({ replies: [reply] }))), Effect.scoped)
    })
  )
})

describe("a test clock: a day passes at once", () => {
  it.effect("a question that nobody answers expires, and nothing is cancelled", () => {
    const model = ScriptedModel.make({ replies: [cancel("room 7"), ScriptedModel.text("Nobody was there.")] })
    return Effect.gen(function* () {
      const { probe, run } = yield* begin("Cancel room 7.")
      yield* probe.next("approval-required")
      yield* TestClock.adjust("23 hours")
      assert.isFalse(probe.ended)
      yield* TestClock.adjust("1 hour")
      assert.strictEqual((yield* run.result).output, "Nobody was there.")
      assert.strictEqual(probe.of("approval-decision")[0]?.data.outcome.outcome, "expired")
      assert.deepStrictEqual(yield* open, ["room 7", "table 2"])
    }).pipe(Effect.provide(live(model)), Effect.scoped)
  })
})

const lines = (...all: ReadonlyArray<string>) =>
  Effect.sync(() =>
    LineModel.make(async function* () {
      yield* all
    })
  )

/** How the adapter produces the situation of each clause. */
const subject: ModelContract.ModelSubject = {
  text: lines(`{"say":"Hello "}`, `{"say":"world."}`, `{"done":"stop","in":3,"out":2}`),
  call: lines(`{"call":"look","id":"c1","args":{"at":"the sky"}}`, `{"done":"tool-calls","in":3,"out":2}`),
  hanging: Effect.gen(function* () {
    const released = yield* Deferred.make<void>()
    const port = LineModel.make(async function* (signal) {
      signal.addEventListener("abort", () => Deferred.doneUnsafe(released, Effect.void))
      yield `{"say":"Hm"}`
      await new Promise(() => {})
    })
    return { port, released: Deferred.await(released) }
  })
}

describe("a run of production: today's agent takes the same way", () => {
  // Written by `reins archive examples/testing-your-agent/cancelled.jsonl run_cancelled`.
  const exported = readFileSync(`${import.meta.dirname}/cancelled.jsonl`, "utf8")
  // No model is asked, and no booking is cancelled.
  const model = ScriptedModel.make()

  it.effect("asks before it cancels, and goes on as it went on", () =>
    Effect.gen(function* () {
      yield* expectReplay(exported)
      assert.deepStrictEqual(yield* open, ["room 7", "table 2"])
    }).pipe(Effect.provide(live(model)))
  )

  it.effect("shows both sides where it would not: here an agent that asks nobody", () => {
    const { budget, instructions } = Concierge.definition
    const options = { budget, instructions, toolkit: FrontDesk, approvals: { cancel_booking: () => false } }
    const hasty = Agent.make("concierge", options)
    const layer = Runtime.layer({ agents: [hasty], approvalExpiresIn: "1 day" }).pipe(
      Layer.provide([FrontDesk.layer, Layer.succeed(Model, model)]),
      Layer.provide(Bookings.layerMemory())
    )
    return Effect.gen(function* () {
      const failure = yield* Effect.flip(expectReplay(exported))
      assert.match(failure.message, /another way at event 3 \(approval-required\): approval of cancel_booking/)
    }).pipe(Effect.provide(layer))
  })
})

describe("a contract: a custom adapter meets every clause of its port's contract", () => {
  for (const { check, name } of ModelContract.clauses) it.live(name, () => check(subject))
})

describe("a contract for hosts: a custom host meets these clauses", () => {
  // One clause breaks a run on purpose; its log output would only distract.
  const quiet = Effect.provideService(References.MinimumLogLevel, "None")
  for (const { check, name } of HostContract.clauses) it.live(name, () => quiet(check(Deployment.memoryHost())))
})

describe("the program", () => {
  it("tells a story and ends", async () => {
    const { stderr, stdout } = await promisify(execFile)(process.execPath, [`${import.meta.dirname}/main.ts`])
    assert.strictEqual(stderr, "")
    assert.include(stdout, "read main.test.ts")
    assert.include(stdout, "afterwards: [ 'table 2' ]")
  })
})
