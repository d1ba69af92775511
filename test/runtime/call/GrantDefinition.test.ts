import { assert, describe, it } from "@effect/vitest"
import { Agent, Decision, Deployment, Model, Runtime } from "@reins/runtime"
import { journalHost, MemoryJournal } from "@reins/runtime/journal"
import { Probe, ScriptedModel } from "@reins/runtime/testing"
import { Context, Effect, Layer, Schema } from "effect"
import { Tool, Toolkit } from "effect/ai"
import { TestClock } from "effect/testing"

describe("a grant for a thread, kept in a store", () => {
  it.effect("covers the same tool in the next process, and not one whose definition has changed", () => {
    const journal = MemoryJournal.make()
    /** One life of the service, whose tool is described so; whether its run on the thread asks. */
    const life = (description: string) => {
      const Send = Tool.make("send", { description, parameters: Schema.Struct({}), success: Schema.String })
      const Post = Toolkit.make(Send.setNeedsApproval(true))
      const model = ScriptedModel.make({
        replies: [ScriptedModel.calls([{ id: "c1", name: "send", args: {} }]), ScriptedModel.text("done")]
      })
      const host = journalHost(journal, { gatherMs: 0, pollMs: Number.POSITIVE_INFINITY })
      const live = Runtime.layer({ agents: [Agent.make("clerk", { toolkit: Post })] }).pipe(
        Layer.provide([
          Post.toLayer({ send: () => Effect.succeed("sent") }),
          Layer.succeed(Model, model),
          Layer.succeed(Deployment.Deployment, host)
        ])
      )
      return Effect.gen(function* () {
        const runtime = yield* Runtime
        const { runId } = yield* runtime.start("Write.", { threadId: "thread" })
        const probe = yield* Probe.watch(runId)
        const told = yield* Effect.match(probe.next("approval-required"), {
          onFailure: () => "runs",
          onSuccess: () => "asks"
        })
        for (const { request } of yield* runtime.pendingApprovals()) {
          yield* runtime.respondToApproval(request.id, Decision.approve({ scope: "thread" }))
        }
        yield* probe.end
        return told
      }).pipe(Effect.provide(live), Effect.scoped)
    }
    return Effect.gen(function* () {
      assert.strictEqual(yield* life("Sends a letter"), "asks")
      assert.strictEqual(yield* life("Sends a letter"), "runs")
      assert.strictEqual(yield* life("Sends a letter, and a copy to the press"), "asks")
      assert.strictEqual(yield* life("Sends a letter"), "runs")
    })
  })

  it.effect(
    "is for the definition that the person saw, also where the process that takes the answer has no such tool",
    () => {
      const journal = MemoryJournal.make()
      const host = (executes: boolean) =>
        Layer.succeed(
          Deployment.Deployment,
          journalHost(journal, {
            gatherMs: 0,
            pollMs: 1000,
            carries: { owns: () => executes, begin: () => Effect.void }
          })
        )
      const Send = Tool.make("send", { description: "Sends", parameters: Schema.Struct({}), success: Schema.String })
      const Post = Toolkit.make(Send.setNeedsApproval(true))
      const model = ScriptedModel.make({ replies: [ScriptedModel.calls([{ id: "c1", name: "send", args: {} }])] })
      const asking = Runtime.layer({ agents: [Agent.make("clerk", { toolkit: Post })] }).pipe(
        Layer.provide([Post.toLayer({ send: () => Effect.succeed("sent") }), Layer.succeed(Model, model), host(true)])
      )
      const answering = Runtime.layer({ agents: [Agent.make("porter", {})] }).pipe(
        Layer.provide([Layer.succeed(Model, model), host(false)])
      )
      const of = (layer: Layer.Layer<Runtime>) =>
        Effect.map(Layer.build(layer), (context) => Context.get(context, Runtime))
      return Effect.gen(function* () {
        const [there, here] = [yield* of(asking), yield* of(answering)]
        const { runId } = yield* there.start("Write.", { threadId: "thread" })
        const probe = yield* Effect.provideService(Probe.watch(runId), Runtime, there)
        const question = (yield* probe.next("approval-required")).data
        assert.match(question.toolHash ?? "", /./)
        yield* here.respondToApproval(question.id, Decision.approve({ scope: "thread" }))
        // The other process polls for it.
        yield* TestClock.adjust("1 second")
        yield* probe.end
        const [grant] = yield* here.grants.list()
        assert.strictEqual(grant?.toolHash, question.toolHash)
      }).pipe(Effect.scoped)
    }
  )
})
