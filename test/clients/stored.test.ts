/**
 * What the official clients fetch, count, cancel and delete by ids, against the real server and the vendors' shapes.
 */
import Anthropic, { APIError as AnthropicError } from "@anthropic-ai/sdk"
import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import OpenAI, { APIError } from "openai"
import * as Served from "../server/Served.ts"
import * as Vendors from "./Vendors.ts"

const openai = ({ url }: Served.Served, path: string) =>
  new OpenAI({ apiKey: "dev-key", baseURL: `${url}${path}`, maxRetries: 0 })
const responsesOf = (served: Served.Served) => openai(served, "/openai-responses/v1").responses
const anthropicOf = ({ url }: Served.Served) =>
  new Anthropic({ apiKey: "dev-key", baseURL: `${url}/anthropic`, maxRetries: 0 })

/** The status of a refusal, and the field or the message that it names. */
const refusal = async (asked: Promise<unknown>) => {
  const error = await asked.then(
    () => undefined,
    (reason: unknown) => reason
  )
  return error instanceof APIError || error instanceof AnthropicError ? error.status : `no refusal: ${error}`
}

const tool = { type: "function" as const, name: "locate", parameters: { type: "object" }, strict: false }

describe("Responses", () => {
  it.live("lists the input of a response, page by page, with the calls and results before it", () =>
    Effect.gen(function* () {
      const served = yield* Served.serve()
      const responses = responsesOf(served)
      yield* Effect.promise(async () => {
        const first = await responses.create({ input: "tool" })
        const image_url = "data:image/png;base64,iVBORw0KGgo="
        const content = [
          { type: "input_text" as const, text: "see" },
          { type: "input_image" as const, detail: "auto" as const, image_url }
        ]
        const given = [{ type: "input_text" as const, text: '{"got":"red"}' }, content[1]].filter(
          (part) => part !== undefined
        )
        const second = await responses.create({ previous_response_id: first.id, input: "client" })
        const [call] = second.output.filter((item) => item.type === "function_call")
        const output = { type: "function_call_output" as const, call_id: call?.call_id ?? "", output: given }
        const third = await responses.create({ previous_response_id: second.id, input: [output] })
        const fourth = await responses.create({ previous_response_id: third.id, input: [{ role: "user", content }] })
        const listed = async (id: string) => {
          const items = []
          for await (const item of responses.inputItems.list(id, { order: "asc", limit: 2 })) items.push(item)
          const whole = await served.fetch(`/openai-responses/v1/responses/${id}/input_items?limit=100`)
          const body = await whole.json()
          for (const item of body.data) assert.isUndefined(Vendors.Item(item))
          assert.deepStrictEqual(body.data.toReversed(), items)
          return items.map((item) => ("role" in item ? `${item.type} ${item.role}` : item.type))
        }
        assert.deepStrictEqual(await listed(first.id), ["message user"])
        const two = ["message user", "mcp_call", "message assistant", "message user"]
        assert.deepStrictEqual(await listed(second.id), two)
        const three = [...two, "function_call", "function_call_output"]
        assert.deepStrictEqual(await listed(third.id), three)
        const result = (await responses.inputItems.list(fourth.id)).data.find(
          (item) => item.type === "function_call_output"
        )
        assert.deepStrictEqual<unknown>(result?.output, given)
        assert.deepStrictEqual(await listed(fourth.id), [...three, "message assistant", "message user"])
        assert.strictEqual(await refusal(responses.inputItems.list("resp_unknown").then()), 404)
        assert.strictEqual(await refusal(responses.inputItems.list(first.id, { limit: 0 }).then()), 400)
      })
    })
  )

  it.live("deletes a response with its thread, and none that a conversation goes on from", () =>
    Effect.gen(function* () {
      const served = yield* Served.serve()
      const responses = responsesOf(served)
      yield* Effect.promise(async () => {
        const one = await responses.create({ input: "one" })
        assert.strictEqual(
          (await served.fetch(`/openai-responses/v1/responses/${one.id}`, { key: "other-key" })).status,
          404
        )
        const gone = await served.fetch(`/openai-responses/v1/responses/${one.id}`, {
          method: "DELETE",
          key: "other-key"
        })
        assert.strictEqual(gone.status, 404)
        await responses.delete(one.id)
        assert.strictEqual(await refusal(responses.retrieve(one.id)), 404)
        assert.strictEqual(await refusal(responses.delete(one.id)), 404)
        const failed = await responses.create({ input: "error" })
        assert.strictEqual((await responses.retrieve(failed.id)).status, "failed")
        const two = await responses.create({ input: "two" })
        await responses.create({ input: "three", previous_response_id: two.id })
        assert.strictEqual(await refusal(responses.delete(two.id)), 409)
        const { conversations } = openai(served, "/openai-responses/v1")
        const { id } = await conversations.create({})
        const named = await responses.create({ input: "four", conversation: id })
        assert.strictEqual(await refusal(responses.delete(named.id)), 409)
        assert.strictEqual((await responses.retrieve(named.id)).output_text, "four")
      })
    })
  )

  it.live("cancels a response in the background, and returns it whole", () =>
    Effect.gen(function* () {
      const served = yield* Served.serve()
      const responses = responsesOf(served)
      yield* Effect.promise(async () => {
        const begun = await responses.create({ input: "held", background: true })
        assert.strictEqual(begun.status, "in_progress")
        const cancelled = await responses.cancel(begun.id)
        assert.isUndefined(Vendors.Response({ ...cancelled, output_text: undefined }))
        assert.deepInclude(cancelled, { id: begun.id, status: "cancelled" })
        assert.strictEqual((await responses.retrieve(begun.id)).status, "cancelled")
        const done = await responses.create({ input: "done" })
        assert.strictEqual((await responses.cancel(done.id)).status, "completed")
        assert.strictEqual(await refusal(responses.cancel("resp_unknown")), 404)
      })
    })
  )

  it.live("counts input tokens without making a response, and has models", () =>
    Effect.gen(function* () {
      const served = yield* Served.serve()
      const client = openai(served, "/openai-responses/v1")
      yield* Effect.promise(async () => {
        const count = async (input: string, tools: Array<typeof tool> = []) =>
          (await client.responses.inputTokens.count({ model: "desk", input, tools })).input_tokens
        const short = await count("hello")
        assert.isAbove(await count("hello ".repeat(100)), short + 100)
        assert.isAbove(await count("hello", [tool]), short)
        const found = await client.models.list()
        assert.deepStrictEqual(
          found.data.map(({ id }) => id),
          ["desk"]
        )
        assert.isUndefined(Vendors.Model(await client.models.retrieve("desk")))
        assert.strictEqual(await refusal(client.models.retrieve("nothing")), 404)
        assert.lengthOf(served.scene.model.requests, 0)
      })
    })
  )
})

describe("Conversations", () => {
  it.live("get items and lose them, by ids that stay, and refuse what is no part of them", () =>
    Effect.gen(function* () {
      const served = yield* Served.serve()
      const { conversations, responses } = openai(served, "/openai-responses/v1")
      yield* Effect.promise(async () => {
        const says = (content: string) => ({ role: "user" as const, content })
        const call = { type: "function_call" as const, call_id: "c1", name: "locate", arguments: "{}" }
        const { id } = await conversations.create({ items: [says("one"), { role: "system", content: "Be brief" }] })
        const added = await conversations.items.create(id, { items: [says("same"), call, says("same")] })
        for (const item of added.data) assert.isUndefined(Vendors.Item(item))
        assert.deepStrictEqual(
          added.data.map(({ type }) => type),
          ["message", "function_call", "message"]
        )
        const output = { type: "function_call_output" as const, call_id: "c1", output: '{"got":"late"}' }
        await conversations.items.create(id, { items: [output] })
        const all = async () => (await conversations.items.list(id, { order: "asc" })).data
        const types = (items: Awaited<ReturnType<typeof all>>) => items.map(({ type }) => type)
        const before = await all()
        assert.deepStrictEqual(types(before), [
          "message",
          "message",
          "function_call",
          "function_call_output",
          "message"
        ])
        const [one, first, , , last] = before
        const at = { conversation_id: id }
        await conversations.items.delete(one?.id ?? "", at)
        assert.deepStrictEqual(await all(), before.slice(1))
        assert.deepStrictEqual(await conversations.items.retrieve(last?.id ?? "", at), last)
        assert.strictEqual(await refusal(conversations.items.retrieve(one?.id ?? "", at)), 404)
        assert.strictEqual(await refusal(conversations.items.delete(one?.id ?? "", at)), 404)
        assert.notStrictEqual(first?.id, last?.id)
        const orphan = { ...output, call_id: "unknown" }
        assert.strictEqual(await refusal(conversations.items.create(id, { items: [orphan] })), 400)
        assert.strictEqual(await refusal(conversations.items.create("none", { items: [says("x")] })), 404)
        const shown = JSON.parse((await responses.create({ conversation: id, input: "show" })).output_text)
        const given = shown.messages.map(({ role }: { readonly role: string }) => role)
        assert.deepStrictEqual(given, ["user", "assistant", "tool", "user", "user"])
        assert.include(JSON.stringify(shown.messages), "late")
        assert.include(shown.instructions, "Be brief")
        assert.deepInclude(await conversations.update(id, { metadata: { topic: "tides" } }), {
          id,
          metadata: { topic: "tides" }
        })
        assert.deepInclude(await conversations.retrieve(id), { metadata: { topic: "tides" } })
        const waiting = await responses.create({ conversation: id, input: "client", tools: [tool] })
        assert.strictEqual(waiting.output.at(-1)?.type, "function_call")
        assert.strictEqual(await refusal(conversations.items.create(id, { items: [says("x")] })), 409)
        const other = new OpenAI({ apiKey: "other-key", baseURL: `${served.url}/openai-responses/v1`, maxRetries: 0 })
        assert.strictEqual(await refusal(other.conversations.items.create(id, { items: [says("x")] })), 404)
        assert.strictEqual(await refusal(other.conversations.items.delete(last?.id ?? "", at)), 404)
      })
    })
  )
})

describe("A stored answer", () => {
  it.live("says what the request said, as it did when it was made", () =>
    Effect.gen(function* () {
      const served = yield* Served.serve()
      const responses = responsesOf(served)
      yield* Effect.promise(async () => {
        const asked = { model: "gpt-x", instructions: "obey", temperature: 0.5, metadata: { topic: "tides" } }
        const text = { format: { type: "json_schema" as const, name: "answer", schema: { type: "object" } } }
        const made = await responses.create({ ...asked, input: "client", tools: [tool], text })
        assert.deepInclude(made, { model: "gpt-x", instructions: "obey", temperature: 0.5 })
        assert.deepStrictEqual(await responses.retrieve(made.id), made)
        const [call] = made.output.filter((item) => item.type === "function_call")
        const output = { type: "function_call_output" as const, call_id: call?.call_id ?? "", output: '{"got":"red"}' }
        const next = await responses.create({
          ...asked,
          top_p: 0.25,
          input: [output],
          previous_response_id: made.id,
          text,
          tools: [tool]
        })
        assert.deepInclude(next, { top_p: 0.25, previous_response_id: made.id })
        assert.deepStrictEqual(await responses.retrieve(next.id), next)
        assert.deepStrictEqual(await responses.retrieve(made.id), made)
        const { completions } = openai(served, "/openai-chat/v1").chat
        const said = await completions.create({ model: "gpt-x", messages: [{ role: "user", content: "one" }] })
        assert.deepStrictEqual(await completions.retrieve(said.id), said)
      })
    })
  )
})

describe("Chat Completions", () => {
  it.live("fetches and deletes a completion by its id", () =>
    Effect.gen(function* () {
      const served = yield* Served.serve()
      const { chat } = openai(served, "/openai-chat/v1")
      yield* Effect.promise(async () => {
        const { id } = await chat.completions.create({ model: "desk", messages: [{ role: "user", content: "one" }] })
        assert.isUndefined(Vendors.Completion(await chat.completions.retrieve(id)))
        assert.deepInclude(await chat.completions.delete(id), { id, deleted: true })
        assert.strictEqual(await refusal(chat.completions.retrieve(id)), 404)
        assert.strictEqual(await refusal(chat.completions.delete(id)), 404)
      })
    })
  )
})

describe("Messages", () => {
  it.live("counts tokens with system and tools, without making a message, and describes models", () =>
    Effect.gen(function* () {
      const served = yield* Served.serve()
      const { beta, messages, models } = anthropicOf(served)
      yield* Effect.promise(async () => {
        const asked = { model: "desk", messages: [{ role: "user" as const, content: "hello" }] }
        const plain = await messages.countTokens(asked)
        assert.isUndefined(Vendors.TokensCount(plain))
        const system = await messages.countTokens({ ...asked, system: "word ".repeat(50) })
        assert.isAbove(system.input_tokens, plain.input_tokens + 50)
        const input_schema = { type: "object" as const, properties: { place: { type: "string" } } }
        const tools = await messages.countTokens({ ...asked, tools: [{ name: "locate", input_schema }] })
        assert.isAbove(tools.input_tokens, plain.input_tokens)
        assert.isNull((await beta.messages.countTokens(asked)).context_management)
        const model = await models.retrieve("desk")
        assert.isUndefined(Vendors.ModelInfo(model))
        assert.strictEqual(await refusal(models.retrieve("nothing")), 404)
        assert.lengthOf(served.scene.model.requests, 0)
      })
    })
  )
})
