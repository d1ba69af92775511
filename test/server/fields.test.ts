/**
 * What a request asks of the model reaches it, in every protocol that can ask; what cannot be had is refused by name.
 */
import { assert, describe, it } from "@effect/vitest"
import { ScriptedModel } from "@reins/runtime/testing"
import { Effect } from "effect"
import type { Parsed } from "../wire/Rule.ts"
import * as Served from "./Served.ts"

const schema = { type: "object", properties: { a: { type: "string" } } }
const user = [{ role: "user", content: "hello" }]
const chat = { path: "/openai-chat/v1/chat/completions", body: { model: "desk", messages: user } }
const responses = { path: "/openai-responses/v1/responses", body: { model: "desk", input: "hello" } }
const messages = { path: "/anthropic/v1/messages", body: { model: "desk", max_tokens: 7, messages: user } }
const run = { path: "/ag-ui/run", body: { threadId: "t", runId: "r", messages: [{ id: "m", ...user[0] }] } }

const asked: ReadonlyArray<readonly [string, typeof chat | typeof responses | typeof messages, object, object]> = [
  [
    "Chat Completions",
    chat,
    {
      max_tokens: 9,
      temperature: 0.5,
      top_p: 0.25,
      seed: 3,
      presence_penalty: 0.1,
      frequency_penalty: 0.2,
      stop: "END",
      reasoning_effort: "low",
      response_format: { type: "json_schema", json_schema: { name: "answer", schema } }
    },
    {
      maxOutputTokens: 9,
      output: { name: "answer", schema },
      settings: {
        temperature: 0.5,
        topP: 0.25,
        seed: 3,
        presencePenalty: 0.1,
        frequencyPenalty: 0.2,
        stopSequences: ["END"],
        reasoning: "low"
      }
    }
  ],
  [
    "Responses",
    responses,
    {
      max_output_tokens: 9,
      temperature: 0.5,
      top_p: 0.25,
      reasoning: { effort: "high" },
      text: { format: { type: "json_object" } }
    },
    {
      maxOutputTokens: 9,
      output: { name: "json", schema: { type: "object" } },
      settings: { temperature: 0.5, topP: 0.25, reasoning: "high" }
    }
  ],
  [
    "Messages",
    messages,
    {
      temperature: 0.5,
      top_p: 0.25,
      top_k: 4,
      stop_sequences: ["END"],
      thinking: { type: "enabled", budget_tokens: 2000 },
      output_config: { format: { type: "json_schema", schema } }
    },
    {
      maxOutputTokens: 7,
      output: { name: "answer", schema },
      settings: { temperature: 0.5, topP: 0.25, topK: 4, stopSequences: ["END"], reasoning: "low" }
    }
  ]
]

/** Each protocol's words for: no call, some call, a call of `plain`. */
const choices = {
  [chat.path]: ["none", "required", { type: "function", function: { name: "plain" } }],
  [responses.path]: ["none", "required", { type: "mcp", server_label: "reins", name: "plain" }],
  [messages.path]: [{ type: "none" }, { type: "any" }, { type: "tool", name: "plain" }]
}

describe("a request", () => {
  it.live.each(asked)("passes format, size and settings to the model: %s", ([, { body, path }, fields, expected]) =>
    Effect.gen(function* () {
      const served = yield* Served.serve()
      served.scene.model.push(ScriptedModel.text("none"), ScriptedModel.text('```json\n{ "a": "b" }\n```'))
      const { status, text } = yield* served.ask(path, { body: { ...body, ...fields } })
      assert.strictEqual(status, 200, text)
      // What did not fit is not shown, and what does without its fence.
      assert.include(text, '{\\"a\\":\\"b\\"}')
      assert.notInclude(text, "none")
      assert.deepInclude(served.scene.model.requests.at(-1), expected)
      yield* served.ask(path, { body })
      assert.isUndefined(served.scene.model.requests.at(-1)?.settings)
    })
  )

  it.live.each([chat, responses, messages])("chooses the first step's tool, or none: $path", ({ body, path }) =>
    Effect.gen(function* () {
      const served = yield* Served.serve()
      const prompted = JSON.parse(JSON.stringify(body).replace("hello", "tool"))
      const [none, some, one] = choices[path] ?? []
      const send = (tool_choice: unknown) => served.ask(path, { body: { ...prompted, tool_choice } })
      const { requests } = served.scene.model
      yield* send(none)
      assert.deepStrictEqual(requests.map(({ tools }) => tools).at(-1), [])
      for (const [choice, expected] of [
        [some, "required"],
        [one, { tool: "plain" }]
      ]) {
        const before = requests.length
        assert.strictEqual((yield* send(choice)).status, 200)
        const said = requests.slice(before).map(({ settings }) => settings?.toolChoice)
        assert.deepStrictEqual(said, [expected, undefined])
      }
      const unknown = yield* send(JSON.parse(JSON.stringify(one).replace("plain", "nothing")))
      assert.strictEqual(unknown.status, 422)
      assert.include(unknown.text, "nothing")
    })
  )

  it.live.each([
    [chat, { parallel_tool_calls: false }],
    [responses, { parallel_tool_calls: false }],
    [messages, { tool_choice: { type: "auto", disable_parallel_tool_use: true } }]
  ] as const)("makes one call at a time when it asks for that: %j", ([{ body, path }, more]) =>
    Effect.gen(function* () {
      const served = yield* Served.serve()
      const prompted = JSON.parse(JSON.stringify(body).replace("hello", "calls plain plain"))
      const resultsOf = () =>
        served.scene.model.requests.at(-1)?.messages.flatMap(({ content, role }) => (role === "tool" ? content : []))
      yield* served.ask(path, { body: prompted })
      assert.lengthOf(resultsOf() ?? [], 2)
      assert.strictEqual((yield* served.ask(path, { body: { ...prompted, ...more } })).status, 200)
      assert.lengthOf(resultsOf() ?? [], 1)
    })
  )

  it.live("continues a waiting run only if its model settings are the same", () =>
    Effect.gen(function* () {
      const served = yield* Served.serve()
      const question = { role: "user", content: "client" }
      const ask = (messages: ReadonlyArray<object>, more: object) =>
        served.ask(chat.path, { body: { model: "desk", messages, ...more } })
      const first = yield* ask([question], { temperature: 0.5 })
      const [call] = first.json.choices[0].message.tool_calls
      const said = [
        question,
        { role: "assistant", content: null, tool_calls: [call] },
        { role: "tool", tool_call_id: call.id, content: '{"got":"green"}' }
      ]
      const changed = yield* ask(said, { temperature: 1 })
      assert.strictEqual(changed.status, 200, changed.text)
      assert.strictEqual(served.scene.model.requests.at(-1)?.settings?.temperature, 1)
      const same = yield* ask(said, { temperature: 0.5 })
      assert.strictEqual(served.scene.model.requests.at(-1)?.settings?.temperature, 0.5)
      const runOf = ({ json }: { readonly json: Parsed }) => String(json.id).replace(/^chatcmpl-(\d+~)?/, "")
      assert.strictEqual(runOf(same), runOf(first))
      assert.notStrictEqual(runOf(changed), runOf(first))
    })
  )

  it.live("passes AG-UI's context and state to the model", () =>
    Effect.gen(function* () {
      const served = yield* Served.serve()
      const context = [{ description: "The page", value: "orders" }]
      yield* served.ask(run.path, { body: { ...run.body, context, state: { open: true } } })
      const { instructions = "" } = served.scene.model.requests.at(-1) ?? {}
      assert.include(instructions, "The page:\norders")
      assert.include(instructions, '{"open":true}')
      yield* served.ask(run.path, { body: { ...run.body, threadId: "u", runId: "s", context: [], state: {} } })
      assert.isUndefined(served.scene.model.requests.at(-1)?.instructions)
    })
  )

  it.live("is refused in the protocol's error format when it cannot be honoured, before anything runs", () =>
    Effect.gen(function* () {
      const served = yield* Served.serve()
      const n = yield* served.ask(chat.path, { body: { ...chat.body, n: 2 } })
      assert.strictEqual(n.status, 400)
      assert.deepInclude(n.json.error, { type: "invalid_request_error", param: "n", code: "UnsupportedField" })
      const typo = yield* served.ask(responses.path, { body: { ...responses.body, temperature: "hot" } })
      assert.deepInclude(typo.json.error, { type: "invalid_request_error", param: "temperature" })
      const servers = [{ type: "url", url: "https://example.com", name: "x" }]
      const mcp = yield* served.ask(messages.path, { body: { ...messages.body, mcp_servers: servers } })
      assert.strictEqual(mcp.status, 400)
      assert.deepInclude(mcp.json, { type: "error" })
      assert.include(mcp.json.error.message, "mcp_servers")
      assert.strictEqual(served.scene.model.requests.length, 0)
    })
  )

  it.live("runs in the background when Responses requests it, and is fetched by its id", () =>
    Effect.gen(function* () {
      const served = yield* Served.serve()
      const body = { ...responses.body, input: "held", background: true, metadata: { topic: "tides" } }
      const { json } = yield* served.ask(responses.path, { body })
      assert.deepInclude(json, { object: "response", status: "in_progress", background: true, output: [] })
      assert.deepInclude(json.metadata, { topic: "tides" })
      const path = `${responses.path}/${json.id}`
      assert.deepInclude((yield* served.ask(path)).json, { id: json.id, status: "in_progress" })
      yield* served.scene.hold.release
      yield* served.ask(`${path}?stream=true`)
      assert.deepInclude((yield* served.ask(path)).json, { id: json.id, status: "completed" })
    })
  )
})
