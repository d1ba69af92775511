/** Guardrails and redaction: what they let through, and that nothing else is anywhere. */
import { assert, describe, it } from "@effect/vitest"
import { Agent, Deployment, Guardrail, type Hook, Model, type ModelRequest, Redaction, Runtime } from "@reins/runtime"
import { journalHost, MemoryJournal } from "@reins/runtime/journal"
import { ScriptedModel } from "@reins/runtime/testing"
import { Context, Effect, Layer } from "effect"
import { Toolkit } from "effect/ai"
import * as Engines from "../../support/Engines.ts"
import * as OneTool from "../../support/OneTool.ts"

describe.each(Engines.all)("a guardrail, %s", (_, services) => {
  const made = Effect.fnUntraced(function* (hooks: ReadonlyArray<Hook.Hook>, replies: ReadonlyArray<string>) {
    const requests: Array<ModelRequest> = []
    const { handle, probe } = yield* OneTool.start({
      handler: () => Effect.succeed("ok"),
      model: ScriptedModel.make({
        respond: (request) => {
          requests.push(request)
          return ScriptedModel.text(replies[requests.length - 1] ?? "more")
        }
      }),
      services: services(),
      agent: { hooks }
    })
    return { handle, probe, requests }
  })

  it.effect("of input checks what a user says once, and no model reads what it refuses", () =>
    Effect.gen(function* () {
      const texts: Array<string> = []
      const noWork = Guardrail.input("no-work", {
        check: (text) => Effect.sync(() => (texts.push(text), text === "work" ? "Not about work" : undefined))
      })
      const { handle, probe, requests } = yield* made([noWork], [])
      const failure = yield* Effect.flip(handle.result)
      yield* probe.end
      assert.deepInclude(failure.reason, { _tag: "HookEnded", hook: "no-work", description: "Not about work" })
      assert.lengthOf(requests, 0)
      assert.deepStrictEqual(texts, ["work"])
    }).pipe(Effect.scoped)
  )

  it.effect("of output holds the answer and has the model answer again, or ends the run", () =>
    Effect.gen(function* () {
      const check = (text: string) => Effect.succeed(text.includes("guarantee") ? "Promise nothing" : undefined)
      const replies = ["I guarantee it.", "It is likely."]
      const again = yield* made([Guardrail.output("no-promises", { check })], replies)
      yield* again.probe.end
      assert.notInclude(JSON.stringify(again.probe.envelopes), "guarantee")
      assert.include(JSON.stringify(again.requests[1]?.messages), "Promise nothing")
      assert.strictEqual(
        again.probe
          .of("text")
          .map(({ text }) => text)
          .join(""),
        "It is likely."
      )
      const ended = yield* made(
        [Guardrail.output("no-promises", { check, onFailed: "end", holdsText: false })],
        replies
      )
      assert.deepInclude((yield* Effect.flip(ended.handle.result)).reason, { _tag: "HookEnded" })
      assert.lengthOf(ended.probe.of("step-retracted"), 1)
    }).pipe(Effect.scoped)
  )
})

describe("redaction", () => {
  const canaries = ["mia@example.org", "4111 1111 1111 1111", "C-123456"]

  it.effect(
    "lets no canary of a result or an answer into an event, and so into a dialect, a stored row, a thread or a request",
    () =>
      Effect.gen(function* () {
        const journal = MemoryJournal.make()
        const requests: Array<ModelRequest> = []
        const Kit = Toolkit.make(OneTool.work)
        const Desk = Agent.make("desk", {
          toolkit: Kit,
          hooks: [Redaction.make({ patterns: { customer: /\bC-\d{6}\b/ }, text: true })]
        })
        const model = ScriptedModel.make({
          respond: (request) => {
            requests.push(request)
            return ScriptedModel.lastResults(request).length > 0
              ? ScriptedModel.words(`It is ${canaries.join(" and ")} .`)
              : ScriptedModel.calls([{ id: "c1", name: "work", args: {} }])
          }
        })
        const layer = Runtime.layer({ agents: [Desk] }).pipe(
          Layer.provide([
            Kit.toLayer({ work: () => Effect.succeed({ customer: { [canaries[0] ?? ""]: canaries.slice(1) } }) }),
            Layer.succeed(Model, model),
            Layer.succeed(Deployment.Deployment, journalHost(journal, { gatherMs: 0 }))
          ])
        )
        const runtime = Context.get(yield* Layer.build(layer), Runtime)
        const { output } = yield* runtime.complete("Who is it?", { runId: "run", threadId: "thread" })
        assert.strictEqual(output, "It is [email] and [card] and [customer] .")
        const all = JSON.stringify([
          journal.log("run"),
          journal.marks("run"),
          journal.exportRun("run"),
          requests,
          yield* runtime.threads.get("thread")
        ])
        for (const canary of canaries) assert.notInclude(all, canary)
        assert.include(all, "[customer]")
      }).pipe(Effect.scoped)
  )

  it.effect("hides in requests what a user wrote, and the thread keeps it", () =>
    Effect.gen(function* () {
      const requests: Array<ModelRequest> = []
      const model = ScriptedModel.make({
        respond: (request) => {
          requests.push(request)
          return ScriptedModel.text("Thanks.")
        }
      })
      const layer = Runtime.layer({ agents: [Agent.make("desk", {})], hooks: [Redaction.make()] }).pipe(
        Layer.provide(Layer.succeed(Model, model))
      )
      const runtime = Context.get(yield* Layer.build(layer), Runtime)
      yield* runtime.complete("I am mia@example.org", { threadId: "thread" })
      yield* runtime.complete("And?", { threadId: "thread" })
      assert.notInclude(JSON.stringify(requests), "mia@example.org")
      assert.include(JSON.stringify(requests[1]?.messages), "[email]")
      assert.include(JSON.stringify(yield* runtime.threads.get("thread")), "mia@example.org")
    }).pipe(Effect.scoped)
  )
})
