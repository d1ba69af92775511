import { assert, layer } from "@effect/vitest"
import { Agent } from "@reins/runtime"
import { Effect, Schema } from "effect"
import { Tool, Toolkit } from "effect/ai"
import * as Asked from "./Provider.ts"

const Look = Tool.make("look", { parameters: Schema.Struct({ at: Schema.String }), success: Schema.String })
const Looking = Toolkit.make(Look)
const agent = Agent.make("looker", {
  toolkit: Effect.provide(Looking, Looking.toLayer({ look: ({ at }) => Effect.succeed(`saw ${at}`) }))
})

const about = { id: "c", object: "chat.completion.chunk", created: 1, model: "m" }

const calling = (calls: ReadonlyArray<readonly [id: string, args: string]>, usage: object | undefined) =>
  Asked.recordingOf("chat", [
    ...calls.map(([id, args], index) => ({
      ...about,
      choices: [
        {
          index: 0,
          delta: { tool_calls: [{ index, id, type: "function", function: { name: "look", arguments: args } }] },
          finish_reason: null
        }
      ]
    })),
    {
      ...about,
      choices: [{ index: 0, delta: {}, finish_reason: "tool_calls" }],
      ...(usage === undefined ? {} : { usage })
    }
  ])

const usage = { prompt_tokens: 20, completion_tokens: 8, total_tokens: 28 }

const run = (recording: ReturnType<typeof calling>) =>
  Effect.gen(function* () {
    const provider = yield* Asked.Provider
    provider.clear()
    provider.push(Asked.recorded(recording), Asked.recorded(Asked.small("chat", ["Done."])))
    return yield* Asked.run("chat", { agent })
  })

layer(Asked.layer)("an invalid response", (it) => {
  it.effect.each(["look at home", '{"at":"ho', "[]", "42", '{"at":7}'])(
    "with arguments %s gives the model a failed result, and the run continues",
    (args) =>
      Effect.gen(function* () {
        const { events, finish, text } = yield* run(calling([["call_1", args]], usage))
        const result = events.find((event) => event.type === "tool-invocation" && event.state === "result")
        assert.deepInclude(result, { toolInvocationId: "call_1", status: "failed" })
        assert.strictEqual(text, "Done.")
        assert.strictEqual(finish?.finishReason, "stop")
      })
  )

  it.effect("with a duplicate call id runs both calls, each under its own id", () =>
    Effect.gen(function* () {
      const block = (index: number, at: string) => [
        {
          type: "content_block_start",
          index,
          content_block: { type: "tool_use", id: "toolu_1", name: "look", input: {} }
        },
        { type: "content_block_delta", index, delta: { type: "input_json_delta", partial_json: `{"at":"${at}"}` } },
        { type: "content_block_stop", index }
      ]
      const [start, , , , end, stop] = Asked.small("anthropic", ["x"]).payloads.map((payload) => JSON.parse(payload))
      const provider = yield* Asked.Provider
      provider.clear()
      const called = { ...end, delta: { ...end.delta, stop_reason: "tool_use" } }
      provider.push(
        Asked.recorded(Asked.recordingOf("anthropic", [start, ...block(0, "a"), ...block(1, "b"), called, stop])),
        Asked.recorded(Asked.small("anthropic", ["Done."]))
      )
      const { events, finish } = yield* Asked.run("anthropic", { agent })
      const results = events.flatMap((event) =>
        event.type === "tool-invocation" && event.state === "result" ? [[event.toolInvocationId, event.result]] : []
      )
      assert.deepStrictEqual(results, [
        ["toolu_1", "saw a"],
        ["toolu_1_2", "saw b"]
      ])
      assert.strictEqual(finish?.finishReason, "stop")
    })
  )

  it.effect("without usage gets an estimate, marked as one", () =>
    Effect.gen(function* () {
      const { cost } = yield* run(calling([["call_1", '{"at":"a"}']], undefined))
      assert.isTrue(cost?.estimated)
      assert.isAbove(cost?.root.usage.totalTokens ?? 0, 10)
    })
  )

  it.effect("with negative usage gets an estimate, marked as one", () =>
    Effect.gen(function* () {
      const { cost } = yield* run(
        calling([["call_1", '{"at":"a"}']], { prompt_tokens: -20, completion_tokens: -8, total_tokens: -28 })
      )
      assert.isTrue(cost?.estimated)
      assert.isAbove(cost?.root.usage.promptTokens ?? 0, 7)
      assert.isAbove(cost?.root.usage.completionTokens ?? 0, 3)
    })
  )

  it.effect("that was already shown is not retried, and ends with an error", () =>
    Effect.gen(function* () {
      const provider = yield* Asked.Provider
      provider.clear()
      provider.push(Asked.recorded(Asked.small("chat", ["one ", "two ", "three"]), { cutAt: 0.4 }))
      const { cost, error, text } = yield* Asked.run("chat", { modelRetries: 2 })
      assert.strictEqual(error?.code, "E_NETWORK_FAILED")
      assert.match(text, /^one/)
      assert.isTrue(cost?.estimated)
    })
  )
})
