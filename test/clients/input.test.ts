/** What the official clients make of calls that are written while they are shown, and of sources. */
import { assert, describe, it } from "@effect/vitest"
import Anthropic from "@anthropic-ai/sdk"
import { DefaultChatTransport, isToolUIPart, readUIMessageStream, type UIMessage } from "ai"
import OpenAI from "openai"
import { dialect as agUi } from "@reins/wire/ag-ui"
import { dialect as aiSdk } from "@reins/wire/ai-sdk"
import { dialect as anthropic } from "@reins/wire/anthropic"
import { dialect as chat } from "@reins/wire/openai-chat"
import { dialect as responses } from "@reins/wire/openai-responses"
import { HttpAgent } from "@ag-ui/client"
import { Host } from "./Host.ts"

/** Each version of the message that a page would show. */
const shown = async (scenario: string): Promise<ReadonlyArray<UIMessage>> => {
  const transport = new DefaultChatTransport({ api: "http://localhost/chat", fetch: new Host(aiSdk).fetch })
  const stream = await transport.sendMessages({
    chatId: "thread-1",
    messages: [{ id: "u1", role: "user", parts: [{ type: "text", text: `scenario ${scenario}` }] }],
    trigger: "submit-message",
    messageId: undefined,
    abortSignal: undefined
  })
  const versions: Array<UIMessage> = []
  for await (const message of readUIMessageStream({ stream })) versions.push(structuredClone(message))
  return versions
}

describe("a call that is written", () => {
  it("grows in a page of useChat, and is whole once", async () => {
    const inputs = (await shown("written tools")).flatMap(({ parts }) =>
      parts.filter(isToolUIPart).flatMap((part) => (part.toolCallId === "c1" ? [[part.state, part.input]] : []))
    )
    const states = inputs.map(([state, input]) => JSON.stringify([state, input ?? null]))
    assert.includeMembers(states, [
      '["input-streaming",null]',
      '["input-streaming",{"q":"a"}]',
      '["input-available",{"q":"a"}]'
    ])
  })

  it("is taken back with its step by a page of useChat", async () => {
    const last = (await shown("written and retracted")).at(-1)
    assert.deepStrictEqual(
      last?.parts.filter(isToolUIPart).map(({ state, toolCallId }) => [toolCallId, state]),
      [["c2", "output-available"]]
    )
  })

  it("is not taken for a call when a page sends it back", async () => {
    const host = new Host(aiSdk)
    const transport = new DefaultChatTransport({ api: "http://localhost/chat", fetch: host.fetch })
    await transport.sendMessages({
      chatId: "thread-1",
      messages: [
        { id: "u1", role: "user", parts: [{ type: "text", text: "hi" }] },
        {
          id: "a1",
          role: "assistant",
          parts: [
            { type: "text", text: "So." },
            { type: "tool-search", toolCallId: "void-1", state: "input-streaming", input: { q: "a" } },
            { type: "source-url", sourceId: "s1", url: "https://acme.test" }
          ]
        },
        { id: "u2", role: "user", parts: [{ type: "text", text: "scenario text" }] }
      ],
      trigger: "submit-message",
      messageId: undefined,
      abortSignal: undefined
    })
    const command = JSON.stringify(host.commands)
    assert.include(command, "So.")
    assert.notInclude(command, "void-1")
  })

  it("adds up to its arguments in OpenAI's clients and Anthropic's", async () => {
    const options = { apiKey: "none", maxRetries: 0 }
    const prompt = "scenario written for the client"
    const host = new Host(chat)
    const openai = new OpenAI({ ...options, baseURL: "http://localhost", fetch: host.fetch })
    const pieces: Array<string> = []
    const completion = openai.chat.completions.stream({ model: "desk", messages: [{ role: "user", content: prompt }] })
    completion.on("tool_calls.function.arguments.delta", ({ arguments_delta }) => pieces.push(arguments_delta))
    const [choice] = (await completion.finalChatCompletion()).choices
    const [call] = choice?.message.tool_calls ?? []
    assert.strictEqual(call?.type === "function" ? call.function.arguments : undefined, '{"fine":true}')
    assert.isAtLeast(pieces.length, 2)

    const other = new OpenAI({ ...options, baseURL: "http://localhost", fetch: new Host(responses).fetch })
    const response = await other.responses.stream({ model: "desk", input: prompt }).finalResponse()
    const made = response.output.flatMap((item) => (item.type === "function_call" ? [item.arguments] : []))
    assert.deepStrictEqual(made, ['{"fine":true}'])

    const claude = new Anthropic({ ...options, baseURL: "http://localhost", fetch: new Host(anthropic).fetch })
    const json: Array<string> = []
    const message = await claude.messages
      .stream({ model: "desk", max_tokens: 100, messages: [{ role: "user", content: prompt }] })
      .on("inputJson", (partial) => json.push(partial))
      .finalMessage()
    const uses = message.content.flatMap((block) => (block.type === "tool_use" ? [block.input] : []))
    assert.deepStrictEqual([uses, json.length], [[{ fine: true }], 2])
  })

  it("adds up to its arguments in AG-UI's, and has a result that says so where it does not come", async () => {
    const run = async (scenario: string) => {
      const agent = new HttpAgent({
        url: "http://localhost/run",
        threadId: "thread-1",
        initialMessages: [{ id: "u1", role: "user", content: `scenario ${scenario}` }],
        fetch: new Host(agUi).fetch
      })
      await agent.runAgent({ runId: "their-run" })
      return agent.messages
    }
    const calls = (messages: Awaited<ReturnType<typeof run>>) =>
      messages.flatMap((message) =>
        message.role === "assistant" ? (message.toolCalls ?? []).map((call) => [call.id, call.function.arguments]) : []
      )
    assert.deepStrictEqual(calls(await run("written tools")).slice(0, 2), [
      ["c1", '{"q":"a"}'],
      ["c2", '{"at":1}']
    ])
    const retracted = await run("written and retracted")
    assert.deepStrictEqual(calls(retracted), [
      ["c1", '{"q":null}'],
      ["c2", '{"q":"a"}']
    ])
    const results = retracted.flatMap((message) =>
      message.role === "tool" ? [[message.toolCallId, message.content]] : []
    )
    assert.deepStrictEqual(results[0], ["c1", "The model did not finish this call. It did not run"])
  })
})

describe("sources", () => {
  it("are parts of a message in a page of useChat", async () => {
    const parts = (await shown("sources")).at(-1)?.parts ?? []
    assert.deepStrictEqual(
      parts.flatMap((part) => (part.type === "source-url" ? [[part.url, part.title]] : [])),
      [["https://acme.test/tides", "Tides"]]
    )
    assert.deepStrictEqual(
      parts.flatMap((part) => (part.type === "source-document" ? [part.title] : [])),
      ["A book"]
    )
    assert.deepStrictEqual(
      parts.flatMap((part) => (part.type === "text" ? [part.text] : [])),
      ["The tide turns twice a day.", " A second text."]
    )
  })

  it("are citations in OpenAI's responses and Anthropic's messages", async () => {
    const options = { apiKey: "none", maxRetries: 0 }
    const openai = new OpenAI({ ...options, baseURL: "http://localhost", fetch: new Host(responses).fetch })
    const response = await openai.responses.stream({ model: "desk", input: "scenario sources" }).finalResponse()
    const annotations = response.output.flatMap((item) =>
      item.type === "message"
        ? item.content.flatMap((part) => (part.type === "output_text" ? part.annotations.map(({ type }) => type) : []))
        : []
    )
    assert.deepStrictEqual(annotations, ["url_citation", "file_citation"])
    const claude = new Anthropic({ ...options, baseURL: "http://localhost", fetch: new Host(anthropic).fetch })
    const message = await claude.messages
      .stream({ model: "desk", max_tokens: 100, messages: [{ role: "user", content: "scenario sources" }] })
      .finalMessage()
    const urls = message.content.flatMap((block) =>
      block.type === "text"
        ? (block.citations ?? []).flatMap((one) => (one.type === "web_search_result_location" ? [one.url] : []))
        : []
    )
    assert.strictEqual(urls[0], "https://acme.test/tides")
  })
})
