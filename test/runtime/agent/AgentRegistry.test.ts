import { assert, describe, it } from "@effect/vitest"
import { Agent, Budget, Hook, InvalidAgents, Model, Runtime, Specialist } from "@reins/runtime"
import type { ModelPort } from "@reins/runtime"
import { ScriptedModel } from "@reins/runtime/testing"
import { Cause, Context, Effect, Exit, Layer, Logger, Schema } from "effect"
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

/** The message of a runtime that cannot be built. */
const flaw = <E, R>(layer: Layer.Layer<Runtime, E, R>, port: ModelPort = model()) =>
  Effect.gen(function* () {
    const exit = yield* Effect.exit(Effect.provide(Runtime, Layer.provide(layer, Layer.succeed(Model, port))))
    const error = Exit.isFailure(exit) ? Cause.squash(exit.cause) : undefined
    assert.instanceOf(error, InvalidAgents)
    return error instanceof InvalidAgents ? error.message : ""
  })

describe("a runtime is not built", () => {
  it.effect("without an agent", () =>
    Effect.gen(function* () {
      assert.strictEqual(
        yield* flaw(Runtime.layer({ agents: [] })),
        "A runtime needs at least one agent. List them in agents"
      )
    })
  )

  it.effect("with a policy for a tool that its agent does not have, since it would guard nothing", () =>
    Effect.gen(function* () {
      const { kit, layer } = search("refund")
      const agent = Agent.make("desk", { toolkit: kit, approvals: Object.fromEntries([["refnud", "always"]]) })
      assert.strictEqual(
        yield* flaw(Layer.provide(Runtime.layer({ agents: [agent] }), layer("paid"))),
        `Agent "desk": approvals names the unknown tool "refnud". Its tools: refund`
      )
    })
  )

  it.effect("with a hook whose options are invalid, since it would guard nothing", () =>
    Effect.gen(function* () {
      const hook = Hook.make("guard", { timeout: Number.NaN })
      const said = 'Invalid option Hook.make("guard").timeout: NaN. Use milliseconds, or text such as "2 seconds"'
      const models = Layer.succeed(Model, model())
      const ofAgent = Runtime.layer({ agents: [Agent.make("desk", { hooks: [hook] })] })
      assert.strictEqual(yield* flaw(Layer.provide(ofAgent, models)), `Agent "desk": ${said}`)
      const ofRuntime = Runtime.layer({ agents: [Agent.make("desk", {})], hooks: [hook] })
      assert.strictEqual(yield* flaw(Layer.provide(ofRuntime, models)), `Invalid option hooks[0]: an object. ${said}`)
    })
  )

  it.effect("without a warning where a hook is for a tool that no agent of it has", () =>
    Effect.gen(function* () {
      const said: Array<string> = []
      const logger = Logger.layer([Logger.make(({ message }) => void said.push(String(message)))])
      const { kit, layer } = search("refund")
      const guard = (name: string, tool: string) => Hook.make(name, { tools: [tool] })
      const helper = Specialist.make("helper", { description: "Helps", toolkit: kit })
      const agent = Agent.make("desk", {
        toolkit: kit,
        specialists: [helper],
        hooks: [guard("one", "refnud"), guard("two", "refund"), guard("three", "helper")]
      })
      const runtime = Runtime.layer({ agents: [agent], hooks: [guard("four", "hepler"), guard("five", "helper")] })
      yield* Effect.scoped(Layer.build(Layer.provide(runtime, [layer("paid"), Layer.succeed(Model, model())]))).pipe(
        Effect.provide(logger)
      )
      assert.deepStrictEqual(said, [
        `Agent "desk": hook "one" names the unknown tool "refnud". Its tools: refund, helper`,
        `Runtime: hook "four" names the unknown tool "hepler". Its tools: refund, helper, desk`
      ])
    })
  )

  it.effect("over a model without names", () =>
    Effect.gen(function* () {
      const unnamed: ModelPort = Schema.decodeUnknownSync(Schema.Any)({ attempt: () => Effect.void, provider: "p" })
      const issue = `Agent "desk": its model port must have provider and model, both non-empty strings`
      assert.strictEqual(yield* flaw(Runtime.layer({ agents: [Agent.make("desk", {})] }), unnamed), issue)
    })
  )

  it.effect("of two agents with the same name", () =>
    Effect.gen(function* () {
      const agents = [Agent.make("desk", {}), Agent.make("desk", {})]
      assert.strictEqual(yield* flaw(Runtime.layer({ agents })), `Two different agents are named "desk". Rename one`)
      const reader = Specialist.make("desk", { description: "Reads" })
      const above = [Agent.make("head", { specialists: [reader] }), Agent.make("desk", {})]
      assert.include(yield* flaw(Runtime.layer({ agents: above })), `Two different agents are named "desk"`)
    })
  )

  it.effect.each<readonly [string, string]>([
    ["", "An agent's name is empty. Give it a name"],
    [" ", "An agent's name is empty. Give it a name"],
    ["a#1", `Agent "a#1": a name cannot contain #`]
  ])("of an agent called %j", ([name, issue]) =>
    Effect.gen(function* () {
      assert.strictEqual(yield* flaw(Runtime.layer({ agents: [Agent.make(name, {})] })), issue)
    })
  )

  it.effect("of an invalid budget", () =>
    Effect.gen(function* () {
      const agents = [Agent.make("desk", { budget: Budget.make({ maxSteps: -1 }) })]
      assert.match(
        yield* flaw(Runtime.layer({ agents })),
        /^Agent "desk": Invalid budget: maxSteps must be a whole number/
      )
    })
  )

  it.effect("of a budget with an unknown limit, or with the name of an unknown tool", () =>
    Effect.gen(function* () {
      const issue = (budget: Budget.Budget) => flaw(Runtime.layer({ agents: [Agent.make("desk", { budget })] }))
      assert.match(
        yield* issue(Budget.make(JSON.parse('{ "maxTools": 1 }'))),
        /^Agent "desk": Invalid budget: maxTools is not a limit. Available limits: maxSteps, /
      )
      assert.strictEqual(
        yield* issue(Budget.make({ maxCallsPerTool: { serach: 1 } })),
        `Agent "desk": Invalid budget: maxCallsPerTool.serach names an unknown tool. Available tools: none`
      )
    })
  )

  it.effect("of a tool and a specialist with the same name", () =>
    Effect.gen(function* () {
      const { kit, layer } = search("reader")
      const reader = Specialist.make("reader", { description: "Reads" })
      const desk = Agent.make("desk", { toolkit: Effect.provide(kit, layer("x")), specialists: [reader] })
      assert.strictEqual(
        yield* flaw(Runtime.layer({ agents: [desk] })),
        `Agent "desk" has two tools or specialists named "reader": one of toolkit and one of specialists. ` +
          "Rename one, or give an MCP server a prefix"
      )
    })
  )

  it.effect("of two toolkits of one agent with a tool of the same name, and the error names both", () =>
    Effect.gen(function* () {
      const tool = Tool.make("find", { success: Schema.String })
      class Orders extends Toolkit.make(tool) {}
      const { kit, layer } = search("find")
      const desk = Agent.make("desk", { toolkit: [Orders, Effect.provide(kit, layer("x"))] })
      const orders = Orders.toLayer({ find: () => Effect.succeed("") })
      assert.include(
        yield* flaw(Layer.provide(Runtime.layer({ agents: [desk] }), orders)),
        `named "find": one of Orders and one of toolkit[1]`
      )
    })
  )

  it.effect("of a tool and a client tool with the same name", () =>
    Effect.gen(function* () {
      const { kit, layer } = search("ask")
      const desk = Agent.make("desk", { toolkit: Effect.provide(kit, layer("x")), clientTools: kit })
      assert.include(yield* flaw(Runtime.layer({ agents: [desk] })), `named "ask"`)
    })
  )

  it.effect("of a client tool and a specialist with the same name", () =>
    Effect.gen(function* () {
      const reader = Specialist.make("reader", { description: "Reads" })
      const desk = Agent.make("desk", { clientTools: search("reader").kit, specialists: [reader] })
      assert.include(yield* flaw(Runtime.layer({ agents: [desk] })), `named "reader"`)
    })
  )

  it.effect("of two unbound toolkits that define one tool differently, and the error names the cure", () =>
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

describe("an agent whose schemas cannot be sent to a model is rejected when it is built", () => {
  const desk = (parameters: Schema.Codec<unknown>) => {
    const kit = Toolkit.make(Tool.make("look", { parameters, success: Schema.String }))
    return Runtime.layer({
      agents: [Agent.make("desk", { toolkit: Effect.provide(kit, kit.toLayer({ look: () => Effect.succeed("") })) })]
    })
  }

  it.effect.each<readonly [string, Schema.Codec<unknown>, string]>([
    ["a string", Schema.String, "are of type string"],
    ["void", Schema.Void, "are of type null"],
    ["nothing that can be", Schema.Never, `"look"`]
  ])("%s", ([, parameters, words]) =>
    Effect.gen(function* () {
      const message = yield* flaw(desk(parameters))
      assert.include(message, `Agent "desk": the parameters of tool "look"`)
      assert.include(message, words)
    })
  )

  it.effect("a specialist's input", () =>
    Effect.gen(function* () {
      const reader = Specialist.make("reader", { description: "Reads", input: Schema.Array(Schema.String) })
      const message = yield* flaw(Runtime.layer({ agents: [Agent.make("desk", { specialists: [reader] })] }))
      assert.include(message, `the input parameters of specialist "reader" are of type array`)
    })
  )
})

describe("a schema whose values are not JSON", () => {
  const When = Schema.Struct({ when: Schema.Date, count: Schema.BigInt })
  const Kit = Toolkit.make(Tool.make("remind", { parameters: When, success: Schema.String }))
  const handlers = Kit.toLayer({
    remind: ({ count, when }) => Effect.succeed(`${when.toISOString()} ${typeof count}`)
  })
  const args = { when: "2026-01-01T00:00:00.000Z", count: "5" }
  const calling = (name: string) =>
    ScriptedModel.make({
      respond: (request) =>
        ScriptedModel.lastResults(request).length > 0
          ? ScriptedModel.text(JSON.stringify(ScriptedModel.lastResults(request).map(({ result }) => result)))
          : request.metadata.agentPath.length > 0
            ? ScriptedModel.text("read")
            : ScriptedModel.calls([{ id: "c", name, args }])
    })

  it.effect.each([false, true])("is accepted in the form that the model gets; bound: %s", (bound) =>
    Effect.gen(function* () {
      const agent = Agent.make("desk", { toolkit: bound ? Effect.provide(Kit, handlers) : Kit })
      const runtime = Runtime.layer({ agents: [agent] }).pipe(
        Layer.provide([handlers, Layer.succeed(Model, calling("remind"))])
      )
      const { complete } = Context.get(yield* Layer.build(runtime), Runtime)
      assert.strictEqual((yield* complete("go")).output, `["2026-01-01T00:00:00.000Z bigint"]`)
    }).pipe(Effect.scoped)
  )

  it.effect("is accepted for a specialist's input, too", () =>
    Effect.gen(function* () {
      const reader = Specialist.make("reader", { description: "Reads", input: When })
      const runtime = Runtime.layer({ agents: [Agent.make("desk", { specialists: [reader] })] }).pipe(
        Layer.provide(Layer.succeed(Model, calling("reader")))
      )
      const { complete } = Context.get(yield* Layer.build(runtime), Runtime)
      assert.strictEqual((yield* complete("go")).output, `["read"]`)
    }).pipe(Effect.scoped)
  )
})

describe("two toolkits with the same tool name", () => {
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

  it.effect("may share a tool, also when one of them needs approval", () =>
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
