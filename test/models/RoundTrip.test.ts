import { assert, layer } from "@effect/vitest"
import { SmallAnswer } from "@reins/models/testing"
import { Agent } from "@reins/runtime"
import { Effect, Schema } from "effect"
import { Tool, Toolkit } from "effect/ai"
import * as Asked from "./Provider.ts"

const Look = Tool.make("look", { parameters: Schema.Struct({ at: Schema.String }), success: Schema.String })
const Looking = Toolkit.make(Look)
const agent = Agent.make("looker", {
  instructions: "Look first.",
  toolkit: Effect.provide(Looking, Looking.toLayer({ look: ({ at }) => Effect.succeed(`saw ${at}`) }))
})

/** A response with signed reasoning and a call. */
const thinking = Asked.recordingOf("anthropic", [
  {
    type: "message_start",
    message: {
      id: "m1",
      type: "message",
      role: "assistant",
      model: "claude-small",
      content: [],
      stop_reason: null,
      stop_sequence: null,
      usage: { input_tokens: 5, output_tokens: 1, cache_read_input_tokens: 90, cache_creation_input_tokens: 40 }
    }
  },
  { type: "content_block_start", index: 0, content_block: { type: "redacted_thinking", data: "hidden" } },
  { type: "content_block_stop", index: 0 },
  { type: "content_block_start", index: 1, content_block: { type: "thinking", thinking: "" } },
  { type: "content_block_delta", index: 1, delta: { type: "thinking_delta", thinking: "Where is it?" } },
  { type: "content_block_delta", index: 1, delta: { type: "signature_delta", signature: "signed" } },
  { type: "content_block_stop", index: 1 },
  {
    type: "content_block_start",
    index: 2,
    content_block: { type: "tool_use", id: "toolu_1", name: "look", input: {} }
  },
  { type: "content_block_delta", index: 2, delta: { type: "input_json_delta", partial_json: '{"at":' } },
  { type: "content_block_delta", index: 2, delta: { type: "input_json_delta", partial_json: '"home"}' } },
  { type: "content_block_stop", index: 2 },
  {
    type: "message_delta",
    delta: { stop_reason: "tool_use", stop_sequence: null },
    usage: { input_tokens: 5, output_tokens: 20, cache_read_input_tokens: 90, cache_creation_input_tokens: 40 }
  },
  { type: "message_stop" }
])

/** A run of two steps; returns the provider's second request. */
const twoSteps = (options: Parameters<typeof Asked.run>[1] = {}) =>
  Effect.gen(function* () {
    const provider = yield* Asked.Provider
    provider.push(Asked.recorded(thinking), Asked.recorded(Asked.small("anthropic", ["There."])))
    const result = yield* Asked.run("anthropic", { agent, ...options })
    const sent: {
      readonly system: unknown
      readonly messages: ReadonlyArray<{ readonly content: ReadonlyArray<object> }>
    } = JSON.parse(provider.received.at(-1)?.body ?? "{}")
    return { ...result, sent }
  })

layer(Asked.layer)("the next step", (it) => {
  it.effect("sends reasoning back to its provider with signature and encryption", () =>
    Effect.gen(function* () {
      const { sent } = yield* twoSteps()
      assert.deepStrictEqual(sent.messages[1]?.content, [
        { type: "redacted_thinking", data: "hidden" },
        { type: "thinking", thinking: "Where is it?", signature: "signed" },
        { type: "tool_use", id: "toolu_1", name: "look", input: { at: "home" } }
      ])
      assert.deepNestedInclude(sent.messages[2], {
        "content[0].type": "tool_result",
        "content[0].tool_use_id": "toolu_1",
        "content[0].content": "saw home"
      })
    })
  )

  it.effect("puts cache marks on the instructions and on the last message", () =>
    Effect.gen(function* () {
      const mark = { anthropic: { cacheControl: { type: "ephemeral" } } }
      const { sent } = yield* twoSteps({ model: { instructions: mark, lastMessage: mark } })
      assert.deepNestedInclude(sent, { "system[0].cache_control": { type: "ephemeral" } })
      assert.deepNestedInclude(sent.messages.at(-1), { "content[0].cache_control": { type: "ephemeral" } })
    })
  )

  it.effect("adds its usage to the first step's, and counts cached tokens once", () =>
    Effect.gen(function* () {
      const { finish } = yield* twoSteps()
      const { input, output } = SmallAnswer.tokens
      assert.deepStrictEqual(finish?.usage, {
        promptTokens: 135 + input,
        completionTokens: 20 + output,
        cacheReadInputTokens: 90,
        cacheCreationInputTokens: 40,
        totalTokens: 155 + input + output
      })
    })
  )
})

layer(Asked.layer)("a small answer", (it) => {
  it.effect.each(Asked.apis)("of %s passes its provider package, in any pieces", (api) =>
    Effect.gen(function* () {
      const provider = yield* Asked.Provider
      for (let seed = 1; seed <= 5; seed++) {
        provider.push(Asked.recorded(Asked.small(api, ["Grüße, ", "日本 ", "👩‍👩‍👧‍👦!"]), { seed, maxPiece: 7 }))
        const { finish, text } = yield* Asked.run(api)
        assert.strictEqual(text, "Grüße, 日本 👩‍👩‍👧‍👦!", `seed ${seed}`)
        assert.strictEqual(finish?.usage.totalTokens, 10)
      }
    })
  )
})
