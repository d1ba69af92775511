/**
 * Code that a run depends on fails, or its process dies, while tools have reported costs and models have said and used
 * something: all of it is on the bill once, what was said is in the thread, and nothing is held in the end. On every
 * engine.
 */
import { assert, describe, it } from "@effect/vitest"
import { type CostSummary, type Envelope, Message, Transcript } from "@reins/protocol"
import {
  Agent,
  type Compaction,
  Decision,
  Deployment,
  Model,
  type ModelPart,
  type ModelPort,
  Prices,
  Quota,
  Runtime,
  Specialist,
  TokenEstimator,
  ToolRun
} from "@reins/runtime"
import { type JournalStore, journalHost, MemoryJournal } from "@reins/runtime/journal"
import { CrashingJournal, ScriptedModel } from "@reins/runtime/testing"
import { Sqlite } from "@reins/store/sqlite"
import { Context, Deferred, Effect, Exit, Layer, References, Schema, Scope, Stream } from "effect"
import { Tool, Toolkit } from "effect/ai"

const quiet = Effect.provideService(References.MinimumLogLevel, "None")

const told = { success: Schema.String, dependencies: [ToolRun] }
const Pay = Tool.make("pay", { description: "Pays", ...told, needsApproval: true })
const Again = Tool.make("again", { description: "Pays, and may be repeated", ...told }).annotate(Tool.Idempotent, true)
const Stuck = Tool.make("stuck", { description: "Never ends", success: Schema.String, needsApproval: true })
const Until = Tool.make("until", { description: "Waits for all others", success: Schema.String })
class Tools extends Toolkit.make(Pay, Again, Stuck, Until) {}

class Bad extends Context.Service<Bad, ModelPort>()("test/Bad") {}
class Worse extends Context.Service<Worse, ModelPort>()("test/Worse") {}
class Slow extends Context.Service<Slow, ModelPort>()("test/Slow") {}

/** Where the code fails that the second step of the specialist `bad` depends on. */
const places = ["the price book", "the estimator", "a compaction", "the price of a fallback"] as const
type Place = (typeof places)[number]

interface World {
  readonly place: Place
  /** Whether it fails from now on. */
  isBroken: boolean
  /** How many tools and models have yet to do what they do before they wait. */
  busy: number
  readonly idle: Deferred.Deferred<void>
  /** Whether a call that has reported its cost ends. */
  pays: boolean
}

const worldOf = (place: Place, busy: number): World => ({
  place,
  isBroken: false,
  busy,
  idle: Deferred.makeUnsafe(),
  pays: false
})

/** One more waits. */
const wait = (world: World): Effect.Effect<never> =>
  Effect.andThen(
    Effect.suspend(() => (--world.busy === 0 ? Deferred.succeed(world.idle, undefined) : Effect.void)),
    Effect.never
  )

const call = (id: string, name: string, args: { readonly [key: string]: string } = {}) => ({ id, name, args })
type Call = ReturnType<typeof call>
const used = { inputUncached: 100, outputText: 20 }

const models = (world: World, calls: ReadonlyArray<Call>) => {
  const spoken: ReadonlyArray<ModelPart> = [
    { type: "text", text: "boom" },
    { type: "finish", reason: "stop", usage: {} }
  ]
  const root = ScriptedModel.make({
    respond: ({ metadata }) => {
      if (metadata.step > 1) return ScriptedModel.text("Done.")
      if (calls.length > 0) return ScriptedModel.calls(calls, { text: "I will. ", usage: used })
      world.isBroken = true
      return { parts: [spoken] }
    }
  })
  const bad = ScriptedModel.make({
    model: "bad",
    respond: ({ metadata, tools }) => {
      if (tools.length === 0) return ScriptedModel.text("in short", { usage: { inputUncached: 7, outputText: 3 } })
      if (metadata.step === 1) return ScriptedModel.calls([call("u", "until")], { usage: used })
      world.isBroken = true
      return world.place === "the price of a fallback" ? { parts: [], throws: true } : { parts: [spoken] }
    }
  })
  const slow: ModelPort = {
    ...ScriptedModel.make({ model: "slow" }),
    attempt: (_request, emit) =>
      Effect.suspend(() => {
        void emit([
          { type: "usage", usage: { inputUncached: 40 } },
          { type: "text", text: "half an answer" }
        ])
        return wait(world)
      })
  }
  return Layer.mergeAll(
    Layer.succeed(Model, root),
    Layer.succeed(Bad, bad),
    Layer.succeed(Worse, ScriptedModel.make({ model: "worse" })),
    Layer.succeed(Slow, slow)
  )
}

/** Prices and estimates, which fail where the world has it. */
const code = (world: World) => {
  const fails = (...at: ReadonlyArray<Place>) => world.isBroken && at.includes(world.place)
  return Layer.mergeAll(
    Layer.succeed(Prices.Prices, {
      find: (_provider, model) => {
        if (fails("the price book")) throw new Error("a price book that throws")
        if (fails("the price of a fallback") && model === "worse") throw new Error("a price book that throws")
        return {
          model: "any",
          match: "prefix",
          source: "test",
          inputPerMillionUsd: 1,
          outputPerMillionUsd: 10
        }
      }
    }),
    Layer.succeed(TokenEstimator.TokenEstimator, {
      text: (text) => {
        if (fails("the estimator", "a compaction")) throw new Error("an estimator that throws")
        return text.length
      }
    })
  )
}

/** Asks the model about everything; then the code fails that counts what is left. */
const compaction = (world: World) => ({
  name: "asking",
  above: 0,
  compact: ({ ask, cuts, messages }: Parameters<Compaction.Strategy["compact"]>[0]) =>
    Effect.gen(function* () {
      const [dropped] = cuts
      if (dropped === undefined) return undefined
      const summary = yield* ask({ messages, maxOutputTokens: 50 })
      world.isBroken = true
      return { dropped, summary }
    })
})

/** A process in which a clerk makes `calls` in its first step. */
const process = Effect.fnUntraced(function* (world: World, deployment: Layer.Layer<never>, calls: ReadonlyArray<Call>) {
  const scope = yield* Scope.make()
  const pay = () =>
    Effect.gen(function* () {
      const run = yield* ToolRun
      yield* run.reportCost(0.3)
      yield* run.reportCost(0.2)
      return yield* world.pays ? Effect.succeed("paid") : wait(world)
    })
  const until = () => {
    if (world.place === "the price book") {
      return Effect.tap(Deferred.await(world.idle), () => Effect.sync(() => void (world.isBroken = true))).pipe(
        Effect.as("idle")
      )
    }
    return Effect.as(Deferred.await(world.idle), "idle")
  }
  const specialists = [
    Specialist.make("bad", {
      description: "Fails",
      toolkit: Tools,
      model: Bad,
      fallbacks: [Worse],
      compaction: world.place === "a compaction" ? compaction(world) : undefined
    }),
    Specialist.make("slow", { description: "Takes its time", model: Slow })
  ]
  const layer = Runtime.layer({
    agents: [Agent.make("clerk", { toolkit: Tools, specialists })],
    modelRetries: 0,
    quotas: [Quota.make({ name: "daily", per: "tenant", window: "day", maxCostUsd: 100 })]
  }).pipe(
    Layer.provide([
      Tools.toLayer({ pay, again: pay, stuck: () => wait(world), until }),
      models(world, calls),
      code(world),
      deployment
    ])
  )
  const context = yield* Layer.buildWithScope(layer, scope)
  return { runtime: Context.get(context, Runtime), end: Scope.close(scope, Exit.void) }
})

type Service = Runtime["Service"]

/** The run's log, when it has ended. */
const logOf = (runtime: Service) => Effect.map(Stream.runCollect(runtime.watch("run")), (all) => [...all])

const start = Effect.fnUntraced(function* (runtime: Service) {
  for (const tool of ["pay", "stuck"]) {
    yield* runtime.grants.give({ tool, scope: "thread", threadId: "thread", maxCostUsd: 2, by: "gil" })
  }
  yield* runtime.start("Go.", { runId: "run", threadId: "thread" })
})

const summaryOf = (log: ReadonlyArray<Envelope.Envelope>): CostSummary.CostSummary => {
  const found = log.flatMap(({ event }) => (event.type === "data-cost-summary" ? [event.data] : []))[0]
  assert(found !== undefined)
  return found
}

const rowsOf = ({ children, rows }: CostSummary.CostNode): ReadonlyArray<CostSummary.CostRow> => [
  ...rows,
  ...children.flatMap(rowsOf)
]

/** What is on the bill, is left of the grant, and is used of the quota; nothing is held. */
const settled = Effect.fnUntraced(function* (runtime: Service, log: ReadonlyArray<Envelope.Envelope>) {
  const summary = summaryOf(log)
  const rows = rowsOf(summary.root)
  const costs = rows.flatMap(({ costNanoUsd, kind, name }) =>
    kind === "tool" && costNanoUsd > 0 ? [[name, costNanoUsd / 1e9]] : []
  )
  const grants = yield* runtime.grants.list()
  for (const { nanoUsdHeld = 0, toolName } of grants) assert.strictEqual(nanoUsdHeld, 0, `held for ${toolName}`)
  const left = (tool: string) => (grants.find(({ toolName }) => toolName === tool)?.nanoUsdLeft ?? 0) / 1e9
  assert.strictEqual(left("stuck"), 2)
  const [quota] = yield* runtime.quotas.usage()
  assert.deepInclude(quota?.costNanoUsd, { used: summary.costNanoUsd, reserved: 0 })
  const thread = yield* runtime.threads.get("thread")
  assert.isTrue(Transcript.isPairComplete(thread))
  return { summary, rows, costs, left: left("pay"), thread }
})

const stores: ReadonlyArray<readonly [string, Effect.Effect<JournalStore, never, Scope.Scope>]> = [
  ["on a journal", Effect.sync(() => MemoryJournal.make())],
  ["on SQLite", Effect.orDie(Sqlite.journal({ filename: ":memory:" }))]
]

const over = (store: JournalStore): Layer.Layer<never> =>
  Layer.succeed(Deployment.Deployment, journalHost(store, { gatherMs: 0, pollMs: Number.POSITIVE_INFINITY }))

const engines: ReadonlyArray<readonly [string, Effect.Effect<Layer.Layer<never>, never, Scope.Scope>]> = [
  ["in memory", Effect.sync(() => Deployment.layerMemory())],
  ...stores.map(([where, store]) => [where, Effect.map(store, over)] as const)
]

describe("a defect while tools run and models answer", () => {
  for (const [where, deployment] of engines) {
    for (const place of places) {
      it.live(`in ${place} loses nothing, ${where}`, () =>
        Effect.gen(function* () {
          const world = worldOf(place, 4)
          const calls = [
            call("c1", "pay"),
            call("c2", "again"),
            call("c3", "slow", { prompt: "Go." }),
            call("c5", "stuck")
          ]
          const own = yield* process(world, yield* deployment, [...calls, call("c4", "bad", { prompt: "Go." })])
          yield* start(own.runtime)
          const log = yield* logOf(own.runtime)
          const last = log.at(-1)?.event
          assert.strictEqual(last?.type === "error" ? last.error.code : last?.type, "E_INTERNAL_FAILURE")
          const { costs, left, rows, summary, thread } = yield* settled(own.runtime, log)
          assert.deepStrictEqual(costs, [
            ["again", 0.5],
            ["pay", 0.5]
          ])
          assert.strictEqual(left, 1.5)
          const usage = new Map(rows.map(({ name, usage }) => [name, [usage?.promptTokens, usage?.completionTokens]]))
          assert.deepStrictEqual(usage.get("scripted-1"), [100, 20])
          // Where the estimator itself has failed, the usual one counts.
          const isFailing = place === "the estimator" || place === "a compaction"
          assert.deepStrictEqual(usage.get("slow"), [40, isFailing ? 5 : "half an answer".length])
          const [input = 0, output = 0] = usage.get("bad") ?? []
          assert.deepStrictEqual(
            [input > 100, output],
            place === "the estimator" ? [true, 22] : place === "a compaction" ? [true, 23] : [false, 20]
          )
          if (place === "a compaction") assert.strictEqual(input, 107)
          assert.isTrue(summary.estimated)
          assert.strictEqual(Message.text(thread[1] ?? Message.fromPrompt("")), "I will. ")
          yield* own.end
        }).pipe(Effect.scoped, quiet)
      )
    }

    it.live(`while an answer is counted keeps the answer, and counts it, ${where}`, () =>
      Effect.gen(function* () {
        const world = worldOf("the estimator", 1)
        const own = yield* process(world, yield* deployment, [])
        yield* start(own.runtime)
        const log = yield* logOf(own.runtime)
        const { summary, thread } = yield* settled(own.runtime, log)
        assert.deepStrictEqual(
          thread.map((message) => Message.text(message)),
          ["Go.", "boom"]
        )
        assert.strictEqual(summary.root.usage.completionTokens, 2)
        assert.isTrue(summary.estimated)
        yield* own.end
      }).pipe(Effect.scoped, quiet)
    )
  }
})

/** Answers the question whether a call may be made again. */
const decide = (runtime: Service, says: "approve" | "reject" | "cancel") =>
  Effect.gen(function* () {
    const asked = yield* Stream.runHead(
      Stream.filter(runtime.watch("run"), ({ event }) => event.type === "approval-required")
    )
    const event = asked._tag === "Some" ? asked.value.event : undefined
    assert(event?.type === "approval-required" && event.data.begunBefore === 1)
    if (says === "cancel") return yield* Effect.asVoid(runtime.cancel("run"))
    const decision = says === "approve" ? Decision.approve({ by: "mia" }) : Decision.reject({ by: "mia" })
    yield* Effect.asVoid(runtime.respondToApproval(event.data.id, decision))
  })

/** Carries a run in a process that dies, and in the next, in which calls end that have paid. */
const twoLives = Effect.fnUntraced(function* (
  store: JournalStore,
  death: CrashingJournal.Death,
  world: World,
  calls: ReadonlyArray<Call>,
  says?: "approve" | "reject" | "cancel"
) {
  const dying = CrashingJournal.crashing(store, death)
  const first = yield* process(world, over(dying.store), calls)
  yield* start(first.runtime)
  yield* dying.died
  yield* dying.bury
  yield* first.end
  world.pays = true
  const second = yield* process(world, over(store), calls)
  if (says !== undefined) yield* decide(second.runtime, says)
  const log = yield* logOf(second.runtime)
  const { costs, left, summary } = yield* settled(second.runtime, log)
  yield* second.end
  return {
    costs,
    left,
    last: log.at(-1)?.event.type,
    attempts: rowsOf(summary.root).find(({ kind }) => kind === "tool")?.attempts
  }
})

describe("a process that dies after a tool has reported a cost", () => {
  for (const [where, makeStore] of stores) {
    const live = (title: string, test: (store: JournalStore) => Effect.Effect<void, unknown, Scope.Scope>) =>
      it.live(`${title}, ${where}`, () => Effect.flatMap(makeStore, test).pipe(Effect.scoped, quiet))

    live("leaves it on the bill beside what the call costs when it is made again", (store) =>
      Effect.gen(function* () {
        const calls = [call("c1", "again")]
        const all = { at: 0, cost: 2, when: "after" } as const
        const both = yield* twoLives(store, all, worldOf("the estimator", 2), calls)
        assert.deepStrictEqual(both, { costs: [["again", 1]], left: 2, last: "data-latency-summary", attempts: 2 })
      })
    )

    live("counts of it what was stored", (store) =>
      Effect.gen(function* () {
        const death = { at: 0, cost: 2, when: "before" } as const
        const { costs } = yield* twoLives(store, death, worldOf("the estimator", 2), [call("c1", "again")])
        assert.deepStrictEqual(costs, [["again", 0.8]])
      })
    )

    for (const [says, cost] of [
      ["reject", 0.5],
      ["cancel", 0.5],
      ["approve", 1]
    ] as const) {
      live(`charges it to the grant once, when a person is asked about the call: ${says}`, (store) =>
        Effect.gen(function* () {
          const death = { at: 0, cost: 2, when: "after" } as const
          const { costs, left } = yield* twoLives(store, death, worldOf("the estimator", 2), [call("c1", "pay")], says)
          assert.deepStrictEqual([costs, left], [[["pay", cost]], 2 - cost])
        })
      )
    }

    live(
      "is closed with its result, and nobody is asked, when the grant was charged before the process died",
      (store) =>
        Effect.gen(function* () {
          const world = worldOf("the estimator", 2)
          world.pays = true
          // step-start, text, call, approval_granted, and then the result.
          const death = { at: 5, when: "before" } as const
          const { costs, last, left } = yield* twoLives(store, death, world, [call("c1", "pay")])
          assert.deepStrictEqual([costs, left, last], [[["pay", 0.5]], 1.5, "data-latency-summary"])
        })
    )

    live("is ended where it was struck, also when the process dies in the middle of that", (store) =>
      Effect.gen(function* () {
        for (const when of ["before", "after"] as const) {
          const world = worldOf("the price book", 1)
          const calls = [call("c1", "pay"), call("c2", "bad", { prompt: "Go." })]
          const whole = yield* process(worldOf("the price book", 1), yield* Effect.map(makeStore, over), calls)
          yield* start(whole.runtime)
          const { length } = yield* logOf(whole.runtime)
          const fresh = when === "before" ? store : yield* makeStore
          const { costs, last, left } = yield* twoLives(fresh, { at: length, when }, world, calls)
          assert.deepStrictEqual([costs, left, last], [[["pay", 0.5]], 1.5, "error"])
        }
      })
    )
  }
})
