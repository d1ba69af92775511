import { assert, describe, it } from "@effect/vitest"
import { Decision } from "@reins/protocol"
import { Agent, Deployment, Model, Runtime, Specialist } from "@reins/runtime"
import type { ModelPort, QueryTools } from "@reins/runtime"
import { journalHost, MemoryJournal } from "@reins/runtime/journal"
import { Probe, ScriptedModel } from "@reins/runtime/testing"
import { Context, Effect, Exit, Layer, Schema, Scope } from "effect"
import { Tool, Toolkit } from "effect/ai"
import * as Story from "../../support/Story.ts"

const options = { parameters: Schema.Struct({}), success: Schema.String }
const Kit = Toolkit.make(
  Tool.make("read", options),
  Tool.make("write", { ...options, needsApproval: true }),
  Tool.make("search", options)
)
const KitLive = Kit.toLayer({
  read: () => Effect.succeed("read"),
  write: () => Effect.succeed("written"),
  search: () => Effect.succeed("found")
})
const Theirs = Toolkit.make(Tool.make("theirs", { ...options, description: "Theirs" }))
const desk = Agent.make("desk", {
  toolkit: Kit,
  clientTools: Theirs,
  specialists: [Specialist.make("helper", { description: "Helps" })]
})

const locate = { name: "locate", description: "Where it is", parameters: { type: "object", properties: {} } }

/** Calls `name` once, then answers. */
const calling = (name: string) =>
  ScriptedModel.make({
    respond: (request) =>
      ScriptedModel.lastResults(request).length > 0
        ? ScriptedModel.text("done")
        : ScriptedModel.calls([{ id: "c", name, args: {} }])
  })

const runtimeOf = (model: ModelPort) =>
  Runtime.layer({ agents: [desk] }).pipe(Layer.provide([KitLive, Layer.succeed(Model, model)]))

const start = Effect.fnUntraced(function* (model: ModelPort, tools: QueryTools) {
  const runtime = Context.get(yield* Layer.build(runtimeOf(model)), Runtime)
  yield* runtime.start("go", { runId: "run", tools })
  return { runtime, probe: yield* Effect.provideService(Probe.watch("run"), Runtime, runtime) }
})

const offered = (model: ScriptedModel.ScriptedModel) => model.requests[0]?.tools.map(({ name }) => name)

describe("the tools of a query", () => {
  it.effect("are not called with arguments that their schemas reject", () =>
    Effect.gen(function* () {
      const parameters = { type: "object", properties: { where: { type: "string" } }, required: ["where"] }
      for (const args of [{}, { where: 7 }, null, "{", [1]]) {
        const model = ScriptedModel.make({
          replies: [ScriptedModel.calls([{ id: "c", name: "locate", args }]), ScriptedModel.text("done")]
        })
        const { probe } = yield* start(model, { client: [{ name: "locate", parameters }] })
        // Nobody answers: the run ends by itself.
        yield* probe.end
        Story.isWhole(probe.envelopes)
        assert.include(JSON.stringify(probe.of("tool-invocation")), "InvalidArguments")
      }
    }).pipe(Effect.scoped)
  )

  it.effect("are offered beside the agent's, and answered by the caller", () =>
    Effect.gen(function* () {
      const model = calling("locate")
      const { probe, runtime } = yield* start(model, { client: [locate] })
      yield* probe.next("tool-invocation")
      assert.deepStrictEqual(offered(model), ["read", "write", "search", "theirs", "locate", "helper"])
      yield* runtime.submitToolResult("run", "c", { result: { lat: 1.5 } })
      yield* probe.end
      Story.isWhole(probe.envelopes)
      const [call, result] = probe.of("tool-invocation")
      assert.strictEqual(call?.execution, "client")
      assert.deepStrictEqual(result?.state === "result" ? result.result : undefined, { lat: 1.5 })
    })
  )

  it.effect("do not replace the agent's own client tools", () =>
    Effect.gen(function* () {
      const model = calling("theirs")
      const { probe, runtime } = yield* start(model, { client: [{ ...locate, name: "theirs" }] })
      yield* probe.next("tool-invocation")
      assert.strictEqual(model.requests[0]?.tools.filter(({ name }) => name === "theirs").length, 1)
      assert.strictEqual(model.requests[0]?.tools.find(({ name }) => name === "theirs")?.description, "Theirs")
      yield* runtime.submitToolResult("run", "c", { result: 7 })
      yield* probe.end
      const [, result] = probe.of("tool-invocation")
      assert.include(JSON.stringify(result), "ResultInvalid")
    })
  )

  it.effect("are unaffected by later changes to the passed objects", () =>
    Effect.gen(function* () {
      const model = calling("locate")
      const mine = { ...locate }
      const { probe, runtime } = yield* start(model, { client: [mine] })
      mine.name = "other"
      yield* probe.next("tool-invocation")
      yield* runtime.submitToolResult("run", "c", { result: "here" })
      yield* probe.end
      assert.isTrue(model.requests.at(-1)?.tools.some(({ name }) => name === "locate"))
    })
  )

  it.effect("remove the named ones, specialists included", () =>
    Effect.gen(function* () {
      const model = calling("search")
      const { probe } = yield* start(model, { without: ["write", "search", "theirs", "helper", "nobody"] })
      yield* probe.end
      Story.isWhole(probe.envelopes)
      assert.deepStrictEqual(offered(model), ["read"])
      const [, result] = probe.of("tool-invocation")
      assert.strictEqual(result?.state === "result" ? result.status : undefined, "failed")
    })
  )

  it.effect("add approvals", () =>
    Effect.gen(function* () {
      const { probe, runtime } = yield* start(calling("read"), { ask: ["read"] })
      const { data } = yield* probe.next("approval-required")
      yield* runtime.respondToApproval(data.id, Decision.reject({ feedback: "no" }))
      yield* probe.end
      const [, result] = probe.of("tool-invocation")
      assert.strictEqual(result?.state === "result" ? result.status : undefined, "denied")
    })
  )

  it.effect("remove no approval", () =>
    Effect.gen(function* () {
      const { probe, runtime } = yield* start(calling("write"), { ask: [] })
      const { data } = yield* probe.next("approval-required")
      yield* runtime.respondToApproval(data.id, Decision.approve())
      yield* probe.end
      Story.isWhole(probe.envelopes)
    })
  )

  it.effect("are rejected when two have the same name, or one has a name that providers reject", () =>
    Effect.gen(function* () {
      const runtime = Context.get(yield* Layer.build(runtimeOf(calling("read"))), Runtime)
      const refused = (tools: QueryTools) =>
        Effect.map(Effect.flip(runtime.start("go", { tools })), ({ message }) => message)
      assert.include(yield* refused({ client: [{ ...locate, name: "read" }] }), "Two tools are named read")
      assert.include(yield* refused({ client: [{ ...locate, name: "helper" }] }), "Two tools are named helper")
      assert.include(yield* refused({ client: [locate, locate] }), "Two tools are named locate")
      assert.include(yield* refused({ client: [{ ...locate, name: "a b" }] }), "letters, digits")
      const parameters = Schema.decodeUnknownSync(Schema.Any)({ n: 1n })
      assert.include(yield* refused({ client: [{ ...locate, parameters }] }), "Invalid tools")
      const many = Array.from({ length: 129 }, (_, index) => ({ ...locate, name: `tool-${index}` }))
      assert.include(yield* refused({ client: many }), "at most 128")
      // A name that was taken away is free.
      yield* runtime.start("go", { tools: { without: ["read"], client: [{ ...locate, name: "read" }] } })
    })
  )

  it.effect("are the same when another process resumes the run", () =>
    Effect.gen(function* () {
      const journal = MemoryJournal.make()
      const model = calling("locate")
      const life = Effect.gen(function* () {
        const scope = yield* Scope.make()
        const layer = runtimeOf(model).pipe(
          Layer.provide(
            Layer.succeed(
              Deployment.Deployment,
              journalHost(journal, { pollMs: Number.POSITIVE_INFINITY, gatherMs: 0 })
            )
          )
        )
        return { scope, runtime: Context.get(yield* Layer.buildWithScope(layer, scope), Runtime) }
      })
      const first = yield* life
      yield* first.runtime.start("go", {
        runId: "run",
        tools: { without: ["write", "search", "theirs", "helper"], client: [locate] }
      })
      const probe = yield* Effect.provideService(Probe.watch("run"), Runtime, first.runtime)
      yield* probe.next("tool-invocation")
      yield* Scope.close(first.scope, Exit.void)
      const { runtime, scope } = yield* life
      const again = yield* Effect.provideService(Probe.watch("run"), Runtime, runtime)
      yield* runtime.submitToolResult("run", "c", { result: "here" })
      yield* again.end
      Story.isWhole(again.envelopes)
      assert.deepStrictEqual(
        model.requests.at(-1)?.tools.map(({ name }) => name),
        ["read", "locate"]
      )
      yield* Scope.close(scope, Exit.void)
    })
  )
})
