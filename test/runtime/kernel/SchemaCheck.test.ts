import { assert, describe, it } from "@effect/vitest"
import { Agent, Runtime, Specialist } from "@reins/runtime"
import { ScriptedModel } from "@reins/runtime/testing"
import { Effect, Logger, Schema, Stream } from "effect"
import { Tool, Toolkit } from "effect/ai"
import * as Desk from "../../support/Desk.ts"

const { calls, lastResults, text } = ScriptedModel

/** Takes a string, and crashes over `"boom"`. */
const Brittle = Schema.String.check(
  Schema.makeFilter((value) => {
    if (value === "boom") throw new RangeError("the filter of a user: boom")
    return true
  })
)

const Answer = Schema.Struct({ answer: Brittle })

const scripted = (first: ScriptedModel.Reply, ...then: ReadonlyArray<ScriptedModel.Reply>) =>
  ScriptedModel.make({ replies: [first, ...then] })

const reader = Specialist.make("reader", { description: "Reads", input: Answer, output: Answer })
const coordinator = Agent.make("desk", { specialists: [reader] })

describe("a schema that crashes", () => {
  it.effect.each([true, false])("over a tool's arguments is a result that the model reads; asks first: %s", (asks) => {
    let ran = 0
    const kit = Toolkit.make(Tool.make("brittle", { parameters: Answer, needsApproval: asks }))
    const toolkit = Effect.provide(kit, kit.toLayer({ brittle: () => Effect.sync(() => void ran++) }))
    const model = scripted(calls([{ id: "1", name: "brittle", args: { answer: "boom" } }]), text("Sorry."))
    return Effect.gen(function* () {
      const runtime = yield* Runtime
      const events = yield* Stream.runCollect(runtime.query("go"))
      const [result] = model.requests[1] === undefined ? [] : lastResults(model.requests[1])
      assert.include(JSON.stringify(result?.result), "InvalidArguments")
      assert.strictEqual(ran, 0)
      assert.isFalse(events.some(({ type }) => type === "approval-required" || type === "error"))
    }).pipe(Effect.provide(Desk.plain(model, { agents: [Agent.make("desk", { toolkit })] })))
  })

  it.effect("over the input that a coordinator wrote is a result that it reads", () => {
    const model = scripted(calls([{ id: "1", name: "reader", args: { answer: "boom" } }]), text("Sorry."))
    return Effect.gen(function* () {
      const runtime = yield* Runtime
      assert.strictEqual((yield* runtime.complete("go")).output, "Sorry.")
      const [result] = model.requests[1] === undefined ? [] : lastResults(model.requests[1])
      assert.include(JSON.stringify(result?.result), "InvalidArguments")
    }).pipe(Effect.provide(Desk.plain(model, { agents: [coordinator] })))
  })

  it.effect("over the input from code rejects the query", () =>
    Effect.gen(function* () {
      const runtime = yield* Runtime
      const lines: Array<string> = []
      const logger = Logger.make(({ message }) => void lines.push(String(message)))
      const asked = runtime.completeSpecialist(reader, { answer: "boom" })
      const error = yield* Effect.flip(asked).pipe(Effect.provide(Logger.layer([logger])))
      assert.strictEqual(error.reason._tag, "InvalidInput")
      assert.match(lines[0] ?? "", /^The schema of .* crashed: RangeError\n +at .*SchemaCheck\.test\.ts/)
      assert.notInclude(lines.join(), "boom")
    }).pipe(Effect.provide(Desk.plain(scripted(text("never")), { agents: [coordinator] })))
  )

  it.effect("over a specialist's answer fails its run, after one repair, with a reason", () => {
    const boom = text(JSON.stringify({ answer: "boom" }))
    return Effect.gen(function* () {
      const runtime = yield* Runtime
      const error = yield* Effect.flip(runtime.completeSpecialist(reader, { answer: "fine" }))
      assert.strictEqual(error.reason._tag, "OutputInvalid")
    }).pipe(Effect.provide(Desk.plain(scripted(boom, boom), { agents: [coordinator] })))
  })
})
