import { assert, describe, it } from "@effect/vitest"
import { Agent, Budget, InvalidAgents, Model, Runtime, Specialist } from "@reins/runtime"
import { ScriptedModel } from "@reins/runtime/testing"
import { Cause, Effect, Exit, Layer, Schema } from "effect"
import { Tool, Toolkit } from "effect/ai"

const model = () =>
  ScriptedModel.make({
    respond: (request) => {
      const results = ScriptedModel.lastResults(request)
      const [tool] = request.tools
      return results.length > 0 || tool === undefined
        ? ScriptedModel.text(JSON.stringify(results.map(({ result }) => result)))
        : ScriptedModel.calls([{ id: "1", name: tool.name, args: {} }])
    }
  })

const search = (name: string, description = "Search") => {
  const kit = Toolkit.make(Tool.make(name, { description, success: Schema.String }))
  return { kit, layer: (answer: string) => kit.toLayer({ [name]: () => Effect.succeed(answer) }) }
}

/** Why a runtime cannot be built, in words. */
const flaw = <E, R>(layer: Layer.Layer<Runtime, E, R>) =>
  Effect.gen(function* () {
    const exit = yield* Effect.exit(Effect.provide(Runtime, Layer.provide(layer, Layer.succeed(Model, model()))))
    const error = Exit.isFailure(exit) ? Cause.squash(exit.cause) : undefined
    assert.instanceOf(error, InvalidAgents)
    return error instanceof InvalidAgents ? error.message : ""
  })

describe("a runtime is not built", () => {
  it.effect("without an agent", () =>
    Effect.gen(function* () {
      assert.strictEqual(yield* flaw(Runtime.layer({ agents: [] })), "a runtime needs at least one agent")
    })
  )

  it.effect("of two agents of one name", () =>
    Effect.gen(function* () {
      const agents = [Agent.make("desk", {}), Agent.make("desk", {})]
      assert.strictEqual(yield* flaw(Runtime.layer({ agents })), `two different agents are called "desk": rename one`)
      const reader = Specialist.make("desk", { description: "Reads" })
      const above = [Agent.make("head", { specialists: [reader] }), Agent.make("desk", {})]
      assert.include(yield* flaw(Runtime.layer({ agents: above })), `two different agents are called "desk"`)
    })
  )

  it.effect.each<readonly [string, string]>([
    ["", "an agent's name is empty"],
    [" ", "an agent's name is empty"],
    ["a#1", `agent "a#1": a name cannot hold a #`]
  ])("of an agent called %j", ([name, issue]) =>
    Effect.gen(function* () {
      assert.strictEqual(yield* flaw(Runtime.layer({ agents: [Agent.make(name, {})] })), issue)
    })
  )

  it.effect("of a budget that is none", () =>
    Effect.gen(function* () {
      const agents = [Agent.make("desk", { budget: Budget.make({ maxSteps: -1 }) })]
      assert.match(yield* flaw(Runtime.layer({ agents })), /^agent "desk": the budget's maxSteps is not a whole number/)
    })
  )

  it.effect("of a tool and a specialist of one name", () =>
    Effect.gen(function* () {
      const { kit, layer } = search("reader")
      const reader = Specialist.make("reader", { description: "Reads" })
      const desk = Agent.make("desk", { toolkit: Effect.provide(kit, layer("x")), specialists: [reader] })
      assert.strictEqual(
        yield* flaw(Runtime.layer({ agents: [desk] })),
        `agent "desk" has two tools or specialists called "reader": rename one`
      )
    })
  )

  it.effect("of a tool and a client tool of one name", () =>
    Effect.gen(function* () {
      const { kit, layer } = search("ask")
      const desk = Agent.make("desk", { toolkit: Effect.provide(kit, layer("x")), clientTools: kit })
      assert.include(yield* flaw(Runtime.layer({ agents: [desk] })), `called "ask"`)
    })
  )

  it.effect("of a client tool and a specialist of one name", () =>
    Effect.gen(function* () {
      const reader = Specialist.make("reader", { description: "Reads" })
      const desk = Agent.make("desk", { clientTools: search("reader").kit, specialists: [reader] })
      assert.include(yield* flaw(Runtime.layer({ agents: [desk] })), `called "reader"`)
    })
  )

  it.effect("of two unbound toolkits that define one tool differently; and it is told the cure", () =>
    Effect.gen(function* () {
      const [one, other] = [search("find", "Find a book"), search("find", "Find a reader")]
      const reader = Specialist.make("reader", { description: "Reads", toolkit: other.kit })
      const desk = Agent.make("desk", { toolkit: one.kit, specialists: [reader] })
      const layer = Runtime.layer({ agents: [desk] }).pipe(Layer.provide([one.layer("one"), other.layer("other")]))
      const message = yield* flaw(layer)
      assert.include(message, `agents "desk" and "reader" both have a tool "find", defined differently`)
      assert.include(message, "toolkit: Agent.bind(Kit, Kit.layer)")
    })
  )
})

describe("two toolkits of one tool name", () => {
  it.effect("run their own handlers once one of them is bound", () =>
    Effect.gen(function* () {
      const [one, other] = [search("find", "Find a book"), search("find", "Find a reader")]
      const a = Agent.make("a", { toolkit: one.kit })
      const b = Agent.make("b", { toolkit: Effect.provide(other.kit, other.layer("other")) })
      const runtime = Runtime.layer({ agents: [a, b] }).pipe(
        Layer.provide([one.layer("one"), Layer.succeed(Model, model())])
      )
      yield* Effect.gen(function* () {
        const { complete } = yield* Runtime
        assert.strictEqual((yield* complete("go", { agent: a })).output, `["one"]`)
        assert.strictEqual((yield* complete("go", { agent: b })).output, `["other"]`)
      }).pipe(Effect.provide(runtime))
    })
  )

  it.effect("may share a tool, also where one of them asks first", () =>
    Effect.gen(function* () {
      const find = Tool.make("find", { success: Schema.String })
      const [free, gated] = [Toolkit.make(find), Toolkit.make(find.setNeedsApproval(true))]
      const a = Agent.make("a", { toolkit: free })
      const b = Agent.make("b", { toolkit: gated })
      const runtime = Runtime.layer({ agents: [a, b], unattended: "deny" }).pipe(
        Layer.provide([free.toLayer({ find: () => Effect.succeed("found") }), Layer.succeed(Model, model())])
      )
      yield* Effect.gen(function* () {
        const { complete } = yield* Runtime
        assert.strictEqual((yield* complete("go", { agent: a })).output, `["found"]`)
        assert.include((yield* complete("go", { agent: b })).output, "Denied")
      }).pipe(Effect.provide(runtime))
    })
  )
})

describe("a tool", () => {
  it.effect.each(["constructor", "__proto__", "toString", "x".repeat(200), "a/b", "ünïcödé 1"])(
    "may be called %s",
    (name) =>
      Effect.gen(function* () {
        const { kit, layer } = search(name)
        const desk = Agent.make("desk", { toolkit: Effect.provide(kit, layer("found")) })
        const runtime = Runtime.layer({ agents: [desk] }).pipe(Layer.provide(Layer.succeed(Model, model())))
        const done = yield* Effect.flatMap(Runtime, ({ complete }) => complete("go")).pipe(Effect.provide(runtime))
        assert.strictEqual(done.output, `["found"]`)
      })
  )
})
