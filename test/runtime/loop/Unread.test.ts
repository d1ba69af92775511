/**
 * What a run has accepted from outside counts, also where a defect stops the run before its loop has read it: decisions,
 * results of client tools, late results with their costs, and messages.
 */
import { assert, describe, it } from "@effect/vitest"
import { Budget, type Entry, type Event, Transcript } from "@reins/protocol"
import {
  Agent,
  Decision,
  Deployment,
  Hook,
  Model,
  Prices,
  Runtime,
  type RuntimeOptions,
  Specialist,
  ToolRun
} from "@reins/runtime"
import { journalHost, type JournalStore, MemoryJournal, Names } from "@reins/runtime/journal"
import { CrashingJournal, Probe, ScriptedModel } from "@reins/runtime/testing"
import { Sqlite } from "@reins/store/sqlite"
import { Context, Deferred, Effect, Exit, Layer, References, Schema, Scope, Stream } from "effect"
import { Tool, Toolkit } from "effect/ai"
import * as Engines from "../../support/Engines.ts"
import * as Story from "../../support/Story.ts"

const quiet = Effect.provideService(References.MinimumLogLevel, "None")

const Order = Tool.make("order", { success: Schema.String, dependencies: [ToolRun] })
const Early = Tool.make("early", { success: Schema.String, dependencies: [ToolRun] })
const Hold = Tool.make("hold", { success: Schema.Void, needsApproval: true })
const Until = Tool.make("until", { success: Schema.Void })
const Look = Tool.make("look", { success: Schema.String })
const own = Toolkit.make(Order, Early, Hold)
const waiting = Toolkit.make(Until)
const bad = Specialist.make("bad", { description: "Fails in its second step", toolkit: waiting })
const desk = Agent.make("desk", { toolkit: own, clientTools: Toolkit.make(Look), specialists: [bad] })

const model = ScriptedModel.make({
  respond: ({ metadata }) =>
    metadata.step > 1
      ? ScriptedModel.text("done")
      : metadata.agent === "bad"
        ? ScriptedModel.calls([{ id: "u", name: "until", args: {} }])
        : ScriptedModel.calls([
            { id: "c1", name: "order", args: {} },
            { id: "c2", name: "early", args: {} },
            { id: "c3", name: "hold", args: {} },
            { id: "c4", name: "look", args: {} },
            { id: "c5", name: "bad", args: { prompt: "go" } }
          ])
})

type Hooks = NonNullable<RuntimeOptions<[]>["hooks"]>
const redacting: Hooks = [Hook.make("redact", { afterCall: () => Effect.succeed(Hook.pass) })]

/** The outside of the run: what its tools wait for, the tickets that they have opened, whether the price book fails. */
const makeWorld = () => ({
  gate: Deferred.makeUnsafe<void>(),
  /** Once the specialist's call has begun. */
  begun: Deferred.makeUnsafe<void>(),
  tickets: new Map<string, string>(),
  isBroken: false
})
type World = ReturnType<typeof makeWorld>

/** A process over a deployment. */
const process = Effect.fnUntraced(function* (world: World, deployment: Layer.Layer<never>, hooks: Hooks = []) {
  const scope = yield* Scope.make()
  const prices = Layer.succeed(Prices.Prices, {
    find: () => {
      if (world.isBroken) throw new Error("a price book that throws")
      return undefined
    }
  })
  /** `isLeft`: the call ends with its receipt. */
  const open = (isLeft: boolean) => () =>
    Effect.gen(function* () {
      const run = yield* ToolRun
      const ticket = yield* run.later({ receipt: "ordered" })
      world.tickets.set(run.callId, ticket.id)
      return yield* isLeft ? ticket.end : Effect.never
    })
  const layer = Runtime.layer({ agents: [desk], hooks, cancelGrace: 1 }).pipe(
    Layer.provide([
      own.toLayer({ order: open(true), early: open(false), hold: () => Effect.void }),
      waiting.toLayer({
        until: () => Effect.andThen(Deferred.succeed(world.begun, undefined), Deferred.await(world.gate))
      }),
      Layer.succeed(Model, model),
      prices,
      deployment
    ])
  )
  const runtime = Context.get(yield* Layer.buildWithScope(layer, scope), Runtime)
  return { runtime, end: Scope.close(scope, Exit.void) }
})

type Service = Runtime["Service"]

/** Starts the run, until all of its calls wait. */
const start = Effect.fnUntraced(function* (runtime: Service, world: World) {
  yield* runtime.start("Go.", { runId: "run", threadId: "thread" })
  const probe = yield* Effect.provideService(Probe.watch("run"), Runtime, runtime)
  yield* Deferred.await(world.begun)
  yield* probe.next("approval-required", 1)
  while (world.tickets.size < 2) yield* Effect.yieldNow
})

const strike = (world: World) =>
  Effect.suspend(() => {
    world.isBroken = true
    return Deferred.succeed(world.gate, undefined)
  })

const deliverAll = (runtime: Service, world: World) =>
  Effect.forEach([...world.tickets.values()], (ticket) =>
    runtime.results.deliver(ticket, { value: "shipped" }, { costUsd: 0.25 })
  )

const logOf = (runtime: Service) => Effect.map(Stream.runCollect(runtime.watch("run")), (all) => [...all])

const eventsOf = <T extends Event["type"]>(log: ReadonlyArray<{ readonly event: Event }>, type: T) =>
  log.flatMap(({ event }) => (event.type === type ? [event as Extract<Event, { readonly type: T }>] : []))

/** What was delivered is in the log and the thread, and on the bill once. */
const isCounted = Effect.fnUntraced(function* (runtime: Service, world: World) {
  const log = yield* logOf(runtime)
  Story.isWhole(log)
  assert.strictEqual(eventsOf(log, "error")[0]?.error.code, "E_INTERNAL_FAILURE")
  assert.deepStrictEqual(eventsOf(log, "late-result"), [
    { type: "late-result", toolInvocationId: "c1", toolName: "order", result: "shipped" }
  ])
  const summary = eventsOf(log, "data-cost-summary")[0]?.data
  Story.addsUp(summary)
  assert.strictEqual(summary?.pricedUsd, 0.5, "also what came for the call that has not ended with its receipt")
  const thread = yield* runtime.threads.get("thread")
  assert.isTrue(Transcript.isPairComplete(thread))
  assert.include(JSON.stringify(thread), "shipped")
  assert.include(JSON.stringify(thread), "Is it on its way?")
  assert.strictEqual(eventsOf(log, "message-received").length, 1)
  for (const ticket of world.tickets.values()) {
    assert.strictEqual((yield* runtime.results.get(ticket)).state, "delivered")
    const again = yield* Effect.flip(runtime.results.deliver(ticket, { value: "again" }))
    assert.strictEqual(again.why, "already-delivered")
  }
  return { log, thread }
})

const closings = (log: ReadonlyArray<{ readonly event: Event }>) =>
  eventsOf(log, "tool-invocation")
    .flatMap((event) => (event.state === "result" ? [[event.toolInvocationId, event.status]] : []))
    .toSorted()

for (const [where, services] of Engines.all) {
  describe(`what was delivered to a run before a defect stops it ${where}`, () => {
    it.effect("is in its log and its thread, and is paid for", () =>
      Effect.gen(function* () {
        const world = makeWorld()
        const { end, runtime } = yield* process(world, services())
        yield* start(runtime, world)
        yield* deliverAll(runtime, world)
        yield* runtime.steer("run", "Is it on its way?")
        yield* strike(world)
        const { log } = yield* isCounted(runtime, world)
        assert.deepStrictEqual(closings(log), [
          ["c1", undefined],
          ["c2", "cancelled"],
          ["c3", "cancelled"],
          ["c4", "cancelled"],
          ["u", undefined]
        ])
        yield* end
      }).pipe(quiet)
    )

    it.effect("is withheld where hooks would have seen it first, and is paid for", () =>
      Effect.gen(function* () {
        const world = makeWorld()
        const { end, runtime } = yield* process(world, services(), redacting)
        yield* start(runtime, world)
        yield* deliverAll(runtime, world)
        yield* strike(world)
        const log = yield* logOf(runtime)
        Story.isWhole(log)
        assert.strictEqual(eventsOf(log, "data-cost-summary")[0]?.data.pricedUsd, 0.5)
        assert.notInclude(JSON.stringify(log), "shipped")
        assert.deepInclude(eventsOf(log, "late-result")[0], { status: "failed" })
        assert.include(JSON.stringify(eventsOf(log, "late-result")), "Withheld")
        yield* end
      }).pipe(quiet)
    )
  })
}

describe.each(Engines.all)("a late result that a defect keeps from being read, %s", (_, services) => {
  const price = { model: "scripted-1", match: "exact", source: "test", inputPerMillionUsd: 1, outputPerMillionUsd: 1 }

  it.effect("is an overrun by what the limits of the agent that has its ticket have left", () =>
    Effect.gen(function* () {
      const world = makeWorld()
      const orders = Toolkit.make(Order, Hold)
      const buyer = Specialist.make("buyer", {
        description: "Buys",
        toolkit: orders,
        budget: Budget.make({ maxCostUsd: 0.4 })
      })
      const calls: Readonly<Record<string, Parameters<typeof ScriptedModel.calls>[0]>> = {
        desk: ["buyer", "bad"].map((name) => ({ id: name, name, args: { prompt: "go" } })),
        buyer: [...["c1", "c2"].map((id) => ({ id, name: "order", args: {} })), { id: "h", name: "hold", args: {} }],
        bad: [{ id: "u", name: "until", args: {} }]
      }
      const layer = Runtime.layer({
        agents: [Agent.make("desk", { specialists: [buyer, bad], budget: Budget.make({ maxCostUsd: 10 }) })],
        cancelGrace: 1
      }).pipe(
        Layer.provide([
          orders.toLayer({
            hold: () => Effect.void,
            order: Effect.fnUntraced(function* () {
              const run = yield* ToolRun
              const ticket = yield* run.later({ receipt: "ordered" })
              world.tickets.set(run.callId, ticket.id)
              return yield* ticket.end
            })
          }),
          waiting.toLayer({
            until: () => Effect.andThen(Deferred.succeed(world.begun, undefined), Deferred.await(world.gate))
          }),
          Layer.succeed(
            Model,
            ScriptedModel.make({ respond: ({ metadata }) => ScriptedModel.calls(calls[metadata.agent] ?? []) })
          ),
          Layer.succeed(Prices.Prices, {
            find: () => {
              if (world.isBroken) throw new Error("a price book that throws")
              return price as Entry.Price
            }
          }),
          services()
        ])
      )
      const runtime = Context.get(yield* Layer.build(layer), Runtime)
      yield* start(runtime, world)
      yield* deliverAll(runtime, world)
      yield* strike(world)
      const log = yield* logOf(runtime)
      Story.isWhole(log)
      const [root] = eventsOf(log, "data-cost-summary").map(({ data }) => data.root)
      const [row] = root?.children.flatMap(({ rows }) => rows.filter(({ name }) => name === "order")) ?? []
      assert.deepInclude(row, { name: "order", costUsd: 0.5, overrun: true })
    }).pipe(Effect.scoped, quiet)
  )
})

const stores: ReadonlyArray<readonly [string, Effect.Effect<JournalStore, never, Scope.Scope>]> = [
  ["on a journal", Effect.sync(() => MemoryJournal.make())],
  ["on SQLite", Effect.orDie(Sqlite.journal({ filename: ":memory:" }))]
]

const over = (store: JournalStore, carries = true): Layer.Layer<never> =>
  Layer.succeed(Deployment.Deployment, journalHost(store, { gatherMs: 0, pollMs: Number.POSITIVE_INFINITY, carries }))

/** A run whose process died right after the defect was stored, and is answered while no process executes it. */
const answeredBetween = Effect.fnUntraced(function* (store: JournalStore, hooks: Hooks = []) {
  const world = makeWorld()
  const dying = CrashingJournal.crashing(store, { at: 0, mark: Names.struck, when: "after" })
  const first = yield* process(world, over(dying.store), hooks)
  yield* start(first.runtime, world)
  yield* strike(world)
  yield* dying.died
  yield* dying.bury
  yield* first.end
  const desk = yield* process(world, over(store, false), hooks)
  yield* deliverAll(desk.runtime, world)
  yield* desk.runtime.steer("run", "Is it on its way?")
  const [asked] = yield* desk.runtime.pendingApprovals()
  yield* desk.runtime.respondToApproval(asked?.request.id ?? "", Decision.approve({ by: "mia", scope: "thread" }))
  yield* desk.runtime.submitToolResult("run", "c4", { result: "a cat" })
  yield* desk.end
  return { world, ...(yield* process(world, over(store), hooks)) }
})

for (const [where, makeStore] of stores) {
  describe(`what a run accepts between a defect and its end ${where}`, () => {
    it.live("counts: the late results, the message, the decision and the result of the client's tool", () =>
      Effect.gen(function* () {
        const { end, runtime, world } = yield* answeredBetween(yield* makeStore)
        const { log, thread } = yield* isCounted(runtime, world)
        assert.deepStrictEqual(
          eventsOf(log, "approval-decision").map(({ data }) => [data.outcome.outcome, data.by]),
          [["approve", "mia"]]
        )
        assert.strictEqual((yield* runtime.grants.list()).length, 1)
        const { acts } = yield* runtime.approvals.history({})
        assert.deepStrictEqual(
          acts.flatMap(({ by, kind, outcome }) => (kind === "decided" ? [[outcome, by]] : [])),
          [["approve", "mia"]]
        )
        assert.deepStrictEqual(closings(log), [
          ["c1", undefined],
          ["c2", "cancelled"],
          ["c3", "cancelled"],
          ["c4", undefined],
          ["u", undefined]
        ])
        assert.include(JSON.stringify(thread), "a cat")
        yield* end
      }).pipe(Effect.scoped, quiet)
    )

    it.live("is withheld where hooks would have seen it first", () =>
      Effect.gen(function* () {
        const { end, runtime } = yield* answeredBetween(yield* makeStore, redacting)
        const log = yield* logOf(runtime)
        Story.isWhole(log)
        assert.strictEqual(eventsOf(log, "data-cost-summary")[0]?.data.pricedUsd, 0.5)
        assert.notInclude(JSON.stringify(log), "shipped")
        assert.notInclude(JSON.stringify(log), "a cat")
        yield* end
      }).pipe(Effect.scoped, quiet)
    )
  })
}
