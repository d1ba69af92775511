import type { LanguageModelV4Prompt } from "@ai-sdk/provider"
import { assert, describe, it } from "@effect/vitest"
import type { Message } from "@reins/protocol"
import { Effect, Schema } from "effect"
import { ask, asking } from "../Ask.ts"
import { fake, finish, type Part, text } from "../FakeModel.ts"

const call = (id: string): Message.Message => ({
  role: "assistant",
  content: [{ type: "tool-call", id, name: "look", args: {} }]
})
const result = (id: string): Message.Message => ({
  role: "tool",
  content: [{ type: "tool-result", id, name: "look", result: id }]
})

/** Calls and results as they were sent: `+` and `-` before their ids. */
const sent = (messages: ReadonlyArray<Message.Message>, provider = "fake.chat") =>
  Effect.gen(function* () {
    const model = { ...fake([...text("done"), finish()]), provider }
    const { exit } = yield* ask(model, undefined, asking(messages))
    assert.strictEqual(exit._tag, "Success")
    return idsOf(model.asked[0]?.prompt ?? [])
  })

const idsOf = (prompt: LanguageModelV4Prompt) =>
  prompt.flatMap((message) =>
    message.role === "system"
      ? []
      : message.content.flatMap((part) =>
          part.type === "tool-call"
            ? [`+${part.toolCallId}`]
            : part.type === "tool-result"
              ? [`-${part.toolCallId}`]
              : []
        )
  )

/** Whether each call has an id of its own and its result behind it. */
const arePairs = (ids: ReadonlyArray<string>) => {
  const calls = ids.filter((id) => id.startsWith("+")).map((id) => id.slice(1))
  const results = ids.filter((id) => id.startsWith("-")).map((id) => id.slice(1))
  return new Set(calls).size === calls.length && JSON.stringify(calls.toSorted()) === JSON.stringify(results.toSorted())
}

const anywhere = /^[+-][a-zA-Z0-9_-]{1,40}$/
const mistral = /^[+-][a-zA-Z0-9]{9}$/

describe("the call ids sent to a provider", () => {
  it.effect("are unchanged when every provider accepts them", () =>
    Effect.gen(function* () {
      assert.deepStrictEqual(yield* sent([call("toolu_01A-b"), result("toolu_01A-b")]), [
        "+toolu_01A-b",
        "-toolu_01A-b"
      ])
    })
  )

  it.effect("are the same in every request", () =>
    Effect.gen(function* () {
      const first = yield* sent([call("functions.look:0"), result("functions.look:0")])
      const more = yield* sent([
        call("functions.look:0"),
        result("functions.look:0"),
        call("functions.look:1"),
        result("functions.look:1")
      ])
      assert.deepStrictEqual(more.slice(0, 2), first)
    })
  )

  it.effect.prop(
    "are valid and paired, whatever ours are",
    { ids: Schema.Array(Schema.String.check(Schema.isMaxLength(80))), isMistral: Schema.Boolean },
    ({ ids, isMistral }) =>
      Effect.gen(function* () {
        const history = [...ids, "look|fc_1", "", "a".repeat(200), "look|fc_1"].flatMap((id) => [call(id), result(id)])
        const all = yield* sent(history, isMistral ? "mistral.chat" : "fake.chat")
        assert.strictEqual(all.length, history.length)
        assert.isTrue(arePairs(all))
        assert.deepStrictEqual(
          all.filter((id) => !(isMistral ? mistral : anywhere).test(id)),
          []
        )
      })
  )
})

describe("the call ids of a response", () => {
  const calls = (ids: ReadonlyArray<string>): ReadonlyArray<Part> =>
    ids.map((toolCallId) => ({ type: "tool-call", toolCallId, toolName: "look", input: "{}" }))

  it.effect("are kept, unless they are empty or repeat an earlier one", () =>
    Effect.gen(function* () {
      const { parts } = yield* ask(fake([...calls(["a", "", "a", "a_2", ""]), finish("tool-calls")]))
      const ids = parts.flatMap((part) => (part.type === "tool-call" ? [part.id] : []))
      assert.deepStrictEqual(ids, ["a", "call_2", "a_2", "a_2_2", "call_5"])
    })
  )

  it.effect("of provider-run calls are matched with their results, in order", () =>
    Effect.gen(function* () {
      const ran = (toolCallId: string, answer: number): ReadonlyArray<Part> => [
        { type: "tool-call", toolCallId, toolName: "code", input: "{}", providerExecuted: true },
        { type: "tool-result", toolCallId, toolName: "code", result: answer }
      ]
      const late: Part = { type: "tool-result", toolCallId: "before", toolName: "code", result: 3 }
      const { parts } = yield* ask(fake([...ran("s", 1), ...ran("s", 2), late, finish("tool-calls")]))
      assert.deepStrictEqual(
        parts.flatMap((part) => (part.type === "tool-result" ? [[part.id, part.result]] : [])),
        [
          ["s", 1],
          ["s_2", 2],
          ["before", 3]
        ]
      )
    })
  )
})
