import { assert, describe, it } from "@effect/vitest"
import { Agent, Budget, Deployment, Model, Prices, Runtime, Specialist } from "@reins/runtime"
import type { QueryModel } from "@reins/runtime"
import { type JournalStore, MemoryJournal, journalHost } from "@reins/runtime/journal"
import { createRuntime } from "@reins/runtime/promise"
import { CrashingJournal, Probe, ScriptedModel } from "@reins/runtime/testing"
import { Context, Effect, Exit, Layer, Schema, Scope } from "effect"
import { Tool, Toolkit } from "effect/ai"
import * as Engines from "../../support/Engines.ts"
import * as Resolving from "../../support/Resolving.ts"
import * as Solo from "../../support/Solo.ts"

const ask = Effect.fnUntraced(function* (model: QueryModel, agent: Solo.Options["agent"] = {}) {
  const scripted = ScriptedModel.make({ respond: () => ScriptedModel.text("done") })
  const started = yield* Effect.result(Solo.finished(scripted, { agent, query: { model } }))
  return { started, request: scripted.requests[0] }
})

const schema = { type: "object" }

describe("the model that a query names", () => {
  it.effect.each(Engines.all)("answers, is priced, and is kept with the run, %s", ([, services]) =>
    Effect.gen(function* () {
      for (const asked of ["strong", "scripted:strong", { name: "strong", settings: { seed: 3 } }, Resolving.Strong]) {
        const made = Resolving.make({})
        const ended = yield* Resolving.ask(made, undefined, { model: asked }, services())
        assert.strictEqual(Resolving.reasonOf(ended), "strong answers.")
        assert.deepStrictEqual(Resolving.bill(ended), [["strong", 3, 0.6]])
      }
    })
  )

  it.effect("is refused by name where the agent does not have it, before anything is stored", () =>
    Effect.gen(function* () {
      const made = Resolving.make({})
      for (const asked of ["nope", "scripted:nope", { name: "nope" }]) {
        const { reason } = yield* Effect.flip(
          Effect.provide(
            Effect.flatMap(Runtime, (runtime) => runtime.start("Go.", { model: asked })),
            made.layer(Layer.empty)
          )
        )
        assert.strictEqual(reason._tag, "UnknownModel")
        assert.include(reason.message, "Its models: strong")
      }
      // Its own model is no choice.
      const own = yield* Resolving.ask(made, undefined, { model: "scripted:cheap" })
      assert.strictEqual(Resolving.reasonOf(own), "cheap answers.")
    })
  )

  it.effect("is the one that a resumed run asks, and a limit in dollars needs its price", () =>
    Effect.gen(function* () {
      const made = Resolving.make({})
      const journal = MemoryJournal.make()
      const dying = CrashingJournal.crashing(journal, { at: 4, when: "after" })
      const scope = yield* Scope.make()
      const life = (store: JournalStore) => made.layer(Layer.succeed(Deployment.Deployment, journalHost(store)))
      const context = yield* Layer.buildWithScope(life(dying.store), scope)
      yield* Context.get(context, Runtime).start("Go.", { runId: "run", model: "strong" })
      yield* dying.died
      yield* dying.bury
      yield* Scope.close(scope, Exit.void)
      yield* Effect.gen(function* () {
        const probe = yield* Probe.watch("run")
        yield* probe.end
      }).pipe(Effect.scoped, Effect.provide(life(journal)))
      assert.strictEqual(made.world.cheap.requests.length, 0)
      assert.isAbove(made.world.strong.requests.length, 2)
      const unpriced = Runtime.layer({
        agents: [Agent.make("desk", { models: { strong: Resolving.Strong }, budget: Budget.make({ maxCostUsd: 1 }) })]
      }).pipe(
        Layer.provide([
          Layer.succeed(Model, made.world.cheap),
          Layer.succeed(Resolving.Strong, made.world.strong),
          Prices.layerTable({ "scripted/cheap": { inputPerMillionUsd: 1, outputPerMillionUsd: 1 } })
        ])
      )
      const { reason } = yield* Effect.flip(
        Effect.provide(
          Effect.flatMap(Runtime, (runtime) => runtime.start("Go.", { model: "strong" })),
          unpriced
        )
      )
      assert.deepInclude(reason, { _tag: "UnknownPrice", model: "strong" })
    }).pipe(Resolving.quiet)
  )

  it("is named by queries without Effect, too", async () => {
    const port = (model: string) => ScriptedModel.make({ model, respond: () => ScriptedModel.text(`from ${model}`) })
    await using runtime = createRuntime({
      model: port("cheap"),
      agents: [{ name: "desk", models: { strong: port("strong") } }]
    })
    assert.strictEqual((await runtime.complete("Go.", { model: "strong" })).output, "from strong")
    assert.strictEqual((await runtime.preview("Go.", { model: "strong" })).model, "strong")
  })
})

describe("what a query asks of the model", () => {
  it.effect("reaches it: the size, the form and the settings of its answer", () =>
    Effect.gen(function* () {
      const settings = {
        temperature: 0.5,
        topP: 0.1,
        topK: 3,
        seed: 1,
        stopSequences: ["END"],
        reasoning: "low"
      } as const
      const asked = { maxOutputTokens: 9, output: { name: "answer", schema }, settings }
      assert.deepInclude((yield* ask(asked)).request, asked)
      assert.isUndefined((yield* ask({})).request?.settings)
    })
  )

  it.effect.each(Engines.all)("is told the stop sequence that ended its answer, %s", ([, services]) =>
    Effect.gen(function* () {
      const finish = { type: "finish", reason: "stop", stopSequence: "END" } as const
      const model = { settings: { stopSequences: ["END"] } }
      const script = [{ parts: [[{ type: "text" as const, text: "so far" }, finish]] }]
      const named = yield* Solo.finished(script, { query: { model }, services: services() })
      assert.deepInclude(named.probe.of("finish")[0], { finishReason: "stop", stopSequence: "END" })
      const other = yield* Solo.finished([ScriptedModel.text("done")], { query: { model }, services: services() })
      assert.notProperty(other.probe.of("finish")[0], "stopSequence")
    })
  )

  it.effect("does not raise the agent's own limit", () =>
    Effect.gen(function* () {
      assert.strictEqual((yield* ask({ maxOutputTokens: 9 }, { maxOutputTokens: 5 })).request?.maxOutputTokens, 5)
      assert.strictEqual((yield* ask({ maxOutputTokens: 3 }, { maxOutputTokens: 5 })).request?.maxOutputTokens, 3)
    })
  )

  it.effect("is refused when the agent does not support it, or when it is invalid", () =>
    Effect.gen(function* () {
      const refused: ReadonlyArray<QueryModel> = [
        { settings: { toolChoice: "required" } },
        { settings: { toolChoice: { tool: "nothing" } } },
        { maxOutputTokens: 0 },
        { maxOutputTokens: 1.5 },
        { settings: { temperature: Number.NaN } },
        { settings: { stopSequences: [""] } }
      ]
      for (const model of refused) {
        const { request, started } = yield* ask(model)
        assert.strictEqual(
          started._tag === "Failure" && started.failure._tag === "QueryRejected" && started.failure.reason._tag,
          "InvalidInput",
          JSON.stringify(model)
        )
        assert.isUndefined(request)
      }
    })
  )

  it.effect(
    "stays with a run that another process resumes, where only the first step must call, and not its specialists",
    () =>
      Effect.gen(function* () {
        const options = { parameters: Schema.Struct({}), success: Schema.String }
        const desk = Agent.make("desk", {
          clientTools: Toolkit.make(Tool.make("theirs", options)),
          specialists: [Specialist.make("helper", { description: "Helps" })]
        })
        const model = ScriptedModel.make({
          respond: (request) => {
            const isOver = request.metadata.agent === "helper" || ScriptedModel.lastResults(request).length > 0
            const calls = [
              { id: "a", name: "helper", args: { prompt: "x" } },
              { id: "b", name: "theirs", args: {} }
            ]
            return isOver ? ScriptedModel.text("done") : ScriptedModel.calls(calls)
          }
        })
        const journal = MemoryJournal.make()
        const host = journalHost(journal, { pollMs: Number.POSITIVE_INFINITY, gatherMs: 0 })
        const life = Effect.gen(function* () {
          const scope = yield* Scope.make()
          const layer = Runtime.layer({ agents: [desk] }).pipe(
            Layer.provide([Layer.succeed(Model, model), Layer.succeed(Deployment.Deployment, host)])
          )
          return { scope, runtime: Context.get(yield* Layer.buildWithScope(layer, scope), Runtime) }
        })
        const first = yield* life
        const asked: QueryModel = { maxOutputTokens: 9, settings: { temperature: 0.5, toolChoice: "required" } }
        yield* first.runtime.start("go", { runId: "run", model: asked })
        const probe = yield* Effect.provideService(Probe.watch("run"), Runtime, first.runtime)
        yield* probe.next("tool-agent", 2)
        yield* Scope.close(first.scope, Exit.void)
        const { runtime, scope } = yield* life
        const again = yield* Effect.provideService(Probe.watch("run"), Runtime, runtime)
        yield* runtime.submitToolResult("run", "b", { result: "here" })
        yield* again.end
        const said = model.requests.map(({ maxOutputTokens, metadata, settings }) => [
          metadata.agent,
          maxOutputTokens,
          settings
        ])
        assert.deepStrictEqual(said, [
          ["desk", 9, asked.settings],
          ["helper", undefined, undefined],
          ["desk", 9, { temperature: 0.5 }]
        ])
        yield* Scope.close(scope, Exit.void)
      })
  )
})
