/** The OpenAI Agents SDK with our server as its model, over Responses and Chat Completions. */
import { assert, beforeEach, describe, it, vi } from "@effect/vitest"
import { Agent, hostedMcpTool, MemorySession, Runner, tool } from "@openai/agents-core"
import type { AgentInputItem } from "@openai/agents-core"
import { OpenAIConversationsSession, OpenAIProvider } from "@openai/agents-openai"
import { Effect } from "effect"
import OpenAI from "openai"
import { z } from "zod"
import * as ServeAll from "./ServeAll.ts"

const city = z.object({ city: z.string() })
const weather = tool({
  name: "weather",
  description: "Tells the weather",
  parameters: city,
  execute: ({ city }) => `rain in ${city}`
})
const risky = tool({
  name: "risky",
  description: "Asks its own person first",
  parameters: city,
  needsApproval: true,
  execute: ({ city }) => `risk in ${city}`
})
const picture = tool({
  name: "picture",
  description: "Takes a picture",
  parameters: city,
  execute: () => ({ type: "image" as const, image: { data: ServeAll.png, mediaType: "image/png" } })
})
const desk = new Agent({
  name: "desk",
  model: "assistant",
  instructions: "Be kind",
  tools: [weather, risky, picture]
})

const over = (useResponses: boolean, behaviour: (runner: Runner, client: OpenAI) => Promise<void>) =>
  Effect.flatMap(ServeAll.url, (url) => {
    const baseURL = `${url}/${useResponses ? "openai-responses" : "openai-chat"}/v1`
    const openAIClient = new OpenAI({ apiKey: ServeAll.key, maxRetries: 0, baseURL })
    const modelProvider = new OpenAIProvider({ openAIClient, useResponses })
    return Effect.promise(() => behaviour(new Runner({ modelProvider, tracingDisabled: true }), openAIClient))
  })

const user = (content: string): AgentInputItem => ({ role: "user", content })
const called = [
  'user: call weather {"city":"Rome"}',
  "assistant: Let me see. ",
  'call: weather {"city":"Rome"}',
  "result: rain in Rome",
  'assistant: Done: "rain in Rome"',
  "user: now show"
]

for (const [protocol, useResponses] of [
  ["Responses", true],
  ["Chat Completions", false]
] as const) {
  describe(`OpenAI Agents over ${protocol}`, () => {
    // It says on the console what Chat Completions cannot carry.
    beforeEach(() => void vi.spyOn(console, "warn").mockImplementation(() => {}))

    it.live("keeps a conversation with its own tools, by its history and by a session", () =>
      over(useResponses, async (runner) => {
        const first = await runner.run(desk, 'call weather {"city":"Rome"}')
        const second = await runner.run(desk, [...first.history, user("now show")])
        assert.deepStrictEqual(ServeAll.shown(second.finalOutput ?? ""), called)
        assert.include(ServeAll.instructed(second.finalOutput ?? ""), "Be kind")
        const session = new MemorySession()
        await runner.run(desk, 'call weather {"city":"Rome"}', { session })
        const third = await runner.run(desk, "now show", { session })
        assert.deepStrictEqual(ServeAll.shown(third.finalOutput ?? ""), called)
      })
    )

    it.live("goes on behind tools of the server, whose results the model still has", () =>
      over(useResponses, async (runner) => {
        const first = await runner.run(desk, "calls lookup flaky")
        const second = await runner.run(desk, [...first.history, user("now show")])
        const shown = ServeAll.shown(second.finalOutput ?? "")
        assert.include(shown.join("\n"), '{"answer":"all about tides"}')
        assert.include(shown.join("\n"), "the shelf is empty")
        if (useResponses) assert.include(shown, 'result: {"answer":"all about tides"}')
      })
    )

    it.live("asks its own person about its own tools, and streams", () =>
      over(useResponses, async (runner) => {
        const first = await runner.run(desk, 'call risky {"city":"Rome"}')
        assert.lengthOf(first.interruptions, 1)
        for (const interruption of first.interruptions) first.state.approve(interruption)
        assert.include((await runner.run(desk, first.state)).finalOutput, 'Done: "risk in Rome"')
        const streamed = await runner.run(desk, 'call weather {"city":"Rome"}', { stream: true })
        let text = ""
        for await (const piece of streamed.toTextStream()) text += piece
        assert.include(text, 'Done: "rain in Rome"')
      })
    )

    it.live("hands over to another agent of the client", () =>
      over(useResponses, async (runner) => {
        const other = new Agent({ name: "other", model: "assistant", instructions: "Be other" })
        const first = new Agent({ name: "first", model: "assistant", handoffs: [other] })
        const done = await runner.run(first, "call transfer_to_other {}")
        assert.strictEqual(done.lastAgent?.name, "other")
      })
    )

    it.live("stops a stream, and asks anew", () =>
      over(useResponses, async (runner) => {
        const controller = new AbortController()
        const streamed = await runner.run(desk, "scenario slow", { stream: true, signal: controller.signal })
        for await (const _ of streamed.toTextStream()) controller.abort()
        const next = await runner.run(desk, [user("scenario slow"), user("now show")])
        assert.deepStrictEqual(ServeAll.shown(next.finalOutput ?? ""), ["user: scenario slow", "user: now show"])
      })
    )
  })
}

describe("OpenAI Agents over Responses", () => {
  it.live("goes on from a response, and in a conversation", () =>
    over(true, async (runner, client) => {
      const first = await runner.run(desk, 'call weather {"city":"Rome"}')
      const previousResponseId = first.lastResponseId ?? ""
      const second = await runner.run(desk, "now show", { previousResponseId })
      assert.deepStrictEqual(ServeAll.shown(second.finalOutput ?? ""), called)
      const { id: conversationId } = await client.conversations.create({})
      await runner.run(desk, 'call weather {"city":"Rome"}', { conversationId })
      const third = await runner.run(desk, "now show", { conversationId })
      assert.deepStrictEqual(ServeAll.shown(third.finalOutput ?? ""), called)
    })
  )

  it.live("edits and asks again from a response, and goes on from each answer in a tab of its own", () =>
    over(true, async (runner) => {
      const first = await runner.run(desk, 'call weather {"city":"Rome"}')
      const from = { previousResponseId: first.lastResponseId ?? "" }
      const shown = async (prompt: string, options = from) => {
        const { finalOutput = "", lastResponseId = "" } = await runner.run(desk, prompt, options)
        return { text: finalOutput, all: ServeAll.shown(finalOutput), next: { previousResponseId: lastResponseId } }
      }
      const edited = [...called.slice(0, -1), "user: edited show"]
      const second = await shown("now show")
      assert.deepStrictEqual(second.all, called)
      const third = await shown("edited show")
      assert.deepStrictEqual(third.all, edited)
      assert.deepStrictEqual((await shown("edited show")).all, edited)
      for (const { all, next, text } of [second, third, second]) {
        const more = await shown("more show", next)
        assert.deepStrictEqual(more.all, [...all, `assistant: ${text}`, "user: more show"])
      }
    })
  )

  it.live("keeps a session of conversations: over runs, pops what came last, and clears it", () =>
    over(true, async (runner, client) => {
      const session = new OpenAIConversationsSession({ client })
      await runner.run(desk, 'call weather {"city":"Rome"}', { session })
      assert.deepStrictEqual(
        (await session.getItems()).map((item) => item.type ?? "message"),
        ["message", "message", "function_call", "function_call_result", "message"]
      )
      const second = await runner.run(desk, "now show", { session })
      assert.deepStrictEqual(ServeAll.shown(second.finalOutput ?? ""), called)
      // The answer that shows, and its question.
      for (let count = 0; count < 2; count += 1) assert.isDefined(await session.popItem())
      assert.lengthOf(await session.getItems(), 5)
      assert.lengthOf(await session.getItems(2), 2)
      const third = await runner.run(desk, "again show", { session })
      assert.deepStrictEqual(ServeAll.shown(third.finalOutput ?? ""), [...called.slice(0, -1), "user: again show"])
      await session.addItems([user("by hand"), { role: "system", content: "Be brief" }])
      const fourth = await runner.run(desk, "once more show", { session })
      const shown = ServeAll.shown(fourth.finalOutput ?? "")
      assert.deepStrictEqual(shown.slice(-2), ["user: by hand", "user: once more show"])
      await session.clearSession()
      assert.deepStrictEqual(await session.getItems(), [])
    })
  )

  it.live("keeps in its session what waits for its person, and goes on from there", () =>
    over(true, async (runner, client) => {
      const session = new OpenAIConversationsSession({ client })
      const first = await runner.run(desk, 'call risky {"city":"Rome"}', { session })
      assert.lengthOf(first.interruptions, 1)
      for (const interruption of first.interruptions) first.state.approve(interruption)
      assert.include((await runner.run(desk, first.state, { session })).finalOutput, 'Done: "risk in Rome"')
      const next = await runner.run(desk, "now show", { session })
      assert.deepStrictEqual(ServeAll.shown(next.finalOutput ?? ""), [
        'user: call risky {"city":"Rome"}',
        "assistant: Let me see. ",
        'call: risky {"city":"Rome"}',
        "result: risk in Rome",
        'assistant: Done: "risk in Rome"',
        "user: now show"
      ])
    })
  )

  it.live("asks its person about tools of the server, and takes the conversation on with the answer in it", () =>
    over(true, async (runner) => {
      const asking = new Agent({
        name: "asking",
        model: "assistant",
        tools: [hostedMcpTool({ serverLabel: "reins", serverUrl: "http://127.0.0.1/none", requireApproval: "always" })]
      })
      const first = await runner.run(asking, "scenario gated")
      assert.lengthOf(first.interruptions, 1)
      for (const interruption of first.interruptions) first.state.approve(interruption)
      const second = await runner.run(asking, first.state)
      assert.strictEqual(second.finalOutput, 'Done: {"sent":"mia@example.com"}')
      const third = await runner.run(asking, [...second.history, user("now show")])
      assert.deepStrictEqual(ServeAll.shown(third.finalOutput ?? ""), [
        "user: scenario gated",
        "assistant: Let me see. ",
        'call: send_mail {"to":"mia@example.com","subject":"hello"}',
        'result: {"sent":"mia@example.com"}',
        'assistant: Done: {"sent":"mia@example.com"}',
        "user: now show"
      ])
    })
  )

  it.live("shows the model the picture that its tool took, while the run waits and afterwards", () =>
    over(true, async (runner) => {
      const first = await runner.run(desk, 'call picture {"city":"Rome"}')
      const see = { type: "input_image" as const, image: `data:image/png;base64,${ServeAll.png}` }
      const second = await runner.run(desk, [
        ...first.history,
        { role: "user", content: [see, { type: "input_text", text: "and show" }] }
      ])
      const files = ServeAll.shown(second.finalOutput ?? "").filter((line) => line.startsWith("file"))
      assert.deepStrictEqual(files, ["file: image/png", "file: image/png"])
      const { lastResponseId: previousResponseId = "" } = first
      const third = await runner.run(desk, "now show", { previousResponseId })
      assert.include(ServeAll.shown(third.finalOutput ?? ""), "file: image/png")
    })
  )
})
