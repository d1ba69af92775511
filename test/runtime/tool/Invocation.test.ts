import { assert, describe, it } from "@effect/vitest"
import type { Json } from "@reins/protocol"
import { Agent, Model, Runtime, ToolRun, ToolSettings } from "@reins/runtime"
import { ScriptedModel } from "@reins/runtime/testing"
import { Effect, Layer, Schema } from "effect"
import { Tool, Toolkit } from "effect/ai"
import { NoCopies } from "../../support/Library.ts"
import * as OneTool from "../../support/OneTool.ts"
import * as Story from "../../support/Story.ts"

/** Forgets a type, for what a handler without types may do. */
const untyped = Schema.decodeUnknownSync(Schema.Any)

const cycle = (): object => {
  const own: { self?: unknown } = {}
  own.self = own
  return own
}

const ownMap = (): unknown => {
  const own = new Map<string, unknown>()
  return own.set("self", own)
}

const nested = (depth: number): unknown => {
  let value: unknown = 1
  for (let level = 0; level < depth; level++) value = [value]
  return value
}

/** The result and the status that a handler comes to, the rest of the run being as it should. */
const comesTo = (handler: OneTool.Handler, bound: boolean) =>
  Effect.map(OneTool.finished({ handler, bound }), (probe) => {
    Story.isWhole(probe.envelopes)
    assert.strictEqual(probe.of("finish")[0]?.finishReason, "stop")
    const [result] = probe.of("tool-invocation").flatMap((event) => (event.state === "result" ? [event] : []))
    return [result?.status ?? "success", result?.result]
  }).pipe(Effect.scoped)

const lending = (args: Json = {}) =>
  ScriptedModel.make({
    replies: [ScriptedModel.calls([{ id: "1", name: "lend", args }]), ScriptedModel.text("done")]
  })

const toss = (value: unknown) => (): never => {
  throw value
}

const crashed = ["failed", { error: "ToolCrashed", message: "work failed unexpectedly" }]
const notShown = (why: string) => [
  "failed",
  { error: "ResultInvalid", message: `work ran, but its result is not JSON: ${why}` }
]

describe.each([
  ["called directly", false],
  ["of a bound toolkit", true]
])("a handler %s", (_name, bound) => {
  it.effect.each<readonly [string, OneTool.Handler]>([
    ["throws a string", toss("no")],
    ["throws undefined", toss(undefined)],
    ["throws while it runs", () => Effect.sync(toss(new Error("no")))],
    ["dies of a cycle", () => Effect.die(cycle())],
    ["is no effect", () => untyped(5)],
    ["is a promise", () => untyped(Promise.resolve(5))]
  ])("that %s is a result that the model reads", ([, handler]) =>
    Effect.gen(function* () {
      assert.deepStrictEqual(yield* comesTo(handler, bound), crashed)
    })
  )

  it.effect("that interrupts itself is a result that the model reads", () =>
    Effect.gen(function* () {
      const result = yield* comesTo(() => Effect.interrupt, bound)
      assert.deepStrictEqual(result, ["failed", { error: "ToolCrashed", message: "work was interrupted" }])
    })
  )

  it.effect.each<readonly [string, () => unknown, string]>([
    ["a BigInt", () => 1n, "it is a BigInt"],
    ["a BigInt within", () => ({ rows: [{ id: 1 }, { "no id": 2n }] }), `rows[1]["no id"] is a BigInt`],
    ["a function", () => () => 1, "it is a function"],
    ["a symbol", () => Symbol("no"), "it is a symbol"],
    ["a cycle", cycle, "self is part of a cycle"],
    ["a map of itself", () => ownMap(), "self is part of a cycle"],
    ["what is nested 20,000 deep", () => nested(20_000), `${"[0]".repeat(12)}… is nested more than 1000 deep`],
    [
      "a trap",
      () => ({
        get trap() {
          return toss(new Error("no"))()
        }
      }),
      "it throws when it is read"
    ]
  ])("that returns %s has run, and the model reads what cannot be shown", ([, make, why]) =>
    Effect.gen(function* () {
      assert.deepStrictEqual(yield* comesTo(() => Effect.sync(make), bound), notShown(why))
    })
  )

  it.effect.each<readonly [string, () => unknown]>([
    ["a class", () => new NoCopies({ book: "x" })],
    ["a date", () => new Date(0)],
    ["dates in rows", () => [{ at: new Date(0) }, { at: new Date(1), gone: undefined }]],
    ["an address", () => ({ link: new URL("https://example.org") })],
    ["bytes", () => new Uint8Array(2)],
    ["an effect", () => Effect.succeed(1)],
    ["no number", () => [Number.NaN, { n: Number.POSITIVE_INFINITY }]],
    ["functions and symbols within", () => ({ a: () => 1, b: Symbol("b"), c: [() => 1, Symbol("c"), undefined] })],
    ["what has its own idea of JSON", () => ({ toJSON: () => ({ a: [new Date(0)] }) })],
    [
      "what is told its name",
      () => ({ a: { toJSON: (name: string) => name }, b: [{ toJSON: (name: string) => name }] })
    ],
    ["a member that is nothing once it is asked", () => ({ a: { toJSON: () => undefined } })]
  ])("that returns %s returns its JSON text", ([, make]) =>
    Effect.gen(function* () {
      const result = yield* comesTo(() => Effect.sync(make), bound)
      assert.deepStrictEqual(result, ["success", JSON.parse(JSON.stringify(make()))])
    })
  )

  it.effect.each<readonly [string, () => unknown, Json]>([
    ["a map by strings", () => new Map([["a", new Date(0)]]), { a: "1970-01-01T00:00:00.000Z" }],
    ["a map by others", () => ({ m: new Map([[1, "a"]]) }), { m: [[1, "a"]] }],
    ["a set", () => new Set([1, "a"]), [1, "a"]],
    ["an error", () => Object.assign(new TypeError("no"), { code: 7 }), { code: 7, name: "TypeError", message: "no" }]
  ])("that returns %s returns its content", ([, make, shown]) =>
    Effect.gen(function* () {
      assert.deepStrictEqual(yield* comesTo(() => Effect.sync(make), bound), ["success", shown])
    })
  )

  it.effect("that has run is not repeated because its result cannot be shown", () =>
    Effect.gen(function* () {
      let ran = 0
      const tool = OneTool.work.annotate(ToolSettings.Retries, 3)
      yield* OneTool.finished({ tool, bound, handler: () => Effect.sync(() => BigInt(++ran)) })
      assert.strictEqual(ran, 1)
    }).pipe(Effect.scoped)
  )

  it.effect("that returns nothing returns null", () =>
    Effect.gen(function* () {
      assert.deepStrictEqual(yield* comesTo(() => Effect.void, bound), ["success", null])
    })
  )

  it.effect("that leaves members undefined returns an object without them", () =>
    Effect.gen(function* () {
      const answer = { a: undefined, b: [1, undefined], c: { d: undefined } }
      assert.deepStrictEqual(yield* comesTo(() => Effect.succeed(answer), bound), ["success", { b: [1, null], c: {} }])
    })
  )

  it.effect("that returns 10 MB returns all of it", () =>
    Effect.gen(function* () {
      const [status, result] = yield* comesTo(() => Effect.succeed("x".repeat(10_000_000)), bound)
      assert.strictEqual(status, "success")
      assert.strictEqual(typeof result === "string" ? result.length : 0, 10_000_000)
    })
  )

  it.effect("has returned a copy, whatever it does to the value later", () =>
    Effect.gen(function* () {
      const kept = { rows: [1] }
      const probe = yield* OneTool.finished({ handler: () => Effect.succeed(kept), bound })
      kept.rows.push(2)
      const [, result] = probe.of("tool-invocation")
      assert.deepStrictEqual(result?.state === "result" ? result.result : undefined, { rows: [1] })
    }).pipe(Effect.scoped)
  )

  it.effect("has its own copy of the arguments", () => {
    const kit = Toolkit.make(Tool.dynamic("lend", { parameters: { type: "object" }, success: Schema.Unknown }))
    const change = (args: unknown) => Effect.sync(() => Reflect.set(Object(args), "book", "another"))
    const handlers = kit.toLayer({ lend: change })
    const desk = Agent.make("desk", { toolkit: bound ? Effect.provide(kit, handlers) : kit })
    const model = lending({ book: "one" })
    return Effect.gen(function* () {
      const runtime = yield* Runtime
      yield* runtime.complete("go")
      const [, said, results] = model.requests[1]?.messages ?? []
      assert.include(JSON.stringify(said), `"args":{"book":"one"}`)
      assert.include(JSON.stringify(results), `"result":true`)
    }).pipe(
      Effect.provide(Runtime.layer({ agents: [desk] }).pipe(Layer.provide([handlers, Layer.succeed(Model, model)])))
    )
  })

  it.effect.each([undefined, null, ""])("that fails with %j fails with a message", (failure) =>
    Effect.gen(function* () {
      const words = { error: "ToolFailed", message: "The tool failed without a reason" }
      assert.deepStrictEqual(yield* comesTo(() => Effect.fail(failure), bound), ["failed", words])
    })
  )

  it.effect("that fails with a cycle fails with a message", () =>
    Effect.gen(function* () {
      const [status, result] = yield* comesTo(() => Effect.fail(cycle()), bound)
      assert.strictEqual(status, "failed")
      assert.include(JSON.stringify(result), "its error is not JSON: self is part of a cycle")
    })
  )

  it.effect("that emits a custom event which is not JSON has crashed", () =>
    Effect.gen(function* () {
      const handler = () => ToolRun.use((call) => call.emit("odd", untyped(1n)))
      assert.deepStrictEqual(yield* comesTo(handler, bound), crashed)
    })
  )

  it.effect.each(["error", "return"] as const)("fails according to its schema, failure mode %s", (failureMode) => {
    const tool = Tool.make("lend", { success: Schema.Natural, failure: NoCopies, failureMode })
    const kit = Toolkit.make(tool)
    const handlers = kit.toLayer({ lend: () => Effect.fail(new NoCopies({ book: "Gone" })) })
    const desk = Agent.make("desk", { toolkit: bound ? Effect.provide(kit, handlers) : kit })
    const model = lending()
    return Effect.gen(function* () {
      const runtime = yield* Runtime
      yield* runtime.complete("go")
      const [result] = model.requests[1] === undefined ? [] : ScriptedModel.lastResults(model.requests[1])
      assert.deepStrictEqual(result?.result, { _tag: "NoCopies", book: "Gone" })
      assert.strictEqual(result?.status, "failed")
    }).pipe(
      Effect.provide(Runtime.layer({ agents: [desk] }).pipe(Layer.provide([handlers, Layer.succeed(Model, model)])))
    )
  })

  it.effect("whose result its schema rejects fails with a message", () => {
    const kit = Toolkit.make(Tool.make("lend", { success: Schema.Natural }))
    const handlers = kit.toLayer({ lend: () => Effect.succeed(-1) })
    const desk = Agent.make("desk", { toolkit: bound ? Effect.provide(kit, handlers) : kit })
    const model = lending()
    return Effect.gen(function* () {
      const runtime = yield* Runtime
      yield* runtime.complete("go")
      const [result] = model.requests[1] === undefined ? [] : ScriptedModel.lastResults(model.requests[1])
      assert.include(JSON.stringify(result?.result), "ResultInvalid")
    }).pipe(
      Effect.provide(Runtime.layer({ agents: [desk] }).pipe(Layer.provide([handlers, Layer.succeed(Model, model)])))
    )
  })
})
