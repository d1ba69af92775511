/** Client tools: the model is offered them, the client runs them, the run continues. And files that tools return. */
import { HttpAgent } from "@ag-ui/client"
import Anthropic from "@anthropic-ai/sdk"
import { assert, describe, it } from "@effect/vitest"
import { DefaultChatTransport, isToolUIPart, readUIMessageStream } from "ai"
import type { UIMessage } from "ai"
import { Effect } from "effect"
import OpenAI, { UnprocessableEntityError } from "openai"
import type { ChatCompletionMessageParam } from "openai/resources"
import * as Served from "../server/Served.ts"

const parameters = { type: "object", properties: { value: { type: "string" } }, required: ["value"] } as const

const openai = (served: Served.Served, path: string) =>
  new OpenAI({ apiKey: "dev-key", baseURL: `${served.url}${path}`, maxRetries: 0 })

const offered = (served: Served.Served) =>
  served.scene.model.requests.map(({ tools }) => tools.some(({ name }) => name === "brought"))

describe("a client tool", () => {
  it.live("is called through OpenAI's chat completions, as openai's own runner does", () =>
    Effect.gen(function* () {
      const served = yield* Served.serve()
      const seen: Array<unknown> = []
      const text = yield* Effect.promise(() =>
        openai(served, "/openai-chat/v1")
          .chat.completions.runTools({
            model: "desk",
            stream: true,
            messages: [{ role: "user", content: "brought" }],
            tools: [
              {
                type: "function",
                function: {
                  name: "brought",
                  description: "Brought along",
                  parameters: { ...parameters, required: ["value"] },
                  parse: (text: string): unknown => JSON.parse(text),
                  function: (args: unknown) => {
                    seen.push(args)
                    return '{"got":"it"}'
                  }
                }
              }
            ]
          })
          .finalContent()
      )
      assert.deepStrictEqual(seen, [{ value: "brought" }])
      assert.strictEqual(text, "all is done")
      assert.deepStrictEqual(offered(served), [true, true])
    })
  )

  it.live("is not offered to a later request that does not define it", () =>
    Effect.gen(function* () {
      const served = yield* Served.serve()
      const client = openai(served, "/openai-chat/v1")
      const tools: Array<OpenAI.ChatCompletionTool> = [{ type: "function", function: { name: "brought", parameters } }]
      const metadata = { thread_id: "t" }
      const say = (content: string, more: { readonly tools?: Array<OpenAI.ChatCompletionTool> } = {}) => {
        const messages: Array<ChatCompletionMessageParam> = [{ role: "user", content }]
        return client.chat.completions.create({ model: "desk", messages, metadata, ...more })
      }
      yield* Effect.promise(() => say("hello", { tools }))
      yield* Effect.promise(() => say("hello"))
      assert.deepStrictEqual(offered(served), [true, false])
    })
  )

  it.live("is refused when the agent has a tool of the same name", () =>
    Effect.gen(function* () {
      const served = yield* Served.serve()
      const error: unknown = yield* Effect.promise(() =>
        openai(served, "/openai-chat/v1")
          .chat.completions.create({
            model: "desk",
            messages: [{ role: "user", content: "hello" }],
            tools: [{ type: "function", function: { name: "gated", parameters } }]
          })
          .catch((reason: unknown) => reason)
      )
      assert.instanceOf(error, UnprocessableEntityError)
      assert.include(String(error), "Two tools are named gated")
    })
  )

  it.live("is called through OpenAI's responses", () =>
    Effect.gen(function* () {
      const served = yield* Served.serve()
      const client = openai(served, "/openai-responses/v1")
      const tools: Array<OpenAI.Responses.FunctionTool> = [
        { type: "function", name: "brought", parameters, strict: false }
      ]
      const told = yield* Effect.promise(async () => {
        const first = await client.responses.create({ model: "desk", input: "brought", tools })
        const call = first.output.find((item) => item.type === "function_call")
        const input = [{ type: "function_call_output" as const, call_id: call?.call_id ?? "", output: '{"got":"it"}' }]
        return await client.responses.create({ model: "desk", previous_response_id: first.id, input, tools })
      })
      assert.strictEqual(told.output_text, "all is done")
    })
  )

  it.live("is called through Anthropic's messages", () =>
    Effect.gen(function* () {
      const served = yield* Served.serve()
      const client = new Anthropic({ apiKey: "dev-key", baseURL: `${served.url}/anthropic`, maxRetries: 0 })
      const tools: Array<Anthropic.Tool> = [
        { name: "brought", description: "Brought", input_schema: { ...parameters, required: ["value"] } }
      ]
      const asked = { role: "user" as const, content: "brought" }
      const told = yield* Effect.promise(async () => {
        const first = await client.messages.create({ model: "desk", max_tokens: 100, tools, messages: [asked] })
        const call = first.content.find((block) => block.type === "tool_use")
        const second = await client.messages.create({
          model: "desk",
          max_tokens: 100,
          tools,
          messages: [
            asked,
            { role: "assistant", content: first.content },
            { role: "user", content: [{ type: "tool_result", tool_use_id: call?.id ?? "", content: '{"got":"it"}' }] }
          ]
        })
        return { first, second }
      })
      assert.strictEqual(told.first.stop_reason, "tool_use")
      assert.strictEqual(
        told.second.content.map((block) => (block.type === "text" ? block.text : "")).join(""),
        "all is done"
      )
    })
  )

  it.live("is called through AG-UI, as its frontends do", () =>
    Effect.gen(function* () {
      const served = yield* Served.serve()
      const agent = new HttpAgent({
        url: `${served.url}/ag-ui/run`,
        threadId: "a",
        headers: { authorization: "Bearer dev-key" },
        initialMessages: [{ id: "m1", role: "user", content: "brought" }]
      })
      const tools = [{ name: "brought", description: "Brought", parameters }]
      const first = yield* Effect.promise(() => agent.runAgent({ runId: "r1", tools }))
      const calls = first.newMessages.flatMap((message) => ("toolCalls" in message ? (message.toolCalls ?? []) : []))
      assert.deepStrictEqual(
        calls.map((call) => call.function.name),
        ["brought"]
      )
      agent.addMessage({ id: "m2", role: "tool", toolCallId: calls[0]?.id ?? "", content: '{"got":"it"}' })
      const second = yield* Effect.promise(() => agent.runAgent({ runId: "r2", tools }))
      assert.strictEqual(second.newMessages.findLast(({ role }) => role === "assistant")?.content, "all is done")
    })
  )
})

describe("a picture that a tool returns", () => {
  it.live(
    "is a file part of useChat's message, live and when the chat is opened again, and no bytes in the output",
    () =>
      Effect.gen(function* () {
        const served = yield* Served.serve()
        const headers = { authorization: "Bearer dev-key" }
        const transport = new DefaultChatTransport({ api: `${served.url}/ai-sdk/chat`, headers })
        const asked: UIMessage = { id: "m1", role: "user", parts: [{ type: "text", text: "picture" }] }
        const last = yield* Effect.promise(async () => {
          const stream = await transport.sendMessages({
            chatId: "t",
            messages: [asked],
            trigger: "submit-message",
            messageId: undefined,
            abortSignal: undefined
          })
          let last: UIMessage | undefined
          for await (const message of readUIMessageStream({ stream })) last = message
          return last
        })
        const [file] = yield* served.runtime.files.list("dev/t")
        const got = { type: "file", fileId: file?.fileId, filename: "sea.png", mediaType: "image/png", sizeBytes: 4 }
        const parts = last?.parts ?? []
        const call = parts.find(isToolUIPart)
        assert.deepStrictEqual(call?.output, { got })
        const files = parts.filter(({ type }) => type === "file")
        assert.deepStrictEqual(files, [
          { type: "file", mediaType: "image/png", url: `https://files.test/${file?.fileId}` }
        ])
        const { json } = yield* served.ask("/ai-sdk/chat/t/messages")
        assert.deepInclude(json[1].parts, {
          type: "file",
          mediaType: "image/png",
          url: "data:image/png;base64,iVBORw==",
          filename: "sea.png"
        })
        const given = served.scene.model.requests.at(-1)?.messages.at(-1)
        const part = given?.role === "tool" ? given.content[0] : undefined
        assert.deepStrictEqual<unknown>(part?.content?.[1], {
          type: "file",
          mediaType: "image/png",
          data: "iVBORw==",
          filename: "sea.png"
        })
      })
  )

  it.live("is an event with its address in AG-UI, and text with a reference where a protocol has no place for it", () =>
    Effect.gen(function* () {
      const served = yield* Served.serve()
      const agent = new HttpAgent({
        url: `${served.url}/ag-ui/run`,
        threadId: "a",
        headers: { authorization: "Bearer dev-key" },
        initialMessages: [{ id: "m1", role: "user", content: "picture" }]
      })
      const customs: Array<unknown> = []
      yield* Effect.promise(() =>
        agent.runAgent({ runId: "r1" }, { onCustomEvent: ({ event }) => void customs.push([event.name, event.value]) })
      )
      const [file] = yield* served.runtime.files.list("dev/a")
      const { fileId = "" } = file ?? {}
      const about = { fileId, filename: "sea.png", mediaType: "image/png", sizeBytes: 4 }
      assert.deepInclude(customs, ["reins.data-file-registered", { ...about, url: `https://files.test/${fileId}` }])
      const { output } = yield* Effect.promise(() =>
        openai(served, "/openai-responses/v1").responses.create({ input: "picture" })
      )
      const called = output.find((item) => item.type === "mcp_call")
      const told = JSON.parse(called?.output ?? "{}")
      assert.deepInclude(told.got, { type: "file", filename: "sea.png", sizeBytes: 4 })
    })
  )
})
