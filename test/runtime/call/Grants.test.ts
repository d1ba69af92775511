import { assert, describe, it } from "@effect/vitest"
import { Agent, Decision, Model, Runtime, Specialist, ToolRun } from "@reins/runtime"
import { Probe, ScriptedModel } from "@reins/runtime/testing"
import { Deferred, Effect, Layer, Schema } from "effect"
import { Tool, Toolkit } from "effect/ai"
import { TestClock } from "effect/testing"

const Send = Tool.make("send", {
  description: "Sends a letter",
  parameters: Schema.Struct({ to: Schema.String, pages: Schema.Natural }),
  success: Schema.String,
  needsApproval: true,
  dependencies: [ToolRun]
})

/** A toolkit with the tool `send`, which writes down what it sent and costs a cent. */
const setUp = (replies: ReadonlyArray<ScriptedModel.Reply>) => {
  const sent: Array<string> = []
  class Post extends Toolkit.make(Send) {
    static readonly layer = this.toLayer({
      send: Effect.fnUntraced(function* ({ to }) {
        const run = yield* ToolRun
        yield* run.reportCost(0.01)
        sent.push(to)
        return `sent to ${to}`
      })
    })
  }
  const model = ScriptedModel.make({ replies, respond: () => ScriptedModel.text("done") })
  const Helper = Specialist.make("helper", { description: "Helps", toolkit: Post })
  const Clerk = Agent.make("clerk", { toolkit: Post, specialists: [Helper] })
  const layer = Runtime.layer({ agents: [Clerk] }).pipe(Layer.provide([Post.layer, Layer.succeed(Model, model)]))
  return { sent, layer, model }
}

const send = (id: string, to = "mia", pages = 1): ScriptedModel.ScriptedCall => ({
  id,
  name: "send",
  args: { to, pages }
})

const asks = (probe: Probe.Probe) => probe.of("approval-required").length

/** Starts a run, answers its first question, and gives the probe when the run has ended. */
const answered = Effect.fnUntraced(function* (decision: Decision, threadId = "thread") {
  const runtime = yield* Runtime
  const run = yield* runtime.start("Write.", { threadId })
  const probe = yield* Probe.watch(run.runId)
  const question = yield* probe.next("approval-required")
  yield* runtime.respondToApproval(question.data.id, decision)
  return { runtime, run, probe }
})

describe("an approval with a scope", () => {
  it.effect("for the run lets later calls of the tool run, and reports the grant", () => {
    const { layer, sent } = setUp([ScriptedModel.calls([send("a")]), ScriptedModel.calls([send("b", "leo")])])
    return Effect.gen(function* () {
      const { probe, runtime } = yield* answered(Decision.approve({ scope: "run", by: "mia" }))
      yield* probe.end
      assert.deepStrictEqual(sent, ["mia", "leo"])
      assert.strictEqual(asks(probe), 1)
      const [decision] = probe.of("approval-decision")
      const [grant] = yield* runtime.grants.list()
      assert.strictEqual(decision?.data.scope, "run")
      assert.strictEqual(decision?.data.grantId, grant?.id)
      assert.deepStrictEqual(probe.of("custom"), [
        {
          type: "custom",
          event_type: "approval_granted",
          data: { grantId: grant?.id ?? "", scope: "run", toolInvocationId: "b" }
        }
      ])
    }).pipe(Effect.provide(layer), Effect.scoped)
  })

  it.effect("for the run does not cover the next run; for the thread it does, but no other thread", () =>
    Effect.gen(function* () {
      for (const scope of ["run", "thread"] as const) {
        const { layer, sent } = setUp([
          ScriptedModel.calls([send("a")]),
          ScriptedModel.text("done"),
          ScriptedModel.calls([send("b")])
        ])
        yield* Effect.gen(function* () {
          const { probe, runtime } = yield* answered(Decision.approve({ scope }))
          yield* probe.end
          const next = yield* runtime.start("Again.", { threadId: "thread" })
          const second = yield* Probe.watch(next.runId)
          if (scope === "run") {
            yield* second.next("approval-required")
            yield* next.cancel
          }
          yield* second.end
          assert.strictEqual(sent.length, scope === "run" ? 1 : 2)
        }).pipe(Effect.provide(layer), Effect.scoped)
      }
    })
  )

  it.effect("for a thread does not cover another thread or another tenant", () => {
    const { layer } = setUp([
      ScriptedModel.calls([send("a")]),
      ScriptedModel.text("done"),
      ScriptedModel.calls([send("b")])
    ])
    return Effect.gen(function* () {
      const { probe, runtime } = yield* answered(Decision.approve({ scope: "thread" }))
      yield* probe.end
      const next = yield* runtime.start("Again.", { threadId: "other" })
      const second = yield* Probe.watch(next.runId)
      yield* second.next("approval-required")
      yield* next.cancel
      yield* second.end
      assert.deepStrictEqual(yield* runtime.grants.list({ resourceId: "somebody else" }), [])
    }).pipe(Effect.provide(layer), Effect.scoped)
  })

  it.effect("for a subtree covers the specialist it was given in, and not its coordinator", () => {
    const { layer, sent } = setUp([
      ScriptedModel.calls([{ id: "s", name: "helper", args: { prompt: "Write." } }]),
      ScriptedModel.calls([send("a")]),
      ScriptedModel.calls([send("b")]),
      ScriptedModel.text("helped"),
      ScriptedModel.calls([send("c")])
    ])
    return Effect.gen(function* () {
      const { probe, run } = yield* answered(Decision.approve({ scope: "subtree" }))
      yield* probe.next("approval-required", 2)
      assert.deepStrictEqual(sent, ["mia", "mia"])
      yield* run.cancel
      yield* probe.end
    }).pipe(Effect.provide(layer), Effect.scoped)
  })

  it.effect("covers only arguments that contain its matcher", () => {
    const { layer, sent } = setUp([
      ScriptedModel.calls([send("a")]),
      ScriptedModel.calls([send("b", "mia", 7)]),
      ScriptedModel.calls([send("c", "leo")])
    ])
    return Effect.gen(function* () {
      const { probe, run } = yield* answered(Decision.approve({ scope: "run", matcher: { to: "mia" } }))
      yield* probe.next("approval-required", 2)
      assert.deepStrictEqual(sent, ["mia", "mia"])
      yield* run.cancel
      yield* probe.end
    }).pipe(Effect.provide(layer), Effect.scoped)
  })

  it.effect("with one use covers one of two calls that race for it", () => {
    const { layer, sent } = setUp([ScriptedModel.calls([send("a")]), ScriptedModel.calls([send("b"), send("c")])])
    return Effect.gen(function* () {
      const { probe, run } = yield* answered(Decision.approve({ scope: "run", uses: 1 }))
      yield* probe.next("approval-required", 2)
      yield* run.cancel
      yield* probe.end
      assert.strictEqual(asks(probe), 2)
      assert.strictEqual(sent.length, 2)
    }).pipe(Effect.provide(layer), Effect.scoped)
  })

  it.effect("ends when its money is spent", () => {
    const { layer, sent } = setUp([
      ScriptedModel.calls([send("a")]),
      ScriptedModel.calls([send("b")]),
      ScriptedModel.calls([send("c")])
    ])
    return Effect.gen(function* () {
      const { probe, run } = yield* answered(Decision.approve({ scope: "run", maxCostUsd: 0.01 }))
      yield* probe.next("approval-required", 2)
      assert.strictEqual(sent.length, 2)
      yield* run.cancel
      yield* probe.end
    }).pipe(Effect.provide(layer), Effect.scoped)
  })

  it.effect("expires, and can be revoked", () =>
    Effect.gen(function* () {
      for (const ending of ["expires", "is revoked"] as const) {
        const { layer, sent } = setUp([
          ScriptedModel.calls([send("a")]),
          ScriptedModel.text("done"),
          ScriptedModel.calls([send("b")])
        ])
        yield* Effect.gen(function* () {
          const { probe, runtime } = yield* answered(Decision.approve({ scope: "thread", expiresIn: "1 hour" }))
          yield* probe.end
          const [grant] = yield* runtime.grants.list()
          if (ending === "expires") yield* TestClock.adjust("1 hour")
          else {
            assert.isFalse(yield* runtime.grants.revoke(grant?.id ?? "", { resourceId: "somebody else" }))
            assert.isTrue(yield* runtime.grants.revoke(grant?.id ?? ""))
            assert.isFalse(yield* runtime.grants.revoke(grant?.id ?? ""))
          }
          const next = yield* runtime.start("Again.", { threadId: "thread" })
          const second = yield* Probe.watch(next.runId)
          yield* second.next("approval-required")
          assert.strictEqual(sent.length, 1)
          yield* next.cancel
          yield* second.end
        }).pipe(Effect.provide(layer), Effect.scoped)
      }
    })
  )

  it.effect("leaves no grant when the answer came second", () => {
    const { layer } = setUp([ScriptedModel.calls([send("a")])])
    return Effect.gen(function* () {
      const released = yield* Deferred.make<void>()
      const { probe, runtime } = yield* answered(Decision.reject())
      const [question] = probe.of("approval-required")
      yield* Effect.ignore(runtime.respondToApproval(question?.data.id ?? "", Decision.approve({ scope: "thread" })))
      yield* Deferred.succeed(released, undefined)
      assert.deepStrictEqual(yield* runtime.grants.list(), [])
    }).pipe(Effect.provide(layer), Effect.scoped)
  })
})
