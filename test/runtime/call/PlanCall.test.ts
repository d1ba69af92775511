import { assert, describe, it } from "@effect/vitest"
import { Ordering } from "@reins/protocol"
import { Agent, Budget, Decision, Model, Runtime, ToolRun, ToolSettings } from "@reins/runtime"
import { Probe, ScriptedModel } from "@reins/runtime/testing"
import { type Duration, Effect, Layer, Schema } from "effect"
import { Tool, Toolkit } from "effect/ai"
import { TestClock } from "effect/testing"

class Stuck extends Schema.TaggedError<Stuck>()("Stuck", { done: Schema.Array(Schema.String), at: Schema.String }) {
  override get message() {
    return `stuck at ${this.at}`
  }
}

const Move = Tool.make("move_house", {
  description: "Carries out a plan of moves",
  parameters: Schema.Struct({ moves: Schema.Array(Schema.NonEmptyString) }),
  success: Schema.Struct({ moved: Schema.Natural }),
  failure: Stuck,
  failureMode: "return",
  dependencies: [ToolRun]
}).annotate(ToolSettings.IsPlan, true)

const propose = (id: string, moves: ReadonlyArray<string>) =>
  ScriptedModel.calls([{ id, name: "move_house", args: { moves } }])

interface Options {
  readonly asks?: "never"
  readonly expiresIn?: Duration.Input
  readonly budget?: Budget.Options
}

const setUp = (replies: ReadonlyArray<ScriptedModel.Reply>, options: Options = {}) => {
  const moved: Array<string> = []
  class Movers extends Toolkit.make(Move) {
    static readonly layer = this.toLayer({
      move_house: Effect.fnUntraced(function* ({ moves }) {
        const run = yield* ToolRun
        for (const [index, each] of moves.entries()) {
          if (each === "piano") return yield* new Stuck({ done: moves.slice(0, index), at: each })
          if (each === "for ever") return yield* Effect.never
          moved.push(each)
          yield* run.progress({ label: each, phaseIndex: index + 1, totalPhases: moves.length })
        }
        return { moved: moves.length }
      })
    })
  }
  const model = ScriptedModel.make({ replies, respond: () => ScriptedModel.text("settled in") })
  const Planner = Agent.make("planner", {
    toolkit: Movers,
    budget: Budget.make(options.budget ?? {}),
    approvals: options.asks === undefined ? {} : { move_house: options.asks }
  })
  const layer = Runtime.layer({ agents: [Planner], approvalExpiresIn: options.expiresIn }).pipe(
    Layer.provide([Movers.layer, Layer.succeed(Model, model)])
  )
  return { moved, model, layer }
}

const way = (probe: Probe.Probe) => probe.of("plan-status-change").map(({ data }) => data.to)

const begin = Effect.gen(function* () {
  const runtime = yield* Runtime
  const run = yield* runtime.start("Move.")
  const probe = yield* Probe.watch(run.runId)
  return { runtime, run, probe }
})

const lawful = (probe: Probe.Probe) => assert.deepStrictEqual(Ordering.check(probe.envelopes), [])

describe("a plan", () => {
  it.effect("is approved as a whole, and executed after the approval", () => {
    const { layer, moved } = setUp([propose("p", ["desk", "lamp"])])
    return Effect.gen(function* () {
      const { probe, runtime } = yield* begin
      const { data } = yield* probe.next("approval-required")
      assert.deepStrictEqual([data.kind, data.payload, moved], ["plan", { moves: ["desk", "lamp"] }, []])
      assert.strictEqual(probe.of("plan-status-change")[0]?.data.planId, data.target)
      yield* runtime.respondToApproval(data.id, Decision.approve())
      yield* probe.end
      assert.deepStrictEqual(way(probe), ["pending_approval", "approved", "executing", "executed"])
      assert.deepStrictEqual(moved, ["desk", "lamp"])
      lawful(probe)
    }).pipe(Effect.provide(layer), Effect.scoped)
  })

  it.effect("returns to its planner with a revision, and the planner proposes another", () => {
    const { layer, model, moved } = setUp([propose("p", ["desk"]), propose("q", ["lamp"])])
    return Effect.gen(function* () {
      const { probe, runtime } = yield* begin
      const first = yield* probe.next("approval-required")
      yield* runtime.respondToApproval(
        first.data.id,
        Decision.revise({ moves: ["lamp"] }, { feedback: "not the desk" })
      )
      const second = yield* probe.next("approval-required", 2)
      assert.deepStrictEqual(moved, [])
      const [read] = model.requests.slice(1).flatMap(ScriptedModel.lastResults)
      assert.deepStrictEqual(read?.result, {
        error: "RevisionWanted",
        message: "Change the plan and propose it again: not the desk",
        partial: { moves: ["lamp"] }
      })
      yield* runtime.respondToApproval(second.data.id, Decision.approve())
      yield* probe.end
      assert.deepStrictEqual(moved, ["lamp"])
      assert.deepStrictEqual(way(probe), [
        "pending_approval",
        "draft",
        "pending_approval",
        "approved",
        "executing",
        "executed"
      ])
      lawful(probe)
    }).pipe(Effect.provide(layer), Effect.scoped)
  })

  it.effect("that is rejected fails, and nothing of it is executed", () => {
    const { layer, moved } = setUp([propose("p", ["desk"])])
    return Effect.gen(function* () {
      const { probe, runtime } = yield* begin
      const { data } = yield* probe.next("approval-required")
      yield* runtime.respondToApproval(data.id, Decision.reject({ feedback: "stay" }))
      yield* probe.end
      assert.deepStrictEqual(way(probe), ["pending_approval", "failed"])
      assert.deepStrictEqual(moved, [])
      lawful(probe)
    }).pipe(Effect.provide(layer), Effect.scoped)
  })

  it.effect("reports the finished stages when one fails", () => {
    const { layer, moved } = setUp([propose("p", ["desk", "piano", "lamp"])], { asks: "never" })
    return Effect.gen(function* () {
      const { probe } = yield* begin
      yield* probe.end
      assert.deepStrictEqual(way(probe), ["approved", "executing", "failed"])
      const result = probe.of("tool-invocation").find((event) => event.state === "result")
      assert.deepStrictEqual(result?.state === "result" ? result.result : undefined, {
        _tag: "Stuck",
        done: ["desk"],
        at: "piano"
      })
      assert.deepStrictEqual(moved, ["desk"])
      lawful(probe)
    }).pipe(Effect.provide(layer), Effect.scoped)
  })

  it.effect("that is cancelled in the middle fails, and its run ends cancelled", () => {
    const { layer } = setUp([propose("p", ["desk", "for ever"])], { asks: "never" })
    return Effect.gen(function* () {
      const { probe, run } = yield* begin
      yield* probe.next("tool-progress")
      yield* run.cancel
      yield* probe.end
      assert.deepStrictEqual(way(probe), ["approved", "executing", "failed"])
      assert.strictEqual(probe.of("finish")[0]?.finishReason, "cancelled")
      lawful(probe)
    }).pipe(Effect.provide(layer), Effect.scoped)
  })

  it.effect("that is cancelled while it waits for approval is not started", () => {
    const { layer, moved } = setUp([propose("p", ["desk"])])
    return Effect.gen(function* () {
      const { probe, run } = yield* begin
      yield* probe.next("approval-required")
      yield* run.cancel
      yield* probe.end
      assert.deepStrictEqual(way(probe), ["pending_approval", "failed"])
      assert.deepStrictEqual(probe.of("approval-decision")[0]?.data.outcome, { outcome: "cancelled" })
      assert.strictEqual(probe.of("finish")[0]?.finishReason, "cancelled")
      assert.deepStrictEqual(moved, [])
      lawful(probe)
    }).pipe(Effect.provide(layer), Effect.scoped)
  })

  it.effect("that nobody answers in time is not started, and its planner reads why", () => {
    const { layer, model, moved } = setUp([propose("p", ["desk"])], { expiresIn: "1 hour" })
    return Effect.gen(function* () {
      const { probe } = yield* begin
      yield* probe.next("approval-required")
      yield* TestClock.adjust("1 hour")
      yield* probe.end
      assert.deepStrictEqual(way(probe), ["pending_approval", "failed"])
      const [read] = model.requests.slice(1).flatMap(ScriptedModel.lastResults)
      assert.deepInclude(read?.result, { error: "Expired" })
      assert.strictEqual(probe.of("finish")[0]?.finishReason, "stop")
      assert.deepStrictEqual(moved, [])
      lawful(probe)
    }).pipe(Effect.provide(layer), Effect.scoped)
  })

  it.effect("that met a limit before it began fails, and nothing of it is executed", () => {
    const { layer, moved } = setUp([propose("p", ["desk"])], { asks: "never", budget: { maxToolCalls: 0 } })
    return Effect.gen(function* () {
      const { probe } = yield* begin
      yield* probe.end
      assert.deepStrictEqual(way(probe), ["approved", "executing", "failed"])
      assert.strictEqual(probe.of("finish")[0]?.finishReason, "budget")
      assert.deepStrictEqual(moved, [])
      lawful(probe)
    }).pipe(Effect.provide(layer), Effect.scoped)
  })

  it.effect("cannot be approved with a scope, so it leaves no grant", () => {
    const { layer } = setUp([propose("p", ["desk"])])
    return Effect.gen(function* () {
      const { probe, run, runtime } = yield* begin
      const { data } = yield* probe.next("approval-required")
      const refused = yield* Effect.flip(runtime.respondToApproval(data.id, Decision.approve({ scope: "thread" })))
      assert.strictEqual(refused.reason._tag, "InvalidArguments")
      yield* run.cancel
      yield* probe.end
    }).pipe(Effect.provide(layer), Effect.scoped)
  })

  it.effect("with invalid arguments is not shown to anybody", () => {
    const { layer } = setUp([ScriptedModel.calls([{ id: "p", name: "move_house", args: { moves: [""] } }])])
    return Effect.gen(function* () {
      const { probe } = yield* begin
      yield* probe.end
      assert.deepStrictEqual(way(probe), [])
      assert.strictEqual(probe.of("approval-required").length, 0)
    }).pipe(Effect.provide(layer), Effect.scoped)
  })
})
