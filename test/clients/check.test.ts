/**
 * Holds the readers of `reins check` against the clients whose protocols they read: what a client refuses, the check finds, and
 * what its own server sends, the check lets pass.
 */
import { HttpAgent } from "@ag-ui/client"
import Anthropic from "@anthropic-ai/sdk"
import { afterEach, assert, beforeEach, describe, it, vi } from "@effect/vitest"
import type { Frame } from "@reins/wire"
import { Sse } from "@reins/wire"
import { checkText } from "@reins/wire/check"
import type { Name } from "@reins/wire/check"
import {
  createUIMessageStream,
  createUIMessageStreamResponse,
  DefaultChatTransport,
  isStepCount,
  readUIMessageStream,
  simulateReadableStream,
  streamText,
  tool
} from "ai"
import { MockLanguageModelV4 } from "ai/test"
import OpenAI from "openai"
import { z } from "zod"
import { play } from "../wire/Play.ts"
import { scenarios } from "../wire/Scenarios.ts"
import { dialects } from "../wire/check/Mutants.ts"

type Fetch = () => Promise<Response>
const user = [{ role: "user" as const, content: "hi" }]
const key = { apiKey: "none", maxRetries: 0, baseURL: "http://localhost" }

/** How the clients read a stream; they fail where they refuse it. */
const clients: { readonly [name: string]: (fetch: Fetch) => Promise<unknown> } = {
  "ai-sdk": async (fetch) => {
    const transport = new DefaultChatTransport({ api: "http://localhost/chat", fetch })
    const stream = await transport.sendMessages({
      chatId: "c",
      messages: [{ id: "u1", role: "user", parts: [{ type: "text", text: "hi" }] }],
      trigger: "submit-message",
      messageId: undefined,
      abortSignal: undefined
    })
    const errors: Array<unknown> = []
    for await (const _ of readUIMessageStream({ stream, onError: (error) => errors.push(error) })) continue
    // What a stream says itself of its run is no refusal.
    const refused = errors.filter((error) => String(error) !== "Error: the model is gone")
    if (refused.length > 0) throw refused[0]
  },
  anthropic: (fetch) =>
    new Anthropic({ ...key, fetch }).messages.stream({ model: "m", max_tokens: 1, messages: user }).finalMessage(),
  "openai-chat": (fetch) =>
    new OpenAI({ ...key, fetch }).chat.completions.stream({ model: "m", messages: user }).finalChatCompletion(),
  "openai-responses": (fetch) =>
    new OpenAI({ ...key, fetch }).responses.stream({ model: "m", input: "hi" }).finalResponse(),
  "ag-ui": (fetch) =>
    new HttpAgent({
      url: "http://localhost/run",
      initialMessages: [{ id: "u1", role: "user", content: "hi" }],
      fetch
    }).runAgent()
}

const read: ReadonlyArray<Name> = ["ai-sdk", "anthropic", "openai-chat", "openai-responses", "ag-ui"]

const refuses = (name: Name, text: string): Promise<boolean> =>
  (clients[name] ?? (() => Promise.resolve()))(() =>
    Promise.resolve(new Response(text, { headers: { "content-type": "text/event-stream" } }))
  ).then(
    () => false,
    () => true
  )

type Frames = ReadonlyArray<Frame.Frame>

/** Every frame lost, doubled, sent one later. */
const damaged = (frames: Frames): ReadonlyArray<Frames> =>
  frames.flatMap((frame, index) => {
    const before = frames.slice(0, index)
    const after = frames.slice(index + 1)
    return [
      [...before, ...after],
      [...before, frame, frame, ...after],
      [...before, ...after.slice(0, 1), frame, ...after.slice(1)]
    ]
  })

describe("reins check", () => {
  beforeEach(() => void vi.spyOn(console, "error").mockImplementation(() => {}))
  afterEach(() => void vi.restoreAllMocks())

  it.each(read)("finds whatever the protocol's own client refuses: %s", async (name) => {
    let refused = 0
    for (const [scenario, log] of scenarios) {
      const [frames = [], ...others] = play(dialects[name].open, log)
      // A stream that fails says so itself, and clients pass that on as an error.
      if (others.length > 0 || (await refuses(name, Sse.encodeAll(frames)))) continue
      for (const change of damaged(frames)) {
        const text = Sse.encodeAll(change)
        if (!(await refuses(name, text))) continue
        refused += 1
        assert.isNotEmpty(checkText(text, { dialect: name }).violations, `${scenario}: ${text}`)
      }
    }
    assert.isAbove(refused, 20)
  })

  it("lets pass what the server of the AI SDK sends", async () => {
    const usage = {
      inputTokens: { total: 3, noCache: 3, cacheRead: 0, cacheWrite: 0 },
      outputTokens: { total: 3, text: 3, reasoning: 0 }
    }
    type Parts =
      Awaited<ReturnType<MockLanguageModelV4["doStream"]>>["stream"] extends ReadableStream<infer P> ? Array<P> : never
    const said = (id: string, delta: string): Parts => [
      { type: "text-start", id },
      { type: "text-delta", id, delta },
      { type: "text-end", id }
    ]
    const call = (toolCallId: string, toolName: string, input = "{}"): Parts => [
      { type: "tool-call", toolCallId, toolName, input }
    ]
    const calls: Parts = [{ type: "finish", finishReason: { unified: "tool-calls", raw: "tool_calls" }, usage }]
    const steps: ReadonlyArray<Parts> = [
      [
        { type: "reasoning-start", id: "r" },
        { type: "reasoning-delta", id: "r", delta: "hm" },
        { type: "reasoning-end", id: "r" },
        ...said("1", "Hello"),
        { type: "source", sourceType: "url", id: "s", url: "https://x.example", title: "x" },
        { type: "tool-input-start", id: "c1", toolName: "look" },
        { type: "tool-input-delta", id: "c1", delta: "{}" },
        { type: "tool-input-end", id: "c1" },
        ...call("c1", "look"),
        ...call("c2", "fail"),
        ...call("c3", "look", "{not json"),
        ...call("c4", "none"),
        ...calls
      ],
      [...said("1", "And now"), ...call("c5", "ask"), ...calls],
      [...said("1", "I wa"), { type: "error", error: new Error("it broke") }]
    ]
    const answer = (from: number) => {
      let step = from
      const model = new MockLanguageModelV4({
        doStream: async () => ({
          stream: simulateReadableStream<Parts[number]>({
            chunks: [{ type: "stream-start", warnings: [] }, ...(steps[step++] ?? [])]
          })
        })
      })
      const inputSchema = z.object({})
      const tools = {
        look: tool({
          inputSchema,
          execute: async function* () {
            yield "a"
            yield "b"
          }
        }),
        fail: tool({ inputSchema, execute: (): Promise<string> => Promise.reject(new Error("no")) }),
        ask: tool({ inputSchema, needsApproval: true, execute: () => Promise.resolve("x") })
      }
      const run = streamText({ model, prompt: "hi", stopWhen: isStepCount(5), onError: () => {}, tools })
      return run.toUIMessageStreamResponse().text()
    }
    const bare = createUIMessageStream({
      execute: ({ writer }) => {
        writer.write({ type: "data-note", data: 1 })
        writer.write({ type: "text-start", id: "a" })
        writer.write({ type: "text-delta", id: "a", delta: "hi" })
        writer.write({ type: "text-end", id: "a" })
      }
    })
    const written = createUIMessageStreamResponse({ stream: bare }).text()
    for (const text of [await answer(0), await answer(2), await written]) {
      const { frames, ...report } = checkText(text)
      assert.deepStrictEqual(report, { dialect: "ai-sdk", violations: [] }, text)
      assert.isAbove(frames, 4)
    }
  })
})
