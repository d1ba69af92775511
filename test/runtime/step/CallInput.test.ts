import { assert, describe, it } from "@effect/vitest"
import { type Envelope, ModelFailure } from "@reins/protocol"
import type { ModelPart } from "@reins/runtime"
import { ScriptedModel } from "@reins/runtime/testing"
import { Effect, Schema } from "effect"
import { Tool, Toolkit } from "effect/ai"
import * as OneTool from "../../support/OneTool.ts"
import * as Solo from "../../support/Solo.ts"
import * as Story from "../../support/Story.ts"

const { input, text, written } = ScriptedModel
const finish: ModelPart = { type: "finish", reason: "tool-calls", usage: { inputUncached: 1, outputText: 1 } }
const reply = (...parts: ReadonlyArray<ModelPart>): ScriptedModel.Reply => ({ parts: parts.map((part) => [part]) })
const call = (id: string, n: number, name = "work") => ({ id, name, args: { n } })
const made = (id: string, n: number): ModelPart => ({ type: "tool-call", ...call(id, n) })

const run = Effect.fnUntraced(function* (
  replies: ReadonlyArray<ScriptedModel.Reply>,
  options: Partial<OneTool.Options> = {}
) {
  const ran: Array<number | undefined> = []
  const model = ScriptedModel.make({ replies })
  const handler = ({ n }: { readonly n?: number }) => Effect.sync(() => void ran.push(n))
  const { probe, runtime } = yield* OneTool.start({ model, handler, ...options })
  yield* probe.end
  Story.isWhole(probe.envelopes)
  return { log: probe.envelopes, model, probe, ran, runtime }
})

/** What was written of each call, by the id of its events. */
const inputs = (log: ReadonlyArray<Envelope.Envelope>) => {
  const out: Record<string, string> = {}
  for (const { event } of log) {
    if (event.type === "tool-input-delta")
      out[event.toolInvocationId] = (out[event.toolInvocationId] ?? "") + event.text
  }
  return out
}

const announced = (log: ReadonlyArray<Envelope.Envelope>) =>
  log.flatMap(({ event }) =>
    event.type === "tool-invocation" && event.state === "call" ? [[event.toolInvocationId, event.args]] : []
  )

describe("the input of calls", () => {
  it.effect("is streamed between the step's start and its calls, under their ids, and is in no history", () =>
    Effect.gen(function* () {
      const { log, model, probe, ran, runtime } = yield* run([
        written([call("a", 1), call("b", 12_345_678)], { text: "So. " }),
        text("done")
      ])
      assert.deepStrictEqual(inputs(log), { a: '{"n":1}', b: '{"n":12345678}' })
      assert.deepStrictEqual(probe.types.slice(0, 9), [
        "step-start",
        "text",
        "tool-input-delta",
        "tool-input-delta",
        "tool-input-delta",
        "tool-input-delta",
        "tool-input-delta",
        "tool-invocation",
        "tool-invocation"
      ])
      assert.deepStrictEqual(ran, [1, 12_345_678])
      assert.notInclude(JSON.stringify([model.requests, yield* runtime.threads.get("thread")]), "tool-input")
    }).pipe(Effect.scoped)
  )

  it.effect("has the id under which the call is announced, where the model's own is taken or used twice", () =>
    Effect.gen(function* () {
      const twice = reply(
        ...input(call("same", 1)),
        ...input(call("same", 2)),
        made("same", 1),
        made("same", 2),
        made("same", 3),
        made("same_3", 4),
        finish
      )
      const { log, ran } = yield* run([written([call("same", 0)]), twice, text("done")])
      const ids = announced(log).map(([id]) => id)
      assert.strictEqual(new Set(ids).size, 5)
      assert.deepStrictEqual(inputs(log), { same: '{"n":0}', same_2: '{"n":1}', same_3: '{"n":2}' })
      const written0 = new Map(announced(log).map(([id, args]) => [id, args]))
      assert.deepStrictEqual([written0.get("same_2"), written0.get("same_3")], [{ n: 1 }, { n: 2 }])
      assert.deepStrictEqual(ran, [0, 1, 2, 3, 4])
    }).pipe(Effect.scoped)
  )

  it.effect("has an id that no stored name can be confused with", () =>
    Effect.gen(function* () {
      const { log } = yield* run([
        reply(...input(call("c/again/1", 1)), made("c_again_1", 2), made("c/again/1", 1), finish),
        text("done")
      ])
      assert.deepStrictEqual(inputs(log), { c_again_1: '{"n":1}' })
      assert.deepStrictEqual(announced(log), [
        ["c_again_1_2", { n: 2 }],
        ["c_again_1", { n: 1 }]
      ])
    }).pipe(Effect.scoped)
  )

  it.effect("that says something else than the call stays without one, and the call has an id of its own", () =>
    Effect.gen(function* () {
      const { log, ran } = yield* run([
        reply(...input(call("a", 1)), ...input(call("b", 2, "other")), made("a", 7), made("b", 2), finish),
        text("done")
      ])
      assert.deepStrictEqual(announced(log), [
        ["a_2", { n: 7 }],
        ["b_2", { n: 2 }]
      ])
      assert.deepStrictEqual(ran, [7, 2])
    }).pipe(Effect.scoped)
  )

  it.effect("counts as the call's whatever its spaces are, and when there is none", () =>
    Effect.gen(function* () {
      const spaced: ModelPart = { type: "tool-input", id: "a", name: "work", text: ' { "n" : 1.0 } ' }
      const none: ModelPart = { type: "tool-input", id: "b", name: "work", text: "" }
      const empty: ModelPart = { type: "tool-call", id: "b", name: "work", args: {} }
      const { log } = yield* run([reply(spaced, none, made("a", 1), empty, finish), text("done")])
      assert.deepStrictEqual(announced(log), [
        ["a", { n: 1 }],
        ["b", {}]
      ])
    }).pipe(Effect.scoped)
  )

  it.effect("is voided by a retraction when the request fails, which is retried as one that said nothing", () =>
    Effect.gen(function* () {
      const failure = new ModelFailure.NetworkFailed({ provider: "scripted", model: "scripted-1" })
      const { log, probe, ran } = yield* run(
        [
          { parts: [input(call("a", 1)).slice(0, 2)], failure },
          { parts: [], failure },
          written([call("a", 1)]),
          text("done")
        ],
        { runtime: { modelRetryDelay: 0 } }
      )
      assert.deepStrictEqual(probe.types.slice(0, 8), [
        "step-start",
        "tool-input-delta",
        "tool-input-delta",
        "step-retracted",
        "step-start",
        "tool-input-delta",
        "tool-input-delta",
        "tool-invocation"
      ])
      // Clients may have shown something under the first id.
      assert.deepStrictEqual(announced(log), [["a_2", { n: 1 }]])
      assert.deepStrictEqual(inputs(log), { a: '{"n":1}', a_2: '{"n":1}' })
      assert.deepStrictEqual(ran, [1])
      const [step] = probe.of("data-latency-summary")[0]?.data.steps ?? []
      assert.deepStrictEqual(
        step?.attempts.map(({ outcome }) => outcome),
        ["failed", "failed", "completed"]
      )
      // What was written is paid for.
      assert.isTrue(probe.of("data-cost-summary")[0]?.data.estimated)
    }).pipe(Effect.scoped)
  )

  it.effect("is that of the first call only, where one at a time was asked for", () =>
    Effect.gen(function* () {
      const { log } = yield* run([written([call("a", 1), call("b", 2)]), text("done")], {
        query: { model: { settings: { parallelToolCalls: false } } }
      })
      assert.deepStrictEqual(inputs(log), { a: '{"n":1}' })
    }).pipe(Effect.scoped)
  )

  it.effect("says which calls are for the client", () =>
    Effect.gen(function* () {
      const ask = Toolkit.make(Tool.make("work", { parameters: Schema.Struct({ n: Schema.Natural }) }))
      const model = ScriptedModel.make({ replies: [written([call("a", 1)])] })
      const { probe } = yield* Solo.start(model, { agent: { clientTools: ask } })
      yield* probe.next("tool-invocation")
      assert.deepStrictEqual(
        probe.of("tool-input-delta").map(({ execution }) => execution),
        ["client", "client"]
      )
    }).pipe(Effect.scoped)
  )

  it.effect("is not streamed where the runtime does not want it, nor where no tool was offered", () =>
    Effect.gen(function* () {
      const off = yield* run([written([call("a", 1)]), text("done")], { runtime: { toolInputEvents: false } })
      assert.deepStrictEqual([inputs(off.log), off.ran], [{}, [1]])
      const last = yield* run([written([call("a", 1)]), written([call("b", 2)])], {
        query: { budget: { maxSteps: 2, onExhausted: "wrap-up" } }
      })
      assert.notProperty(inputs(last.log), "b")
    }).pipe(Effect.scoped)
  )
})

describe("the parts of a step's text", () => {
  it.effect("have a name, but for the first of each kind", () =>
    Effect.gen(function* () {
      const part = (type: "text" | "reasoning", said: string, key: string): ModelPart => ({
        type,
        text: said,
        part: key
      })
      const answer = reply(
        part("reasoning", "hm", "r1"),
        part("text", "One", "t1"),
        part("text", "Two", "t2"),
        part("text", " and one", "t1"),
        part("reasoning", "ah", "r2"),
        { type: "finish", reason: "stop" }
      )
      const { probe } = yield* Solo.finished([answer])
      assert.deepStrictEqual(
        [...probe.of("text"), ...probe.of("reasoning")].map((event) => [event.text, event.part]),
        [
          ["One", undefined],
          ["Two", "2"],
          [" and one", undefined],
          ["hm", undefined],
          ["ah", "2"]
        ]
      )
    }).pipe(Effect.scoped)
  )
})
