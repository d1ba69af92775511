import { assert, describe, it } from "@effect/vitest"
import type { Message } from "@reins/protocol"
import { Agent, Budget, Model, Prices, Runtime, Specialist } from "@reins/runtime"
import type { QueryOptions } from "@reins/runtime"
import { ScriptedModel } from "@reins/runtime/testing"
import { Context, Effect, Layer, Schema, Stream } from "effect"
import * as Desk from "../../support/Desk.ts"
import * as Solo from "../../support/Solo.ts"

class Dear extends Context.Service<Dear, ReturnType<typeof ScriptedModel.make>>()("test/Dear") {}

const silent = () => ScriptedModel.make({ respond: () => ScriptedModel.text("hello") })

/** Why a query is refused; that its thread is as it was, and that no model was asked. */
const refusal = (prompt: Message.Prompt, query: QueryOptions = {}, options: Solo.Options = {}) =>
  Effect.gen(function* () {
    const model = silent()
    const runtime = yield* Solo.runtime(model, options)
    const asked = { threadId: "thread", ...query }
    const error = yield* Effect.flip(Stream.runDrain(runtime.query(prompt, asked)))
    assert.strictEqual((yield* Effect.flip(runtime.start(prompt, asked))).message, error.message)
    assert.strictEqual((yield* Effect.flip(runtime.complete(prompt, asked))).message, error.message)
    assert.match(error.message, /\S/)
    assert.strictEqual(model.requests.length, 0)
    assert.isUndefined(yield* runtime.threads.info("thread"))
    // Nothing is held: a good query goes through.
    assert.strictEqual((yield* runtime.complete("hello", { threadId: "thread" })).output, "hello")
    return error.reason._tag
  }).pipe(Effect.scoped)

describe("a query is rejected, and leaves no trace, when", () => {
  it.effect.each<readonly [string, Message.Prompt]>([
    ["is empty", ""],
    ["is blank", " \n\t "],
    ["has no parts", []],
    [
      "has only blank parts",
      [
        { type: "text", text: "" },
        { type: "text", text: "  " }
      ]
    ]
  ])("its prompt %s", ([, prompt]) =>
    Effect.gen(function* () {
      assert.strictEqual(yield* refusal(prompt), "EmptyPrompt")
    })
  )

  it.effect.each<readonly [string, unknown]>([
    ["is no text", 5],
    ["is one part", { type: "text", text: "hi" }],
    ["has a text that is none", [{ type: "text", text: 5 }]],
    ["has a part of an unknown type", [{ type: "image", text: "hi" }]],
    ["has a file with bytes", [{ type: "file", mediaType: "image/png", data: new Uint8Array(3) }]],
    ["has a file whose name is none", [{ type: "file", mediaType: "image/png", data: "aGk=", filename: 5 }]]
  ])("its prompt %s, as one of a program without types can", ([, prompt]) =>
    Effect.gen(function* () {
      assert.strictEqual(yield* refusal(prompt as Message.Prompt), "InvalidInput")
    })
  )

  it.effect("it names an unknown agent, with an error that lists the known ones", () =>
    Effect.gen(function* () {
      const runtime = yield* Solo.runtime(silent())
      const error = yield* Effect.flip(runtime.complete("hi", { agent: "duo" }))
      assert.strictEqual(error.message, `Unknown agent "duo". Available agents: solo`)
      assert.strictEqual(yield* refusal("hi", { agent: "duo" }), "UnknownAgent")
    }).pipe(Effect.scoped)
  )

  it.effect("it names an agent by an inherited property", () =>
    Effect.gen(function* () {
      assert.strictEqual(yield* refusal("hi", { agent: "constructor" }), "UnknownAgent")
    })
  )

  it.effect("its agent is another value with a known name", () =>
    Effect.gen(function* () {
      assert.strictEqual(yield* refusal("hi", { agent: Agent.make("solo", {}) }), "UnknownAgent")
    })
  )

  it.effect.each<readonly [string, Budget.Budget]>([
    ["maxSteps", Budget.make({ maxSteps: -1 })],
    ["maxSteps", Budget.make({ maxSteps: Number.NaN })],
    ["maxSteps", Budget.make({ maxSteps: 1.5 })],
    ["maxToolCalls", Budget.make({ maxToolCalls: 2 ** 53 })],
    ["maxCallsPerTool.work", Budget.make({ maxCallsPerTool: { work: -1 } })],
    ["maxCostUsd", Budget.make({ maxCostUsd: -0.01 })],
    ["maxCostUsd", Budget.make({ maxCostUsd: Number.NaN })],
    ["maxDuration", Budget.make({ maxDuration: -1 })],
    ["maxDuration", Budget.make({ maxDuration: Number.NaN })],
    ["warnAt", Budget.make({ warnAt: 2 })],
    ["maxTools", Budget.make(JSON.parse('{ "maxTools": 3 }'))],
    ["maxDuration", JSON.parse('{ "maxDuration": 3 }')],
    ["maxCallsPerTool.nothing", Budget.make({ maxCallsPerTool: { nothing: 1 } })]
  ])("its budget's %s is invalid", ([limit, budget]) =>
    Effect.gen(function* () {
      const runtime = yield* Solo.runtime(silent())
      const { reason } = yield* Effect.flip(runtime.start("hi", { budget }))
      assert.strictEqual(reason._tag === "InvalidBudget" ? reason.limit : undefined, limit)
      assert.strictEqual(yield* refusal("hi", { budget }), "InvalidBudget")
    }).pipe(Effect.scoped)
  )

  it.effect("it is limited in dollars, and the price of its model is unknown", () =>
    Effect.gen(function* () {
      const budget = Budget.make({ maxCostUsd: 1 })
      assert.strictEqual(yield* refusal("hi", { budget }), "UnknownPrice")
      assert.strictEqual(
        yield* refusal("hi", { budget }, { services: Prices.layerTable({ "scripted/other": noPrice }) }),
        "UnknownPrice"
      )
    })
  )

  it.effect("it is limited in dollars, and the price of a specialist's model is unknown", () => {
    const reader = Specialist.make("reader", { description: "Reads", model: Dear })
    const desk = Agent.make("desk", { specialists: [reader] })
    const dear = ScriptedModel.make({ provider: "dear", model: "dear-1", respond: () => undefined })
    const layer = Runtime.layer({ agents: [desk] }).pipe(
      Layer.provide([
        Layer.succeed(Model, silent()),
        Layer.succeed(Dear, dear),
        Prices.layerTable({ "scripted/scripted-1": noPrice })
      ])
    )
    return Effect.gen(function* () {
      const runtime = yield* Runtime
      const { reason } = yield* Effect.flip(runtime.start("hi", { budget: Budget.make({ maxCostUsd: 1 }) }))
      assert.strictEqual(reason._tag === "UnknownPrice" ? reason.model : undefined, "dear-1")
    }).pipe(Effect.provide(layer))
  })
})

const noPrice = { inputPerMillionUsd: 0, outputPerMillionUsd: 0 }

describe("a query is accepted when", () => {
  it.effect("its model is known to be free, whatever the limit in dollars", () =>
    Effect.gen(function* () {
      const runtime = yield* Solo.runtime(silent(), { services: Prices.layerTable({ "scripted/scripted-1": noPrice }) })
      const done = yield* runtime.complete("hi", { budget: Budget.make({ maxCostUsd: 0 }) })
      assert.strictEqual(done.summary.cost.costNanoUsd, 0)
      assert.strictEqual(done.summary.cost.unpriced, 0)
    }).pipe(Effect.scoped)
  )

  it.effect("its limits are infinite", () =>
    Effect.gen(function* () {
      const runtime = yield* Solo.runtime(silent())
      const budget = Budget.make({ maxSteps: Infinity, maxCostUsd: Infinity, maxDuration: Infinity })
      assert.strictEqual((yield* runtime.complete("hi", { budget })).output, "hello")
    }).pipe(Effect.scoped)
  )

  it.effect("its budget is wider than its agent's, which then still holds, entry by entry", () =>
    Effect.gen(function* () {
      const model = ScriptedModel.make({
        respond: ({ metadata }) => ScriptedModel.calls([{ id: `c${metadata.step}`, name: "nothing", args: {} }])
      })
      const agent = { budget: Budget.make({ maxSteps: 2, maxToolCalls: 50 }) }
      for (const [budget, steps] of [
        [Budget.make({ maxSteps: 9 }), 2],
        [Budget.make({ maxToolCalls: 99 }), 2],
        [Budget.make({ maxSteps: 1 }), 1]
      ] as const) {
        const before = model.requests.length
        const { probe } = yield* Solo.finished(model, { agent, query: { budget } })
        assert.strictEqual(probe.of("finish")[0]?.finishReason, "budget")
        assert.strictEqual(model.requests.length - before, steps)
      }
    }).pipe(Effect.scoped)
  )

  it.effect("its prompt is a file without text", () =>
    Effect.gen(function* () {
      const runtime = yield* Solo.runtime(silent())
      const file: Message.FilePart = { type: "file", mediaType: "image/png", data: "https://example.com/a.png" }
      assert.strictEqual((yield* runtime.complete([file])).output, "hello")
    }).pipe(Effect.scoped)
  )

  it.effect("it names its agent, by name or by value", () => {
    const one = Agent.make("one", { instructions: "One." })
    const two = Agent.make("two", { instructions: "Two." })
    const model = silent()
    return Effect.gen(function* () {
      const runtime = yield* Runtime
      yield* runtime.complete("hi")
      yield* runtime.complete("hi", { agent: "two" })
      yield* runtime.complete("hi", { agent: two })
      assert.deepStrictEqual(
        model.requests.map(({ instructions }) => instructions),
        ["One.", "Two.", "Two."]
      )
    }).pipe(Effect.provide(Desk.plain(model, { agents: [one, two] })))
  })
})

describe("a thread", () => {
  it.effect("with an active run is busy for another, with an error that names the run", () =>
    Effect.gen(function* () {
      const { handle, probe, runtime } = yield* Solo.start([{ parts: [], hangs: true }, ScriptedModel.text("next")])
      const { reason } = yield* Effect.flip(runtime.start("hi", { threadId: "thread" }))
      assert.deepInclude(reason, { _tag: "ThreadBusy", runId: "run" })
      yield* handle.cancel
      yield* probe.end
      assert.strictEqual((yield* runtime.complete("hi", { threadId: "thread" })).output, "next")
    }).pipe(Effect.scoped)
  )

  it.effect("is leased to one of two concurrent queries", () =>
    Effect.gen(function* () {
      const runtime = yield* Solo.runtime(
        ScriptedModel.make({ respond: () => ({ ...ScriptedModel.text("hello"), parts: [], hangs: true }) })
      )
      const exits = yield* Effect.all(
        ["a", "b"].map((runId) => Effect.exit(runtime.start("hi", { threadId: "thread", runId }))),
        { concurrency: "unbounded" }
      )
      assert.deepStrictEqual(
        exits.map(({ _tag }) => _tag),
        ["Success", "Failure"]
      )
    }).pipe(Effect.scoped)
  )

  it.effect("of another tenant is reported as missing", () =>
    Effect.gen(function* () {
      const runtime = yield* Solo.runtime(silent())
      yield* runtime.complete("hi", { threadId: "thread", resourceId: "mia" })
      const error = yield* Effect.flip(runtime.complete("hi", { threadId: "thread", resourceId: "tom" }))
      assert.strictEqual(error.reason._tag, "ThreadForbidden")
      assert.strictEqual(error.message, `Thread "thread" not found`)
      assert.strictEqual((yield* runtime.threads.get("thread")).length, 2)
    }).pipe(Effect.scoped)
  )

  it.effect("with another tenant's run does not name the run", () =>
    Effect.gen(function* () {
      const { runtime } = yield* Solo.start([{ parts: [], hangs: true }])
      const error = yield* Effect.flip(runtime.start("hi", { threadId: "thread", resourceId: "tom" }))
      assert.strictEqual(error.reason._tag, "ThreadForbidden")
    }).pipe(Effect.scoped)
  )
})

describe("a specialist called from code is rejected when", () => {
  const reader = Specialist.make("reader", {
    description: "Reads",
    input: Schema.Struct({ pages: Schema.Natural })
  })
  const teller = Specialist.make("teller", { description: "Tells" })

  it.effect("it is not registered", () =>
    Effect.gen(function* () {
      const runtime = yield* Solo.runtime(silent())
      const error = yield* Effect.flip(Stream.runDrain(runtime.runSpecialist(teller, "hi")))
      assert.strictEqual(error.message, `Unknown agent "teller". Available agents: solo`)
    }).pipe(Effect.scoped)
  )

  it.effect("its input is invalid", () =>
    Effect.gen(function* () {
      const runtime = yield* Runtime
      const refused = [
        yield* Effect.flip(runtime.completeSpecialist(reader, { pages: -1 })),
        yield* Effect.flip(runtime.completeSpecialist(reader, { pages: Number.NaN })),
        yield* Effect.flip(runtime.completeSpecialist(teller, " "))
      ]
      for (const { message, reason } of refused) {
        assert.strictEqual(reason._tag, "InvalidInput")
        assert.match(message, /^Invalid input for (reader|teller): \S/)
      }
    }).pipe(Effect.provide(Desk.plain(silent(), { agents: [reader, teller] })))
  )
})
