/**
 * The AI SDK's own providers with our server as their model: `@ai-sdk/openai`, `@ai-sdk/anthropic`,
 * `@ai-sdk/openai-compatible`.
 */
import { createAnthropic } from "@ai-sdk/anthropic"
import { createOpenAI } from "@ai-sdk/openai"
import { createOpenAICompatible } from "@ai-sdk/openai-compatible"
import { assert, beforeEach, describe, it, vi } from "@effect/vitest"
import { generateText, isStepCount, streamText, tool } from "ai"
import type { LanguageModel, ModelMessage } from "ai"
import { Effect } from "effect"
import { z } from "zod"
import * as ServeAll from "./ServeAll.ts"

const apiKey = ServeAll.key

const models: { readonly [name: string]: (url: string) => LanguageModel } = {
  "openai, Responses": (url) => createOpenAI({ apiKey, baseURL: `${url}/openai-responses/v1` }).responses("assistant"),
  "openai, Chat Completions": (url) => createOpenAI({ apiKey, baseURL: `${url}/openai-chat/v1` }).chat("assistant"),
  anthropic: (url) => createAnthropic({ apiKey, baseURL: `${url}/anthropic/v1` })("assistant"),
  "openai-compatible": (url) =>
    createOpenAICompatible({ name: "reins", apiKey, baseURL: `${url}/openai-chat/v1`, includeUsage: true })("assistant")
}

const tools = {
  weather: tool({
    description: "Tells the weather",
    inputSchema: z.object({ city: z.string() }),
    execute: ({ city }) => `rain in ${city}`
  }),
  picture: tool({
    description: "Takes a picture",
    inputSchema: z.object({ city: z.string() }),
    execute: () => "a picture",
    toModelOutput: () => ({
      type: "content",
      value: [
        { type: "text", text: "seen" },
        { type: "file", mediaType: "image/png", data: { type: "data", data: ServeAll.png } }
      ]
    })
  })
}

/** The beginning of a PDF. */
const pdf = "JVBERi0xLjQKJcOkw7zDtsOf"
const user = (content: string): ModelMessage => ({ role: "user", content })
const maxRetries = 0

for (const [name, make] of Object.entries(models)) {
  describe(`AI SDK with ${name}`, () => {
    beforeEach(() => {
      vi.stubGlobal("AI_SDK_LOG_WARNINGS", false)
      return () => void vi.unstubAllGlobals()
    })
    const over = (behaviour: (model: LanguageModel) => Promise<void>) =>
      Effect.flatMap(ServeAll.url, (url) => Effect.promise(() => behaviour(make(url))))
    const shows = async (model: LanguageModel, messages: Array<ModelMessage>) =>
      ServeAll.shown((await generateText({ model, messages, maxRetries, tools })).text)

    it.live("runs its own tool within a turn, and goes on with a later one", () =>
      over(async (model) => {
        const messages = [user('call weather {"city":"Rome"}')]
        const first = await generateText({ model, messages, tools, maxRetries, stopWhen: isStepCount(4) })
        assert.include(first.text, 'Done: "rain in Rome"')
        const shown = await shows(model, [...messages, ...first.responseMessages, user("now show")])
        assert.deepStrictEqual(shown, [
          'user: call weather {"city":"Rome"}',
          "assistant: Let me see. ",
          'call: weather {"city":"Rome"}',
          "result: rain in Rome",
          'assistant: Done: "rain in Rome"',
          "user: now show"
        ])
      })
    )

    it.live("goes on behind a tool and a specialist of the server", () =>
      over(async (model) => {
        for (const prompt of ["scenario tool", "scenario specialist"]) {
          const first = await generateText({ model, prompt, maxRetries })
          assert.deepStrictEqual(
            first.toolCalls.filter(({ providerExecuted }) => providerExecuted !== true),
            []
          )
          const shown = await shows(model, [user(prompt), ...first.responseMessages, user("now show")])
          assert.deepStrictEqual([shown.at(0), shown.at(-1)], [`user: ${prompt}`, "user: now show"])
          assert.include(shown.join("\n"), "all about ")
          if (name === "anthropic") assert.match(shown.join("\n"), /\ncall: .*\nresult: .*all about /)
          if (shown.some((line) => line.startsWith("call: researcher"))) {
            assert.include(shown, 'call: researcher {"prompt":"tidal power"}')
          }
        }
      })
    )

    it.live("streams text and usage, stops, edits, and asks two things at once", () =>
      over(async (model) => {
        const streamed = streamText({ model, prompt: "hello there", maxRetries })
        assert.strictEqual(await streamed.text, "hello there")
        const { inputTokens = 0, outputTokens } = await streamed.usage
        assert.deepStrictEqual([inputTokens > 0, outputTokens], [true, 2])
        const controller = new AbortController()
        const stopped = streamText({ model, prompt: "scenario slow", maxRetries, abortSignal: controller.signal })
        for await (const _ of stopped.textStream) controller.abort()
        const shown = await Promise.all(
          ["one show", "one show", "edited show"].map((last) =>
            shows(model, [user("scenario slow"), { role: "assistant", content: "word1" }, user(last)])
          )
        )
        assert.deepStrictEqual(
          shown.map((one) => one.slice(1)),
          ["one show", "one show", "edited show"].map((last) => ["assistant: word1", `user: ${last}`])
        )
      })
    )

    it.live("fails with the error of a run, streamed and whole", () =>
      over(async (model) => {
        const failures: Array<unknown> = []
        const onError = ({ error }: { readonly error: unknown }) => void failures.push(error)
        const streamed = streamText({ model, prompt: "scenario error", maxRetries, onError })
        assert.strictEqual(await streamed.finishReason, "error")
        failures.push(
          await generateText({ model, prompt: "scenario error", maxRetries }).catch((error: unknown) => error)
        )
        assert.lengthOf(failures, 2)
        for (const failure of failures) assert.include(String(failure), "rejected the request")
      })
    )

    it.live("shows the model pictures and documents, in messages and in the results of its tools", () =>
      over(async (model) => {
        const messages: Array<ModelMessage> = [
          {
            role: "user",
            content: [
              { type: "text", text: 'call picture {"city":"Rome"}' },
              { type: "file", mediaType: "image/png", data: ServeAll.png },
              { type: "file", mediaType: "application/pdf", filename: "a.pdf", data: pdf }
            ]
          }
        ]
        const first = await generateText({ model, messages, tools, maxRetries, stopWhen: isStepCount(4) })
        const shown = await shows(model, [...messages, ...first.responseMessages, user("and show")])
        const files = shown.filter((line) => line.startsWith("file"))
        assert.deepStrictEqual(files.slice(0, 2), ["file: image/png", "file: application/pdf"])
        // Chat Completions has no pictures in results: its clients send them as text.
        if (!name.includes("Chat") && !name.includes("compatible")) {
          assert.deepStrictEqual(files.slice(2), ["file: image/png"])
          assert.include(shown, "result: seen")
        } else assert.include(shown.join("\n"), "seen")
      })
    )
  })
}

describe("AI SDK with openai, Responses", () => {
  it.live("asks its person about a tool of the server", () =>
    Effect.flatMap(ServeAll.url, (url) =>
      Effect.promise(async () => {
        const model = createOpenAI({ apiKey, baseURL: `${url}/openai-responses/v1` }).responses("assistant")
        const first = await generateText({ model, prompt: "scenario gated", maxRetries })
        const { approvalId = "" } = first.content.find((part) => part.type === "tool-approval-request") ?? {}
        const messages: Array<ModelMessage> = [
          user("scenario gated"),
          ...first.responseMessages,
          {
            role: "tool",
            content: [{ type: "tool-approval-response", approvalId, approved: true, providerExecuted: true }]
          }
        ]
        const second = await generateText({ model, messages, maxRetries })
        assert.strictEqual(second.text, 'Done: {"sent":"mia@example.com"}')
        const third = await generateText({
          model,
          messages: [...messages, ...second.responseMessages, user("now show")],
          maxRetries
        })
        assert.deepStrictEqual(ServeAll.shown(third.text).slice(2), [
          'call: send_mail {"to":"mia@example.com","subject":"hello"}',
          'result: {"sent":"mia@example.com"}',
          'assistant: Done: {"sent":"mia@example.com"}',
          "user: now show"
        ])
      })
    )
  )
})
