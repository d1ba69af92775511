import { assert, describe, it } from "@effect/vitest"
import { Transcript } from "@reins/protocol"
import { Agent, Decision, Model, Prices, Runtime, Specialist, ToolRun } from "@reins/runtime"
import { Probe, ScriptedModel } from "@reins/runtime/testing"
import { Cause, Effect, Layer, Logger, Schema } from "effect"
import { Tool, Toolkit } from "effect/ai"
import * as Engines from "../../support/Engines.ts"
import * as OneTool from "../../support/OneTool.ts"
import * as Story from "../../support/Story.ts"

const Wait = Tool.make("wait", { success: Schema.Void, dependencies: [ToolRun] })
const Ask = Tool.make("ask", { success: Schema.Void, needsApproval: true })
const kit = Toolkit.make(Wait, Ask)

const inner = Specialist.make("inner", { description: "Waits", toolkit: kit })
const outer = Specialist.make("outer", { description: "Sends for another", toolkit: kit, specialists: [inner] })
const desk = Agent.make("desk", { toolkit: kit, specialists: [outer] })

/** The desk and the outer specialist wait, ask and send on; the inner one only asks. */
const errands = (agent: string) => [
  ...(agent === "inner" ? [] : [{ id: "w", name: "wait", args: {} }]),
  { id: "a", name: "ask", args: {} },
  ...(agent === "desk" ? [{ id: "o", name: "outer", args: { prompt: "go" } }] : []),
  ...(agent === "outer" ? [{ id: "i", name: "inner", args: { prompt: "go" } }] : [])
]

/**
 * A run, three deep, in which everything waits; what strikes it is that the price book fails when it is asked again.
 */
const struck = Effect.gen(function* () {
  const seen = { aborted: 0, interrupted: 0, broken: false }
  const model = ScriptedModel.make({
    respond: ({ metadata }) =>
      metadata.step === 1 ? ScriptedModel.calls(errands(metadata.agent)) : ScriptedModel.text("done")
  })
  const handlers = kit.toLayer({
    wait: Effect.fnUntraced(function* () {
      const { signal } = yield* ToolRun
      signal.addEventListener("abort", () => seen.aborted++)
      return yield* Effect.onInterrupt(Effect.never, () => Effect.sync(() => void seen.interrupted++))
    }),
    ask: () => Effect.void
  })
  const prices = Layer.succeed(Prices.Prices, {
    find: () => {
      if (seen.broken) throw new Error("the price book is on fire: secret-7")
      return undefined
    }
  })
  const layer = Runtime.layer({ agents: [desk] }).pipe(Layer.provide([handlers, Layer.succeed(Model, model), prices]))
  const context = yield* Layer.build(layer)
  const start = Effect.gen(function* () {
    const runtime = yield* Runtime
    const { result } = yield* runtime.start("go", { runId: "run", threadId: "thread" })
    const probe = yield* Probe.watch("run")
    yield* probe.next("approval-required", 3)
    return { runtime, probe, result }
  })
  return { seen, ...(yield* Effect.provideContext(start, context)) }
})

describe("a run that fails with a defect", () => {
  it.effect("closes every question, call and bracket, and ends with its costs and an error", () =>
    Effect.gen(function* () {
      const { probe, result, runtime, seen } = yield* struck
      const inmost = (yield* runtime.pendingApprovals()).find(({ agentPath }) => agentPath.length === 2)
      seen.broken = true
      yield* runtime.respondToApproval(inmost?.request.id ?? "", Decision.approve())
      yield* probe.end
      Story.isWhole(probe.envelopes)
      Story.addsUp(probe.of("data-cost-summary")[0]?.data)
      assert.strictEqual(probe.of("data-cost-summary")[0]?.data.root.usage.totalTokens, 3 * 11)
      assert.strictEqual(probe.of("error")[0]?.error.code, "E_INTERNAL_FAILURE")
      assert.strictEqual((yield* Effect.flip(result)).reason._tag, "InternalFailure")
      assert.deepStrictEqual(
        probe.of("approval-decision").map(({ data }) => data.outcome.outcome),
        ["approve", "cancelled", "cancelled"]
      )
    }).pipe(Effect.scoped)
  )

  it.effect("stops and notifies what still runs", () =>
    Effect.gen(function* () {
      const { probe, runtime, seen } = yield* struck
      const inmost = (yield* runtime.pendingApprovals()).find(({ agentPath }) => agentPath.length === 2)
      seen.broken = true
      yield* runtime.respondToApproval(inmost?.request.id ?? "", Decision.approve())
      yield* probe.end
      assert.deepInclude(seen, { interrupted: 2, aborted: 2 })
    }).pipe(Effect.scoped)
  )

  it.effect("leaves its thread free, no question open, and nothing of the defect in the log", () =>
    Effect.gen(function* () {
      const { probe, runtime, seen } = yield* struck
      const pending = yield* runtime.pendingApprovals()
      const inmost = pending.find(({ agentPath }) => agentPath.length === 2)
      seen.broken = true
      yield* runtime.respondToApproval(inmost?.request.id ?? "", Decision.approve())
      yield* probe.end
      assert.deepStrictEqual(yield* runtime.pendingApprovals(), [])
      for (const { request } of pending) {
        const { reason } = yield* Effect.flip(runtime.respondToApproval(request.id, Decision.approve()))
        assert.strictEqual(reason._tag, "ApprovalResolved")
      }
      seen.broken = false
      assert.isTrue(Transcript.isPairComplete(yield* runtime.threads.get("thread")))
      const again = yield* runtime.start("again", { threadId: "thread" })
      yield* again.cancel
      assert.notInclude(JSON.stringify(probe.envelopes), "secret-7")
    }).pipe(Effect.scoped)
  )
})

for (const [where, services] of Engines.all) {
  describe(`a run that a defect stops ${where}`, () => {
    it.effect("leaves its messages and its use in its thread", () =>
      Effect.gen(function* () {
        let asked = 0
        const prices = Layer.succeed(Prices.Prices, {
          find: () => {
            if (++asked > 3) throw new Error("the price book is on fire")
            return undefined
          }
        })
        const { probe, runtime } = yield* OneTool.start({
          handler: () => Effect.succeed("done"),
          model: ScriptedModel.make({
            respond: ({ metadata }) => ScriptedModel.calls([{ id: `c${metadata.step}`, name: "work", args: {} }])
          }),
          services: Layer.merge(services(), prices)
        })
        yield* probe.end
        assert.strictEqual(probe.of("error")[0]?.error.code, "E_INTERNAL_FAILURE")
        const said = yield* runtime.threads.get("thread")
        const steps = probe.of("tool-invocation").length / 2
        assert.isAbove(steps, 0)
        assert.strictEqual(said.length, 1 + 2 * steps)
        assert.deepStrictEqual(said[0], { role: "user", content: [{ type: "text", text: "work" }] })
        assert.isTrue(Transcript.isPairComplete(said))
        assert.strictEqual((yield* runtime.threads.info("thread"))?.spent?.steps, steps)
      }).pipe(Effect.scoped)
    )
  })
}

describe.each(Engines.all)("a defect that stops a run, %s", (_, services) => {
  it.effect("is in the log with its kind and its place, without its message", () =>
    Effect.gen(function* () {
      const lines: Array<string> = []
      const logger = Logger.make(({ cause, message }) => void lines.push(`${String(message)} ${Cause.pretty(cause)}`))
      const prices = Layer.succeed(Prices.Prices, {
        find: () => {
          throw new RangeError("the price book is on fire: secret-7")
        }
      })
      const { probe } = yield* OneTool.start({
        handler: () => Effect.succeed("ok"),
        services: Layer.mergeAll(services(), prices, Logger.layer([logger]))
      }).pipe(Effect.provide(Logger.layer([logger])))
      yield* probe.end
      const line = lines.find((each) => each.includes("Run run failed")) ?? ""
      assert.match(line, /^Run run failed: RangeError\n +at .*RunFailure\.test\.ts/)
      assert.notInclude(lines.join(), "secret-7")
    }).pipe(Effect.scoped)
  )
})
