/** An agent with more tools than its model should read at once, on both engines. */
import { assert, describe, it } from "@effect/vitest"
import type { Json } from "@reins/protocol"
import { Agent, Budget, Decision, Deployment, Model, Runtime, Specialist } from "@reins/runtime"
import type { ModelRequest, QueryOptions, ToolSearchOptions } from "@reins/runtime"
import { journalHost, MemoryJournal } from "@reins/runtime/journal"
import { CrashingJournal, Probe, ScriptedModel } from "@reins/runtime/testing"
import { Context, Effect, Layer, References, Schema, Stream } from "effect"
import { Tool, Toolkit } from "effect/ai"
import * as Engines from "../../support/Engines.ts"

const verbs = ["create", "update", "delete", "list", "archive", "approve", "export", "import", "merge", "assign"]
const nouns = [
  "invoice",
  "customer",
  "shipment",
  "contract",
  "ticket",
  "refund",
  "warehouse",
  "supplier",
  "payroll",
  "campaign",
  "meeting",
  "survey",
  "voucher",
  "warranty",
  "inventory",
  "catalogue",
  "employee",
  "vehicle",
  "licence",
  "forecast"
]

const parameters = Schema.Struct({
  id: Schema.String.annotate({ description: "The record's number, as the list shows it" }),
  reason: Schema.optionalKey(Schema.String.annotate({ description: "Why, for the audit trail" }))
})

/** 200 tools: each verb with each noun. */
const library = nouns.flatMap((noun) =>
  verbs.map((verb) =>
    Tool.make(`${verb}_${noun}`, {
      description: `Use it to ${verb} a ${noun} of the company. It takes effect at once.`,
      parameters,
      success: Schema.String
    }).annotate(Tool.Idempotent, true)
  )
)
const kit = Toolkit.make(...library)
const handlers = Object.fromEntries(
  library.map(({ name }) => [name, ({ id }: { readonly id: string }) => Effect.succeed(`${name} ${id}`)])
)
const bound = Effect.flatMap(kit.toHandlers(handlers), (found) => Effect.provideContext(kit, found))

const clerk = Specialist.make("clerk", { description: "Files paper documents in the cellar" })

const desk = (toolSearch?: ToolSearchOptions | false, more: Partial<Agent.Options<never, [], Model>> = {}) =>
  Agent.make("desk", {
    instructions: "Help.",
    ...more,
    toolkit: bound,
    specialists: [clerk],
    ...(toolSearch === undefined ? {} : { toolSearch })
  })

const call = (name: string, args: Json, id = "c") => ScriptedModel.calls([{ id, name, args }])

const names = ({ tools }: ModelRequest) => tools.map(({ name }) => name)

const built = Effect.fnUntraced(function* (
  replies: ReadonlyArray<ScriptedModel.Reply>,
  agent: Agent.Agent<Model>,
  services: Layer.Layer<never> = Layer.empty
) {
  const model = ScriptedModel.make({ replies })
  const layer = Runtime.layer({ agents: [agent] }).pipe(Layer.provide([Layer.succeed(Model, model), services]))
  return { model, runtime: Context.get(yield* Layer.build(layer), Runtime) }
})

/** Runs a query to its end. */
const ran = Effect.fnUntraced(function* (
  replies: ReadonlyArray<ScriptedModel.Reply>,
  agent: Agent.Agent<Model> = desk(),
  options: QueryOptions = {},
  services?: Layer.Layer<never>
) {
  const { model, runtime } = yield* built(replies, agent, services)
  const { runId } = yield* runtime.start("Go", options)
  const probe = yield* Effect.provideService(Probe.watch(runId), Runtime, runtime)
  yield* probe.end
  const results = probe
    .of("tool-invocation")
    .flatMap((event) => (event.state === "result" ? [{ name: event.toolName, result: event.result }] : []))
  return { model, probe, results, runId, runtime }
})

const done = ScriptedModel.text("Done.")
const search = (query: string, id = "s") => call("search_tools", { query }, id)

const quiet = Effect.provideService(References.MinimumLogLevel, "None")

describe.each(Engines.all)("an agent with 200 tools, %s", (_, services) => {
  it.effect("is sent a search alone, and what it has found from the next step on, in the order of loading", () =>
    Effect.gen(function* () {
      const { model, results } = yield* ran(
        [search("refund approve"), search("shipments", "s2"), call("approve_refund", { id: "7" }), done],
        desk({ limit: 2 }),
        {},
        services()
      )
      const [first, second, third, fourth] = model.requests.map(names)
      assert.deepStrictEqual(first, ["search_tools"])
      assert.strictEqual(second?.[1], "approve_refund")
      assert.lengthOf(second ?? [], 3)
      assert.deepStrictEqual(third?.slice(0, 3), second)
      assert.lengthOf(third ?? [], 5)
      assert.isTrue(third?.slice(3).every((name) => name.endsWith("_shipment")))
      assert.deepStrictEqual(fourth, third)
      assert.deepStrictEqual(results.at(-1), { name: "approve_refund", result: "approve_refund 7" })
    })
  )

  it.effect("runs a call of a tool that was not loaded, and loads it", () =>
    Effect.gen(function* () {
      const { model, results } = yield* ran(
        [call("merge_ticket", { id: "1" }), call("merge_ticket", { wrong: 1 }, "d"), done],
        desk(),
        {},
        services()
      )
      assert.deepStrictEqual(results[0]?.result, "merge_ticket 1")
      assert.deepStrictEqual(model.requests.map(names), [
        ["search_tools"],
        ["search_tools", "merge_ticket"],
        ["search_tools", "merge_ticket"]
      ])
    })
  )

  it.effect("asks about a call of a found tool as of any other", () =>
    Effect.gen(function* () {
      const agent = desk({}, { approvals: { delete_invoice: "always" } } as {})
      const { runtime } = yield* built(
        [search("delete invoice"), call("delete_invoice", { id: "7" }), done],
        agent,
        services()
      )
      const { runId } = yield* runtime.start("Go")
      const probe = yield* Effect.provideService(Probe.watch(runId), Runtime, runtime)
      const question = yield* probe.next("approval-required")
      assert.strictEqual(question.data.target, "delete_invoice")
      yield* runtime.respondToApproval(question.data.id, Decision.reject())
      yield* probe.end
      const denied = probe.of("tool-invocation").findLast((event) => event.state === "result")
      assert.strictEqual(denied?.status, "denied")
    })
  )
})

describe("a tool search", () => {
  it.effect("makes the first request of 200 tools a fortieth as long, and a run that uses one a twentieth", () =>
    Effect.gen(function* () {
      const all = yield* ran([done], desk(false))
      const some = yield* ran([search("approve refund"), call("approve_refund", { id: "7" }), done])
      const size = (request: ModelRequest | undefined) => JSON.stringify(request?.tools).length
      const whole = size(all.model.requests[0])
      assert.isAbove(whole, 60_000)
      assert.isBelow(size(some.model.requests[0]) * 40, whole)
      for (const request of some.model.requests) assert.isBelow(size(request) * 20, whole)
      const tokens = (agent: Agent.Agent<Model>) =>
        Effect.flatMap(built([], agent), ({ runtime }) =>
          Effect.all([runtime.countTokens("Go"), runtime.preview("Go")])
        )
      const [counted, previewed] = yield* tokens(desk())
      const [countedAll] = yield* tokens(desk(false))
      assert.isBelow(counted * 20, countedAll)
      assert.strictEqual(previewed.inputTokens.total, counted)
      assert.strictEqual(previewed.tools.filter(({ isWithheld }) => isWithheld === true).length, 201)
    })
  )

  it.effect("is off up to the number of tools that is set, and on above it, or above the size", () =>
    Effect.gen(function* () {
      const first = (toolSearch: ToolSearchOptions | false | undefined) =>
        Effect.map(ran([done], desk(toolSearch)), ({ model }) => model.requests[0]?.tools.length)
      assert.strictEqual(yield* first(false), 201)
      assert.strictEqual(yield* first({ above: 201 }), 201)
      assert.strictEqual(yield* first({ above: 200 }), 1)
      assert.strictEqual(yield* first({ above: 500, aboveTokens: 1000 }), 1)
      assert.strictEqual(yield* first({ above: 500, aboveTokens: 1_000_000 }), 201)
    })
  )

  it.effect("always sends what is always loaded, what the query brings, and what it requires", () =>
    Effect.gen(function* () {
      const brought = { name: "search_tools", description: "The caller's own", parameters: { type: "object" } }
      const { model } = yield* ran([ScriptedModel.text("Done.")], desk({ alwaysLoaded: ["list_ticket", "clerk"] }), {
        tools: { client: [brought], without: ["list_ticket"] },
        model: { settings: { toolChoice: { tool: "merge_ticket" } } }
      })
      assert.deepStrictEqual(names(model.requests[0] ?? assert.fail("no request")), [
        "search_tools",
        "clerk",
        "search_tools_2",
        "merge_ticket"
      ])
    })
  )

  it.effect("finds no tool that the query has removed, and tells how many more there are", () =>
    Effect.gen(function* () {
      const without = ["approve_refund", "list_refund"]
      const { results } = yield* ran([search("refund"), search("zebra", "t"), done], desk({ limit: 3 }), {
        tools: { without }
      })
      const found = JSON.stringify(results[0]?.result)
      for (const name of without) assert.notInclude(found, name)
      assert.include(found, '"more":5')
      assert.include(found, "Use it to")
      assert.deepStrictEqual(results[1]?.result, {
        tools: [],
        message: "No tool has these words. Try others, or do without"
      })
    })
  )

  it.effect("finds by name, description, parameters and specialists, with other endings and a wrong letter", () =>
    Effect.gen(function* () {
      for (const [query, wanted] of [
        ["createInvoice invoices", "create_invoice"],
        ["aprove refunds", "approve_refund"],
        ["paper documents", "clerk"],
        ["merge the warehouse", "merge_warehouse"]
      ] as const) {
        const { results } = yield* ran([search(query), done], desk({ limit: 1 }))
        assert.include(JSON.stringify(results[0]?.result), `"${wanted}"`, query)
      }
    })
  )

  it.effect("names a wrong setting when the layer is built", () =>
    Effect.gen(function* () {
      for (const [options, words] of [
        [{ above: -1 }, "Invalid option toolSearch.above: -1. Use a number of at least 0"],
        [{ limit: 0 }, "Invalid option toolSearch.limit: 0. Use a whole number from 1 to 50"],
        [{ aboveTokens: Number.NaN }, "Invalid option toolSearch.aboveTokens: NaN. Use a number of at least 0"],
        [{ alwaysLoaded: ["nobody"] }, 'names "nobody"']
      ] as const) {
        const exit = yield* Effect.exit(built([], desk(options)))
        assert.include(String(exit), words)
      }
    })
  )

  it.effect("counts as a call of the budget, and its tools can be limited", () =>
    Effect.gen(function* () {
      const budget = Budget.make({ maxCallsPerTool: { search_tools: 1 } })
      const { probe } = yield* ran([search("refund"), search("ticket", "t"), done], desk({}, { budget }))
      assert.lengthOf(probe.of("budget_exhausted"), 1)
    })
  )

  it.live(
    "has loaded the same tools wherever its process dies, and replays the same",
    () =>
      Effect.gen(function* () {
        const script = () =>
          ScriptedModel.make({
            respond: ({ messages }) => {
              const steps = messages.filter(({ role }) => role === "tool").length
              return [
                search("refund approve"),
                call("merge_ticket", { id: "1" }, "m"),
                call("approve_refund", { id: "2" }),
                done
              ][steps]
            }
          })
        const expected = [1, 6, 7, 7]
        let events = Number.POSITIVE_INFINITY
        for (let at = 1; at <= events; at++) {
          const journal = MemoryJournal.make()
          const model = script()
          const life = (death: CrashingJournal.Death | undefined) => {
            const process = CrashingJournal.crashing(journal, death)
            const host = journalHost(process.store, { gatherMs: 0, pollMs: Number.POSITIVE_INFINITY })
            const layer = Runtime.layer({ agents: [desk()] }).pipe(
              Layer.provide([Layer.succeed(Model, model), Layer.succeed(Deployment.Deployment, host)])
            )
            return { layer, process }
          }
          yield* Effect.scoped(
            Effect.gen(function* () {
              const { layer, process } = life({ at, when: at % 2 === 0 ? "before" : "after" })
              const runtime = Context.get(yield* Layer.build(layer), Runtime)
              yield* runtime.start("Go", { runId: "run" })
              yield* Effect.raceFirst(process.died, Stream.runDrain(runtime.watch("run")))
              yield* process.bury
            })
          )
          yield* Effect.scoped(
            Effect.gen(function* () {
              const runtime = Context.get(yield* Layer.build(life(undefined).layer), Runtime)
              yield* Stream.runDrain(runtime.watch("run"))
              // A step that was under way is asked again, with the same tools.
              for (const { messages, tools } of model.requests) {
                assert.lengthOf(tools, expected[messages.filter(({ role }) => role === "tool").length] ?? 0)
              }
              assert.strictEqual((yield* runtime.replay(journal.exportRun("run")))._tag, "Identical", `died at ${at}`)
            })
          )
          events = journal.log("run").length
        }
        assert.isAbove(events, 8)
      }).pipe(quiet),
    60_000
  )
})
