import type { LanguageModelV4Prompt } from "@ai-sdk/provider"
import { assert, describe, it } from "@effect/vitest"
import type { Message } from "@reins/protocol"
import type { ToolDefinition } from "@reins/runtime"
import { Effect, Schema } from "effect"
import { ask, asking, request } from "../Ask.ts"
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

const tool = (name: string): ToolDefinition => ({
  name,
  description: undefined,
  parameters: { type: "object", properties: {} },
  strict: undefined
})

const calling = (toolName: string): ReadonlyArray<Part> => [
  { type: "tool-call", toolCallId: "c", toolName, input: "{}" },
  finish("tool-calls")
]

/** The names that a provider gets for these tools, and the tool that a call of each name means. */
const told = (names: ReadonlyArray<string>, taken: ReadonlyArray<string> = []) =>
  Effect.gen(function* () {
    const tools = names.map(tool)
    const providerTools = Object.fromEntries(taken.map((name) => [name, { id: `fake.${name}` }]))
    const first = fake([finish()])
    yield* ask(first, { providerTools }, request({ tools }))
    const as = first.asked[0]?.tools?.slice(0, names.length).map(({ name }) => name) ?? []
    const meant: Array<string> = []
    for (const name of as) {
      const { parts } = yield* ask(fake(calling(name)), { providerTools }, request({ tools }))
      meant.push(...parts.flatMap((part) => (part.type === "tool-call" ? [part.name] : [])))
    }
    return { as, meant }
  })

describe("tool names", () => {
  it.effect("are unchanged when every provider accepts them, and repaired otherwise", () =>
    Effect.gen(function* () {
      const names = ["look", "files/read", "The Planner", "3d", "a-b"]
      const { as, meant } = yield* told(names)
      assert.deepStrictEqual(as, ["look", "files_read", "The_Planner", "_3d", "a-b"])
      assert.deepStrictEqual(meant, names)
    })
  )

  it.effect("that every object has are replaced, since packages look names up in objects", () =>
    Effect.gen(function* () {
      const names = ["constructor", "toString", "__proto__", "hasOwnProperty"]
      const { as, meant } = yield* told(names)
      for (const name of as) assert.isFalse(name in Object.prototype, name)
      assert.strictEqual(new Set(as).size, names.length)
      assert.deepStrictEqual(meant, names)
    })
  )

  it.effect("stay unique after the repair, also among provider-run tools", () =>
    Effect.gen(function* () {
      const names = ["a.b", "a_b", "a/b", "web.search", "x".repeat(80), `${"x".repeat(80)}y`]
      const { as, meant } = yield* told(names, ["web_search"])
      assert.strictEqual(as[1], "a_b")
      assert.notInclude(as, "web_search")
      assert.strictEqual(new Set(as).size, names.length)
      assert.deepStrictEqual(meant, names)
    })
  )

  it.effect.prop(
    "are valid, unique, and mapped back, whatever ours are",
    { names: Schema.UniqueArray(Schema.String.check(Schema.isMinLength(1), Schema.isMaxLength(90))) },
    ({ names }) =>
      Effect.gen(function* () {
        const { as, meant } = yield* told(names)
        assert.deepStrictEqual(
          as.filter((name) => !/^[a-zA-Z_][a-zA-Z0-9_-]{0,63}$/.test(name)),
          []
        )
        assert.strictEqual(new Set(as).size, names.length)
        assert.deepStrictEqual(meant, names)
      })
  )

  it.effect("are the same in the conversation as among the tools", () =>
    Effect.gen(function* () {
      const model = fake([finish()])
      const messages = [
        { role: "assistant", content: [{ type: "tool-call", id: "c", name: "files/read", args: {} }] },
        { role: "tool", content: [{ type: "tool-result", id: "c", name: "files/read", result: 1 }] }
      ] as const
      for (const tools of [[tool("files/read")], []]) {
        yield* ask(model, undefined, request({ messages, tools }))
        const { prompt, tools: offered } = model.asked.at(-1) ?? { prompt: [], tools: [] }
        const said = JSON.stringify(prompt).match(/"toolName":"[^"]*"/g)
        assert.deepStrictEqual(said, ['"toolName":"files_read"', '"toolName":"files_read"'])
        assert.strictEqual(offered?.[0]?.name, "files_read")
      }
    })
  )

  it.effect("that were not offered stay as the model wrote them", () =>
    Effect.gen(function* () {
      const { parts } = yield* ask(fake(calling("gone.away")), undefined, request({ tools: [tool("look")] }))
      assert.deepInclude(parts[0], { type: "tool-call", name: "gone.away" })
    })
  )
})
