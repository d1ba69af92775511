import { assert, describe, it } from "@effect/vitest"
import type { ModelPart, ModelPort } from "@reins/runtime"
import { ScriptedModel } from "@reins/runtime/testing"
import { Effect, Schema } from "effect"
import * as OneTool from "../../support/OneTool.ts"
import * as Solo from "../../support/Solo.ts"
import * as Story from "../../support/Story.ts"

const usage = { inputUncached: 1, outputText: 1 }
const finish: ModelPart = { type: "finish", reason: "stop", usage }
const say = (text: string): ModelPart => ({ type: "text", text })
const call = (id: string): ModelPart => ({ type: "tool-call", id, name: "work", args: {} })
const reply = (...parts: ReadonlyArray<ModelPart>): ScriptedModel.Reply => ({ parts: [parts] })

/** What a run fails with whose model gives this answer, however often it is asked. */
const flawOf = (...parts: ReadonlyArray<ModelPart>) => {
  const model = ScriptedModel.make({ respond: () => reply(...parts) })
  return Effect.map(Solo.finished(model, { runtime: { modelRetryDelay: 0, modelRetries: 0 } }), ({ probe }) => {
    Story.isWhole(probe.envelopes)
    const [error] = probe.of("error")
    return [error?.error.code, error?.error.message.replace(/^.*: /, "")]
  }).pipe(Effect.scoped)
}

const flawed = (what: string) => ["E_INVALID_MODEL_OUTPUT", what]

describe("a response that breaks the model port's contract", () => {
  it.effect("by being empty fails the run with a reason", () =>
    Effect.gen(function* () {
      assert.deepStrictEqual(yield* flawOf(), flawed("its answer was empty"))
    })
  )

  it.effect("by ending without a finish fails the run with a reason", () =>
    Effect.gen(function* () {
      assert.deepStrictEqual(yield* flawOf(say("so")), flawed("its stream ended without a finish part"))
    })
  )

  it.effect("by finishing twice fails the run with a reason", () =>
    Effect.gen(function* () {
      assert.deepStrictEqual(yield* flawOf(say("so"), finish, finish), flawed("it finished twice"))
    })
  )

  it.effect("by continuing after its finish fails the run with a reason", () =>
    Effect.gen(function* () {
      assert.deepStrictEqual(yield* flawOf(say("so"), finish, say("on")), flawed("it continued after its finish"))
      assert.deepStrictEqual(yield* flawOf(finish, call("1")), flawed("it continued after its finish"))
    })
  )

  it.effect("shows nothing of what came after its finish", () =>
    Effect.gen(function* () {
      const { probe } = yield* Solo.finished([reply(say("so"), finish, say(" on"))])
      assert.deepStrictEqual(
        probe.of("text").map(({ text }) => text),
        ["so"]
      )
    }).pipe(Effect.scoped)
  )

  it.effect("by sending values that are not JSON fails the run with a reason", () =>
    Effect.gen(function* () {
      const odd = Schema.decodeUnknownSync(Schema.Any)({ n: 1n })
      const made: ModelPart = { type: "tool-call", id: "1", name: "work", args: odd }
      assert.deepStrictEqual(
        yield* flawOf(made, finish),
        flawed('it emitted a "tool-call" part with args that are not JSON')
      )
    })
  )

  it.effect("runs none of its calls", () =>
    Effect.gen(function* () {
      let ran = 0
      const model = ScriptedModel.make({ respond: () => reply(say("so"), call("1"), call("2"), finish, finish) })
      const probe = yield* OneTool.finished({ model, handler: () => Effect.sync(() => void ran++) })
      assert.strictEqual(ran, 0)
      assert.deepStrictEqual(probe.of("tool-invocation"), [])
    }).pipe(Effect.scoped)
  )
})

describe("a model's response", () => {
  it.effect("may consist of a finish only", () =>
    Effect.gen(function* () {
      const { probe, runtime } = yield* Solo.finished([reply(finish)])
      assert.strictEqual(probe.of("finish")[0]?.finishReason, "stop")
      assert.deepStrictEqual(
        (yield* runtime.threads.get("thread")).map(({ role }) => role),
        ["user"]
      )
    }).pipe(Effect.scoped)
  )

  it.effect("makes no event of an empty delta", () =>
    Effect.gen(function* () {
      const empty: ModelPart = { type: "reasoning", text: "" }
      const { probe } = yield* Solo.finished([reply(say(""), empty, say("so"), say(""), finish)])
      assert.deepStrictEqual(probe.types.slice(0, 3), ["step-start", "text", "finish"])
    }).pipe(Effect.scoped)
  )

  it.effect("runs calls that share an id, or have none, each under its own", () =>
    Effect.gen(function* () {
      const model = ScriptedModel.make({
        replies: [
          reply(call("c"), call(""), call("c"), call(""), { type: "finish", reason: "tool-calls", usage }),
          ScriptedModel.text("done")
        ]
      })
      const probe = yield* OneTool.finished({ model, handler: () => Effect.succeed("ran") })
      Story.isWhole(probe.envelopes)
      const ran = probe.of("tool-invocation").flatMap((event) => (event.state === "result" ? [event] : []))
      assert.deepStrictEqual(
        ran.map(({ result, toolInvocationId }) => [toolInvocationId, result]).toSorted(),
        ["c", "c_2", "call", "call_2"].map((id) => [id, "ran"])
      )
    }).pipe(Effect.scoped)
  )

  it.effect("reports its provider's warnings, once per message, without interrupting the text", () =>
    Effect.gen(function* () {
      const warn = (message: string): ModelPart => ({ type: "warning", message })
      const model = ScriptedModel.make({
        replies: [
          reply(warn("no seed"), say("a"), warn("no topK"), say("b"), call("c"), { ...finish, reason: "tool-calls" }),
          reply(warn("no seed"), say("done"), finish)
        ]
      })
      const probe = yield* OneTool.finished({ model, handler: () => Effect.succeed("ran") })
      Story.isWhole(probe.envelopes)
      assert.deepStrictEqual(
        probe.of("custom").map(({ data, event_type }) => [event_type, data]),
        ["no seed", "no topK"].map((message) => [
          "model_warning",
          { provider: model.provider, model: model.model, message }
        ])
      )
    }).pipe(Effect.scoped)
  )

  it.effect("keeps one delta of 5 MB whole", () =>
    Effect.gen(function* () {
      const long = "0123456789".repeat(500_000)
      const { probe, runtime } = yield* Solo.finished([reply(say(long), finish)])
      assert.isTrue(probe.of("text")[0]?.text === long)
      const [, answer] = yield* runtime.threads.get("thread")
      assert.isTrue(answer?.content.some((part) => part.type === "text" && part.text === long))
    }).pipe(Effect.scoped)
  )

  it.effect.prop(
    "keeps each character whole, however its deltas split it, in the log and in the thread",
    {
      words: Schema.Array(Schema.Literals(["a", "\u{1f600}", "\u{10ffff}"])).check(Schema.isMinLength(1)),
      size: Schema.Literals([1, 2, 3])
    },
    ({ size, words }) =>
      Effect.gen(function* () {
        const text = words.join("")
        const deltas = Array.from({ length: Math.ceil(text.length / size) }, (_, index) =>
          say(text.slice(index * size, (index + 1) * size))
        )
        const { probe, runtime } = yield* Solo.finished([reply(...deltas, finish)])
        const told = probe.of("text").map((event) => event.text)
        assert.isTrue(told.every((one) => one.isWellFormed() && one !== ""))
        assert.strictEqual(told.join(""), text)
        const [, answer] = yield* runtime.threads.get("thread")
        assert.deepStrictEqual(answer?.content, [{ type: "text", text }])
      }).pipe(Effect.scoped)
  )

  it.effect("keeps a character whole when other parts came between its halves, and drops a lone half", () =>
    Effect.gen(function* () {
      const delta = (part: string, text: string): ModelPart => ({ type: "text", part, text })
      const parts = [delta("1", "a\ud83d"), delta("2", "b\ud83d"), delta("1", "\ude00"), delta("3", "\ude00c")]
      const { probe } = yield* Solo.finished([reply(...parts, finish)])
      const told = probe.of("text").map((event) => event.text)
      assert.deepStrictEqual(told, ["a", "b", "\u{1f600}", "\ufffdc"])
    }).pipe(Effect.scoped)
  )

  it.effect("is split into reasoning and text", () =>
    Effect.gen(function* () {
      const thought: ModelPart = { type: "reasoning", text: "hm", metadata: { p: { signature: "s" } } }
      const { probe, runtime } = yield* Solo.finished([reply(thought, thought, say("a"), say("b"), thought, finish)])
      assert.deepStrictEqual(probe.types.slice(1, -3), ["reasoning", "reasoning", "text", "text", "reasoning"])
      const [, answer] = yield* runtime.threads.get("thread")
      const metadata = { p: { signature: "s" } }
      assert.deepStrictEqual(answer?.content, [
        { type: "reasoning", text: "hmhm", metadata },
        { type: "text", text: "ab" },
        { type: "reasoning", text: "hm", metadata }
      ])
    }).pipe(Effect.scoped)
  )

  it.effect("is ignored once its request has ended, whatever a stray fiber of the adapter sends", () =>
    Effect.gen(function* () {
      const late: Array<() => void> = []
      const { probe } = yield* Solo.finished({
        provider: "stray",
        model: "stray-1",
        attempt: (_request, emit) =>
          Effect.sync(() => {
            void emit([say("so"), finish])
            late.push(() => void emit([say("late")]))
          })
      })
      for (const speak of late) speak()
      Story.isWhole(probe.envelopes)
      assert.strictEqual(probe.of("text").length, 1)
    }).pipe(Effect.scoped)
  )

  const untyped = Schema.decodeUnknownSync(Schema.Any)
  it.effect.each<readonly [string, ModelPort["attempt"]]>([
    ["dies", () => Effect.die(new Error("key-123"))],
    [
      "throws",
      () => {
        throw new Error("key-123")
      }
    ],
    ["fails with what is no reason", () => untyped(Effect.fail("key-123"))],
    ["is no effect", () => untyped("key-123")],
    ["interrupts itself", () => Effect.interrupt]
  ])("of an adapter that %s fails the run with a reason, without its message", ([, attempt]) =>
    Effect.gen(function* () {
      const { probe } = yield* Solo.finished({ provider: "p", model: "m", attempt })
      Story.isWhole(probe.envelopes)
      assert.strictEqual(probe.of("error")[0]?.error.code, "E_MODEL_FAILED_UNKNOWN")
      assert.notInclude(JSON.stringify(probe.envelopes), "key-123")
    }).pipe(Effect.scoped)
  )
})
