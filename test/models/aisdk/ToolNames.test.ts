import { assert, describe, it } from "@effect/vitest"
import type { ToolDefinition } from "@reins/runtime"
import { Effect, Schema } from "effect"
import { ask, request } from "../Ask.ts"
import { fake, finish, type Part } from "../FakeModel.ts"

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
