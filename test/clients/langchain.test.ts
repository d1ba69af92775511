/** LangChain's models and LangGraph's agent, over the three protocols that they speak. */
import { assert, describe, it } from "@effect/vitest"
import { ChatAnthropic } from "@langchain/anthropic"
import { AIMessage, type AIMessageChunk, HumanMessage, SystemMessage, ToolMessage } from "@langchain/core/messages"
import type { BaseMessage } from "@langchain/core/messages"
import { tool } from "@langchain/core/tools"
import { MemorySaver } from "@langchain/langgraph"
import { createReactAgent } from "@langchain/langgraph/prebuilt"
import { ChatOpenAI } from "@langchain/openai"
import { Effect } from "effect"
import { z } from "zod"
import * as ServeAll from "./ServeAll.ts"

const asked = { model: "assistant", apiKey: ServeAll.key, maxRetries: 0 }

const models: { readonly [protocol: string]: (url: string) => ChatOpenAI | ChatAnthropic } = {
  "Chat Completions": (url) => new ChatOpenAI({ ...asked, configuration: { baseURL: `${url}/openai-chat/v1` } }),
  Responses: (url) =>
    new ChatOpenAI({ ...asked, useResponsesApi: true, configuration: { baseURL: `${url}/openai-responses/v1` } }),
  Messages: (url) => new ChatAnthropic({ ...asked, anthropicApiUrl: `${url}/anthropic` })
}

const weather = tool(({ city }: { readonly city: string }) => `rain in ${city}`, {
  name: "weather",
  description: "Tells the weather",
  schema: z.object({ city: z.string() })
})

const say = (text: string) => new HumanMessage(text)
const image = (data = ServeAll.png) => ({ type: "image_url", image_url: { url: `data:image/png;base64,${data}` } })

for (const [protocol, make] of Object.entries(models)) {
  describe(`LangChain over ${protocol}`, () => {
    const over = (behaviour: (model: ChatOpenAI | ChatAnthropic) => Promise<void>) =>
      Effect.flatMap(ServeAll.url, (url) => Effect.promise(() => behaviour(make(url))))

    it.live("runs its own tool over several turns, and sends its system message", () =>
      over(async (model) => {
        const bound = model.bindTools([weather])
        const messages: Array<BaseMessage> = [new SystemMessage("Be kind"), say('call weather {"city":"Rome"}')]
        const first = await bound.invoke(messages)
        messages.push(first)
        for (const call of first.tool_calls ?? []) messages.push(await weather.invoke({ ...call, type: "tool_call" }))
        const second = await bound.invoke(messages)
        assert.include(second.text, 'Done: "rain in Rome"')
        const third = await bound.invoke([...messages, second, say("now show")])
        assert.deepStrictEqual(ServeAll.shown(third.text), [
          'user: call weather {"city":"Rome"}',
          "assistant: Let me see. ",
          'call: weather {"city":"Rome"}',
          "result: rain in Rome",
          'assistant: Done: "rain in Rome"',
          "user: now show"
        ])
        assert.include(ServeAll.offered(third.text), "weather")
        assert.include(ServeAll.instructed(third.text), "Be kind")
      })
    )

    it.live("is not asked to run a tool of the server, and goes on behind it", () =>
      over(async (model) => {
        const first = await model.invoke([say("scenario tool")])
        assert.deepStrictEqual(first.tool_calls, [])
        const second = await model.invoke([say("scenario tool"), first, say("now show")])
        const shown = ServeAll.shown(second.text)
        assert.deepStrictEqual([shown.at(0), shown.at(-1)], ["user: scenario tool", "user: now show"])
        assert.include(shown.join("\n"), 'Done: {"answer":"all about tides"}')
        if (protocol === "Messages") assert.include(shown, 'result: {"answer":"all about tides"}')
      })
    )

    it.live("streams text and counts the tokens of both sides", () =>
      over(async (model) => {
        const chunks: Array<AIMessageChunk> = []
        for await (const chunk of await model.stream([say("hello there")])) chunks.push(chunk)
        const all = chunks.reduce((before, chunk) => before.concat(chunk))
        assert.strictEqual(all.text, "hello there")
        const usage = JSON.stringify(all.usage_metadata)
        assert.include(usage, '"output_tokens":2')
        // Of Anthropic's input it reads what a message begins with.
        assert.match(usage, /"input_tokens":[1-9]/)
      })
    )

    it.live("stops, edits, asks again, and asks twice at once: each request is its own conversation", () =>
      over(async (model) => {
        const controller = new AbortController()
        const stopped = model.stream([say("scenario slow")], { signal: controller.signal })
        await stopped
          .then(async (stream) => {
            for await (const _ of stream) controller.abort()
          })
          .catch(() => undefined)
        const answers = await Promise.all(
          ["one show", "one show", "edited show"].map((last) =>
            model.invoke([say("scenario slow"), new AIMessage("word1"), say(last)])
          )
        )
        assert.deepStrictEqual(
          answers.map(({ text }) => ServeAll.shown(text)),
          ["one show", "one show", "edited show"].map((last) => [
            "user: scenario slow",
            "assistant: word1",
            `user: ${last}`
          ])
        )
      })
    )

    it.live("shows the model images, in messages and in the results of tools", () =>
      over(async (model) => {
        const call = { id: "c1", name: "weather", args: { city: "Rome" } }
        const answer = await model.invoke([
          new HumanMessage({ content: [{ type: "text", text: "look" }, image()] }),
          new AIMessage({ content: "", tool_calls: [call] }),
          new ToolMessage({ tool_call_id: "c1", content: [{ type: "text", text: "seen" }, image()] }),
          say("and show")
        ])
        assert.deepStrictEqual(ServeAll.shown(answer.text), [
          "user: look",
          "file: image/png",
          'call: weather {"city":"Rome"}',
          "result: seen",
          "file: image/png",
          "user: and show"
        ])
      })
    )

    it.live("is driven by LangGraph's agent, which keeps the conversation", () =>
      over(async (model) => {
        const agent = createReactAgent({
          llm: model,
          tools: [weather],
          checkpointer: new MemorySaver(),
          prompt: "Be brief"
        })
        const config = { configurable: { thread_id: "1" } }
        const first = await agent.invoke({ messages: [say('call weather {"city":"Rome"}')] }, config)
        assert.deepStrictEqual(
          first.messages.map((message: BaseMessage) => message.type),
          ["human", "ai", "tool", "ai"]
        )
        const second = await agent.invoke({ messages: [say("again show")] }, config)
        const text = second.messages.at(-1)?.text ?? ""
        assert.deepStrictEqual(ServeAll.shown(text).slice(2), [
          'call: weather {"city":"Rome"}',
          "result: rain in Rome",
          'assistant: Done: "rain in Rome"',
          "user: again show"
        ])
        assert.include(ServeAll.instructed(text), "Be brief")
      })
    )
  })
}
