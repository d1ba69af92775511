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

  it.effect("announces only the first call when one at a time was asked for, and reports the others", () =>
    Effect.gen(function* () {
      const ran: Array<number | undefined> = []
      const several = [1, 2, 3].map((n) => ({ id: `c${n}`, name: "work", args: { n } }))
      const model = ScriptedModel.make({ replies: [calls(several), calls(several.slice(1)), text("done")] })
      const probe = yield* OneTool.finished({
        model,
        handler: ({ n }) => Effect.sync(() => void ran.push(n)),
        query: { model: { settings: { parallelToolCalls: false } } }
      })
      Story.isWhole(probe.envelopes)
      assert.deepStrictEqual(ran, [1, 2])
      const dropped = probe.of("custom").map(({ data }) => data)
      assert.deepStrictEqual(dropped, [
        { reason: "one call at a time", tools: ["work", "work"] },
        { reason: "one call at a time", tools: ["work"] }
      ])
      assert.isTrue(Transcript.isPairComplete(model.requests[2]?.messages ?? []))
    }).pipe(Effect.scoped)
  )

  const cutShort: ReadonlyArray<StopReason> = ["length", "content-filter", "error"]
  it.effect.each(cutShort)(
    "drops the calls of a step that ended %s, and reports it in the log and to the model",
    (reason) =>
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
          { role: "assistant", content: [{ type: "text", text: "so far" }] },
          {
            role: "user",
            content: [
              { type: "text", text: `Your answer ended early (${reason}), so these tool calls did not run: work.` }
            ]
          }
        ])
        assert.deepInclude(probe.of("custom"), {
          type: "custom",
          event_type: "calls_dropped",
          data: { reason, tools: ["work"] }
        })
      }).pipe(Effect.scoped)
  )

  it.effect.each(["stop", "tool-calls", "other", "end_turn"])(
    "runs the calls of a complete response, although its finish reason is %s",
    (reason) =>
      Effect.gen(function* () {
        let ran = 0
        const ended = { type: "finish", reason } as ModelPart
        const model = ScriptedModel.make({
          replies: [reply({ type: "tool-call", id: "c", name: "work", args: {} }, ended), text("done")]
        })
        const probe = yield* OneTool.finished({ model, handler: () => Effect.sync(() => void ran++) })
        Story.isWhole(probe.envelopes)
        assert.strictEqual(ran, 1)
        assert.strictEqual(probe.of("finish")[0]?.finishReason, "stop")
      }).pipe(Effect.scoped)
  )

  it.effect("sends a paused turn back unchanged, and pairs a provider-run call with the result of a later step", () =>
    Effect.gen(function* () {
      const model = ScriptedModel.make({
        replies: [
          reply({ type: "text", text: "Searching. " }, searched, finish("paused")),
          reply(finish("paused")),
          reply(found, { type: "text", text: "Twice a day." }, finish("stop"))
        ]
      })
      const { probe, runtime } = yield* Solo.finished(model)
      Story.isWhole(probe.envelopes)
      assert.deepStrictEqual(
        model.requests[1]?.messages.at(-1)?.content.map(({ type }) => type),
        ["text", "tool-call"]
      )
      const [call, result, ...more] = probe.of("tool-invocation")
      assert.deepStrictEqual([call?.state, result?.state, more.length], ["call", "result", 0])
      assert.deepStrictEqual(result?.state === "result" ? [result.result, result.status] : [], [["tides"], undefined])
      assert.strictEqual(probe.of("finish")[0]?.finishReason, "stop")
      const thread = yield* runtime.threads.get("thread")
      assert.isTrue(Transcript.isPairComplete(thread))
      assert.deepStrictEqual(
        thread.map(({ content }) => content.map(({ type }) => type)),
        [["text"], ["text"], ["tool-call", "tool-result", "text"]]
      )
    }).pipe(Effect.scoped)
  )

  it.effect("closes a provider-run call as missing when the last step has no result", () =>
    Effect.gen(function* () {
      const { probe, runtime } = yield* Solo.finished([
        reply(searched, finish("paused")),
        reply({ type: "text", text: "Hm." }, finish("stop"))
      ])
      Story.isWhole(probe.envelopes)
      const [, result] = probe.of("tool-invocation")
      assert.strictEqual(result?.state === "result" ? result.status : undefined, "failed")
      assert.isTrue(Transcript.isPairComplete(yield* runtime.threads.get("thread")))
    }).pipe(Effect.scoped)
  )

  it.effect("keeps a waiting provider-run call out of the log and the thread of a cancelled run", () =>
    Effect.gen(function* () {
      const hold = yield* ScriptedModel.hold
      const model = ScriptedModel.make({
        replies: [reply({ type: "text", text: "Searching. " }, searched, finish("paused")), { ...text("never"), hold }]
      })
      const { handle, probe, runtime } = yield* Solo.start(model)
      yield* hold.reached
      yield* handle.cancel
      yield* probe.end
      Story.isWhole(probe.envelopes)
      assert.deepStrictEqual(probe.of("tool-invocation"), [])
      assert.isTrue(Transcript.isPairComplete(yield* runtime.threads.get("thread")))
    }).pipe(Effect.scoped)
  )

  it.effect("publishes a provider-run call with its result, and keeps both in the thread", () =>
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

  it.effect("closes a provider-run call without a result, in the log and in the thread", () =>
    Effect.gen(function* () {
      const { probe, runtime } = yield* Solo.finished([reply(searched, { type: "text", text: "Hm." }, finish("stop"))])
      Story.isWhole(probe.envelopes)
      const [, result] = probe.of("tool-invocation")
      assert.strictEqual(result?.state === "result" ? result.status : undefined, "failed")
      assert.isTrue(Transcript.isPairComplete(yield* runtime.threads.get("thread")))
    }).pipe(Effect.scoped)
  )

  it.effect("drops a provider-run call of a step that was cut short, in the thread as in the log", () =>
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

  it.effect("does not treat a provider-run call as ours, even if a tool has its name", () =>
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

const file = (mediaType: string, data: string): ModelPart => ({ type: "file", mediaType, data })
const bytes = (text: string) => new TextEncoder().encode(text)

const withFiles = Effect.fnUntraced(function* (parts: ReadonlyArray<ModelPart>, options: Solo.Options = {}) {
  const { probe, runtime } = yield* Solo.finished([reply(...parts, { type: "finish", reason: "stop" })], options)
  Story.isWhole(probe.envelopes)
  return { probe, runtime, files: probe.of("data-file-registered").map(({ data }) => data) }
})

describe("a file that a model made", () => {
  it.effect("is stored with the thread, told of, and kept in the conversation", () =>
    Effect.gen(function* () {
      const { files, probe, runtime } = yield* withFiles(
        [
          { type: "text", text: "Here." },
          file("image/jpeg", "aGk="),
          file("audio/wav", "data:audio/wav;base64,aG8="),
          file("application/x-very-special", "aGE=")
        ],
        { runtime: { fileUrl: (id) => `https://acme.test/${id}` } }
      )
      assert.deepStrictEqual(probe.types.slice(0, 6), [
        "step-start",
        "text",
        "data-file-registered",
        "data-file-registered",
        "data-file-registered",
        "finish"
      ])
      assert.deepStrictEqual(
        files.map(({ filename, mediaType, sizeBytes }) => [filename, mediaType, sizeBytes]),
        [
          ["image-1-1.jpg", "image/jpeg", 2],
          ["audio-1-2.wav", "audio/wav", 2],
          ["file-1-3.bin", "application/x-very-special", 2]
        ]
      )
      assert.strictEqual(files[0]?.url, `https://acme.test/${files[0]?.fileId}`)
      const stored = yield* runtime.files.get(files[1]?.fileId ?? "")
      assert.deepStrictEqual([stored?.content, stored?.threadId, stored?.runId], [bytes("ho"), "thread", "run"])
      assert.include(JSON.stringify(yield* runtime.threads.get("thread")), "aGk=")
    }).pipe(Effect.scoped)
  )

  it.effect("has the provider's address where it is there, and is not stored above the limit", () =>
    Effect.gen(function* () {
      const { files, probe } = yield* withFiles(
        [file("image/png", "https://acme.test/cat.png"), file("image/png", "aGVsbG8=")],
        { runtime: { maxFileBytes: 4 } }
      )
      assert.deepStrictEqual(
        files.map(({ sizeBytes, url }) => [sizeBytes, url]),
        [[0, "https://acme.test/cat.png"]]
      )
      const [warning] = probe.of("custom")
      assert.strictEqual(warning?.event_type, "model_warning")
      assert.include(JSON.stringify(warning?.data), "maxFileBytes is 4")
    }).pipe(Effect.scoped)
  )

  it.effect("of its reasoning is not told of", () =>
    Effect.gen(function* () {
      const { files } = yield* withFiles([{ type: "file", mediaType: "image/png", data: "aGk=", purpose: "reasoning" }])
      assert.deepStrictEqual(files, [])
    }).pipe(Effect.scoped)
  )
})
