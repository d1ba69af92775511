import { assert, describe, it } from "@effect/vitest"
import { Agent, Model, Runtime } from "@reins/runtime"
import type { ModelPart } from "@reins/runtime"
import { ScriptedModel } from "@reins/runtime/testing"
import { Effect, Layer, Stream } from "effect"

const finish: ModelPart = { type: "finish", reason: "stop", usage: { inputUncached: 3, outputText: 4 } }

/** The model's own messages of this query, as sent with the thread's next query. */
const remembered = (parts: ReadonlyArray<ReadonlyArray<ModelPart>>) =>
  Effect.gen(function* () {
    const model = ScriptedModel.make({ replies: [{ parts: [...parts, [finish]] }, ScriptedModel.text("later")] })
    yield* Effect.gen(function* () {
      const runtime = yield* Runtime
      yield* runtime.query("first", { threadId: "t" }).pipe(Stream.runDrain)
      yield* runtime.query("second", { threadId: "t" }).pipe(Stream.runDrain)
    }).pipe(
      Effect.provide(
        Runtime.layer({ agents: [Agent.make("one", {})] }).pipe(Layer.provide(Layer.succeed(Model, model)))
      )
    )
    return model.requests[1]?.messages[1]?.content
  })

describe("parts of a model's answer", () => {
  it.effect("grow by deltas of their kind", () =>
    Effect.gen(function* () {
      const content = yield* remembered([
        [
          { type: "reasoning", text: "a" },
          { type: "reasoning", text: "b" }
        ],
        [
          { type: "text", text: "c" },
          { type: "text", text: "d" }
        ]
      ])
      assert.deepStrictEqual(content, [
        { type: "reasoning", text: "ab" },
        { type: "text", text: "cd" }
      ])
    })
  )

  it.effect("with a key of their own stay separate, each with its metadata", () =>
    Effect.gen(function* () {
      const content = yield* remembered([
        [
          { type: "reasoning", text: "a", part: "1", metadata: { p: { signature: "one" } } },
          { type: "reasoning", text: "b", part: "2", metadata: { p: { signature: "two" } } },
          { type: "text", text: "c", part: "1" }
        ]
      ])
      assert.deepStrictEqual(content, [
        { type: "reasoning", text: "a", metadata: { p: { signature: "one" } } },
        { type: "reasoning", text: "b", metadata: { p: { signature: "two" } } },
        { type: "text", text: "c" }
      ])
    })
  )

  it.effect("accept metadata that comes when the next part has begun", () =>
    Effect.gen(function* () {
      const content = yield* remembered([
        [{ type: "reasoning", text: "a", part: "1" }],
        [{ type: "reasoning", text: "b", part: "2" }],
        [{ type: "reasoning", text: "", part: "1", metadata: { p: { encrypted: "e" } } }],
        [{ type: "reasoning", text: "b", part: "2" }]
      ])
      assert.deepStrictEqual(content, [
        { type: "reasoning", text: "a", metadata: { p: { encrypted: "e" } } },
        { type: "reasoning", text: "bb" }
      ])
    })
  )

  it.effect("without text are kept when a provider wants them back", () =>
    Effect.gen(function* () {
      const content = yield* remembered([
        [{ type: "reasoning", text: "", part: "1", metadata: { p: { redacted: "r" } } }],
        [{ type: "reasoning", text: "", part: "2" }],
        [{ type: "text", text: "c", part: "3" }]
      ])
      assert.deepStrictEqual(content, [
        { type: "reasoning", text: "", metadata: { p: { redacted: "r" } } },
        { type: "text", text: "c" }
      ])
    })
  )
})
