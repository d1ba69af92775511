/** Typed answers of agents and of queries: checked, asked for once more, and given to callers and clients. */
import { assert, describe, it } from "@effect/vitest"
import {
  Agent,
  Budget,
  Deployment,
  Model,
  Output,
  type QueryOptions,
  Runtime,
  RunError,
  Specialist
} from "@reins/runtime"
import type { ModelRequest } from "@reins/runtime"
import { MemoryJournal, journalHost } from "@reins/runtime/journal"
import { GeneralWay, Probe, ScriptedModel } from "@reins/runtime/testing"
import { Context, Effect, Exit, Layer, Schema, Scope, Stream } from "effect"
import { Tool, Toolkit } from "effect/ai"
import * as Engines from "../../support/Engines.ts"

const { calls, text, words } = ScriptedModel

const Invoice = Schema.Struct({ total: Schema.Number, due: Schema.DateFromString })
const Look = Tool.make("look", { parameters: Schema.Struct({}), success: Schema.String })
const Looks = Toolkit.make(Look)
const Clerk = Agent.make("clerk", { instructions: "Read invoices.", toolkit: Looks, output: Invoice })
const Plain = Agent.make("plain", {})
const Boss = Agent.make("boss", {
  specialists: [Specialist.make("reader", { description: "Reads", output: Schema.Struct({ pages: Schema.Natural }) })]
})

const valid = '{"total":12.5,"due":"2026-11-29T00:00:00.000Z"}'
const json = { total: 12.5, due: "2026-11-29T00:00:00.000Z" }

const ways: typeof Engines.all = [
  ...Engines.all,
  ["in memory by the general way", () => GeneralWay.layer.pipe(Layer.provide(Deployment.layerMemory()))]
]

interface World {
  readonly runtime: Runtime["Service"]
  readonly model: ScriptedModel.ScriptedModel
}

const made = Effect.fnUntraced(function* (
  services: Layer.Layer<never>,
  replies: ReadonlyArray<ScriptedModel.Reply>,
  captureContent = false
): Effect.fn.Return<World, never, Scope.Scope> {
  const model = ScriptedModel.make({ replies })
  const layer = Runtime.layer({ agents: [Clerk, Plain, Boss], captureContent }).pipe(
    Layer.provide([Layer.succeed(Model, model), Looks.toLayer({ look: () => Effect.succeed("an invoice") }), services])
  )
  return { runtime: Context.get(yield* Layer.build(layer), Runtime), model }
})

const watched = Effect.fnUntraced(function* ({ runtime }: World, runId: string) {
  const probe = yield* Effect.provideService(Probe.watch(runId), Runtime, runtime)
  yield* probe.end
  return probe
})

const lastText = ({ messages }: ModelRequest): string => JSON.stringify(messages.at(-1))

describe.each(ways)("a typed answer, %s", (_, services) => {
  it.effect("is decoded for its caller, after calls of tools, and told as JSON by the last event", () =>
    Effect.gen(function* () {
      const world = yield* made(services(), [calls([{ id: "a", name: "look", args: {} }]), text(valid)])
      const run = yield* world.runtime.start(Clerk, "read it", { threadId: "thread" })
      const { output } = yield* run.result
      assert.deepStrictEqual(output, { total: 12.5, due: new Date(json.due) })
      const probe = yield* watched(world, run.runId)
      assert.deepStrictEqual(probe.of("finish")[0]?.output, json)
      assert.strictEqual(probe.of("step-retracted").length, 0)
      assert.include(JSON.stringify(world.model.requests[0]?.output), "total")
    })
  )

  it.effect("that is invalid is retracted and asked for once more, as a step on the budget and the ledger", () =>
    Effect.gen(function* () {
      const world = yield* made(services(), [text('{"total":"much"}'), text(valid)])
      const run = yield* world.runtime.start(Clerk, "read it", { threadId: "thread" })
      const { output, summary } = yield* run.result
      assert.strictEqual(output.total, 12.5)
      assert.strictEqual(summary.cost.root.rows[0]?.calls, 2)
      const probe = yield* watched(world, run.runId)
      assert.deepStrictEqual(probe.types.slice(0, 5), ["step-start", "text", "step-retracted", "step-start", "text"])
      assert.strictEqual(probe.of("step-retracted")[0]?.reason, "OutputInvalid")
      const [, second] = world.model.requests
      assert.include(second === undefined ? "" : lastText(second), "does not match the required JSON schema")
      assert.include(JSON.stringify(second?.messages.at(-2)), "much")
      // The thread has the question and the answer, as the log tells them.
      const thread = yield* world.runtime.threads.get("thread")
      assert.deepStrictEqual(
        thread.map(({ role }) => role),
        ["user", "assistant"]
      )
      assert.include(JSON.stringify(thread[1]), "12.5")
    })
  )

  it.effect("that is invalid twice ends the run with its own failure, which does not quote the answer", () =>
    Effect.gen(function* () {
      const world = yield* made(services(), [text('{"total":"secret"}'), text('{"total":"secret"}')])
      const run = yield* world.runtime.start(Clerk, "read it")
      const failure = yield* Effect.flip(run.result)
      assert.instanceOf(failure, RunError)
      assert.strictEqual(failure.reason._tag, "OutputInvalid")
      assert.notInclude(failure.message, "secret")
      assert.include(failure.message, '["total"]')
      const probe = yield* watched(world, run.runId)
      assert.strictEqual(probe.of("error")[0]?.error.code, "E_OUTPUT_INVALID")
      assert.strictEqual(probe.of("step-retracted").length, 1)
      assert.strictEqual(world.model.requests.length, 2)
    })
  )

  it.effect("is not asked for once more beyond a limit", () =>
    Effect.gen(function* () {
      const world = yield* made(services(), [text("none")])
      const budget = Budget.make({ maxSteps: 1 })
      const failure = yield* Effect.flip(world.runtime.complete(Clerk, "read it", { budget }))
      assert.strictEqual(failure._tag === "RunError" ? failure.reason._tag : failure._tag, "BudgetExhausted")
      assert.strictEqual(world.model.requests.length, 1)
    })
  )

  it.effect("of a specialist is the result that its caller reads, and a retracted one is not shown as its", () =>
    Effect.gen(function* () {
      const world = yield* made(services(), [
        calls([{ id: "a", name: "reader", args: { prompt: "x" } }]),
        text("many"),
        text('```json\n{ "pages": 3 }\n```'),
        text("three pages")
      ])
      const run = yield* world.runtime.start(Boss, "read it")
      assert.strictEqual((yield* run.result).output, "three pages")
      const probe = yield* watched(world, run.runId)
      const results = probe.of("tool-agent").flatMap((event) => (event.state === "result" ? [event.result] : []))
      assert.deepStrictEqual(results, [{ pages: 3 }])
      assert.notProperty(probe.of("finish")[0], "output")
    })
  )

  it.effect("of a query is checked by its JSON Schema, and decoded by its schema", () =>
    Effect.gen(function* () {
      const world = yield* made(services(), [text("no"), text('{"total":"12","due":""}'), text("no"), text(valid)])
      const query = { agent: Plain, output: Invoice } satisfies QueryOptions & { readonly output: typeof Invoice }
      const failure = yield* Effect.flip(world.runtime.complete("read it", query))
      assert.strictEqual(failure._tag === "RunError" ? failure.reason._tag : failure._tag, "OutputInvalid")
      const { output } = yield* world.runtime.complete("read it", query)
      assert.deepStrictEqual(output, { total: 12.5, due: new Date(json.due) })
    })
  )

  it.effect("of a query by raw JSON Schema is checked, too", () =>
    Effect.gen(function* () {
      const world = yield* made(services(), [text("[1]"), text('{"n":1}')])
      const schema = { type: "object", required: ["n"] }
      const model = { output: { name: "answer", schema } }
      const { output } = yield* world.runtime.complete(Plain, "read it", { model })
      assert.strictEqual(output, '{"n":1}')
      assert.strictEqual(world.model.requests.length, 2)
    })
  )

  it.effect("is read while it is written, as JSON that starts anew after a retraction", () =>
    Effect.gen(function* () {
      const world = yield* made(services(), [
        words('{"total": "much", "due": 3}'),
        words('{"total": 12.5, "due": "2026-11-29T00:00:00.000Z"}')
      ])
      const run = yield* world.runtime.start(Clerk, "read it")
      const all = Array.from(yield* Stream.runCollect(run.partialOutput))
      assert.deepStrictEqual(all.at(-1), json)
      const events = yield* Stream.runCollect(run.events)
      const one = Array.from(
        yield* Stream.runCollect(Output.partials(Stream.rechunk(Stream.fromIterable(events), 1), Invoice))
      )
      assert.deepStrictEqual(one[0], {})
      const again = one.findIndex((value, index) => index > 0 && Object.keys(value).length === 0)
      assert.isAbove(again, 0)
      assert.deepStrictEqual(one.at(-1), json)
    })
  )
})

describe("a typed answer", () => {
  it.effect("is told to a model in its instructions, unless its port takes schemas", () =>
    Effect.gen(function* () {
      const seen: Array<string | undefined> = []
      const onRequest = ({ instructions }: ModelRequest) => void seen.push(instructions)
      for (const takesOutput of [undefined, true]) {
        const port = { ...ScriptedModel.make({ replies: [text(valid)], onRequest }), takesOutput }
        yield* Effect.provide(
          Effect.flatMap(Runtime, (runtime) => runtime.complete(Clerk, "read it")),
          Runtime.layer({ agents: [Clerk] }).pipe(
            Layer.provide([Layer.succeed(Model, port), Looks.toLayer({ look: () => Effect.succeed("") })])
          )
        )
      }
      assert.match(seen[0] ?? "", /^Read invoices\.\n\nYour final answer must be JSON that matches.*"total"/s)
      assert.strictEqual(seen[1], "Read invoices.")
    })
  )

  it.effect("is refused of an agent that has one of its own, and given twice", () =>
    Effect.gen(function* () {
      const { runtime } = yield* made(Layer.empty, [])
      const schema = { type: "object" }
      const refused = [
        yield* Effect.flip(runtime.complete(Clerk, "read it", { output: Invoice })),
        yield* Effect.flip(
          runtime.complete(Plain, "read it", { output: Invoice, model: { output: { name: "x", schema } } })
        )
      ]
      for (const { message } of refused) assert.match(message, /Leave out/)
    })
  )

  it.effect("is repaired the same way by the next owner of a run whose process died, with one request more", () =>
    Effect.gen(function* () {
      const hold = yield* ScriptedModel.hold
      const model = ScriptedModel.make({ replies: [text("none"), { ...text(valid), hold }, text(valid)] })
      const journal = MemoryJournal.make()
      const host = journalHost(journal, { pollMs: Number.POSITIVE_INFINITY, gatherMs: 0 })
      const life = Effect.gen(function* () {
        const scope = yield* Scope.make()
        const layer = Runtime.layer({ agents: [Clerk] }).pipe(
          Layer.provide([
            Layer.succeed(Model, model),
            Layer.succeed(Deployment.Deployment, host),
            Looks.toLayer({ look: () => Effect.succeed("") })
          ])
        )
        return { scope, runtime: Context.get(yield* Layer.buildWithScope(layer, scope), Runtime) }
      })
      const first = yield* life
      yield* first.runtime.start(Clerk, "read it", { runId: "run", threadId: "thread" })
      yield* hold.reached
      yield* Scope.close(first.scope, Exit.void)
      const second = yield* life
      const probe = yield* Effect.provideService(Probe.watch("run"), Runtime, second.runtime)
      yield* probe.end
      assert.deepStrictEqual(probe.of("finish")[0]?.output, json)
      assert.strictEqual(model.requests.length, 3)
      const [, before, after] = model.requests
      assert.deepStrictEqual(after?.messages, before?.messages)
      assert.strictEqual(probe.of("step-retracted").filter(({ reason }) => reason === "OutputInvalid").length, 1)
      assert.strictEqual((yield* second.runtime.threads.get("thread")).length, 2)
      yield* Scope.close(second.scope, Exit.void)
    }).pipe(Effect.scoped)
  )

  it.effect("under another rule than the run had is found by a replay, also a rule that no JSON Schema says", () =>
    Effect.gen(function* () {
      const journal = MemoryJournal.make()
      const program = (most: number, deployment: Layer.Layer<never> = Layer.empty) => {
        const Cheap = Invoice.check(Schema.makeFilter(({ total }) => total <= most || "too much"))
        const clerk = Agent.make("clerk", { output: Cheap })
        const model = ScriptedModel.make({ replies: [text(valid)] })
        return Runtime.layer({ agents: [clerk] }).pipe(Layer.provide([Layer.succeed(Model, model), deployment]))
      }
      const host = journalHost(journal, { gatherMs: 0, pollMs: Number.POSITIVE_INFINITY })
      const record = Effect.gen(function* () {
        const runtime = yield* Runtime
        const run = yield* runtime.start("read it", { runId: "run" })
        yield* run.result
        return journal.exportRun("run")
      })
      const exported = yield* Effect.provide(record, program(100, Layer.succeed(Deployment.Deployment, host)))
      const replay = Effect.flatMap(Runtime, (runtime) => runtime.replay(exported))
      assert.strictEqual((yield* Effect.provide(replay, program(100)))._tag, "Identical")
      const replayed = yield* Effect.provide(replay, program(10))
      assert.strictEqual(replayed._tag, "Diverged")
      if (replayed._tag !== "Diverged") return
      assert.deepInclude(replayed.divergence, { field: "output", recorded: "the answer fits" })
      assert.include(JSON.stringify(replayed.divergence.replayed), "too much")
    })
  )
})
