/** Which of an agent's models answers a request, by what clients of each protocol can say. */
import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import * as Served from "./Served.ts"

const user = (content: string) => ({ messages: [{ role: "user", content }] })

/** A request of each protocol with this `model`, and where its answer is. */
const ways: ReadonlyArray<readonly [name: string, path: string, body: (model: string) => object]> = [
  ["openai-chat", "/openai-chat/v1/chat/completions", (model) => ({ model, ...user("hello there") })],
  ["openai-responses", "/openai-responses/v1/responses", (model) => ({ model, input: "hello there" })],
  ["anthropic", "/anthropic/v1/messages", (model) => ({ model, max_tokens: 50, ...user("hello there") })],
  ["native, by its agent", "/native/query", (agent) => ({ agent, prompt: "hello there", stream: false })]
]

const strong = "from strong"

describe("a request that names a model", () => {
  it.live("is answered by it as `agent/model`, where the operator lets clients choose", () =>
    Effect.gen(function* () {
      const served = yield* Served.serve({ clientModels: ({ name }) => name === "dora" })
      for (const [name, path, body] of ways) {
        for (const asked of ["desk/strong", "desk/scripted:strong-1"]) {
          const answer = yield* served.ask(path, { body: body(asked) })
          assert.strictEqual(answer.status, 200, name)
          assert.include(answer.text, strong, `${name} ${asked}`)
        }
        const own = yield* served.ask(path, { body: body("desk") })
        assert.include(own.text, "hello there", name)
        const unknown = yield* served.ask(path, { body: body("desk/nope") })
        assert.strictEqual(unknown.status, 404, name)
        assert.include(unknown.text, "Its models: strong", name)
        // Another principal, to whom it is the name of no agent.
        const other = yield* served.ask(path, { body: body("desk/strong"), key: "sam-key" })
        assert.notInclude(other.text, strong, name)
      }
      // Where clients need not name an agent, a model's name is one of the default agent's.
      const [, chat, chatBody] = ways[0] ?? ways[1] ?? ["", "", () => ({})]
      assert.include((yield* served.ask(chat, { body: chatBody("strong") })).text, strong)
      assert.include((yield* served.ask(chat, { body: chatBody("gpt-5.2") })).text, "hello there")
      // By a field of its own, in the dialects that are ours to extend.
      const native = { prompt: "hello there", stream: false, model: "strong" }
      assert.include((yield* served.ask("/native/query", { body: native })).text, strong)
      const page = {
        id: "t-1",
        model: "strong",
        messages: [{ id: "m1", role: "user", parts: [{ type: "text", text: "hello there" }] }]
      }
      assert.include((yield* served.ask("/ai-sdk/chat", { body: page })).text, strong)
      const listed = yield* served.ask("/openai-chat/v1/models")
      assert.deepStrictEqual(
        listed.json.data.map(({ id }: { readonly id: string }) => id),
        ["desk", "desk/strong"]
      )
      const hidden = yield* served.ask("/openai-chat/v1/models", { key: "sam-key" })
      assert.deepStrictEqual(
        hidden.json.data.map(({ id }: { readonly id: string }) => id),
        ["desk"]
      )
      const one = yield* served.ask("/anthropic/v1/models/desk%2Fstrong")
      assert.strictEqual(one.json.id, "desk/strong")
    })
  )

  it.live("is answered by the agent's own where the operator lets nobody choose", () =>
    Effect.gen(function* () {
      const served = yield* Served.serve()
      const native = { prompt: "hello there", stream: false, model: "strong" }
      assert.include((yield* served.ask("/native/query", { body: native })).text, "hello there")
      const named = yield* served.ask("/native/query", { body: { ...native, agent: "desk/strong" } })
      assert.strictEqual(named.status, 404)
      assert.strictEqual(named.json.error.code, "UnknownAgent")
    })
  )
})
