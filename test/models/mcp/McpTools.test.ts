import { NodeServices } from "@effect/platform-node"
import { assert, layer } from "@effect/vitest"
import { McpTools } from "@reins/models/mcp"
import { Ordering } from "@reins/protocol"
import { Agent, Model, Runtime, Specialist } from "@reins/runtime"
import { ScriptedModel } from "@reins/runtime/testing"
import { Effect, Layer, Schema, Stream } from "effect"
import { Tool, Toolkit } from "effect/ai"
import { ChildProcess } from "effect/process"
import { ChildProcessSpawner } from "effect/process/ChildProcessSpawner"
import { join } from "node:path"

const command = ChildProcess.make(process.execPath, [join(import.meta.dirname, "server.mjs")])
const server = Layer.provide(McpTools.layerStdio(command), NodeServices.layer)

/** A run in which the model calls these tools of the server, and what the model read. */
const calling = (...names: ReadonlyArray<string>) =>
  Effect.gen(function* () {
    const model = ScriptedModel.make({
      replies: [
        ScriptedModel.calls(names.map((name) => ({ id: name, name: `small_${name}`, args: { words: "hello" } }))),
        ScriptedModel.text("done")
      ]
    })
    const agent = Agent.make("caller", { toolkit: McpTools.toolkit({ prefix: "small_" }) })
    const log = yield* Effect.gen(function* () {
      const runtime = yield* Runtime
      const run = yield* runtime.start("go")
      return yield* Stream.runCollect(run.envelopes)
    }).pipe(
      Effect.provide(
        Layer.provide(Runtime.layer({ agents: [agent], unattended: "deny" }), [server, Layer.succeed(Model, model)])
      )
    )
    assert.deepStrictEqual(Ordering.check(log), [])
    const request = model.requests[1]
    return {
      events: log.map((envelope) => envelope.event),
      results: request === undefined ? [] : ScriptedModel.lastResults(request)
    }
  })

// Real time: the server is a child process.
layer(NodeServices.layer, { excludeTestServices: true })("tools of an MCP server", (it) => {
  it.effect("are all listed, with the server's annotations", () =>
    Effect.gen(function* () {
      const kit = yield* Effect.provide(McpTools.toolkit(), server)
      const asks = Object.values(kit.tools).map((tool) => [tool.name, tool.needsApproval])
      assert.deepStrictEqual(asks, [
        ["echo", false],
        ["count", false],
        ["measure", false],
        ["fail", false],
        ["picture", false],
        ["append", false],
        ["wipe", true],
        ["unsaid", true]
      ])
      const echo = kit.tools["echo"]
      assert.isDefined(echo)
      if (echo !== undefined) assert.deepNestedInclude(Tool.getJsonSchema(echo), { "properties.words.type": "string" })
    })
  )

  it.effect("can be limited to some", () =>
    Effect.gen(function* () {
      const kit = yield* Effect.provide(McpTools.toolkit({ only: ["echo"], prefix: "a_" }), server)
      assert.deepStrictEqual(Object.keys(kit.tools), ["a_echo"])
    })
  )

  it.effect("answer the model", () =>
    Effect.gen(function* () {
      const { results } = yield* calling("echo")
      assert.deepInclude(results[0], { id: "echo", result: "echo: hello" })
    })
  )

  it.effect("report progress, in steps or as a percentage", () =>
    Effect.gen(function* () {
      const { events } = yield* calling("count", "measure")
      const progress = (id: string) =>
        events.flatMap((event) =>
          event.type === "tool-progress" && event.toolCallId === id
            ? [[event.label, event.phaseIndex, event.totalPhases]]
            : []
        )
      assert.deepStrictEqual(progress("count"), [
        ["step 1", 1, 3],
        ["step 2", 2, 3],
        ["step 3", 3, 3]
      ])
      assert.deepStrictEqual(progress("measure"), [
        ["measure", 25, 100],
        ["measure", 50, 100]
      ])
    })
  )

  it.effect("that fail tell the model why, while others continue", () =>
    Effect.gen(function* () {
      const { results } = yield* calling("fail", "echo")
      assert.deepInclude(results[0], { id: "fail", status: "failed" })
      assert.include(JSON.stringify(results[0]?.result), "the disk is full")
      assert.deepInclude(results[1], { id: "echo", result: "echo: hello" })
    })
  )

  it.effect("return images as images", () =>
    Effect.gen(function* () {
      const { results } = yield* calling("picture")
      assert.deepStrictEqual(results[0]?.content, [
        { type: "text", text: "a dot" },
        { type: "file", mediaType: "image/png", data: "AQID" }
      ])
    })
  )

  it.effect("that may be destructive do not run without approval", () =>
    Effect.gen(function* () {
      const { events, results } = yield* calling("wipe", "unsaid", "append")
      assert.deepStrictEqual(
        results.map((result) => result.status),
        ["denied", "denied", undefined]
      )
      assert.strictEqual(events.filter((event) => event.type === "approval-required").length, 2)
    })
  )

  it.effect("stand beside other toolkits, and agents share one process", () =>
    Effect.gen(function* () {
      const small = McpTools.server({
        name: "small",
        command: process.execPath,
        args: [join(import.meta.dirname, "server.mjs")],
        prefix: "small_",
        only: ["echo"]
      })
      const plus = Tool.make("plus", { success: Schema.Finite })
      class Sums extends Toolkit.make(plus) {}
      const reader = Specialist.make("reader", { description: "Reads", toolkit: small })
      const desk = Agent.make("desk", { toolkit: [Sums, small], specialists: [reader], approvals: { plus: "never" } })
      const model = ScriptedModel.make({
        replies: [
          ScriptedModel.calls([
            { id: "1", name: "plus", args: {} },
            { id: "2", name: "small_echo", args: { words: "hello" } }
          ]),
          ScriptedModel.text("done")
        ]
      })
      let started = 0
      const spawner = yield* ChildProcessSpawner
      const counted = Layer.succeed(ChildProcessSpawner, {
        ...spawner,
        spawn: (one) => {
          started++
          return spawner.spawn(one)
        }
      })
      const layer = Runtime.layer({ agents: [desk, reader] }).pipe(
        Layer.provide([
          Sums.toLayer({ plus: () => Effect.succeed(2) }),
          Layer.provide(small.layer, counted),
          Layer.succeed(Model, model)
        ])
      )
      yield* Effect.provide(
        Effect.flatMap(Runtime, (runtime) => runtime.complete("go")),
        layer
      )
      const [, request] = model.requests
      assert.deepStrictEqual(
        request === undefined ? [] : ScriptedModel.lastResults(request).map(({ result }) => result),
        [2, "echo: hello"]
      )
      assert.strictEqual(started, 1)
    })
  )

  it.effect("of a server that does not start fail to be built, and the error names the server", () =>
    Effect.gen(function* () {
      const none = McpTools.server({ name: "none", command: "no-such-program", args: ["--token=secret"] })
      const error = yield* Effect.flip(Effect.scoped(Layer.build(none.layer)))
      assert.match(
        error.message,
        /^MCP server "none" \(no-such-program\) cannot be used: .*\. Check its command or url$/
      )
      assert.notInclude(error.message, "secret")
    })
  )

  it.effect("end with their process when the layer closes", () =>
    Effect.gen(function* () {
      const spawner = yield* ChildProcessSpawner
      const running: Array<Effect.Effect<boolean>> = []
      const watched = Layer.succeed(ChildProcessSpawner, {
        ...spawner,
        spawn: (one) =>
          Effect.tap(spawner.spawn(one), (handle) =>
            Effect.sync(() => {
              running.push(Effect.orDie(handle.isRunning))
            })
          )
      })
      const alive = () => Effect.all(running)
      yield* Effect.gen(function* () {
        yield* McpTools.toolkit()
        assert.deepStrictEqual(yield* alive(), [true])
      }).pipe(Effect.provide(Layer.provide(McpTools.layerStdio(command), watched)))
      assert.deepStrictEqual(yield* alive(), [false])
    })
  )
})
