/** Checks that the clients reject invalid streams: otherwise their acceptance would prove nothing. */
import { afterEach, assert, beforeEach, describe, it, vi } from "@effect/vitest"
import Anthropic from "@anthropic-ai/sdk"
import { HttpAgent } from "@ag-ui/client"
import { DefaultChatTransport, readUIMessageStream } from "ai"
import OpenAI from "openai"
import type { Dialect } from "@reins/wire"
import { dialect as agUi } from "@reins/wire/ag-ui"
import { dialect as aiSdk } from "@reins/wire/ai-sdk"
import { dialect as anthropic } from "@reins/wire/anthropic"
import { dialect as responses } from "@reins/wire/openai-responses"
import { Host } from "./Host.ts"

/** The dialect's output, changed in transit. */
const through = (dialect: Dialect.Dialect, change: (text: string) => string) => {
  const host = new Host(dialect)
  return async (input: RequestInfo | URL, init?: RequestInit): Promise<Response> => {
    const response = await host.fetch(input, init)
    return new Response(change(await response.text()), { headers: response.headers })
  }
}

const without = (type: string) => (text: string) =>
  text
    .split("\n\n")
    .filter((frame) => !frame.includes(`"type":"${type}"`))
    .join("\n\n")

const fails = async (run: Promise<unknown>) =>
  assert.isTrue(
    await run.then(
      () => false,
      () => true
    )
  )

describe("the client rejects", () => {
  // One of them also logs to the console.
  beforeEach(() => void vi.spyOn(console, "error").mockImplementation(() => {}))
  afterEach(() => void vi.restoreAllMocks())

  it("a message without its start", () =>
    fails(
      new Anthropic({ apiKey: "none", maxRetries: 0, fetch: through(anthropic, without("message_start")) }).messages
        .stream({ model: "desk", max_tokens: 1, messages: [{ role: "user", content: "scenario text" }] })
        .finalMessage()
    ))

  it.each(["response.created", "response.output_item.added", "response.content_part.added"])(
    "a response without %s",
    (type) =>
      fails(
        new OpenAI({
          apiKey: "none",
          baseURL: "http://localhost",
          maxRetries: 0,
          fetch: through(responses, without(type))
        }).responses
          .stream({ model: "desk", input: "scenario text" })
          .finalResponse()
      )
  )

  it.each(["RUN_STARTED", "TEXT_MESSAGE_END", "STEP_FINISHED", "SUBAGENT_FINISHED"])("a run without %s", (type) =>
    fails(
      new HttpAgent({
        url: "http://localhost/run",
        initialMessages: [{ id: "u1", role: "user", content: "scenario specialist" }],
        fetch: through(agUi, without(type))
      }).runAgent()
    )
  )

  it("a delta without its part", async () => {
    const transport = new DefaultChatTransport({
      api: "http://localhost/chat",
      fetch: through(aiSdk, without("text-start"))
    })
    const stream = await transport.sendMessages({
      chatId: "c",
      messages: [{ id: "u1", role: "user", parts: [{ type: "text", text: "scenario text" }] }],
      trigger: "submit-message",
      messageId: undefined,
      abortSignal: undefined
    })
    const errors: Array<unknown> = []
    for await (const _ of readUIMessageStream({ stream, onError: (error) => errors.push(error) })) continue
    assert.isAbove(errors.length, 0)
  })
})
