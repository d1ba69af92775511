import { assert, describe, it } from "@effect/vitest"
import { Transcript } from "@reins/protocol"
import type { ModelPart, StopReason } from "@reins/runtime"
import { ScriptedModel } from "@reins/runtime/testing"
import { Effect } from "effect"
import * as OneTool from "../../support/OneTool.ts"
import * as Solo from "../../support/Solo.ts"
import * as Story from "../../support/Story.ts"

const { calls, text } = ScriptedModel

const finish = (reason: StopReason): ModelPart => ({
  type: "finish",
  reason,
  usage: { inputUncached: 1, outputText: 1 }
})
const searched: ModelPart = { type: "tool-call", id: "p", name: "web", args: { q: "tides" }, execution: "provider" }
const found: ModelPart = { type: "tool-result", id: "p", name: "web", result: ["tides"] }
const reply = (...parts: ReadonlyArray<ModelPart>): ScriptedModel.Reply => ({ parts: [parts] })

describe("the announcement of a step's calls", () => {
  it.effect("gives a call whose id was used in an earlier step another one, and its result the same", () =>
    Effect.gen(function* () {
      const ran: Array<number | undefined> = []
      const again = (n: number) => calls([{ id: "same", name: "work", args: { n } }])
      const model = ScriptedModel.make({ replies: [again(1), again(2), again(3), text("done")] })
      const probe = yield* OneTool.finished({ model, handler: ({ n }) => Effect.sync(() => void ran.push(n)) })
      Story.isWhole(probe.envelopes)
      assert.deepStrictEqual(ran, [1, 2, 3])
      assert.deepStrictEqual(
        probe.of("tool-invocation").map(({ toolInvocationId }) => toolInvocationId),
        ["same", "same", "same_2", "same_2", "same_3", "same_3"]
      )
      assert.isTrue(Transcript.isPairComplete(model.requests[3]?.messages ?? []))
    }).pipe(Effect.scoped)
  )

  const cutShort: ReadonlyArray<StopReason> = ["length", "content-filter", "error", "other"]
  it.effect.each(cutShort)("leaves out the calls of a step that ended %s, which never run", (reason) =>
    Effect.gen(function* () {
      let ran = 0
      const model = ScriptedModel.make({
        replies: [calls([{ id: "c", name: "work", args: {} }], { text: "so far", stop: reason })]
      })
      const { probe, runtime } = yield* OneTool.start({ model, handler: () => Effect.sync(() => void ran++) })
      yield* probe.end
      assert.strictEqual(ran, 0)
      assert.deepStrictEqual(probe.of("tool-invocation"), [])
      assert.strictEqual(probe.of("finish")[0]?.finishReason, reason === "error" ? "other" : reason)
      assert.deepStrictEqual(yield* runtime.threads.get("thread"), [
        { role: "user", content: [{ type: "text", text: "work" }] },
        { role: "assistant", content: [{ type: "text", text: "so far" }] }
      ])
    }).pipe(Effect.scoped)
  )

  it.effect("tells of a call that the provider ran itself, with its result, and keeps both in the thread", () =>
    Effect.gen(function* () {
      const { probe, runtime } = yield* Solo.finished([
        reply(searched, found, { type: "text", text: "Twice a day." }, finish("stop"))
      ])
      Story.isWhole(probe.envelopes)
      assert.deepStrictEqual(
        probe.of("tool-invocation").map(({ state }) => state),
        ["call", "result"]
      )
      const thread = yield* runtime.threads.get("thread")
      assert.isTrue(Transcript.isPairComplete(thread))
      assert.deepStrictEqual(
        thread[1]?.content.map(({ type }) => type),
        ["tool-call", "tool-result", "text"]
      )
    }).pipe(Effect.scoped)
  )

  it.effect("closes a call to which the provider gave no result, in the log and in the thread", () =>
    Effect.gen(function* () {
      const { probe, runtime } = yield* Solo.finished([reply(searched, { type: "text", text: "Hm." }, finish("stop"))])
      Story.isWhole(probe.envelopes)
      const [, result] = probe.of("tool-invocation")
      assert.strictEqual(result?.state === "result" ? result.status : undefined, "failed")
      assert.isTrue(Transcript.isPairComplete(yield* runtime.threads.get("thread")))
    }).pipe(Effect.scoped)
  )

  it.effect("forgets a call of the provider in a step that was cut short, in the thread as in the log", () =>
    Effect.gen(function* () {
      const { probe, runtime } = yield* Solo.finished([
        reply(searched, { type: "text", text: "Let me" }, finish("length"))
      ])
      assert.deepStrictEqual(probe.of("tool-invocation"), [])
      const thread = yield* runtime.threads.get("thread")
      assert.deepStrictEqual(thread, Transcript.messages(Transcript.fold(probe.envelopes, "hello")))
    }).pipe(Effect.scoped)
  )

  it.effect("drops a result that answers no call", () =>
    Effect.gen(function* () {
      const { probe, runtime } = yield* Solo.finished([reply(found, { type: "text", text: "Hm." }, finish("stop"))])
      Story.isWhole(probe.envelopes)
      assert.isTrue(Transcript.isPairComplete(yield* runtime.threads.get("thread")))
    }).pipe(Effect.scoped)
  )

  it.effect("takes a call of the provider for no call of ours, though a tool has its name", () =>
    Effect.gen(function* () {
      let ran = 0
      const named: ModelPart = { ...searched, name: "work" }
      const probe = yield* OneTool.finished({
        model: ScriptedModel.make({ replies: [reply(named, finish("stop"))] }),
        handler: () => Effect.sync(() => void ran++)
      })
      Story.isWhole(probe.envelopes)
      assert.strictEqual(ran, 0)
    }).pipe(Effect.scoped)
  )
})
