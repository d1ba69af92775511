/** CopilotKit's core, headless, which drives agents by AG-UI's client of its own version, 0.0.59. */
import { assert, describe, it } from "@effect/vitest"
import { CopilotKitCore, ProxiedCopilotRuntimeAgent } from "@copilotkit/core"
import { Effect } from "effect"
import { z } from "zod"
import * as ServeAll from "./ServeAll.ts"

/** The `HttpAgent` of the version that CopilotKit uses, which it extends. */
const HttpAgent: new (options: object) => ProxiedCopilotRuntimeAgent = Object.getPrototypeOf(ProxiedCopilotRuntimeAgent)

const open = (url: string, threadId: string) => {
  const headers = { authorization: `Bearer ${ServeAll.key}` }
  const agent = new HttpAgent({ url: `${url}/ag-ui/run`, threadId, headers })
  const core = new CopilotKitCore({ agents__unsafe_dev_only: { default: agent } })
  const failures: Array<string> = []
  core.subscribe({ onError: ({ error }) => void failures.push(error.message) })
  let said = 0
  const run = () => core.runAgent({ agent })
  const say = (content: Exclude<Parameters<typeof agent.addMessage>[0]["content"], undefined>) => {
    said += 1
    agent.addMessage({ id: `${threadId}-${said}`, role: "user", content } as Parameters<typeof agent.addMessage>[0])
    return run()
  }
  const last = () => String(agent.messages.at(-1)?.content)
  return { agent, core, failures, last, run, say }
}

describe("CopilotKit", () => {
  const over = (behaviour: (url: string) => Promise<void>) =>
    Effect.flatMap(ServeAll.url, (url) => Effect.promise(() => behaviour(url)))

  it.live("runs the page's tools and keeps the conversation, with tools and specialists of the server in it", () =>
    over(async (url) => {
      const { agent, core, failures, last, say } = open(url, "one")
      const ran: Array<string> = []
      core.addTool({
        name: "weather",
        description: "Tells the weather",
        parameters: z.object({ city: z.string() }),
        handler: async ({ city }) => {
          ran.push(city)
          return `rain in ${city}`
        }
      })
      await say('call weather {"city":"Rome"}')
      assert.deepStrictEqual(ran, ["Rome"])
      await say("scenario tool")
      await say("scenario specialist")
      // What the specialist says is told apart from what the agent says.
      const texts = agent.messages.filter(({ role }) => role === "assistant")
      assert.isTrue(texts.some((message) => "subagentRunId" in message && message.subagentRunId !== undefined))
      await say("now show")
      assert.deepStrictEqual(ServeAll.shown(last()), [
        'user: call weather {"city":"Rome"}',
        "assistant: Let me see. ",
        'call: weather {"city":"Rome"}',
        "result: rain in Rome",
        'assistant: Done: "rain in Rome"',
        "user: scenario tool",
        "assistant: Let me see. ",
        'call: lookup {"query":"tides"}',
        'result: {"answer":"all about tides"}',
        'assistant: Done: {"answer":"all about tides"}',
        "user: scenario specialist",
        "assistant: Let me see. ",
        'call: researcher {"prompt":"tidal power"}',
        'result: Done: {"answer":"all about tidal power"}',
        'assistant: Done: "Done: {\\"answer\\":\\"all about tidal power\\"}"',
        "user: now show"
      ])
      assert.deepStrictEqual(failures, [])
    })
  )

  it.live("regenerates, edits, and continues a conversation elsewhere, without what specialists said in it", () =>
    over(async (url) => {
      const { agent, last, run, say } = open(url, "two")
      await say("scenario specialist")
      await say("two show")
      const shown = ServeAll.shown(last())
      agent.setMessages(agent.messages.slice(0, -1))
      await run()
      assert.deepStrictEqual(ServeAll.shown(last()), shown)
      agent.setMessages(agent.messages.slice(0, -2))
      await say("edited show")
      assert.deepStrictEqual(ServeAll.shown(last()), [...shown.slice(0, -1), "user: edited show"])
      const other = open(url, "elsewhere")
      other.agent.setMessages(agent.messages)
      await other.say("there show")
      const there = ServeAll.shown(other.last())
      assert.deepStrictEqual(there.slice(0, shown.length - 1), shown.slice(0, -1))
      assert.strictEqual(there.at(-1), "user: there show")
    })
  )

  it.live("stops, and goes on with what was said until then", () =>
    over(async (url) => {
      const { agent, core, last, say } = open(url, "three")
      agent.subscribe({ onTextMessageContentEvent: () => core.stopAgent({ agent }) })
      await say("scenario slow")
      await say("now show")
      const shown = ServeAll.shown(last())
      assert.deepStrictEqual([shown.at(0), shown.at(-1)], ["user: scenario slow", "user: now show"])
      assert.match(shown[1] ?? "", /^assistant: word1 /)
      assert.lengthOf(shown, 3)
    })
  )

  it.live("answers an interrupt, and lets a second page of the thread take over from a waiting first", () =>
    over(async (url) => {
      const { agent, last, say } = open(url, "four")
      await say("scenario gated")
      const [{ id = "" } = {}] = agent.pendingInterrupts
      await agent.runAgent({ resume: [{ interruptId: id, status: "resolved", payload: { approved: true } }] })
      assert.strictEqual(last(), 'Done: {"sent":"mia@example.com"}')
      await say("scenario gated")
      const other = open(url, "four")
      other.agent.setMessages(agent.messages)
      await other.say("never mind show")
      const shown = ServeAll.shown(other.last())
      assert.deepStrictEqual(
        shown.filter((line) => line.startsWith("user")),
        ["user: scenario gated", "user: scenario gated", "user: never mind show"]
      )
    })
  )

  it.live("shows the model a picture", () =>
    over(async (url) => {
      const { last, say } = open(url, "five")
      await say([
        { type: "text", text: "look show" },
        { type: "image", source: { type: "data", value: ServeAll.png, mimeType: "image/png" } }
      ])
      assert.deepStrictEqual(ServeAll.shown(last()), ["user: look show", "file: image/png"])
    })
  )
})
