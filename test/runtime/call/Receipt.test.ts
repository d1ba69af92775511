/**
 * A call that is retried, or made again after a crash, gets the first result where there is one: of its parts by
 * `ToolRun.once`, and of the whole call where its process died between the handler's end and the commit.
 */
import { assert, describe, it } from "@effect/vitest"
import { Budget } from "@reins/protocol"
import { Decision, Prices, ToolRun, ToolSettings } from "@reins/runtime"
import { createRuntime, tool } from "@reins/runtime/promise"
import { GeneralWay, type Probe, ScriptedModel } from "@reins/runtime/testing"
import { Deferred, Effect, Layer, References, Schema } from "effect"
import { Tool } from "effect/ai"
import { TestClock } from "effect/testing"
import * as Lives from "../../support/Lives.ts"
import * as OneTool from "../../support/OneTool.ts"
import * as Story from "../../support/Story.ts"

const quiet = Effect.provideService(References.MinimumLogLevel, "None")
const retried = OneTool.work.annotate(ToolSettings.Retries, 2)
const ways = [
  ["in plain code", Layer.empty],
  ["as activities", GeneralWay.layer]
] as const

const Pay = Tool.make("pay", { success: Schema.String, dependencies: [ToolRun] })
const Repeatable = Pay.annotate(Tool.Idempotent, true)

const resultOf = (probe: Probe.Probe) => probe.of("tool-invocation").find((event) => event.state === "result")

describe("a part of a call", () => {
  for (const [name, services] of ways) {
    it.effect(`that has a receipt is not run again by a retry, ${name}`, () =>
      Effect.gen(function* () {
        const charged: Array<string> = []
        const probe = yield* OneTool.finished({
          tool: retried,
          services,
          handler: Effect.fnUntraced(function* () {
            const run = yield* ToolRun
            const id = yield* run.once(
              "charge",
              Effect.sync(() => `p${charged.push(run.idempotencyKey)}`)
            )
            return run.attempt < 2 ? yield* Effect.fail({ busy: true }) : { id, attempt: run.attempt }
          })
        })
        assert.deepStrictEqual(charged, ["run:c1"])
        assert.deepInclude(resultOf(probe), { result: { id: "p1", attempt: 2 } })
        Story.isWhole(probe.envelopes)
      }).pipe(Effect.scoped)
    )
  }

  it.effect("that failed has no receipt, and runs once where it is asked for twice at the same time", () =>
    Effect.gen(function* () {
      let runs = 0
      const probe = yield* OneTool.finished({
        tool: retried,
        handler: Effect.fnUntraced(function* () {
          const run = yield* ToolRun
          const part = run.once(
            "part",
            Effect.andThen(
              Effect.yieldNow,
              Effect.suspend(() => (++runs === 1 ? Effect.fail("busy") : Effect.succeed(runs)))
            )
          )
          return run.attempt === 0 ? yield* part : yield* Effect.all([part, part], { concurrency: 2 })
        })
      })
      assert.deepInclude(resultOf(probe), { result: [2, 2] })
    }).pipe(Effect.scoped)
  )

  it.effect("can return nothing, or with a schema what is not JSON", () =>
    Effect.gen(function* () {
      const probe = yield* OneTool.finished({
        tool: retried,
        handler: Effect.fnUntraced(function* () {
          const run = yield* ToolRun
          const nothing = yield* run.once("nothing", Effect.void)
          const date = yield* run.once("date", Effect.succeed(new Date(run.attempt)), Schema.toCodecJson(Schema.Date))
          return run.attempt === 0 ? yield* Effect.fail("busy") : { nothing: nothing === undefined, at: date.getTime() }
        })
      })
      assert.deepInclude(resultOf(probe), { result: { nothing: true, at: 0 } })
    }).pipe(Effect.scoped)
  )

  it.effect("that has a receipt is not run again by another process that makes the call again", () =>
    Effect.gen(function* () {
      let charges = 0
      const { isWhole, process, results } = Lives.make({
        tool: Repeatable,
        handler: Effect.fnUntraced(function* () {
          const run = yield* ToolRun
          const id = yield* run.once(
            "charge",
            Effect.sync(() => `p${++charges}`)
          )
          return run.attempt === 0 ? yield* Effect.never : `paid by ${id}`
        })
      })
      const first = yield* process()
      yield* first.runtime.start("Pay.", { runId: "run" })
      yield* TestClock.adjust("1 second")
      yield* first.end
      const second = yield* process()
      yield* TestClock.adjust("1 second")
      assert.strictEqual(charges, 1)
      assert.deepStrictEqual(results(), [{ result: "paid by p1", status: undefined }])
      isWhole()
      yield* second.end
    }).pipe(quiet)
  )

  it.effect("runs again, under the same key, where the process died before its receipt was stored", () =>
    Effect.gen(function* () {
      const keys: Array<string> = []
      const { isWhole, process, results } = Lives.make({
        tool: Repeatable,
        handler: Effect.fnUntraced(function* () {
          const run = yield* ToolRun
          return yield* run.once(
            "charge",
            Effect.sync(() => `p${keys.push(run.idempotencyKey)}`)
          )
        })
      })
      const first = yield* process((journal) => ({
        ...journal,
        answer: (runId, name, value, at) =>
          name.startsWith("once/") ? Effect.never : journal.answer(runId, name, value, at)
      }))
      yield* first.runtime.start("Pay.", { runId: "run" })
      yield* TestClock.adjust("1 second")
      assert.deepStrictEqual(keys, ["run:c1"])
      yield* first.end
      const second = yield* process()
      yield* TestClock.adjust("1 second")
      assert.deepStrictEqual(keys, ["run:c1", "run:c1"])
      assert.deepStrictEqual(results(), [{ result: "p2", status: undefined }])
      isWhole()
      yield* second.end
    }).pipe(quiet)
  )

  it("that has a receipt is not run again in the Promise front", async () => {
    let charges = 0
    const work = tool({
      parameters: { type: "object" },
      retries: 1,
      execute: async (_args, { attempt, once }) => {
        const id = await once("charge", async () => `p${++charges}`)
        await once("tell", () => {})
        if (attempt === 0) throw new Error("busy")
        return id
      }
    })
    await using runtime = createRuntime({
      model: OneTool.caller(),
      tools: { work },
      agents: [{ name: "desk", tools: ["work"] }]
    })
    const { output } = await runtime.complete("work")
    assert.strictEqual(output, "done")
    assert.strictEqual(charges, 1)
  })
})

describe("a whole call", () => {
  it("whose first attempt succeeded after its deadline, within its grace time, is not retried", async () => {
    let runs = 0
    const work = tool({
      parameters: { type: "object" },
      retries: 2,
      timeoutMs: 1,
      execute: (_args, { signal }) =>
        new Promise((resolve) => signal.addEventListener("abort", () => resolve(`made ${++runs}`)))
    })
    await using runtime = createRuntime({
      model: OneTool.caller(),
      tools: { work },
      agents: [{ name: "desk", tools: ["work"] }]
    })
    const results: Array<unknown> = []
    for await (const event of runtime.query("work")) {
      if (event.type === "tool-invocation" && event.state === "result") results.push(event.result)
    }
    assert.deepStrictEqual(results, ["made 1"])
    assert.strictEqual(runs, 1)
  })

  it.effect("that ended is closed with its result where the process died while its grant was charged", () =>
    Effect.gen(function* () {
      let runs = 0
      const calls: ReadonlyArray<string> = ["c1", "c2"]
      const { events, isWhole, process, results } = Lives.make({
        tool: Pay.setNeedsApproval(true),
        handler: Effect.fnUntraced(function* () {
          yield* (yield* ToolRun).reportCost(0.25)
          return `paid ${++runs}`
        }),
        respond: (request) => {
          const made = request.messages.filter(({ role }) => role === "tool").length
          const id = calls[made]
          return id === undefined ? ScriptedModel.text("Done.") : ScriptedModel.calls([{ id, name: "pay", args: {} }])
        }
      })
      const first = yield* process((journal) => {
        const { grants } = journal
        return grants === undefined ? journal : { ...journal, grants: { ...grants, settle: () => Effect.never } }
      })
      yield* first.runtime.start("Pay.", { runId: "run" })
      yield* TestClock.adjust("1 second")
      const [asked] = yield* first.runtime.pendingApprovals()
      const scope = { scope: "run", maxCostUsd: 1 } as const
      yield* first.runtime.respondToApproval(asked?.request.id ?? "", Decision.approve(scope))
      yield* TestClock.adjust("1 second")
      const before = runs
      yield* first.end
      const second = yield* process()
      yield* TestClock.adjust("1 second")
      assert.strictEqual(before, 2)
      assert.strictEqual(runs, 2, "nothing is made again")
      assert.deepStrictEqual(results(), [
        { result: "paid 1", status: undefined },
        { result: "paid 2", status: undefined }
      ])
      assert.deepStrictEqual(yield* second.runtime.pendingApprovals(), [], "nobody is asked")
      const cost = events().find(({ type }) => type === "data-cost-summary")
      assert.strictEqual(cost?.type === "data-cost-summary" ? cost.data.pricedUsd : undefined, 0.5)
      isWhole()
      yield* second.end
    }).pipe(quiet)
  )

  const prices = Prices.layerTable({ "scripted/scripted-1": { inputPerMillionUsd: 1, outputPerMillionUsd: 1 } })

  it.effect.each([
    ["what came late for it", Budget.make({ maxCostUsd: 1 }), 1],
    ["itself", Budget.make({ maxToolCalls: 2 }), 0]
  ] as const)("that ended before its process died uses the budget of its agent: %s", ([, budget, costUsd]) =>
    Effect.gen(function* () {
      const opened = Deferred.makeUnsafe<string>()
      const gate = Deferred.makeUnsafe<void>()
      let runs = 0
      const { events, isWhole, process, results } = Lives.make({
        tool: Pay.setNeedsApproval(true),
        handler: Effect.fnUntraced(function* () {
          if (++runs === 1) return "paid 1"
          yield* Deferred.succeed(opened, (yield* (yield* ToolRun).later({ receipt: "started" })).id)
          yield* Deferred.await(gate)
          return `paid ${runs}`
        }),
        agent: { budget },
        respond: (request) => {
          const made = request.messages.filter(({ role }) => role === "tool").length
          return ScriptedModel.calls([{ id: `c${made + 1}`, name: "pay", args: {} }])
        }
      })
      const first = yield* process((journal) => {
        const { grants } = journal
        return grants === undefined ? journal : { ...journal, grants: { ...grants, settle: () => Effect.never } }
      })
      yield* first.runtime.start("Pay.", { runId: "run" })
      yield* TestClock.adjust("1 second")
      const [asked] = yield* first.runtime.pendingApprovals()
      const grant = { scope: "run", maxCostUsd: 5 } as const
      yield* first.runtime.respondToApproval(asked?.request.id ?? "", Decision.approve(grant))
      yield* first.runtime.results.deliver(yield* Deferred.await(opened), { value: "late" }, { costUsd })
      yield* Deferred.succeed(gate, undefined)
      yield* TestClock.adjust("1 second")
      yield* first.end
      const second = yield* process()
      yield* TestClock.adjust("1 second")
      assert.strictEqual(runs, 2, "the limit is reached")
      assert.deepStrictEqual(results()[1], { result: "paid 2", status: undefined })
      const finish = events().find(({ type }) => type === "finish")
      assert.strictEqual(finish?.type === "finish" ? finish.finishReason : undefined, "budget")
      isWhole()
      yield* second.end
    }).pipe(quiet, Effect.provide(prices))
  )
})
